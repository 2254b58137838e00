"""The figures of a run, worked out by hand, and their laws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_intercascade.evaluation.along import break_even, curve
from langchain_intercascade.evaluation.arms import Outcome
from langchain_intercascade.evaluation.credit import strategies
from langchain_intercascade.evaluation.figures import figures
from langchain_intercascade.evaluation.matched import rivals
from langchain_intercascade.evaluation.metrics import arm_metrics
from langchain_intercascade.evaluation.paired import change_rates, comparison
from langchain_intercascade.evaluation.played import Played, Ran
from langchain_intercascade.evaluation.reliability import bins, brier, ece, risk_coverage, scored
from langchain_intercascade.evaluation.resampling import Resampling
from langchain_intercascade.record import RoleUse
from langchain_intercascade.strategy import Advice


def use(cost: float | None) -> RoleUse:
    """Return one call at that cost."""
    return RoleUse(calls=1, input_tokens=3, output_tokens=1, cost=cost, latency_ms=0.0)


def answered(
    *,
    weak: bool | None = True,
    system: bool | None = None,
    confidence: float | None = 0.9,
    strong: bool = False,
    cost: float | None = 1.0,
    **more: Any,
) -> Outcome:
    """Return an outcome; the strong model's answer is right."""
    return Outcome(
        family=more.pop("family", None),
        route="strong" if strong else "weak",
        regime=more.pop("regime", "plain"),
        accepted=not strong,
        strong_called=strong,
        weak_correct=weak,
        system_correct=system if system is not None else strong or bool(weak),
        confidence=confidence,
        cost=cost,
        usage={"weak": use(0.5), "strong": use(0.5)} if strong else {"weak": use(cost)},
        **more,
    )


SCORES = [(0.95, True), (0.85, True), (0.85, False), (0.3, False)]


def told(pairs: Sequence[tuple[float | None, bool]]) -> Any:
    """Return what is known of the confidence in answers like these."""
    return scored([answered(confidence=score, weak=right) for score, right in pairs])


def whole(found: Any) -> Any:
    """Return weights that count every answer once."""
    return np.ones((1, found.scores.size))


def test_calibration_error_and_brier_score_by_hand() -> None:
    """Bins .3, .8 and .9: |0-.3|/4, |.5-.85|/2, |1-.95|/4."""
    found = told(SCORES)

    assert ece(found, whole(found))[0] == pytest.approx((0.3 + 2 * 0.35 + 0.05) / 4)
    squares = [0.05**2, 0.15**2, 0.85**2, 0.3**2]
    assert brier(found, whole(found))[0] == pytest.approx(sum(squares) / 4)
    assert [(0.3, 0.0, 1), (0.8, 0.5, 2), (0.9, 1.0, 1)] == [
        (each["low"], each["accuracy"], each["count"]) for each in bins(found)
    ]


def test_risk_is_told_for_every_threshold_and_ties_stand_together() -> None:
    """One that has no confidence is never accepted, and counts in what could be."""
    found = told([*SCORES, (None, True)])

    points = [(each["coverage"], round(each["risk"], 3)) for each in risk_coverage(found)]

    assert [(0.2, 0.0), (0.6, 0.333), (0.8, 0.5)] == points
    assert [] == risk_coverage(told([(None, True)]))


@settings(max_examples=30)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=200))
def test_a_calibration_error_is_no_more_than_the_worst_gap(
    pairs: list[tuple[float, bool]],
) -> None:
    """It lies in [0, 1]; and every answer is in one bin, though the points are thinned out."""
    found = told(pairs)

    assert 0 <= ece(found, whole(found))[0] <= 1
    assert len(pairs) == sum(each["count"] for each in bins(found))
    points = risk_coverage(found)
    assert len(points) <= 100
    assert 1.0 == points[-1]["coverage"]
    assert points[-1]["risk"] == pytest.approx(sum(not right for _, right in pairs) / len(pairs))


def test_two_arms_are_compared_on_the_same_questions() -> None:
    """Half the strong calls, a quarter less money, one weak answer of four more right."""
    plain = [answered(strong=True, weak=False, cost=2.0) for _ in range(4)]
    better = [*plain[:2], *[answered(cost=1.0) for _ in range(2)]]

    found = comparison(better, plain, seed=0)

    assert (-0.5, -0.25, 0.5, 0.0) == (
        found["strong_calls_change"],
        found["fees_change"],
        found["weak_accuracy_gain"],
        found["system_accuracy_gain"],
    )
    assert found["strong_calls_change_interval"] is not None
    assert (
        found["strong_calls_change_interval"][0] < -0.5 < found["strong_calls_change_interval"][1]
    )
    assert (0.0, 0.0) == found["system_accuracy_gain_interval"]


def test_what_cannot_be_compared_is_unknown() -> None:
    """An unknown cost, a rival without weak answers or without strong calls."""
    one = [answered(cost=None), answered()]
    other = [answered(weak=None, system=True, cost=1.0)] * 2

    found = comparison(one, other, seed=0)

    assert found["fees_change"] is None
    assert found["weak_accuracy_gain"] is None
    assert found["strong_calls_change"] is None
    assert found["system_accuracy_gain"] == 0


def test_harm_and_help_are_counted_where_something_was_shown() -> None:
    """Of three that were helped: one was spoilt, one was mended."""
    alone = [answered(weak=right) for right in (True, False, True, True)]
    helped = [
        answered(weak=False, regime="augmented"),
        answered(weak=True, regime="augmented"),
        answered(weak=True, regime="augmented"),
        answered(weak=False),
    ]

    rates, around = change_rates(helped, alone, seed=0)

    assert {"harm_rate": 1 / 3, "help_rate": 1 / 3} == rates
    assert all(around.values())
    assert {"harm_rate": None, "help_rate": None} == change_rates(alone, alone, seed=0)[0]


def stream(*costs: float | None) -> list[Outcome]:
    """Return answers that cost that."""
    return [answered(cost=cost) for cost in costs]


@pytest.mark.parametrize(
    ("mine", "theirs", "first"),
    [
        ((3, 0, 0, 0), (1, 1, 1, 1), 4),
        ((0, 0, 0, 0), (1, 1, 1, 1), 1),
        ((4, 0, 0, 0), (1, 1, 1, 1), None),
        ((0, 3, 0, 0), (1, 1, 1, 1), 4),
        ((1, None, 0, 0), (1, 1, 1, 1), None),
    ],
)
def test_lessons_have_paid_from_where_it_stays_cheaper(
    mine: Any, theirs: Any, first: int | None
) -> None:
    """Being ahead for a while is not enough, and the unknown is never cheaper."""
    found = break_even({0: stream(*mine)}, {0: stream(*theirs)}, None)

    assert {"strong": first, "plain": None, "questions": 4} == found


def test_a_curve_is_the_mean_over_the_seeds() -> None:
    """Savings add up along the stream; the rest is about the questions since the point before."""
    arm = {
        0: [answered(cost=3.0, strong=True, known=1), answered(cost=1.0, known=1)],
        1: [answered(cost=1.0, weak=False, known=0), answered(cost=1.0, known=2)],
    }
    strong = {seed: stream(2.0, 2.0) for seed in arm}

    first, last = curve(arm, strong, seed=0)

    assert (1, 0.5, 0.5, 0.0, 0.5) == (
        first["until"],
        first["system_accuracy"],
        first["strong_call_share"],
        first["saving"],
        first["strategies"],
    )
    assert (2, 1.0, 0.0, 1 - 6 / 8, 1.5) == (
        last["until"],
        last["system_accuracy"],
        last["strong_call_share"],
        last["saving"],
        last["strategies"],
    )
    assert last["saving_low"] <= last["saving"] <= last["saving_high"]  # type: ignore[operator]
    assert [None, None] == [point["saving"] for point in curve(arm, None, seed=0)]


def test_the_mixture_is_the_straight_line() -> None:
    """From 50 % right at 1 to 100 % at 3 dollars: 75 % cost 2, and 1.50 buy 62.5 %."""
    weak = [answered(cost=1.0), answered(weak=False, cost=1.0)] * 2
    strong = [answered(weak=None, system=True, cost=3.0)] * 4
    arm = [answered(weak=at > 0, cost=1.5) for at in range(4)]

    found = rivals(arm, weak, strong, None)

    assert (0.75, 1.5, 2.0, 0.625) == (
        found["system_accuracy"],
        found["cost_per_question"],
        found["mixture_cost"],
        found["mixture_accuracy"],
    )
    assert (None, None) == (found["plain_cost"], found["plain_accuracy"])
    worse = rivals([answered(weak=False, cost=0.5)] * 4, weak, strong, None)
    assert (1.0, None) == (worse["mixture_cost"], worse["mixture_accuracy"])


def test_the_plain_gate_is_tried_at_every_threshold() -> None:
    """Deferring the one doubtful answer gets all right for half the price of deferring both."""
    weak = [answered(cost=0.5), answered(weak=False, cost=0.5)]
    plain = [answered(confidence=0.9, cost=0.5), answered(weak=False, confidence=0.2, cost=0.5)]
    strong = [answered(weak=None, system=True, cost=2.0)] * 2
    arm = [answered(cost=1.0), answered(cost=1.0)]

    found = rivals(arm, weak, strong, plain)

    assert found["plain_cost"] == pytest.approx(0.5 + 2.0 / 2)
    assert found["plain_accuracy"] == pytest.approx(0.5 + 0.5 * (1.0 - 0.5) / 1.0)
    assert found["mixture_cost"] == pytest.approx(2.0)


def test_strategies_get_what_they_are_due() -> None:
    """Against the weak model alone on the very questions that they were shown for."""
    advice = {"a": Advice(title="Adding", when_to_use="Sums.", steps=("Add.",))}
    outcomes = [
        answered(shown=("a",), regime="augmented"),
        answered(shown=("a", "b"), regime="augmented"),
        answered(weak=False, shown=("b",), regime="augmented"),
    ]
    alone = [answered(weak=False), answered(weak=True), answered(weak=True)]

    found = strategies(outcomes, alone, advice)

    assert [("a", "Adding", 2, 2, 1, 1), ("b", "", 2, 1, 2, -1)] == [
        tuple(each[key] for key in ("id", "title", "uses", "right_with", "right_without", "net"))
        for each in found["best"]
    ]
    assert ["b"] == [each["id"] for each in found["worst"]]
    unknown = strategies(outcomes, None, advice)["best"][0]
    assert (None, None) == (unknown["right_without"], unknown["net"])


def test_seeds_are_no_evidence_of_their_own() -> None:
    """The same questions under another seed make no interval narrower."""
    rng = np.random.default_rng(0)
    once = [
        answered(weak=bool(right), key=str(at)) for at, right in enumerate(rng.random(60) < 0.6)
    ]

    one = arm_metrics(once, seed=0)["intervals"]["weak_accuracy"]
    five = arm_metrics(once * 5, seed=0)["intervals"]["weak_accuracy"]

    assert one[1] - one[0] == pytest.approx(five[1] - five[0], rel=0.15)


def test_sums_of_a_draw_are_those_of_its_weights() -> None:
    """The quick way and the plain way agree."""
    outcomes = [answered(family=name) for name in "abcab"]
    drawn = Resampling(outcomes, seed=1, draws=50)
    values = np.array([1.0, 2.0, 3.0, 4.0, 5.0])

    assert drawn.sums(values) == pytest.approx(drawn.weights @ values)


def test_an_arm_that_was_not_finished_under_all_seeds_is_compared_with_nothing() -> None:
    """Only the very same questions are compared."""
    ten = stream(*[1.0] * 10)
    whole_one, half = {0: Played(ten), 1: Played(ten)}, {0: Played(ten)}

    found = figures(Ran({"cascade": whole_one, "cascade_plain": half, "strong_only": whole_one}))

    assert {"cascade_vs_strong"} == set(found["compared"])
    assert found["matched"] is None
    assert found["break_even"] is not None
    assert found["break_even"]["plain"] is None
    assert 20 == found["arms"]["cascade"]["n"]
    assert [10, 10] == [each["n"] for each in found["arms"]["cascade"]["by_seed"]]
    assert [2] * 10 == [each["n"] for each in found["arms"]["cascade"]["tenths"]]
    assert [10] == [each["until"] for each in found["arms"]["cascade"]["windows"]]


def test_what_is_unknown_is_null_and_never_nothing() -> None:
    """No price, no confidence, no clock, no family."""
    nothing = [replace(each, confidence=None) for each in stream(None, 1.0)]

    arm = figures(Ran({"cascade": {0: Played(nothing)}}))["arms"]["cascade"]

    for key in ("cost", "cost_per_question", "ece", "brier", "confidence_auroc", "harm_rate"):
        assert arm[key] is None, key
    assert {"p50": None, "p95": None} == arm["latency_ms"]
    assert ([], [], {}) == (arm["risk_coverage"], arm["reliability"], arm["by_family"])
    assert arm["usage"]["weak"]["cost"] is None
