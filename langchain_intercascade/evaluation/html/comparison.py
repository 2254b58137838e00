"""This is where runs are compared: one table, curves over each other, or the reason why not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from langchain_intercascade.evaluation.html.drawing import Line
from langchain_intercascade.evaluation.html.likeness import Difference, settings, unlike
from langchain_intercascade.evaluation.html.looks import Look, full_name, letter, run_looks
from langchain_intercascade.evaluation.html.markup import Child, Html, element, joined
from langchain_intercascade.evaluation.html.page import document
from langchain_intercascade.evaluation.html.parts import (
    Table,
    lead,
    note,
    section,
    shown,
    side_by_side,
    without_empty_columns,
)
from langchain_intercascade.evaluation.html.reading import Run
from langchain_intercascade.evaluation.html.sections.arms import COLUMNS, figures_of
from langchain_intercascade.evaluation.html.sections.confidence import risk_drawing, risk_points
from langchain_intercascade.evaluation.html.sections.headline import (
    incomplete_banner,
    kind_banner,
    title,
)
from langchain_intercascade.evaluation.html.sections.origin import again, trust
from langchain_intercascade.evaluation.html.sections.over_time import (
    DRAWINGS,
    saving_course,
    saving_drawing,
    share_course,
    share_drawing,
)

REFUSAL: Final = (
    "These runs were not asked the same questions, or were not judged alike, so a difference "
    "between their figures says nothing about their settings."
)


def comparison_page(runs: Sequence[Run]) -> str:
    """Return the page that compares runs: a whole HTML document.

    Runs that are not alike stand in one table, under a warning that says in what they differ; no
    curve of one is drawn over that of another.

    Args:
        runs: At least two.
    """
    looks = run_looks([run.name for run in runs])
    name = f"{len(runs)} runs compared"
    return document(
        name,
        element("header", *_banners(runs), element("h1", name), _key(runs, looks)),
        _figures(runs),
        _settings(runs),
        _curves(runs, looks),
        *(_origin(run, at) for at, run in enumerate(runs)),
    )


def comparison_table(runs: Sequence[Run]) -> Table:
    """Return every arm of every run, arm by arm."""
    arms = {name: None for run in runs for name in run.arms}
    rows: list[list[Child]] = [
        [joined(element("b", letter(at)), f" {full_name(name)}"), *figures_of(run.arms[name])]
        for name in arms
        for at, run in enumerate(runs)
        if name in run.arms
    ]
    table = Table("Every arm of every run", ["run, arm", *(c.head for c in COLUMNS)], rows)
    return without_empty_columns(table)[0]


def warning(runs: Sequence[Run]) -> str | None:
    """Return in words why the runs must not be compared; `None` if they may be."""
    found = unlike(runs)
    if not found:
        return None
    said = [f"{each.what}: {_by_letter(each)}" for each in found]
    return f"{REFUSAL} They differ in {'; '.join(said)}."


def _by_letter(difference: Difference) -> str:
    return ", ".join(f"{letter(at)} {value}" for at, value in enumerate(difference.values))


def _banners(runs: Sequence[Run]) -> list[Html | None]:
    """Return what sort of models, for each sort once, and whatever forbids comparing."""
    kinds = {kind_banner(run): None for run in runs}
    why = warning(runs)
    refusal = element("p", element("strong", "Not alike"), " ", why, class_="banner warning")
    return [*kinds, refusal if why else None, *map(incomplete_banner, runs)]


def _key(runs: Sequence[Run], looks: Sequence[Look]) -> Html:
    rows = [
        piece
        for run, look in zip(runs, looks, strict=True)
        for piece in (
            element("dt", element("span", class_=f"key-mark look{look.number}"), look.name),
            element("dd", title(run), " \N{MIDDLE DOT} ", element("code", run.name)),
        )
    ]
    return element("dl", *rows, class_="facts runs")


def _figures(runs: Sequence[Run]) -> Html:
    return section(
        "figures",
        "Every arm",
        lead("Small figures are 95\N{NO-BREAK SPACE}% intervals, of each run by itself."),
        shown(comparison_table(runs), kind="wide"),
        note(
            "Two intervals that overlap may still hide a difference: answers to the same questions "
            "go together."
        ),
    )


def _settings(runs: Sequence[Run]) -> Html:
    found = [*unlike(runs), *settings(runs)]
    head = ["", *(letter(at) for at in range(len(runs)))]
    table = Table("In what the runs differ", head, [[d.what, *d.values] for d in found])
    body = shown(table, kind="wordy") if found else element("p", "They have the same settings.")
    return section("settings", "In what they differ", body)


def _curves(runs: Sequence[Run], looks: Sequence[Look]) -> Html:
    if unlike(runs):
        said = element("p", "Not drawn over each other, because the runs are not alike.")
        return section("curves", "Over time", said)
    mains = [(run.main_arm, look) for run, look in zip(runs, looks, strict=True)]
    drawings = [
        saving_drawing([c for arm, look in mains if (c := saving_course(arm, look)).points])
    ]
    for each in DRAWINGS:
        courses = [share_course(arm, each.metric, look) for arm, look in mains]
        known = [course for course in courses if course.points]
        if known:
            drawings.append(share_drawing(each, known))
    risks = [Line(look, risk_points(arm)) for arm, look in mains]
    if any(line.points for line in risks):
        drawings.append(risk_drawing([line for line in risks if line.points]))
    drawn = [each for each in drawings if each is not None]
    arm = f"\N{LEFT DOUBLE QUOTATION MARK}{full_name(runs[0].main)}\N{RIGHT DOUBLE QUOTATION MARK}"
    return section(
        "curves",
        "Over time",
        lead(f"The arm {arm} of each run."),
        side_by_side(*drawn),
    )


def _origin(run: Run, at: int) -> Html:
    name = letter(at)
    return section(f"origin-{name}", f"How {name} was made", *trust(run), *again(run))
