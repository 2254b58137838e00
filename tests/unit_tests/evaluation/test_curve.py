"""The drawing is well-formed, shows what the report says, and can be read by everybody."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_intercascade.evaluation.curve import WIDTH, risk_coverage_svg, write_curve
from langchain_intercascade.threshold.calibrate import calibrate_regimes, calibrate_threshold
from langchain_intercascade.threshold.report import ThresholdReport

SVG = "{http://www.w3.org/2000/svg}"
SAFE = calibrate_threshold(
    [0.9] * 60 + [0.5] * 20 + [0.1] * 20, [True] * 80 + [False] * 20, target_risk=0.1
)
NOTHING = calibrate_threshold([0.9] * 50, [False] * 50, target_risk=0.1)
UNSCORED = calibrate_threshold([None] * 5, [False] * 5, target_risk=0.1)


def drawn(report: ThresholdReport, subject: str = "") -> ET.Element:
    """The drawing of one report, parsed."""
    return ET.fromstring(risk_coverage_svg({report.regime: report}, subject))  # noqa: S314 - our own text


def line(drawing: ET.Element, kind: str) -> list[tuple[float, float]]:
    """The points of the longest line of a kind; the key has one of two points."""
    found = [
        [tuple(map(float, point.split(","))) for point in each.attrib["points"].split()]
        for each in drawing.iter(f"{SVG}polyline")
        if each.attrib["class"] == kind
    ]
    return [(x, y) for x, y in max(found, key=lambda points: (len(points), points))]


def words(drawing: ET.Element) -> str:
    """All text that is shown."""
    return " | ".join(each.text or "" for each in drawing.iter(f"{SVG}text"))


def test_it_shows_a_point_for_each_threshold() -> None:
    drawing = drawn(SAFE)
    risk, bound = line(drawing, "risk"), line(drawing, "bound")

    assert len(SAFE.curve) == len(risk) == len(bound)
    assert [x for x, _ in risk] == [x for x, _ in bound] == sorted(x for x, _ in risk)
    assert all(upper < lower for (_, upper), (_, lower) in zip(bound, risk, strict=True))


def test_the_threshold_is_marked_where_it_is() -> None:
    drawing = drawn(SAFE)
    (dot,) = drawing.iter(f"{SVG}circle")
    place = [point.threshold == SAFE.threshold for point in SAFE.curve].index(True)

    assert line(drawing, "risk")[place] == (float(dot.attrib["cx"]), float(dot.attrib["cy"]))
    assert "Accept from 0.5 on: 80 % of answers." in words(drawing)


def test_where_nothing_is_safe_nothing_is_marked() -> None:
    drawing = drawn(NOTHING)

    assert [] == list(drawing.iter(f"{SVG}circle"))
    assert "No threshold is safe: everything is deferred." in words(drawing)
    assert "chosen" not in {each.attrib["class"] for each in drawing.iter(f"{SVG}polyline")}


def test_without_scores_there_are_axes_only() -> None:
    kinds = {each.attrib["class"] for each in drawn(UNSCORED).iter(f"{SVG}polyline")}

    assert {"risk", "bound", "target", "axis", "grid"} == kinds


def test_those_who_cannot_see_are_told() -> None:
    drawing = drawn(SAFE, 'a <"model">')
    told = {each.tag.removeprefix(SVG): each.text or "" for each in drawing}

    assert "img" == drawing.attrib["role"]
    assert {"title", "desc"} == set(drawing.attrib["aria-labelledby"].split())
    assert 'Risk and coverage of a <"model">' == told["title"]
    assert "the true risk is at most" in told["desc"]


def test_it_needs_nothing_from_elsewhere_and_follows_the_theme() -> None:
    text = risk_coverage_svg({"plain": SAFE})

    assert [] == re.findall(r"href|@import|url\(|<script", text)
    assert "prefers-color-scheme:dark" in text
    assert "stroke-dasharray" in text


def test_regimes_have_a_panel_each() -> None:
    both = calibrate_regimes(
        {"plain": ([0.9] * 60, [True] * 60), "augmented": ([0.9] * 60, [True] * 60)},
        target_risk=0.1,
    )
    drawing = ET.fromstring(risk_coverage_svg(both))  # noqa: S314 - our own text

    assert 2 == len(list(drawing.iter(f"{SVG}circle")))
    assert "Plain answers" in words(drawing)
    assert "Augmented answers" in words(drawing)


@given(
    answers=st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60),
    target_risk=st.floats(0.001, 0.99),
)
def test_everything_stays_inside(answers: list[tuple[float, bool]], target_risk: float) -> None:
    report = calibrate_threshold(*zip(*answers, strict=True), target_risk=target_risk)
    drawing = drawn(report)
    height = float(drawing.attrib["viewBox"].split()[3])
    places = [
        tuple(map(float, point.split(",")))
        for each in drawing.iter(f"{SVG}polyline")
        for point in each.attrib["points"].split()
    ]

    assert all(0 <= x <= WIDTH and 0 <= y <= height for x, y in places)


@pytest.mark.parametrize("report", [SAFE, NOTHING])
def test_it_is_written_to_a_file(tmp_path: Path, report: ThresholdReport) -> None:
    write_curve({"plain": report}, tmp_path / "curve.svg", "small")

    assert risk_coverage_svg({"plain": report}, "small") == (tmp_path / "curve.svg").read_text(
        "utf-8"
    )
