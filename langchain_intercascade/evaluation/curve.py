"""This is where a calibration is drawn: risk and its bound against coverage, as one SVG file.

It needs no plotting package and no script, follows the reader's light or dark theme, is
read well on a telephone, and tells its lines apart by dashes as well as by colour.  The
colours are those of Okabe and Ito 2008, "Color Universal Design", which the
colour-blind can tell apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from xml.sax.saxutils import escape

from langchain_intercascade.threshold.base import ALWAYS_DEFER

if TYPE_CHECKING:
    from langchain_intercascade.record import Regime
    from langchain_intercascade.threshold.report import ThresholdReport

WIDTH: Final = 440
"""As narrow as a telephone held upright, so that nothing is scaled down until it is illegible."""

PANEL: Final = 400
LEFT, RIGHT, TOP, BOTTOM = 54, 24, 118, 50
STEPS: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5)
"""Distances between two marks on an axis."""

EDGES: Final = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
"""Risks that may lie at the top edge."""

# No CSS variables: viewers that are no browser do not know them.
_STYLE: Final = """\
.page{fill:#fff}text{font:13px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#1b1b1b}
text.soft{fill:#5c5c5c}text.head{font-size:15px;font-weight:600}
.grid{stroke:#d9d9d9;stroke-width:1}.axis{stroke:#5c5c5c;stroke-width:1}
.risk,.bound,.target,.chosen{fill:none;stroke-width:2.2;stroke-linejoin:round}
.risk{stroke:#0072b2}.bound{stroke:#b34700;stroke-dasharray:7 4}
.target{stroke:#1b1b1b;stroke-width:1.4;stroke-dasharray:2 4}
.chosen{stroke:#1b1b1b;stroke-width:1.4}.dot{fill:#0072b2;stroke:#1b1b1b}
@media (prefers-color-scheme:dark){.page{fill:#16181c}text{fill:#ededed}text.soft{fill:#a9adb5}
.grid{stroke:#3a3d44}.axis{stroke:#a9adb5}.risk{stroke:#56b4e9}.bound{stroke:#f0a040}
.target,.chosen{stroke:#ededed}.dot{fill:#56b4e9;stroke:#ededed}}"""


class _Frame(NamedTuple):
    """Where the axes of a panel lie, and what they show."""

    top: float
    right: float
    high: float

    def x(self, coverage: float) -> float:
        """Return the place of a coverage."""
        return round(LEFT + (WIDTH - LEFT - RIGHT) * coverage / self.right, 1)

    def y(self, risk: float) -> float:
        """Return the place of a risk; what is higher than the panel lies at its edge."""
        shown = min(risk / self.high, 1.0)
        return round(self.floor - (self.floor - self.ceiling) * shown, 1)

    @property
    def ceiling(self) -> float:
        """Where the highest risk lies."""
        return self.top + TOP

    @property
    def floor(self) -> float:
        """Where no risk lies."""
        return self.top + PANEL - BOTTOM


def risk_coverage_svg(reports: Mapping[Regime, ThresholdReport], subject: str = "") -> str:
    """Return the drawing, one panel for each regime.

    Args:
        reports: What was found.
        subject: What it is about, such as the weak model's name.

    Examples:
        >>> from langchain_intercascade.threshold.calibrate import calibrate_threshold
        >>> report = calibrate_threshold([0.9] * 40, [True] * 40, target_risk=0.1)
        >>> risk_coverage_svg({"plain": report}).startswith("<svg")
        True
    """
    title = "Risk and coverage" + (f" of {subject}" if subject else "")
    told = " ".join(_told(report) for report in reports.values())
    height = PANEL * len(reports) + 4
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'role="img" aria-labelledby="title desc" width="100%" '
        f'style="max-width:{WIDTH * 2}px">'
    )
    parts = [
        head,
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="desc">{escape(told)}</desc>',
        f"<style>{_STYLE}</style>",
        '<rect class="page" width="100%" height="100%"/>',
        *(_panel(report, PANEL * at) for at, report in enumerate(reports.values())),
        "</svg>\n",
    ]
    return "\n".join(parts)


def write_curve(reports: Mapping[Regime, ThresholdReport], path: Path, subject: str = "") -> None:
    """Write the drawing to `path`.

    Raises:
        OSError: It cannot be written there.
    """
    path.write_text(risk_coverage_svg(reports, subject), encoding="utf-8")


def _told(report: ThresholdReport) -> str:
    """Return what a panel shows, for those who cannot see it."""
    lines = (
        f"For {report.regime} answers, the share that each threshold accepts goes from left to "
        "right, and the share of wrong ones among them, with its upper bound, upwards."
    )
    return " ".join([lines, *_headline(report)])


def _headline(report: ThresholdReport) -> tuple[str, str]:
    """Return the two lines above a panel."""
    if report.threshold == ALWAYS_DEFER or report.bound is None:
        return (
            "No threshold is safe: everything is deferred.",
            f"Target risk {_percent(report.target_risk)}, {report.n} answers.",
        )
    chosen = f"Accept from {report.threshold:.4g} on: {_percent(report.coverage)} of answers."
    wrong = _percent(report.empirical_risk or 0.0)
    return (
        chosen,
        f"{wrong} of those were wrong; the true risk is at most {_percent(report.bound)}.",
    )


def _panel(report: ThresholdReport, top: float) -> str:
    frame = _Frame(top, _widest(report), _highest(report))
    first, second = _headline(report)
    parts = [
        _text(16, top + 26, f"{report.regime.capitalize()} answers", "head"),
        _text(16, top + 48, first),
        _text(16, top + 67, second, "soft"),
        *_key(top + 92, chosen=report.bound is not None),
        *_axes(frame),
        *_lines(report, frame),
    ]
    return "\n".join(parts)


def _widest(report: ThresholdReport) -> float:
    """Return the coverage at the right edge: that of all scored answers, or a bit more."""
    shown = max((point.coverage for point in report.curve), default=1.0)
    return next(step for step in (0.1, 0.2, 0.25, 0.5, 1.0) if step >= shown)


def _highest(report: ThresholdReport) -> float:
    """Return the risk at the top edge: the target and every risk that was tried are below it."""
    tried = [point.risk for point in report.curve if point.accepted >= report.min_accepted]
    wanted = min(1.0, max([2 * report.target_risk, *(1.15 * risk for risk in tried)]))
    return next(edge for edge in EDGES if edge >= wanted)


def _key(y: float, *, chosen: bool) -> list[str]:
    """Return the key: each line's look and its name; the threshold's only if there is one."""
    names = [("risk", "risk", 16), ("bound", "upper bound", 96), ("target", "target", 226)]
    if chosen:
        names.append(("chosen", "threshold", 316))
    parts = []
    for kind, name, x in names:
        parts.append(_line(kind, [(x, y), (x + 28, y)]))
        parts.append(_text(x + 34, y + 4.5, name))
    return parts


def _axes(frame: _Frame) -> list[str]:
    parts = []
    for risk in _marks(frame.high):
        parts.append(_line("grid", [(LEFT, frame.y(risk)), (WIDTH - RIGHT, frame.y(risk))]))
        parts.append(_text(LEFT - 7, frame.y(risk) + 4.5, _percent(risk), "soft", "end"))
    for coverage in _marks(frame.right):
        at = frame.x(coverage)
        parts.append(_line("axis", [(at, frame.floor), (at, frame.floor + 5)]))
        parts.append(_text(at, frame.floor + 20, _percent(coverage), "soft", "middle"))
    parts.append(_line("axis", [(LEFT, frame.floor), (WIDTH - RIGHT, frame.floor)]))
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(_text(middle, frame.floor + 39, "share of answers accepted", "", "middle"))
    return parts


def _lines(report: ThresholdReport, frame: _Frame) -> list[str]:
    curve = report.curve
    target = frame.y(report.target_risk)
    parts = [_line("target", [(LEFT, target), (WIDTH - RIGHT, target)])]
    if curve:
        parts.append(_line("bound", [(frame.x(p.coverage), frame.y(p.bound)) for p in curve]))
        parts.append(_line("risk", [(frame.x(p.coverage), frame.y(p.risk)) for p in curve]))
    if report.bound is not None:
        x = frame.x(report.coverage)
        y = frame.y(report.empirical_risk or 0.0)
        parts.append(_line("chosen", [(x, frame.floor), (x, frame.ceiling)]))
        parts.append(f'<circle class="dot" cx="{x}" cy="{y}" r="5"/>')
    return parts


def _marks(end: float) -> list[float]:
    """Return at most six places from 0 to `end` where an axis is marked."""
    step = next(step for step in STEPS if end / step <= 5 + 1e-9)
    return [round(i * step, 6) for i in range(int(end / step + 1e-9) + 1)]


def _line(kind: str, points: Sequence[tuple[float, float]]) -> str:
    path = " ".join(f"{x:g},{y:g}" for x, y in points)
    return f'<polyline class="{kind}" points="{path}"/>'


def _text(x: float, y: float, said: str, kind: str = "", anchor: str = "start") -> str:
    look = (f' class="{kind}"' if kind else "") + (
        f' text-anchor="{anchor}"' if anchor != "start" else ""
    )
    return f'<text x="{x:g}" y="{y:g}"{look}>{escape(said)}</text>'


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
