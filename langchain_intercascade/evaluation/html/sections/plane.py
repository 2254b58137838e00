"""This is where accuracy is set against cost: an arm is good if nothing is above and left of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from langchain_intercascade.evaluation.html.drawing import (
    BOTTOM,
    HEIGHT,
    LETTER,
    TOP,
    WIDTH,
    Axes,
    around,
    axes,
    dot,
    framed,
    label,
    plot,
    stroke,
)
from langchain_intercascade.evaluation.html.figures import (
    figure,
    hundredths,
    per_thousand,
    percent,
    spread,
)
from langchain_intercascade.evaluation.html.looks import Look, arm_look, full_name
from langchain_intercascade.evaluation.html.markup import Child, Html, element, joined
from langchain_intercascade.evaluation.html.parts import Table, drawn, missing, spoken
from langchain_intercascade.evaluation.html.reading import Interval, Run, interval, number

_LINE: Final = 12.0
_SHIFTS: Final = (0.0, -1.0, 1.0, -2.0, 2.0, -3.0, 3.0, 4.0, 5.0)
"""How many lines away from its dot a name may stand, nearest first."""


class Place(NamedTuple):
    """Where an arm lies: dollars for a question, accuracy, and the interval of that."""

    arm: str
    cost: float
    right: float
    ends: Interval | None


class _Box(NamedTuple):
    left: float
    right: float
    middle: float

    def inside(self) -> bool:
        """Say whether it lies on the drawing, clear of the axis below it."""
        high = TOP + _LINE <= self.middle <= HEIGHT - BOTTOM - _LINE / 2
        return high and self.left >= 0 and self.right <= WIDTH

    def covers(self, other: _Box) -> bool:
        """Say whether both want the same place."""
        beside = self.right <= other.left or other.right <= self.left
        return not beside and abs(self.middle - other.middle) < _LINE


def plane(run: Run) -> Html:
    """Return accuracy against cost, with the line between the two models alone."""
    places = _places(run)
    if not places:
        return missing(
            "Accuracy against cost cannot be drawn.",
            "arms \N{RIGHTWARDS ARROW} cost_per_question",
        )
    frame = _frame(places)
    told = [f"{full_name(p.arm)} {percent(p.right)} for {per_thousand(p.cost)}" for p in places]
    drawing = plot(
        "plane",
        "Accuracy and cost",
        f"Accuracy, and cost of a thousand questions: {spoken(told)}.",
        framed(frame),
        _mixture(frame, places),
        *(_whisker(frame, place) for place in places),
        *(dot(frame, (_PER * p.cost, p.right), arm_look(p.arm), radius=4) for p in places),
        *_names(frame, places),
    )
    said = (
        "Up and to the left is better. The dotted line is what asking the strong model about a "
        "random share of the questions gives. Bars are 95\N{NO-BREAK SPACE}% intervals."
    )
    return drawn("Accuracy and cost", said, drawing, _table(places))


_PER: Final = 1000


def _places(run: Run) -> list[Place]:
    found = []
    for name, arm in run.arms.items():
        cost, right = number(arm, "cost_per_question"), number(arm, "system_accuracy")
        if cost is not None and right is not None:
            found.append(Place(name, cost, right, interval(arm, "intervals", "system_accuracy")))
    return found


def _frame(places: Sequence[Place]) -> Axes:
    dearest = _PER * max(place.cost for place in places)
    values = [end for p in places for end in (p.right, *(p.ends or ()))]
    return axes(
        ("$ for 1,000 questions", (0.0, 1.04 * dearest or 1.0), lambda value: f"{value:.3g}"),
        ("right, %", around(values, least=0.2, within=(0.0, 1.0)), lambda v: f"{100 * v:.3g}"),
    )


def _mixture(frame: Axes, places: Sequence[Place]) -> Html | None:
    ends = {p.arm: frame.at((_PER * p.cost, p.right)) for p in places}
    if not {"weak_only", "strong_only"} <= set(ends):
        return None
    return element("path", d=f"M{ends['weak_only']} L{ends['strong_only']}", class_="even")


def _whisker(frame: Axes, place: Place) -> Html | None:
    if place.ends is None:
        return None
    x = frame.x.at(_PER * place.cost)
    low, high = (frame.y.at(end) for end in place.ends)
    return stroke(f"whisker look{arm_look(place.arm).number}", (x, low), (x, high))


def _names(frame: Axes, places: Sequence[Place]) -> list[Html]:
    """Return each arm's name beside its dot, where no other name or dot is."""
    dots = [_at(frame, place) for place in places]
    taken = [_Box(x - 5, x + 5, y) for x, y in dots]
    found = []
    for place, (x, y) in zip(places, dots, strict=True):
        look = arm_look(place.arm)
        box, anchor = _free(look, x, y, taken)
        taken.append(box)
        at = box.left if anchor == "start" else box.right
        if abs(box.middle - y) > _LINE:
            found.append(stroke("axis", (x, y), (at, box.middle)))
        found.append(label(at, box.middle + 4, look.name, f"name look{look.number}", anchor))
    return found


def _free(look: Look, x: float, y: float, taken: Sequence[_Box]) -> tuple[_Box, str]:
    """Return the nearest place for a name on either side of its dot, and where it is anchored."""
    long = LETTER * len(look.name)
    beside = _Box(x + 8, x + 8 + long, y)
    choices = [
        choice
        for shift in _SHIFTS
        for choice in (
            (_Box(x + 8, x + 8 + long, y + shift * _LINE), "start"),
            (_Box(x - 8 - long, x - 8, y + shift * _LINE), "end"),
        )
        if choice[0].inside()
    ]
    free = [each for each in choices if not any(each[0].covers(box) for box in taken)]
    return (free or choices or [(beside, "start")])[0]


def _at(frame: Axes, place: Place) -> tuple[float, float]:
    return frame.x.at(_PER * place.cost), frame.y.at(place.right)


def _table(places: Sequence[Place]) -> Table:
    rows: list[list[Child]] = [
        [
            full_name(place.arm),
            joined(figure(place.right, hundredths), spread(place.ends, hundredths)),
            figure(place.cost, per_thousand),
        ]
        for place in places
    ]
    return Table("Accuracy and cost", ["arm", "right %", "$ per 1,000"], rows)
