"""This is where the stream is seen passing: what was saved, and how often it was right, so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from langchain_intercascade.evaluation.html.drawing import (
    Axes,
    Line,
    Point,
    around,
    axes,
    framed,
    lines,
    plot,
    stroke,
)
from langchain_intercascade.evaluation.html.figures import figure, hundredths, percent, whole
from langchain_intercascade.evaluation.html.looks import Look, arm_look
from langchain_intercascade.evaluation.html.markup import Child, Html
from langchain_intercascade.evaluation.html.parts import (
    Table,
    drawn,
    missing,
    section,
    side_by_side,
    spoken,
)
from langchain_intercascade.evaluation.html.reading import Node, Run, nodes, number

LOWEST_SAVING: Final = -1.0
"""Below it a saving is drawn at the edge: the first lessons cost many times the first answers."""

_SERVED: Final = ("cascade", "cascade_plain", "weak_only", "strong_only")
_LEARNED: Final = (
    *("cascade", "cascade_random", "few_shot", "prompt_only", "weak_only"),
    *("oracle", "weak_helped"),
)
_CALLING: Final = ("cascade", "cascade_plain", "cascade_random", "few_shot")


class Course(NamedTuple):
    """Something that changes along the stream.

    Attributes:
        look: Whose it is, and its look.
        points: Questions so far, and the value there.
        low: The lower end of its interval at the same places; may be empty.
        high: The upper end.
    """

    look: Look
    points: Sequence[Point]
    low: Sequence[Point] = ()
    high: Sequence[Point] = ()


def over_time(run: Run) -> Html:
    """Return the section of what happened along the stream."""
    return section(
        "over-time",
        "Over time",
        side_by_side(_saving(run), *_shares(run)),
    )


def _saving(run: Run) -> Html:
    courses = [
        saving_course(run.arms[name], arm_look(name)) for name in _CALLING if name in run.arms
    ]
    return saving_drawing([each for each in courses if each.points]) or missing(
        "What was saved over time is not known.", "arms \N{RIGHTWARDS ARROW} curve"
    )


def saving_course(arm: Node, look: Look) -> Course:
    """Return what an arm saved so far, at each point of its curve."""
    steps = nodes(arm, "curve")
    points = _course(steps, "saving")
    low, high = _course(steps, "saving_low"), _course(steps, "saving_high")
    whole_band = len(low) == len(high) == len(points)
    return Course(look, points, low if whole_band else (), high if whole_band else ())


def share_course(arm: Node, metric: str, look: Look) -> Course:
    """Return a share in each stretch of the stream, placed at the stretch's end."""
    drawn_through = _course(nodes(arm, "curve"), metric)
    return Course(look, drawn_through or _by_tenths(arm, metric))


def _by_tenths(arm: Node, metric: str) -> list[Point]:
    """Return a share by tenths, as reports from before there were curves have it."""
    end, points = 0.0, []
    for part in nodes(arm, "tenths"):
        end += number(part, "n") or 0
        value = number(part, metric)
        if value is not None:
            points.append((end, value))
    return points


def saving_drawing(courses: Sequence[Course], slug: str = "saving") -> Html | None:
    """Return the savings curves; `None` if there are none."""
    if not courses:
        return None
    said = (
        "What was spent so far, all learning included, beside what asking the strong model every "
        "time would have cost. Above zero it pays."
    )
    values = [y for c in courses for _, y in (*c.points, *c.low, *c.high)]
    if min(values) < LOWEST_SAVING:
        said += " What is below \N{MINUS SIGN}100\N{NARROW NO-BREAK SPACE}% is drawn at the edge."
    return _over_time(slug, "Saved so far", said, courses, y=("saved, %", (LOWEST_SAVING, 1.0)))


class Drawing(NamedTuple):
    """A drawing of a share along the stream.

    Attributes:
        slug: A word that no other drawing on the page has.
        name: What it is called.
        said: What it shows, for everybody.
        measured: What goes upwards.
        metric: The share's key in a report.
        arms: Whose share is shown, in a page of one run.
    """

    slug: str
    name: str
    said: str
    measured: str
    metric: str
    arms: tuple[str, ...]


DRAWINGS: Final = (
    Drawing(
        "served",
        "Right answers",
        "What the user gets: the share of right answers in each stretch of the stream.",
        "right, %",
        "system_accuracy",
        _SERVED,
    ),
    Drawing(
        "learned",
        "Right weak answers",
        "What the weak model learns: the share of its own answers that are right, in each stretch.",
        "right, %",
        "weak_accuracy",
        _LEARNED,
    ),
    Drawing(
        "called",
        "Strong calls",
        "The share of questions for which the strong model was called, in each stretch.",
        "called, %",
        "strong_call_share",
        _CALLING,
    ),
)


def share_drawing(drawing: Drawing, courses: Sequence[Course]) -> Html:
    """Return a share along the stream, for at least one course."""
    y = (drawing.measured, (0.0, 1.0))
    return _over_time(drawing.slug, drawing.name, drawing.said, courses, y=y)


def _shares(run: Run) -> list[Html]:
    made = []
    for drawing in DRAWINGS:
        chosen = {name: run.arms[name] for name in drawing.arms if name in run.arms}
        found = [share_course(arm, drawing.metric, arm_look(name)) for name, arm in chosen.items()]
        courses = [each for each in found if each.points]
        if courses:
            made.append(share_drawing(drawing, courses))
    return made or [
        missing("How accuracy changed is not known.", "arms \N{RIGHTWARDS ARROW} tenths")
    ]


def _course(steps: Sequence[Node], key: str) -> list[Point]:
    found = [(number(step, "until"), number(step, key)) for step in steps]
    return [(x, y) for x, y in found if x is not None and y is not None]


def _over_time(
    slug: str, name: str, said: str, courses: Sequence[Course], *, y: tuple[str, Point]
) -> Html:
    frame = _frame(courses, *y)
    through = lines(frame, [_line(at, course) for at, course in enumerate(courses)])
    drawing = plot(slug, name, _told(name, courses), framed(frame), _zero(frame), through)
    return drawn(name, said, drawing, _table(name, courses))


def _frame(courses: Sequence[Course], measured: str, within: Point) -> Axes:
    values = [y for c in courses for _, y in (*c.points, *c.low, *c.high)]
    last = max(x for c in courses for x, _ in c.points)
    return axes(
        ("questions so far", (0, max(last, 1)), whole),
        (measured, around(values, least=0.2, within=within), _mark),
        names=[c.look.name for c in courses],
    )


def _line(at: int, course: Course) -> Line:
    """Return the line of a course; only the first has its band, or none could be seen."""
    return Line(*course) if at == 0 else Line(course.look, course.points)


def _zero(frame: Axes) -> Html:
    """Return the line of neither gain nor loss, if it is on the drawing."""
    low, high = frame.y.shown
    if not low < 0 < high:
        return Html("")
    begin, end = frame.x.place
    return stroke("even", (begin, frame.y.at(0)), (end, frame.y.at(0)))


def _told(name: str, courses: Sequence[Course]) -> str:
    ends = [
        f"{c.look.name} from {percent(c.points[0][1])} to {percent(c.points[-1][1])}"
        for c in courses
    ]
    return f"{name} along the stream: {spoken(ends)}."


def _table(name: str, courses: Sequence[Course]) -> Table:
    places = sorted({x for c in courses for x, _ in c.points})
    columns: list[tuple[str, Mapping[float, float]]] = []
    for course in courses:
        columns.append((course.look.name, dict(course.points)))
        if course.low:
            columns.append((f"{course.look.name}, low", dict(course.low)))
            columns.append((f"{course.look.name}, high", dict(course.high)))
    rows: list[list[Child]] = [
        [whole(x), *(figure(values.get(x), hundredths) for _, values in columns)] for x in places
    ]
    return Table(f"{name}, %", ["questions so far", *(head for head, _ in columns)], rows)


def _mark(value: float) -> str:
    return f"{100 * value:.3g}".replace("-", "\N{MINUS SIGN}")
