"""This is where two arms are compared question by question: they were asked the very same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from langchain_intercascade.evaluation.resampling import (
    DRAWS,
    Floats,
    Interval,
    Resampling,
    interval,
    quotients,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_intercascade.evaluation.arms import Outcome
    from langchain_intercascade.evaluation.report import Comparison

Value: TypeAlias = "Callable[[Outcome], Any]"


def comparison(
    one: Sequence[Outcome], other: Sequence[Outcome], *, seed: int, draws: int = DRAWS
) -> Comparison:
    """Return how `one` differs from `other`, which was asked the same in the same order.

    Args:
        one: The arm of interest.
        other: What it is compared with.
        seed: Fixes the bootstrap.
        draws: How many draws.
    """
    drawn = Resampling(one, seed=seed, draws=draws)
    calls = _relative(one, other, lambda o: float(o.strong_called), drawn)
    fees = _relative(one, other, lambda o: o.cost, drawn)
    weak = _gain(one, other, lambda o: _share(o.weak_correct), drawn)
    system = _gain(one, other, lambda o: float(o.system_correct), drawn)
    return {
        "strong_calls_change": calls[0],
        "strong_calls_change_interval": calls[1],
        "fees_change": fees[0],
        "fees_change_interval": fees[1],
        "weak_accuracy_gain": weak[0],
        "weak_accuracy_gain_interval": weak[1],
        "system_accuracy_gain": system[0],
        "system_accuracy_gain_interval": system[1],
    }


def change_rates(
    outcomes: Sequence[Outcome], alone: Sequence[Outcome], *, seed: int, draws: int = DRAWS
) -> tuple[dict[str, float | None], dict[str, Interval | None]]:
    """Return `harm_rate` and `help_rate` of an arm, and their intervals.

    Of the questions that were answered with strategies (or examples): the share that the
    weak model gets right alone and got wrong with them, and the reverse.

    Args:
        outcomes: The arm's.
        alone: The weak model's alone, question by question the same.
        seed: Fixes the bootstrap.
        draws: How many draws.
    """
    drawn = Resampling(outcomes, seed=seed, draws=draws)
    pairs = list(zip(outcomes, alone, strict=True))
    told = [
        o.regime == "augmented" and o.weak_correct is not None and a.weak_correct is not None
        for o, a in pairs
    ]
    rates, around = {}, {}
    for name, before in (("harm_rate", True), ("help_rate", False)):
        turned = [
            known and a.weak_correct is before and o.weak_correct is not before
            for known, (o, a) in zip(told, pairs, strict=True)
        ]
        rates[name] = sum(turned) / sum(told) if any(told) else None
        found = quotients(drawn.sums(_floats(turned)), drawn.sums(_floats(told)))
        around[name] = interval(rates[name], found)
    return rates, around


def _relative(
    one: Sequence[Outcome], other: Sequence[Outcome], value: Value, drawn: Resampling
) -> tuple[float | None, Interval | None]:
    """Return by which share the sum over `one` is more than that over `other`."""
    mine, theirs = [value(o) for o in one], [value(o) for o in other]
    if None in mine or None in theirs or not sum(theirs):
        return None, None
    here, there = np.array(mine), np.array(theirs)
    found = float(here.sum() / there.sum() - 1)
    return found, interval(found, quotients(drawn.sums(here), drawn.sums(there)) - 1)


def _gain(
    one: Sequence[Outcome], other: Sequence[Outcome], value: Value, drawn: Resampling
) -> tuple[float | None, Interval | None]:
    """Return the difference of the means, over the questions for which both have a value."""
    pairs = [(value(a), value(b)) for a, b in zip(one, other, strict=True)]
    both = _floats([None not in pair for pair in pairs])
    if not both.any():
        return None, None
    differences = np.array([0.0 if None in (a, b) else a - b for a, b in pairs])
    found = float(differences.sum() / both.sum())
    return found, interval(found, quotients(drawn.sums(differences), drawn.sums(both)))


def _share(fact: bool | None) -> float | None:  # noqa: FBT001 - the thing itself
    return None if fact is None else float(fact)


def _floats(facts: Sequence[bool]) -> Floats:
    return np.array(facts, dtype=float)
