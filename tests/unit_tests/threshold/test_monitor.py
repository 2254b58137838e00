"""The monitor seldom cries wolf, however long it runs, and does see the wolf."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.threshold.monitor import RiskMonitor
from langchain_intercascade.threshold.wealth import BOLDNESS, log_gain

LOSSES = st.lists(st.sampled_from([0.0, 0.25, 1.0]), max_size=80)


def after(losses: list[float], **options: Any) -> RiskMonitor:
    """Return a monitor that has seen `losses`."""
    monitor = RiskMonitor(**{"target_risk": 0.1, "alpha": 0.1, **options})
    for loss in losses:
        monitor.observe(loss)
    return monitor


def allowed(alpha: float, runs: int) -> float:
    """Return the largest share of failing runs that alpha is compatible with."""
    return alpha + 2 * math.sqrt(alpha * (1 - alpha) / runs)


@given(st.floats(0.01, 0.99), st.floats(0.0, 1.0), st.sampled_from([0.25, 1.0]))
def test_a_bet_against_a_true_claim_wins_nothing_on_average(
    claim: float, share: float, weight: float
) -> None:
    """Losses of 0 and 1 with a mean of at most the claim: the expected factor is at most 1."""
    mean = claim * share
    for boldness in BOLDNESS:
        won = math.exp(log_gain(boldness, 1.0, claim, weight))
        lost = math.exp(log_gain(boldness, 0.0, claim, weight))

        assert mean * won + (1 - mean) * lost <= 1 + 1e-9


def test_a_false_alarm_is_as_rare_as_promised() -> None:
    """The risk is exactly the target, and every answer is looked at."""
    rng, runs = np.random.default_rng(11), 120
    alarms = [after((rng.random(400) < 0.1).astype(float).tolist()).alarm for _ in range(runs)]

    assert np.mean(alarms) <= allowed(0.1, runs)


def test_weights_do_not_raise_more_false_alarms() -> None:
    """Hard answers are wrong four times as often and audited four times as often."""
    rng, runs, alarms = np.random.default_rng(12), 60, 0
    for _ in range(runs):
        monitor = RiskMonitor(0.1, 0.1, max_weight=10.0)
        for hard, lot, luck in rng.random((1500, 3)):
            risk, chance = (0.16, 0.4) if hard < 0.5 else (0.04, 0.1)
            if lot < chance:
                monitor.observe(float(luck < risk), weight=1 / chance)
        alarms += monitor.alarm

    assert alarms / runs <= allowed(0.1, runs)


def test_without_weights_the_same_audits_would_raise_too_many() -> None:
    """What the weights are for: the audited answers alone are wrong too often."""
    rng, alarms = np.random.default_rng(12), 0
    for _ in range(12):
        monitor = RiskMonitor(0.1, 0.1)
        for hard, lot, luck in rng.random((2500, 3)):
            risk, chance = (0.16, 0.4) if hard < 0.5 else (0.04, 0.1)
            if lot < chance:
                monitor.observe(float(luck < risk))
        alarms += monitor.alarm

    assert alarms > 6


@pytest.mark.parametrize(("before", "within"), [(0, 150), (200, 250)])
def test_a_risk_of_three_times_the_target_is_noticed(before: int, within: int) -> None:
    """Also after a long good time, which must not make it blind."""
    rng, noticed = np.random.default_rng(13), 0
    for _ in range(30):
        good = (rng.random(before) < 0.05).astype(float).tolist()
        bad = (rng.random(within) < 0.3).astype(float).tolist()
        noticed += after(good + bad).alarm

    assert noticed >= 27


def test_the_bounds_hold_at_all_times_at_once() -> None:
    rng, runs, missed = np.random.default_rng(14), 60, 0
    for _ in range(runs):
        monitor, kept = RiskMonitor(0.5, 0.1), True
        for number, loss in enumerate(rng.random(240) < 0.2, 1):
            monitor.observe(float(loss))
            if number % 30 == 0:
                kept = kept and monitor.lower <= 0.2 <= monitor.upper
        missed += not kept

    assert missed / runs <= allowed(0.2, runs)  # either side may fail with probability .1


@pytest.mark.parametrize("alpha", [0.01, 0.1])
def test_a_bound_is_the_claim_at_which_the_bets_have_won_one_over_alpha(alpha: float) -> None:
    """Each right answer multiplies a stake c on "at least u are wrong" by 1 + c u / (1 - u)."""
    upper, wrong = after([0.0] * 30, alpha=alpha).upper, after([1.0] * 30, alpha=alpha).lower
    odds = upper / (1 - upper)

    assert 1 / alpha == pytest.approx(np.mean([(1 + c * odds) ** 30 for c in BOLDNESS]), rel=1e-3)
    assert 1 - upper == pytest.approx(wrong, abs=1e-5)


def test_the_bounds_close_in_on_the_mean() -> None:
    """Losses need not be 0 or 1: the mean of 0 and .25 in turn is .125."""
    monitor = after([0.0, 0.25] * 2000)

    assert 0.1 < monitor.lower < 0.125 < monitor.upper < 0.15


@settings(max_examples=30)
@given(LOSSES, LOSSES)
def test_bounds_only_tighten_and_an_alarm_stays(first: list[float], second: list[float]) -> None:
    monitor = after(first)
    lower, upper, alarmed = monitor.lower, monitor.upper, monitor.alarm
    for loss in second:
        monitor.observe(loss)

    assert 0.0 <= lower <= monitor.lower
    assert monitor.upper <= upper <= 1.0
    assert monitor.alarm or not alarmed


@settings(max_examples=30)
@given(LOSSES, LOSSES)
def test_a_saved_monitor_goes_on_as_if_nothing_had_happened(
    first: list[float], second: list[float]
) -> None:
    one = after(first)
    other = RiskMonitor.restored(json.loads(json.dumps(one.state())))
    for loss in second:
        one.observe(loss)
        other.observe(loss)

    assert one.state() == other.state()
    assert (one.n, one.lower, one.upper, one.alarm) == (
        other.n,
        other.lower,
        other.upper,
        other.alarm,
    )


def test_equal_weights_count_as_none() -> None:
    """Only their ratio to the largest matters."""
    weighted = RiskMonitor(0.1, 0.1, max_weight=20.0)
    for loss in [0.0, 1.0, 0.0]:
        weighted.observe(loss, weight=20.0)

    assert weighted.log_wealth == after([0.0, 1.0, 0.0]).log_wealth


def test_before_the_first_answer_nothing_is_known() -> None:
    monitor = after([])

    assert (0, 0.0, 1.0, False, None, 0.0) == (
        monitor.n,
        monitor.lower,
        monitor.upper,
        monitor.alarm,
        monitor.alarmed_at,
        monitor.log_wealth,
    )
    assert (0.1, 0.1) == (monitor.target_risk, monitor.alpha)


@pytest.mark.parametrize(
    ("loss", "weight", "complaint"),
    [
        (1.5, 1.0, "loss=1.5 must lie in"),
        (math.nan, 1.0, "loss=nan must lie in"),
        (1.0, 2.0, "weight=2.0 must be above 0 and at most max_weight=1"),
        (1.0, 0.0, "weight=0.0 must be above 0"),
        (1.0, math.nan, "weight=nan must be above 0"),
    ],
)
def test_an_odd_observation_is_refused(loss: float, weight: float, complaint: str) -> None:
    monitor = after([])

    with pytest.raises(ConfigurationError, match=complaint):
        monitor.observe(loss, weight)

    assert 0 == monitor.n


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"target_risk": 1.0}, "target_risk=1.0"),
        ({"alpha": 0.0}, "delta=0.0"),
        ({"max_weight": 0.5}, "max_weight=0.5"),
        ({"max_weight": math.inf}, "max_weight=inf"),
    ],
)
def test_an_odd_monitor_is_refused(options: dict[str, float], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        after([], **options)


@pytest.mark.parametrize("state", [None, {}, {**after([1.0]).state(), "version": 2}, [1]])
def test_what_is_no_saved_monitor_is_refused(state: Any) -> None:
    with pytest.raises(ConfigurationError, match="no saved monitor"):
        RiskMonitor.restored(state)
