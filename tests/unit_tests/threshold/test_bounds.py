"""The bounds are exact where they can be checked by hand, and move as they should."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.threshold.bounds import (
    fewest_faultless,
    lower_bound,
    upper_bound,
    upper_bounds,
)

DELTAS = st.floats(0.001, 0.5)
COUNTS = st.integers(0, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))

ROUNDING = 1e-9


@given(COUNTS, DELTAS)
def test_the_bound_is_never_below_the_empirical_risk(counts: tuple[int, int], delta: float) -> None:
    errors, n = counts

    assert errors <= n * upper_bound(errors, n, delta) + ROUNDING
    assert errors >= n * lower_bound(errors, n, delta) - ROUNDING


@given(COUNTS, DELTAS)
def test_the_bound_falls_with_n_and_rises_with_errors(
    counts: tuple[int, int], delta: float
) -> None:
    errors, n = counts
    bound = upper_bound(errors, n, delta)

    assert upper_bound(errors, n + 1, delta) <= bound + ROUNDING
    assert upper_bound(errors + 1, n + 1, delta) >= bound - ROUNDING
    assert 0.0 < bound <= 1.0


@given(COUNTS, DELTAS)
def test_at_the_bound_so_few_errors_have_probability_delta(
    counts: tuple[int, int], delta: float
) -> None:
    """That is what exact means: no larger risk would make them less likely than delta."""
    errors, n = counts
    if errors == n:
        return

    assert delta == pytest.approx(binom.cdf(errors, n, upper_bound(errors, n, delta)), rel=1e-6)


@given(COUNTS, DELTAS)
def test_the_lower_bound_mirrors_the_upper(counts: tuple[int, int], delta: float) -> None:
    errors, n = counts

    assert lower_bound(errors, n, delta) == pytest.approx(1 - upper_bound(n - errors, n, delta))


@pytest.mark.parametrize("delta", [0.01, 0.1, 0.5])
def test_the_edges_need_no_special_function(delta: float) -> None:
    """Without errors the bound has a closed form; without answers nothing is known."""
    assert 1 - delta ** (1 / 30) == pytest.approx(upper_bound(0, 30, delta))
    assert (1.0, 1.0) == (upper_bound(30, 30, delta), upper_bound(0, 0, delta))
    assert (0.0, 0.0) == (lower_bound(0, 30, delta), lower_bound(0, 0, delta))


@pytest.mark.parametrize(
    ("target", "delta", "n"),
    [(0.05, 0.05, 59), (0.1, 0.05, 29), (0.2, 0.05, 14), (0.05, 0.1, 45), (0.1, 0.1, 22)],
)
def test_the_fewest_faultless_answers_are_the_published_ones(
    target: float, delta: float, n: int
) -> None:
    assert n == fewest_faultless(target, delta)


@given(st.floats(0.01, 0.99), DELTAS)
def test_one_answer_fewer_than_the_fewest_is_not_enough(target: float, delta: float) -> None:
    n = fewest_faultless(target, delta)

    assert upper_bound(0, n, delta) <= target
    assert n == 1 or upper_bound(0, n - 1, delta) > target


def test_many_bounds_at_once_are_the_same_bounds() -> None:
    errors, n = [0, 3, 0, 7], [0, 10, 5, 7]
    singly = [upper_bound(k, m, 0.1) for k, m in zip(errors, n, strict=True)]

    assert singly == upper_bounds(errors, n, 0.1).tolist()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        pytest.param(
            (5, 3, 0.1),
            "no more errors than answers, not 5 of 3. See whether",
            id="too many errors",
        ),
        pytest.param((-1, 3, 0.1), "errors=-1 is no count", id="negative"),
        pytest.param((0.5, 3, 0.1), "errors=0.5 is no count", id="a share"),
        pytest.param((True, 3, 0.1), "errors=True is no count", id="a label"),
        pytest.param((1, 3, 0.0), "delta=0.0 is no probability", id="certainty"),
        pytest.param((1, 3, 0.7), "delta=0.7 is no probability", id="mostly failing"),
        pytest.param((1, 3, math.nan), "delta=nan is no probability", id="NaN"),
        pytest.param((1, 3, "0.1"), "delta='0.1' is no probability", id="text"),
    ],
)
def test_nonsense_is_refused(arguments: tuple[Any, Any, Any], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        upper_bound(*arguments)


@pytest.mark.parametrize("target", [0.0, 1.0, -0.1, math.nan, True, None])
def test_a_target_that_cannot_be_promised_is_refused(target: Any) -> None:
    with pytest.raises(ConfigurationError, match="cannot be promised"):
        fewest_faultless(target, 0.1)
