"""This is where a plot is drawn as SVG: axes, lines with bands, dots, bars, a diagonal.

Plain functions that return elements.  Colours, dashes and the dark theme come from the
style sheet; a drawing is narrow enough to be read on a telephone without being scaled
down much.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Final, NamedTuple, TypeAlias

from langchain_intercascade.evaluation.html.looks import Look
from langchain_intercascade.evaluation.html.markup import Html, element, joined

WIDTH: Final = 360
HEIGHT: Final = 236
LEFT, RIGHT, TOP, BOTTOM = 36, 18, 10, 38
"""The margins of a drawing without names at the ends of its lines."""

LETTER: Final = 6.6
"""How wide a letter of a name is, about, in the widest of the fonts."""

LINE: Final = 13.0
"""The distance between two names that would otherwise cover each other."""

_STEPS: Final = (1, 2, 2.5, 5, 10)
_MOST_MARKS: Final = 5

Point: TypeAlias = tuple[float, float]
Range: TypeAlias = tuple[float, float]


class Axis(NamedTuple):
    """What is measured along one edge, and where on the drawing it lies.

    Attributes:
        title: What is measured.
        shown: The lowest and the highest value on the drawing.
        place: Where these two lie.
        write: How a mark is written.
    """

    title: str
    shown: Range
    place: Range
    write: Callable[[float], str]

    def at(self, value: float) -> float:
        """Return where `value` lies; what is beyond an end lies at that end."""
        low, high = self.shown
        inside = min(max(value, low), high)
        begin, end = self.place
        return round(begin + (end - begin) * (inside - low) / (high - low), 2)


class Axes(NamedTuple):
    """The two axes of a plot."""

    x: Axis
    y: Axis

    def at(self, point: Point) -> str:
        """Return where a point lies, as SVG writes it."""
        return f"{self.x.at(point[0]):g},{self.y.at(point[1]):g}"


class Line(NamedTuple):
    """A line through points, its name at its end, and the band around it, if any.

    Attributes:
        look: Its name and look.
        points: From left to right; at least one.
        low: The lower edge of the band.
        high: The upper edge of the band, point by point as `low`.
    """

    look: Look
    points: Sequence[Point]
    low: Sequence[Point] = ()
    high: Sequence[Point] = ()


def axes(
    x: tuple[str, Range, Callable[[float], str]],
    y: tuple[str, Range, Callable[[float], str]],
    *,
    names: Sequence[str] = (),
) -> Axes:
    """Return axes over the drawing, given each one's title, range and writer.

    Args:
        x: What goes from left to right.
        y: What goes upwards.
        names: What is to stand to the right of the plot.
    """
    right = max([RIGHT, *(12 + LETTER * len(name) for name in names)])
    return Axes(
        Axis(x[0], x[1], (LEFT, WIDTH - right), x[2]),
        Axis(y[0], y[1], (HEIGHT - BOTTOM, TOP + 14), y[2]),
    )


def around(values: Iterable[float], *, least: float, within: Range) -> Range:
    """Return a range that shows `values`, with ends on round numbers.

    Args:
        values: At least one.
        least: How wide it is at least.
        within: What it never goes beyond, whatever the values are.

    Examples:
        >>> around([0.43, 0.91], least=0.2, within=(0.0, 1.0))
        (0.4, 1.0)
        >>> around([0.5], least=0.2, within=(0.0, 1.0)), around([1.0], least=0.2, within=(0.0, 1.0))
        ((0.4, 0.6), (0.8, 1.0))
    """
    shown = [min(max(value, within[0]), within[1]) for value in values]
    low, high = min(shown), max(shown)
    short = max(0.0, least - (high - low)) / 2
    step = _step(high - low + 2 * short)
    low, high = low - short, high + short
    shift = max(0.0, within[0] - low) - max(0.0, high - within[1])
    low, high = low + shift, high + shift
    return (
        max(within[0], round(math.floor(low / step + 1e-9) * step, 10)),
        min(within[1], round(math.ceil(high / step - 1e-9) * step, 10)),
    )


def marks(shown: Range) -> list[float]:
    """Return the round numbers at which an axis is marked, six at most.

    Examples:
        >>> marks((0, 1)), marks((0, 4324))
        ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [0.0, 1000.0, 2000.0, 3000.0, 4000.0])
    """
    low, high = shown
    step = _step(high - low)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 10) + 0.0 for i in range(first, last + 1)]


def plot(slug: str, title: str, told: str, *parts: Html | None, height: float = HEIGHT) -> Html:
    """Return a drawing that also says what it shows to those who cannot see it.

    Args:
        slug: A word that no other drawing on the page has.
        title: Its name.
        told: What it shows, in a sentence or two.
        parts: What is drawn.
        height: How high it is.
    """
    return element(
        "svg",
        element("title", title, id=f"{slug}-title"),
        element("desc", told, id=f"{slug}-desc"),
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {height:g}",
        role="img",
        aria_labelledby=f"{slug}-title {slug}-desc",
        class_="plot",
    )


def framed(frame: Axes) -> Html:
    """Return the marks, grid and titles of both axes; the one of y lies flat on top of it."""
    (left, right), (floor, ceiling) = frame.x.place, frame.y.place
    parts = []
    for value in marks(frame.y.shown):
        y = frame.y.at(value)
        parts.append(stroke("grid", (left, y), (right, y)))
        parts.append(label(left - 6, y + 4, frame.y.write(value), "soft", "end"))
    for value in marks(frame.x.shown):
        x = frame.x.at(value)
        parts.append(stroke("axis", (x, floor), (x, floor + 4)))
        parts.append(label(x, floor + 16, frame.x.write(value), "soft", "middle"))
    parts.append(stroke("axis", (left, floor), (right, floor)))
    parts.append(label((left + right) / 2, floor + 33, frame.x.title, "soft", "middle"))
    parts.append(label(0, ceiling - 12, frame.y.title, "soft"))
    return joined(*parts)


def lines(frame: Axes, drawn: Sequence[Line]) -> Html:
    """Return the bands, then the lines over them, then the lines' names beside their ends.

    The first line, the boldest, lies below the others, so that one that runs with it is seen.
    """
    ends = _apart([frame.y.at(line.points[-1][1]) + 4 for line in drawn])
    last = [frame.x.at(line.points[-1][0]) for line in drawn]
    names = [
        label(max(x + 7, frame.x.place[1] + 7), y, line.look.name, f"name look{line.look.number}")
        for line, x, y in zip(drawn, last, ends, strict=True)
    ]
    bands = [_band(frame, line) for line in drawn if line.low]
    return joined(*bands, *(_path(frame, line) for line in drawn), *names)


def diagonal(frame: Axes, said: str) -> Html:
    """Return the line on which both axes show the same, with a word along it."""
    begin, end = (frame.at((value, value)) for value in (0, 1))
    x, y = frame.x.at(0.06), frame.y.at(0.06)
    (left, right), (floor, ceiling) = frame.x.place, frame.y.place
    turn = math.degrees(math.atan2(ceiling - floor, right - left))
    return joined(
        element("path", d=f"M{begin} L{end}", class_="even"),
        label(x, y - 5, said, "soft", turned=f"rotate({turn:.1f} {x:g} {y:g})"),
    )


def dot(frame: Axes, point: Point, look: Look, *, radius: float = 3.5) -> Html:
    """Return a dot."""
    x, y = frame.x.at(point[0]), frame.y.at(point[1])
    return element("circle", cx=x, cy=y, r=radius, class_=f"dot look{look.number}")


def bar(kind: str, begin: Point, end: Point) -> Html:
    """Return a filled rectangle between two corners."""
    x, width = min(begin[0], end[0]), abs(end[0] - begin[0])
    y, height = min(begin[1], end[1]), abs(end[1] - begin[1])
    return element("rect", x=x, y=y, width=width, height=height, class_=kind)


def stroke(kind: str, begin: Point, end: Point) -> Html:
    """Return a straight stroke."""
    return element("line", x1=begin[0], y1=begin[1], x2=end[0], y2=end[1], class_=kind)


def label(
    x: float,
    y: float,
    said: str,
    kind: str = "",
    anchor: str | None = None,
    *,
    turned: str | None = None,
) -> Html:
    """Return words on the drawing."""
    return element(
        "text", said, x=x, y=y, class_=kind or None, text_anchor=anchor, transform=turned
    )


def _path(frame: Axes, line: Line) -> Html:
    if len(line.points) == 1:
        return dot(frame, line.points[0], line.look)
    way = " L".join(map(frame.at, line.points))
    return element("path", d=f"M{way}", class_=f"line look{line.look.number}")


def _band(frame: Axes, line: Line) -> Html:
    edge = [*line.low, *reversed(line.high)]
    return element(
        "polygon", points=" ".join(map(frame.at, edge)), class_=f"band look{line.look.number}"
    )


def _apart(places: Sequence[float]) -> list[float]:
    """Return the places moved as little as needed for each to be a line's height from the next."""
    floor, order = HEIGHT - BOTTOM + 4.0, sorted(range(len(places)), key=places.__getitem__)
    moved = list(places)
    for above, below in pairwise(order):
        moved[below] = max(moved[below], moved[above] + LINE)
    for below, above in pairwise(reversed(order)):
        moved[below] = min(moved[below], floor)
        moved[above] = min(moved[above], moved[below] - LINE)
    return [round(y, 2) for y in moved]


def _step(width: float) -> float:
    """Return the distance between two marks on an axis `width` long."""
    size = 10.0 ** math.floor(math.log10(width / _MOST_MARKS))
    return next(s * size for s in _STEPS if width / (s * size) <= _MOST_MARKS + 1e-9)
