"""The lab's benchmark: a tiny run through every part of it, and the file that is shipped."""

from __future__ import annotations

import json
from dataclasses import replace
from math import fsum
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from benchmarks.lab import (
    OUT,
    RATIOS,
    SETTINGS,
    Cell,
    at_ratio,
    main,
    played,
    price_ratio,
    stream_of,
    together,
)
from benchmarks.lab_report import HEADLINE, SENSITIVE, Claim, by_seeds, cut, measured, repriced
from langchain_intercascade.costs import Prices
from langchain_intercascade.evaluation.arms import Outcome
from langchain_intercascade.evaluation.contest import ARMS
from langchain_intercascade.evaluation.journal import FILE
from langchain_intercascade.evaluation.played import Played, Ran
from langchain_intercascade.lab.strong import PRICES

REPORT = json.loads(OUT.read_text("utf-8"))
TINY = (
    *("--seeds", "1", "--questions", "4"),
    *("--sensitivity-seeds", "1", "--sensitivity-questions", "2"),
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A whole run of next to nothing."""
    out = tmp_path_factory.mktemp("lab") / "lab.json"
    assert main([*TINY, "--out", str(out)]) == 0
    return json.loads(out.read_text("utf-8"))


@pytest.fixture(scope="module")
def few() -> Ran:
    """Six questions with and without learning."""
    return played(Cell("base", 1000, 6, ("cascade_plain", "cascade")))


def test_a_tiny_run_has_the_form_of_the_shipped_file(tiny: Any) -> None:
    assert tiny.keys() == REPORT.keys()
    assert list(tiny["arms"]) == list(REPORT["arms"]) == list(ARMS)
    assert list(tiny["headline"]) == list(REPORT["headline"]) == list(HEADLINE)
    assert {arm["n"] for arm in tiny["arms"].values()} == {4}


@pytest.mark.parametrize("shipped", [True, False])
def test_the_headline_is_what_the_arms_say(tiny: Any, shipped: bool) -> None:  # noqa: FBT001 - the thing itself
    report = REPORT if shipped else tiny
    for name, claim in HEADLINE.items():
        if not claim.last_third:
            found = report["headline"][name]
            assert found["value"] == pytest.approx(_value(report["arms"], claim)), name
            assert found["seeds"]["each"] == pytest.approx(_of_seeds(report["arms"], claim)), name


def test_the_shipped_file_says_by_itself_what_was_reached() -> None:
    for name, claim in HEADLINE.items():
        found = REPORT["headline"][name]
        assert found["families"]["low"] <= found["value"] <= found["families"]["high"], name
        assert found["seeds"]["mean"] == pytest.approx(fmean(found["seeds"]["each"])), name
        assert (found.get("goal"), found.get("reached")) == (
            (None, None) if claim.goal is None else (claim.goal, found["value"] >= claim.goal)
        ), name


def test_the_shipped_file_is_of_five_seeds_and_the_declared_prices() -> None:
    assert len(REPORT["seeds"]) >= 5
    assert max(REPORT["seeds"]) < 1000  # from there on settings were tried
    assert {name: tuple(price) for name, price in REPORT["prices"].items()} == PRICES
    assert REPORT["price_ratio"] == pytest.approx(price_ratio())
    assert set(SETTINGS) < set(REPORT["sensitivity"]["cells"])
    assert len({arm["n"] for arm in REPORT["arms"].values()}) == 1


def test_other_prices_follow_from_the_tokens_in_the_shipped_file() -> None:
    for ratio in RATIOS:
        fees = {name: _fees(arm["usage"], ratio) for name, arm in REPORT["arms"].items()}
        found = REPORT["sensitivity"]["cells"][f"price_ratio_{ratio}"]

        saved = 1 - fees["cascade"] / fees["cascade_plain"]
        assert found["fee_reduction"]["value"] == pytest.approx(saved)


def test_at_the_declared_ratio_repricing_changes_nothing(few: Ran) -> None:
    again = at_ratio(few, price_ratio())

    for arm in few.arms:
        costs = [each.cost for each in few.outcomes(arm)]
        assert [each.cost for each in again.outcomes(arm)] == pytest.approx(costs)


def test_what_cannot_be_priced_is_refused(few: Ran) -> None:
    with pytest.raises(TypeError, match="cannot be priced"):
        repriced(few, Prices({"lab-weak": (1, 1)}), "lab-weak", "lab-strong")


def test_a_stopped_run_goes_on_to_the_same_figures(few: Ran, tmp_path: Path) -> None:
    cell = Cell("base", 1000, 6, ("cascade_plain", "cascade"), tmp_path)
    played(cell)
    journal = tmp_path / "base-1000" / FILE
    lines = journal.read_text("utf-8").splitlines(keepends=True)
    journal.write_text("".join(lines[: len(lines) // 2]), "utf-8")

    assert _without_clock(played(cell)) == _without_clock(few)
    # Nothing is asked a second time.
    assert len(journal.read_text("utf-8").splitlines()) == len(lines)


def test_a_shorter_run_is_the_beginning_of_a_longer_one(few: Ran) -> None:
    shorter = played(Cell("base", 1000, 3, ("cascade_plain", "cascade")))

    assert _without_clock(cut(few, [1000], 3)) == _without_clock(shorter)


def test_the_settings_draw_other_streams() -> None:
    families = {
        name: len({each.family for each in stream_of(setting, 200).order(1000)})
        for name, setting in SETTINGS.items()
    }

    assert families["zipf_1_5"] < families["admission_replay"] < families["one_off_30"]
    assert families["one_off_30"] < families["one_off_60"]


def test_a_reduction_is_a_fall_and_the_last_third_the_last() -> None:
    plain, cascade = _outcomes([1] * 6, 2.0), _outcomes([1, 1, 1, 1, 0, 0], 1.0)
    ran = together(
        Ran({"cascade_plain": {s: Played(plain)}, "cascade": {s: Played(cascade)}}) for s in (1, 0)
    )
    late = replace(SENSITIVE["strong_call_reduction"], last_third=True)

    found = measured(ran, {"calls": SENSITIVE["strong_call_reduction"], "late": late})
    fees = measured(ran, {"fees": SENSITIVE["fee_reduction"]})["fees"]

    assert found["calls"]["value"] == pytest.approx(1 / 3)
    assert found["late"]["value"] == 1
    assert fees["seeds"] == by_seeds([0.5, 0.5])


def test_the_interval_over_seeds_is_students() -> None:
    found = by_seeds([0.1, 0.2, 0.3])

    # 4.303 is t for 2 degrees of freedom; the standard error is .1 / sqrt(3).
    assert found["high"] - found["mean"] == pytest.approx(4.303 * 0.1 / 3**0.5)
    assert found["mean"] - found["low"] == pytest.approx(found["high"] - found["mean"])


def _outcomes(called: list[int], cost: float) -> list[Outcome]:
    return [
        Outcome(
            family=f"family {at}",
            route="strong" if each else "weak",
            regime="plain",
            accepted=not each,
            strong_called=bool(each),
            weak_correct=True,
            system_correct=True,
            confidence=0.5,
            cost=cost,
        )
        for at, each in enumerate(called)
    ]


def _without_clock(ran: Ran) -> dict[str, list[Outcome]]:
    def plainly(each: Outcome) -> Outcome:
        usage = {role: {**use, "latency_ms": 0.0} for role, use in each.usage.items()}
        return replace(each, latency_ms=None, usage=usage)  # type: ignore[arg-type]  # as it was

    return {arm: list(map(plainly, ran.outcomes(arm))) for arm in ran.arms}


def _value(arms: dict[str, Any], claim: Claim) -> float:
    return _change(arms[claim.arm], arms[claim.beside], claim)


def _of_seeds(arms: dict[str, Any], claim: Claim) -> list[float]:
    pairs = zip(arms[claim.arm]["by_seed"], arms[claim.beside]["by_seed"], strict=True)
    return [_change(one, other, claim) for one, other in pairs]


def _change(one: dict[str, Any], other: dict[str, Any], claim: Claim) -> float:
    column = {
        "strong_calls_change": "strong_call_share",
        "fees_change": "cost",
        "weak_accuracy_gain": "weak_accuracy",
        "system_accuracy_gain": "system_accuracy",
    }[claim.what]
    if claim.what.endswith("gain"):
        return float(one[column] - other[column])
    return float(1 - one[column] / other[column])


def _fees(usage: dict[str, Any], ratio: float) -> float:
    read, written = PRICES["lab-weak"]
    return fsum(
        (1 if role in {"weak", "replay"} else ratio)
        * (use["input_tokens"] * read + use["output_tokens"] * written)
        for role, use in usage.items()
    )
