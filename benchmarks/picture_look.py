"""How the pictures of the README look: paper, ink and one colour a line, by day and by night."""

from __future__ import annotations

from typing import Final

from langchain_intercascade.evaluation.html.markup import Html, element

FONT: Final = "system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"
MONO: Final = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"

# The colours are those of the report's page (evaluation/html/style.css).
STYLE: Final = f"""
:root {{ --paper: #fffefb; --ink: #1c1b18; --soft: #5b5850; --rule: #c9c5b9; --hair: #e6e3da;
  --look0: #0b57a4; --look1: #b04300; --look2: #67645c; --look3: #1c1b18; --box: #f3f1ea; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --paper: #161614; --ink: #eceae3; --soft: #aba79c; --rule: #4a4840; --hair: #2e2d29;
    --look0: #6cb2f2; --look1: #f2955a; --look2: #a29e94; --look3: #f4f2ec; --box: #232320; }}
}}
text {{ font: 11.5px {FONT}; fill: var(--ink); }}
.paper {{ fill: var(--paper); }}
.heading {{ font-size: 13.5px; font-weight: 650; }}
.soft {{ fill: var(--soft); font-size: 11px; }}
.name {{ font-weight: 600; }}
.node {{ font: 600 12px {MONO}; }}
.grid {{ stroke: var(--hair); }}
.axis {{ stroke: var(--rule); }}
.box {{ fill: var(--box); stroke: var(--rule); }}
.gate {{ fill: var(--box); stroke: var(--look0); stroke-width: 1.75; }}
.edge {{ fill: none; stroke: var(--soft); stroke-width: 1.25; }}
.head {{ fill: var(--soft); }}
.later {{ fill: none; stroke: var(--look0); stroke-width: 1.25; stroke-dasharray: 3 3.5; }}
.later-head {{ fill: var(--look0); }}
.said {{ fill: var(--look0); font-weight: 600; }}
.line {{ fill: none; stroke-width: 1.75; stroke-linejoin: round; stroke-linecap: round; }}
.line.look0 {{ stroke: var(--look0); stroke-width: 2.5; }} .name.look0 {{ fill: var(--look0); }}
.line.look1 {{ stroke: var(--look1); stroke-dasharray: 6 3.5; }}
.name.look1 {{ fill: var(--look1); }}
.line.look2 {{ stroke: var(--look2); stroke-dasharray: 1 3.5; stroke-width: 2; }}
.name.look2 {{ fill: var(--look2); }}
.line.look3 {{ stroke: var(--look3); stroke-width: 1.1; }} .name.look3 {{ fill: var(--look3); }}
"""


def picture(title: str, told: str, *parts: Html, width: int, height: int) -> str:
    """Return a whole file: `parts` on paper, with words for those who cannot see them.

    Args:
        title: The picture's name.
        told: What it shows, in a sentence or two.
        parts: What is drawn.
        width: Its width, in the units in which it is drawn.
        height: Its height.
    """
    drawn = element(
        "svg",
        element("title", title, id="title"),
        element("desc", told, id="told"),
        element("style", Html(STYLE)),
        element("rect", class_="paper", width=width, height=height, rx=8),
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_labelledby="title told",
    )
    return f"{drawn}\n"
