"""The figures of `docs/model-card.md`, made from what the measurement and the training wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

BEGIN: Final = "<!-- figures: python -m benchmarks.lab_model -->\n"
END: Final = "<!-- end of figures -->\n"

_CURVE: Final = {
    "new right": "right",
    "new right+1": "right + 1",
    "new right+2": "right + 2",
    "known none": "known, none",
    "known other": "known, irrelevant",
}
"""Columns of the curve: the cells of the training log, and what they are called."""
_POINTS: Final = 8
"""Rows of the curve."""


def figures(report: Mapping[str, Any], curve: Sequence[Mapping[str, Any]]) -> str:
    """Return all figures of the card, as Markdown."""
    parts = (_model(report["model"]), _accuracy(report), _confidence(report), _mixture(report))
    return "\n".join((*parts, _fresh(report), _misled(report), _curve(curve)))


def replaced(card: str, new: str) -> str:
    """Return `card` with the figures between its marks replaced.

    Raises:
        ValueError: It has no such marks.
    """
    before, begin, rest = card.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        msg = f"the card has no {BEGIN.strip()!r} followed by {END.strip()!r}"
        raise ValueError(msg)
    return f"{before}{BEGIN}\n{new}\n{END}{after}"


def read_curve(path: Path) -> list[dict[str, Any]]:
    """Return the looks that training took at itself, in their order."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _model(model: Mapping[str, Any]) -> str:
    return (
        f"{model['parameters']:,} parameters ({model['layers']} layers, width {model['width']}, "
        f"{model['heads']} heads, feed-forward {model['hidden']}), {model['vocabulary']} tokens, "
        f"{model['bytes'] / 1e6:.2f} MB with 16-bit numbers.\nTrained for {model['minutes']} "
        f"minutes on {model['device']} with one thread: {int(model['steps']):,} steps, "
        f"{int(model['examples']):,} examples.\n"
    )


def _accuracy(report: Mapping[str, Any]) -> str:
    head = (
        f"Share of right answers, {report['questions_per_cell']} problems a cell (95 % interval):\n"
    )
    rows = [
        [told, *(_share(cells[shown]) for cells in report["cells"].values())]
        for shown, told in report["shown"].items()
    ]
    return f"{head}\n{_table(['shown', *report['cells']], rows)}"


def _confidence(report: Mapping[str, Any]) -> str:
    head = (
        "Mean confidence, `exp` of the mean log-probability of a token (of right / wrong "
        "answers):\n"
    )
    rows = [
        [told, *(_sure(cells[shown]) for cells in report["cells"].values())]
        for shown, told in report["shown"].items()
    ]
    return f"{head}\n{_table(['shown', *report['cells']], rows)}"


def _misled(report: Mapping[str, Any]) -> str:
    head = "Share of answers that are the code to which the wrong strategy leads:\n"
    some = [shown for shown in report["shown"] if "misled" in report["cells"]["known"][shown]]
    rows = [
        [
            report["shown"][shown],
            *(f"{cells[shown]['misled']:.3f}" for cells in report["cells"].values()),
        ]
        for shown in some
    ]
    return f"{head}\n{_table(['shown', *report['cells']], rows)}"


def _mixture(report: Mapping[str, Any]) -> str:
    mixture = report["without_strategies"]
    return (
        f"Without strategies, on {mixture['questions']} problems of which "
        f"{100 * mixture['known_families']:.0f} % are of families known by heart:\n"
        f"{mixture['right']:.3f} right; the AUROC of the confidence is {mixture['auroc']:.3f}.\n"
        f"Speed: {report['questions_per_second']:.0f} questions a second of processor time, "
        "on the machine that measured this.\n"
    )


def _fresh(report: Mapping[str, Any]) -> str:
    head = "The same for new names in four stories written when the training was settled:\n"
    cells = report["fresh_stories"]
    rows = [[report["shown"][shown], _share(cell), _sure(cell)] for shown, cell in cells.items()]
    return f"{head}\n{_table(['shown', 'right', 'confidence (of right / wrong)'], rows)}"


def _curve(curve: Sequence[Mapping[str, Any]]) -> str:
    head = (
        "How training went; shares of replies right in every token, 128 held-out problems each, so "
        "they are coarse:\n"
    )
    picked = [curve[round(at * (len(curve) - 1) / (_POINTS - 1))] for at in range(_POINTS)]
    rows = [
        [
            f"{look['minutes']:.0f}",
            f"{look['steps']:,}",
            f"{look['loss']:.3f}",
            *(f"{look['cells'][cell][0]:.2f}" for cell in _CURVE),
        ]
        for look in picked
    ]
    return f"{head}\n{_table(['minute', 'step', 'loss', *_CURVE.values()], rows)}"


def _share(cell: Mapping[str, Any]) -> str:
    low, high = cell["interval"]
    return f"{cell['right']:.3f} ({low:.2f} to {high:.2f})"


def _sure(cell: Mapping[str, Any]) -> str:
    told = [cell["confidence_when_right"], cell["confidence_when_wrong"]]
    right, wrong = ("-" if each is None else f"{each:.3f}" for each in told)
    return f"{cell['confidence']:.3f} ({right} / {wrong})"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
