"""The page of a run shows what its JSON says, to the digit, and says what it does not say."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from langchain_intercascade.evaluation.html.page import run_page
from langchain_intercascade.evaluation.html.reading import Run
from langchain_intercascade.evaluation.html.sections.headline import KINDS
from tests.unit_tests.evaluation.html_reading import (
    SVG,
    figures,
    found,
    numbers,
    page_of,
    parsed,
    run_of,
    said,
    table,
)
from tests.unit_tests.evaluation.html_stock import ARMS, full_report, old_report

SECTIONS = ("arms", "over-time", "confidence", "money", "strategies", "origin")
SHARES = {
    "right %": "system_accuracy",
    "weak right %": "weak_accuracy",
    "strong calls %": "strong_call_share",
    "accepted %": "coverage",
    "risk %": "selective_risk",
    "harm %": "harm_rate",
}

HOSTILE = """</p></style></title>]]><script>alert("1")</script><img src=x onerror='a()'>&lt;&#0;"""


@pytest.fixture(scope="module")
def full() -> Any:
    """The page of a report with every key."""
    return page_of(full_report())


# What is shown.


@pytest.mark.parametrize("report", [full_report(), old_report()], ids=["full", "old"])
def test_every_figure_comes_from_the_report(report: dict[str, Any]) -> None:
    known = set(numbers(json.loads(json.dumps(report))))

    shown = figures(page_of(report))

    assert len(shown) > 50
    assert set() == set(shown) - known


def test_every_arm_stands_in_the_table_with_its_intervals(full: Any) -> None:
    report = full_report()

    cells = table(full, "Every arm")

    assert len(ARMS) == len(cells)
    for arm, row in zip(report["arms"].values(), cells.values(), strict=True):
        for head, key in SHARES.items():
            ends = arm["intervals"].get(key) or []
            expected = [arm[key], *(end for end in ends if ends[0] != ends[1])]
            assert [each for each in expected if each is not None] == figures(row[head])
        assert [arm["cost_per_question"]] == figures(row["$ per 1,000"])


def test_a_figure_is_shown_rounded() -> None:
    report = full_report()
    report["arms"]["cascade"] |= {"system_accuracy": 0.93456, "cost_per_question": 0.0000213}
    report["arms"]["cascade"]["intervals"]["system_accuracy"] = [0.9, 0.95]

    row = table(page_of(report), "Every arm")["cascade"]

    assert "93.590.0\N{EN DASH}95.0" == said(row["right %"])
    assert "$0.0213" == said(row["$ per 1,000"])


def test_the_head_says_what_came_of_it(full: Any) -> None:
    report = full_report()
    cascade = report["arms"]["cascade"]

    page = full

    (words,) = found(page, "p", "words")
    assert [
        *(cascade["system_accuracy"], cascade["strong_call_share"]),
        report["arms"]["weak_only"]["system_accuracy"],
        report["arms"]["strong_only"]["system_accuracy"],
        *(cascade["weak_accuracy"], report["arms"]["weak_only"]["weak_accuracy"]),
        cascade["curve"][-1]["saving"],
    ] == figures(words)
    assert "less than asking the strong model every time" in said(words)


def test_a_loss_is_called_a_loss() -> None:
    report = full_report()
    report["arms"]["cascade"]["curve"][-1]["saving"] = -0.25

    (words,) = found(page_of(report), "p", "words")

    assert "25.0\N{NARROW NO-BREAK SPACE}% more than asking" in "".join(words.itertext())


@pytest.mark.parametrize("kind", [*KINDS, None, "dreamt"])
def test_the_sort_of_models_is_said_before_all_else(kind: str | None) -> None:
    body = page_of(full_report(kind=kind)).find("body")

    name = KINDS[kind][0] if kind in KINDS else "Unknown models"
    assert said(body).startswith(name)


def test_an_old_report_is_of_recorded_answers() -> None:
    assert said(page_of(old_report()).find("body")).startswith("Recorded answers")


def test_a_run_that_was_stopped_says_so_at_the_top() -> None:
    page = page_of(full_report(incomplete="The ceiling of $1 was reached."))

    (banner,) = found(page, "p", "warning")
    assert "Incomplete The ceiling of $1 was reached." == said(banner)
    assert [] == found(page_of(full_report()), "p", "warning")


def test_the_curves_can_be_read_as_figures(full: Any) -> None:
    report = full_report()
    curve = report["arms"]["cascade"]["curve"]

    rows = table(full, "Saved so far, %")

    assert [str(point["until"]) for point in curve] == list(rows)
    for point, row in zip(curve, rows.values(), strict=True):
        assert [point["saving"]] == figures(row["cascade"])
        assert [point["saving_low"]] == figures(row["cascade, low"])
        assert [point["saving_high"]] == figures(row["cascade, high"])


def test_the_changes_stand_beside_their_intervals(full: Any) -> None:
    row = table(full, "What the cascade changed")["against cascade, no strategies"]

    assert [-0.483, -0.53, -0.41] == figures(row["strong calls, %"])
    minus = "\N{MINUS SIGN}"
    assert f"{minus}48.3{minus}53.0 to {minus}41.0" == said(row["strong calls, %"])
    assert "+33.1+28.0 to +37.0" == said(row["weak right, points"])


def test_money_is_shown_by_role_and_summed(full: Any) -> None:
    report = full_report()
    cascade = report["arms"]["cascade"]

    quoted = "\N{LEFT DOUBLE QUOTATION MARK}cascade\N{RIGHT DOUBLE QUOTATION MARK}"
    rows = table(full, f"Spent in the arm {quoted}")

    assert [*cascade["usage"], "in all"] == list(rows)
    for role, use in cascade["usage"].items():
        assert [use["cost"]] == figures(rows[role]["$"])
    assert [cascade["cost"]] == figures(rows["in all"]["$"])


def test_what_has_no_price_is_named() -> None:
    report = full_report()
    report["arms"]["cascade"]["usage"]["distill"]["cost"] = None

    assert "Without a known price, and so not drawn: distill (cascade)." in said(page_of(report))


def test_when_it_pays_is_said_in_words(full: Any) -> None:
    words = said(full)

    assert "After question 37 it has cost less than always asking the strong model" in words
    assert "It never came to cost less than a cascade without strategies for good." in words


def test_strategies_are_shown_with_their_text(full: Any) -> None:
    page = full

    first, *others = page.iter("article")
    assert 2 == len(others)
    for words in ("losses (1)", "used 41 times", "right in 38", "without it in 16", "+22"):
        assert words in said(first)
    assert ["Write down the first amount.", "Add every gain."] == [
        said(step) for step in list(first.iter("li"))[:2]
    ]


def test_it_says_how_to_run_it_again(full: Any) -> None:
    report = full_report()

    origin = said(_section(full, "origin"))

    for words in (report["command"], "0.1.0", "ab" * 32, *report["recorded"], *report["assumed"]):
        assert words in origin


# What is not there.


@pytest.mark.parametrize(
    "key",
    [
        *("compared", "matched", "break_even", "strategies", "prices", "recorded", "assumed"),
        *("command", "versions"),
        *("arms/curve", "arms/usage", "arms/risk_coverage", "arms/reliability"),
        *("arms/cost_per_question", "arms/ece"),
    ],
)
def test_what_a_report_lacks_is_said_in_a_sentence(key: str) -> None:
    report = full_report()
    *arms, name = key.split("/")
    for each in report["arms"].values() if arms else [report]:
        del each[name]

    missing = [said(each) for each in found(page_of(report), "p", "missing")]

    assert any(name in words for words in missing), missing
    assert all(words.endswith(".") for words in missing)


def test_nothing_is_missing_from_a_full_report(full: Any) -> None:
    assert [] == found(full, "p", "missing")


def test_the_least_of_a_report_has_every_section() -> None:
    page = page_of({"arms": {"cascade": {}}})

    assert list(SECTIONS) == [each.get("aria-labelledby") for each in page.iter("section")]


def test_columns_without_a_figure_are_left_out_and_named() -> None:
    page = page_of(old_report())

    assert {"arm", "right %", "weak right %", "strong calls %", "accepted %", "risk %"} == {
        head for row in table(page, "Every arm").values() for head in row
    }
    assert "Not in this report: harm %" in said(page)


# Hostile text.


def test_hostile_text_is_shown_and_does_nothing() -> None:
    report = full_report(title=HOSTILE, command=HOSTILE, incomplete=HOSTILE, warm=HOSTILE)
    report["strategies"]["best"][0] |= {"title": HOSTILE, "when": HOSTILE, "steps": [HOSTILE]}
    report["models"]["weak"] = report["data"]["name"] = HOSTILE
    report["versions"][HOSTILE] = HOSTILE
    report["recorded"] = report["assumed"] = [HOSTILE]
    report["prices"][HOSTILE] = (1, 2)
    report["arms"][HOSTILE] = report["arms"]["cascade"]
    report["arms"]["cascade"]["usage"][HOSTILE] = report["arms"]["cascade"]["usage"]["weak"]
    report["arms"]["cascade"]["by_family"][HOSTILE] = {"n": 1, "system_accuracy": 1.0}

    page = page_of(report)

    tags = {str(each.tag).removeprefix(SVG) for each in page.iter()}
    assert set() == tags & {"script", "img", "iframe", "object", "link", "a", "base", "form"}
    assert [] == [key for each in page.iter() for key in each.attrib if key.startswith("on")]
    shown = " ".join(HOSTILE.split())
    article = next(page.iter("article"))
    assert [shown, shown] == [said(article.find("h4")), said(article.find("ol/li"))]
    assert said(page).count(shown) > 12


@pytest.mark.parametrize("letter", ["\x00", "\x1b", "\x9b", "\u202e", "\u2066", "\ud800", "\uffff"])
def test_letters_that_could_do_something_are_replaced(letter: str) -> None:
    report = full_report()
    report["strategies"]["best"][0]["title"] = f"turn{letter}round"

    article = next(page_of(report).iter("article"))

    assert "turn\N{REPLACEMENT CHARACTER}round" == said(article.find("h4"))


def test_nothing_is_fetched_from_anywhere() -> None:
    text = run_page(run_of(full_report(title="See https://example.com/x.js")))
    page = parsed(text)

    assert "https://example.com/x.js" in text  # shown, as text
    fetching = {"src", "href", "data", "action", "poster", "srcset", "background"}
    assert [] == [each.tag for each in page.iter() if fetching & set(each.attrib)]
    style = "".join(each.text or "" for each in page.iter("style"))
    assert re.search(r"url\(|@import|expression|https?:", style) is None
    (policy,) = [each for each in page.iter("meta") if each.get("http-equiv")]
    assert "default-src 'none'; style-src 'unsafe-inline'" == policy.get("content")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a report at which something else might lie."""
    if isinstance(value, dict):
        inner: list[tuple[Any, Any]] = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    else:
        return []
    return [(value, key) for key, _ in inner] + [p for _, each in inner for p in _places(each)]


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_page_is_made_of_whatever_a_report_says(data: st.DataObject) -> None:
    """A value of the wrong kind, anywhere, costs its place on the page and nothing else."""
    report = json.loads(json.dumps(data.draw(st.sampled_from([SMALL, old_report()]))))
    places = _places(report)
    for _ in range(data.draw(st.integers(1, 4))):
        where, key = data.draw(st.sampled_from(places))
        where[key] = data.draw(json_values)
    assume(Run("run.json", report).arms)

    page = parsed(run_page(Run("run.json", report)))

    assert list(SECTIONS) == [each.get("aria-labelledby") for each in page.iter("section")]
    drawn = [value for each in page.iter() for key, value in each.items() if key != "content"]
    assert [] == [value for value in drawn if re.search(r"\b(nan|inf)\b", value)]


def _section(page: Any, name: str) -> Any:
    (one,) = [each for each in page.iter("section") if each.get("aria-labelledby") == name]
    return one


def _small() -> dict[str, Any]:
    report = full_report()
    report["arms"] = {name: report["arms"][name] for name in ("cascade", "weak_only")}
    for arm in report["arms"].values():
        arm |= {"curve": arm["curve"][:3], "risk_coverage": arm["risk_coverage"][:3], "tenths": []}
    return report


SMALL = _small()
