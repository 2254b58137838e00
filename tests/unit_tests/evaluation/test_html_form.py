"""The page can be read by anyone: heard, printed, in the dark, and without seeing colours."""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_intercascade.evaluation.html.drawing import (
    HEIGHT,
    WIDTH,
    Line,
    around,
    axes,
    lines,
    marks,
)
from langchain_intercascade.evaluation.html.looks import LOOKS, Look
from langchain_intercascade.evaluation.html.markup import element
from langchain_intercascade.evaluation.html.sections.spending import ROLES
from tests.unit_tests.evaluation.html_reading import SVG, found, page_of, parsed, said
from tests.unit_tests.evaluation.html_stock import full_report, old_report

STYLE = files("langchain_intercascade.evaluation.html").joinpath("style.css").read_text("utf-8")
DARK = "@media screen and (prefers-color-scheme: dark)"


@pytest.fixture(scope="module", params=["full", "old"])
def page(request: pytest.FixtureRequest) -> Any:
    """A page, parsed."""
    return page_of(full_report() if request.param == "full" else old_report())


def colours(scheme: str) -> dict[str, str]:
    """The colours of a scheme by name."""
    light, _, rest = STYLE.partition(DARK)
    defined = dict(re.findall(r"--([\w-]+): (#\w{6})", light))
    if scheme == "dark":
        defined |= re.findall(r"--([\w-]+): (#\w{6})", rest.partition("\n}\n")[0])
    return defined


def contrast(one: str, two: str) -> float:
    """The contrast of two colours as WCAG 2.2 defines it, from 1 to 21."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        weights = (0.2126, 0.7152, 0.0722)
        return sum(weight * part for weight, part in zip(weights, linear, strict=True))

    high, low = sorted((luminance(one), luminance(two)), reverse=True)
    return (high + 0.05) / (low + 0.05)


# What is heard.


def test_headings_go_down_one_step_at_a_time(page: Any) -> None:
    ranks = [int(each.tag[1]) for each in page.iter() if re.fullmatch(r"h\d", str(each.tag))]

    assert 1 == ranks.count(1) == ranks[0]
    assert [] == [(a, b) for a, b in pairwise(ranks) if b > a + 1]


def test_every_drawing_says_what_it_shows_and_has_its_figures(page: Any) -> None:
    drawings = list(page.iter(f"{SVG}svg"))

    assert len(drawings) >= 2
    for each in drawings:
        title, told = each.find(f"{SVG}title"), each.find(f"{SVG}desc")
        assert title is not None
        assert told is not None
        assert "img" == each.get("role")
        assert f"{title.get('id')} {told.get('id')}" == each.get("aria-labelledby")
        assert len(said(told)) > 20
    for each in page.iter("figure"):
        assert said(each.find("figcaption/h3"))
        assert list(each.find("details").iter("data"))


def test_no_two_things_have_the_same_id(page: Any) -> None:
    names = [each.get("id") for each in page.iter() if each.get("id")]

    assert len(names) == len(set(names))


def test_every_table_has_a_name_and_heads(page: Any) -> None:
    for each in page.iter("table"):
        assert said(each.find("caption"))
        assert {"col"} == {head.get("scope") for head in each.iterfind("thead/tr/th")}
        assert {"row"} == {head.get("scope") for head in each.iterfind("tbody/tr/th")}
    for each in found(page, "div", "scroll"):
        assert "0" == each.get("tabindex")
        assert each.get("aria-label")


# What is seen.


def test_what_is_drawn_lies_on_the_drawing(page: Any) -> None:
    for each in page.iter(f"{SVG}svg"):
        _, _, width, height = map(float, each.get("viewBox").split())
        assert WIDTH == width
        for shape in each.iter():
            path = shape.get("d") or shape.get("points") or ""
            for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", path):
                assert 0 <= float(x) <= width
                assert 0 <= float(y) <= height
            for key, most in (("x", width), ("y", height), ("cx", width), ("cy", height)):
                assert 0 <= float(shape.get(key) or 0) <= most


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_is_enough(scheme: str) -> None:
    """AA of WCAG 2.2: 4.5 for words, 3 for what is drawn; names of lines are words."""
    defined = colours(scheme)

    words = ["ink", "soft", *(f"look{i}" for i in range(LOOKS))]
    assert {} == {
        name: round(ratio, 2)
        for name in words
        if (ratio := contrast(defined[name], defined["paper"])) < 4.5
    }
    pairs = [("on-flag", "flag"), ("on-warn", "warn"), ("ink", "wash"), ("on-dark", "role1")]
    pairs += [("on-light", f"role{i}") for i in range(len(ROLES)) if i != 1]
    assert {} == {
        pair: round(ratio, 2)
        for pair in pairs
        if (ratio := contrast(*(defined[name] for name in pair))) < 4.5
    }


def test_the_dark_scheme_changes_every_colour_but_those_on_pieces_of_bars() -> None:
    light, dark = colours("light"), colours("dark")

    assert len(light) > 25
    assert {"on-light", "on-dark", "role0"} == {name for name in light if light[name] == dark[name]}


def test_lines_differ_in_more_than_colour() -> None:
    looks = [
        re.sub(r"stroke: var\(--look\d\);", "", rule).strip()
        for rule in re.findall(r"^\.line\.look\d \{([^}]*)\}", STYLE, flags=re.MULTILINE)
    ]

    assert LOOKS == len(looks) == len(set(looks))


def test_paper_is_white_and_small_screens_have_rules_of_their_own() -> None:
    assert "@media (max-width: 48rem)" in STYLE
    assert "--paper: #fff;" in STYLE.partition("@media print")[2]
    assert "tabular-nums" in STYLE


# How it is drawn.

shares = st.floats(0, 1)


@given(st.lists(shares, min_size=1, max_size=6), st.floats(0.01, 0.5))
@settings(max_examples=100)
def test_a_range_shows_every_value(values: list[float], least: float) -> None:
    low, high = around(values, least=least, within=(0.0, 1.0))

    assert 0 <= low <= min(values)
    assert max(values) <= high <= 1
    assert high - low >= least - 1e-9


@given(shares, st.floats(1e-6, 1e9))
@settings(max_examples=100)
def test_marks_are_few_and_inside(low: float, width: float) -> None:
    found_marks = marks((low, low + width))

    slack = 1e-6 * width
    assert 2 <= len(found_marks) <= 6
    assert all(low - slack <= mark <= low + width + slack for mark in found_marks)


@given(st.lists(shares, min_size=1, max_size=8))
@settings(max_examples=60)
def test_names_of_lines_do_not_cover_each_other(ends: list[float]) -> None:
    frame = axes(("x", (0, 1), str), ("y", (0, 1), str), names=["name"])
    drawn = [Line(Look("name", 0), [(0, end), (1, end)]) for end in ends]

    svg = parsed(element("svg", lines(frame, drawn)))

    places = sorted(float(each.get("y") or 0) for each in svg.iter("text"))
    assert len(ends) == len(places)
    assert all(b - a >= 12.9 for a, b in pairwise(places))
    assert 0 < places[0]
    assert places[-1] <= HEIGHT


def test_what_is_beyond_the_drawing_lies_at_its_edge() -> None:
    report = full_report()
    report["arms"]["cascade"]["curve"][0] |= {"saving": -7.5, "saving_low": -9.0}

    page = page_of(report)

    assert "drawn at the edge" in said(page)
    (drawing,) = [each for each in page.iter(f"{SVG}svg") if each[0].get("id") == "saving-title"]
    path = found(drawing, f"{SVG}path", "look0")[0].get("d") or ""
    floor = float(found(drawing, f"{SVG}line", "axis")[-1].get("y1") or 0)
    assert floor == float(path[1:].split(" ")[0].split(",")[1])
