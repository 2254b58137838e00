"""This is where the confidence is judged: what accepting more costs, and whether it is honest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from langchain_intercascade.evaluation.html.drawing import (
    HEIGHT,
    Axes,
    Line,
    Point,
    around,
    axes,
    bar,
    diagonal,
    dot,
    framed,
    lines,
    plot,
)
from langchain_intercascade.evaluation.html.figures import (
    figure,
    hundredths,
    percent,
    stacked,
    thousandths,
    whole,
)
from langchain_intercascade.evaluation.html.looks import arm_look
from langchain_intercascade.evaluation.html.markup import Child, Html, element, joined
from langchain_intercascade.evaluation.html.parts import (
    Table,
    drawn,
    lead,
    missing,
    section,
    shown,
    side_by_side,
    spoken,
    without_empty_columns,
)
from langchain_intercascade.evaluation.html.reading import Node, Run, interval, nodes, number
from langchain_intercascade.evaluation.html.sections.arms import arm_name

MOST_POINTS: Final = 200
"""More points than a drawing of this size can show."""

MOST_ROWS: Final = 25
"""Rows of a table that is meant to be read."""

_GATED: Final = ("cascade", "cascade_plain")
_SCORES: Final = {"AUROC": "confidence_auroc", "ECE": "ece", "Brier": "brier"}
_ARROW: Final = "\N{RIGHTWARDS ARROW}"


def confidence(run: Run) -> Html:
    """Return the section about the confidence."""
    return section(
        "confidence",
        "Confidence",
        lead(
            "The gate is as good as the confidence is: it must be higher for right answers than "
            "for wrong ones (AUROC), and say how often it is right (ECE, Brier; lower is better)."
        ),
        _scores(run),
        side_by_side(_risk_coverage(run), _reliability(run)),
    )


def _scores(run: Run) -> Html:
    rows: list[list[Child]] = []
    for name, arm in run.arms.items():
        cells = [
            stacked(number(arm, key), interval(arm, "intervals", key), thousandths)
            for key in _SCORES.values()
        ]
        if any(number(arm, key) is not None for key in _SCORES.values()):
            rows.append([arm_name(name), *cells])
    if not rows:
        return missing(
            "How well the confidence ranks answers is not known.", "confidence_auroc, ece, brier"
        )
    table, gone = without_empty_columns(Table("The confidence", ["arm", *_SCORES], rows))
    left_out = missing(f"{spoken(gone)} cannot be shown.", "ece, brier") if gone else None
    return joined(shown(table, kind="few"), left_out)


def _risk_coverage(run: Run) -> Html:
    found = {
        name: risk_points(run.arms[name])
        for name in _GATED
        if name in run.arms and risk_points(run.arms[name])
    }
    if not found:
        return missing("Risk against coverage is not known.", f"arms {_ARROW} risk_coverage")
    return risk_drawing([Line(arm_look(name), points) for name, points in found.items()], run)


def risk_drawing(drawn_lines: Sequence[Line], run: Run | None = None) -> Html:
    """Return risk against coverage; a dot marks where a run's own threshold lies."""
    top = around([y for line in drawn_lines for _, y in line.points], least=0.1, within=(0.0, 1.0))
    frame = axes(
        ("answers accepted, %", (0.0, 1.0), _mark),
        ("wrong among them, %", (0.0, top[1]), _mark),
        names=[line.look.name for line in drawn_lines],
    )
    said = "The share of wrong answers if the surest answers are accepted first, so many of them."
    ends = [f"{line.look.name} {percent(line.points[-1][1])}" for line in drawn_lines]
    told = f"Risk against coverage. With all answers accepted the risk is: {spoken(ends)}."
    dots = _chosen(run, frame) if run else Html("")
    drawing = plot(
        "risk", "Risk and coverage", told, framed(frame), lines(frame, drawn_lines), dots
    )
    if dots:
        said += " The dot is what the gate accepted."
    return drawn("Risk and coverage", said, drawing, _risk_table(drawn_lines))


def risk_points(arm: Node) -> list[Point]:
    """Return coverage and risk of an arm, from left to right, no more than can be seen."""
    pairs = [(number(p, "coverage"), number(p, "risk")) for p in nodes(arm, "risk_coverage")]
    points = sorted((x, y) for x, y in pairs if x is not None and y is not None)
    return _thinned(points, MOST_POINTS)


def _chosen(run: Run, frame: Axes) -> Html:
    coverage = number(run.main_arm, "coverage")
    risk = number(run.main_arm, "selective_risk")
    if coverage is None or risk is None:
        return Html("")
    return dot(frame, (coverage, risk), arm_look(run.main), radius=4.5)


def _risk_table(drawn_lines: Sequence[Line]) -> Table:
    rows: list[list[Child]] = [
        [line.look.name, figure(x, hundredths), figure(y, hundredths)]
        for line in drawn_lines
        for x, y in _thinned(line.points, MOST_ROWS)
    ]
    return Table("Risk and coverage", ["arm", "accepted %", "wrong among them %"], rows)


def _reliability(run: Run) -> Html:
    bins = [each for each in nodes(run.main_arm, "reliability") if number(each, "count")]
    points = [_honesty(each) for each in bins]
    known = [point for point in points if point is not None]
    if not known:
        return missing(
            "Whether the confidence is honest is not known.", f"arms {_ARROW} reliability"
        )
    frame = axes(("confidence, %", (0.0, 1.0), _mark), ("right, %", (0.0, 1.0), _mark))
    look = arm_look(run.main)
    parts = [framed(frame), _counts(bins, frame), diagonal(frame, "honest")]
    dots = [dot(frame, point, look) for point in known]
    told = (
        f"Of answers with a mean confidence of {percent(known[0][0])}, {percent(known[0][1])} were "
        f"right; of those with {percent(known[-1][0])}, {percent(known[-1][1])}."
    )
    name = f"Reliability of the {look.name}'s confidence"
    line = element(
        "path", d="M" + " L".join(map(frame.at, known)), class_=f"line look{look.number}"
    )
    said = (
        "How often answers were right that had about the same confidence. Below the diagonal the "
        "weak model is too sure of itself. Bars show how many answers there are."
    )
    return drawn(
        "Reliability", said, plot("reliability", name, told, *parts, line, *dots), _bins(bins)
    )


def _honesty(each: Node) -> Point | None:
    sure, right = number(each, "confidence"), number(each, "accuracy")
    return None if sure is None or right is None else (sure, right)


def _counts(bins: Sequence[Node], frame: Axes) -> Html:
    """Return a bar for each bin along the floor, at most a fifth of the drawing high."""
    most = max(number(each, "count") or 0 for each in bins)
    floor, bars = frame.y.place[0], []
    for each in bins:
        low, high = number(each, "low"), number(each, "high")
        if low is not None and high is not None:
            size = (number(each, "count") or 0) / most * (HEIGHT / 5)
            left, right = frame.x.at(low) + 0.75, frame.x.at(high) - 0.75
            bars.append(bar("count", (left, floor - size), (max(left, right), floor)))
    return joined(*bars)


def _bins(bins: Sequence[Node]) -> Table:
    rows: list[list[Child]] = [
        [
            joined(
                figure(number(each, "low"), hundredths),
                "\N{EN DASH}",
                figure(number(each, "high"), hundredths),
            ),
            figure(number(each, "confidence"), hundredths),
            figure(number(each, "accuracy"), hundredths),
            figure(number(each, "count"), whole),
        ]
        for each in bins
    ]
    return Table("Reliability", ["bin, %", "confidence %", "right %", "answers"], rows)


def _thinned(points: Sequence[Point], most: int) -> list[Point]:
    """Return at most `most` of the points, evenly, the first and the last among them."""
    if len(points) <= most:
        return list(points)
    return [points[round(i * (len(points) - 1) / (most - 1))] for i in range(most)]


def _mark(value: float) -> str:
    return f"{100 * value:.3g}"
