"""The promise itself: how often is a threshold certified whose true risk is above the target?"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from langchain_intercascade.threshold.bounds import fewest_faultless, upper_bounds
from langchain_intercascade.threshold.fixed_sequence import ladder, walk

Floats = NDArray[np.float64]

DELTA = 0.1
REPEATS = 500
ALLOWED = DELTA + 2 * math.sqrt(DELTA * (1 - DELTA) / REPEATS)


def served(scores: Floats, correct: NDArray[np.bool_], target: float) -> float | None:
    """Return the threshold that calibration would serve; `None` if none."""
    rungs = ladder(scores, correct, DELTA)
    last = walk(rungs, target, fewest_faultless(target, DELTA)).last
    return None if last is None else float(rungs.thresholds[last])


def broken_share(
    wrong_at: Callable[[Floats], Floats], is_safe: Callable[[float], bool], n: int, target: float
) -> float:
    """Return how often an unsafe threshold is served when scores are uniform in [0, 1].

    Args:
        wrong_at: Probability that an answer is wrong, by score.
        is_safe: Whether a threshold's true risk is at most the target.
        n: Size of the calibration set.
        target: The target risk.
    """
    rng = np.random.default_rng(7)
    broken = 0
    for _ in range(REPEATS):
        scores = rng.random(n)
        threshold = served(scores, rng.random(n) >= wrong_at(scores), target)
        broken += threshold is not None and not is_safe(threshold)
    return broken / REPEATS


@pytest.mark.parametrize("n", [60, 250])
def test_a_score_worth_having_keeps_the_promise(n: int) -> None:
    """Wrong with probability 1 - s: the risk at t is (1 - t) / 2, safe from .6 for a target of .2.

    There is something to break: half of the calibration sets of this size look safe below.
    """
    share = broken_share(lambda s: 1 - s, lambda t: t >= 0.6, n, 0.2)

    assert 0.0 < share <= ALLOWED


def test_at_the_edge_the_promise_is_used_up() -> None:
    """If every threshold's risk is a hair above the target, being served at all breaks it.

    Then 22 of 22 have to be right to begin with, .9 to the 22nd is .098: a test that spent
    much less than delta would accept less than it could, one that spent more would lie.
    """
    share = broken_share(lambda s: np.full_like(s, 0.1), lambda _: False, 300, 0.1)

    assert 0.9**22 == pytest.approx(share, abs=2 * (ALLOWED - DELTA))
    assert share <= ALLOWED


def test_a_useless_score_is_no_danger() -> None:
    """Surer answers are the worse ones: the walk hardly ever gets past the first."""
    share = broken_share(lambda s: s, lambda t: t <= 0.0, 250, 0.4)

    assert share <= ALLOWED


@cache
def most_passing(n: int, target: float) -> int:
    """Return the most errors among n with which a threshold passes; -1 if none do."""
    return int(np.sum(upper_bounds(np.arange(n + 1), np.full(n + 1, n), DELTA) <= target)) - 1


def worst_case(n: int, target: float, few: int, more: float, wrong: float) -> float | None:
    """Return the exact probability that the promise is broken in a case made to break it.

    The surest answers, `few` on average and so about as many as the walk starts with, are
    wrong with probability `wrong`; together with a share `more` of all answers that come
    next they are just unsafe.  Only those two thresholds are tried; any others between would
    only end the walk earlier.  `None` if there is no such case.
    """
    top = few / n
    rest = (target * (top + more) - top * wrong) / more
    if not 0.0 <= rest <= 1.0:
        return None
    start = fewest_faultless(target, DELTA)
    total = 0.0
    for surest in range(n + 1):
        weight = binom.pmf(surest, n, top)
        if weight < 1e-7:
            continue
        if surest >= start:  # it is tried, and if it fails the walk ends
            total += weight * binom.cdf(most_passing(surest, target), surest, wrong)
            continue
        errors = np.arange(surest + 1)
        chances = binom.pmf(errors, surest, wrong)
        for others in range(n - surest + 1):
            also = binom.pmf(others, n - surest, more / (1 - top))
            if also < 1e-4 or surest + others < start:
                continue
            left = most_passing(surest + others, target) - errors
            total += weight * also * float(chances @ binom.cdf(left, others, rest))
    return total


@pytest.mark.parametrize("wrong", [0.12, 0.3, 1.0])
@pytest.mark.parametrize("few", [8, 19])
def test_passing_over_the_surest_few_does_not_break_the_promise(few: int, wrong: float) -> None:
    """Even where those few are the worst, which is what theory cannot rule out."""
    probability = worst_case(150, 0.1, few, 0.5, wrong)

    assert probability is None or 0.01 < probability <= DELTA
