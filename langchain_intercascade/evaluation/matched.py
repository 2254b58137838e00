"""This is where it is told what else could be had: for the same money, or with the same accuracy.

    mixture   the strong model for a share of the questions by lot, the weak one for the rest
    plain     the plain cascade, at any threshold

Both are lines from the weak model alone to the strong one alone: accuracy against cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from langchain_intercascade.evaluation.arms import Outcome
    from langchain_intercascade.evaluation.report import Rivals

Point: TypeAlias = tuple[float, float]
"""Dollars a question, and system accuracy."""


def rivals(
    arm: Sequence[Outcome],
    weak: Sequence[Outcome],
    strong: Sequence[Outcome],
    plain: Sequence[Outcome] | None,
    *,
    name: str = "cascade",
) -> Rivals:
    """Return what is had elsewhere at the accuracy of `arm`, and at its cost.

    Args:
        arm: The arm that is matched.
        weak: The weak model alone, on the same questions.
        strong: The strong model alone.
        plain: The plain cascade; its scores are gated anew at every threshold.
        name: The arm's name.
    """
    here, ends = _point(arm), (_point(weak), _point(strong))
    line = [each for each in ends if each is not None]
    gate = None if plain is None else _gate_line(plain, strong)
    known = here is not None and len(line) == len(ends)
    return {
        "arm": name,
        "system_accuracy": sum(o.system_correct for o in arm) / len(arm),
        "cost_per_question": here[0] if here else None,
        "mixture_cost": _cost_at(line, here[1]) if known and here else None,
        "mixture_accuracy": _accuracy_at(line, here[0]) if known and here else None,
        "plain_cost": _cost_at(gate, here[1]) if gate and here else None,
        "plain_accuracy": _accuracy_at(gate, here[0]) if gate and here else None,
    }


def _point(outcomes: Sequence[Outcome]) -> Point | None:
    costs = [o.cost for o in outcomes]
    if not costs or None in costs:
        return None
    right = sum(o.system_correct for o in outcomes)
    return sum(each for each in costs if each is not None) / len(costs), right / len(outcomes)


def _gate_line(plain: Sequence[Outcome], strong: Sequence[Outcome]) -> list[Point] | None:
    """Return the plain cascade's points at every threshold, from accepting all to nothing.

    At a threshold that was not run, a deferred question costs the weak call and what the
    strong model alone costs for it.
    """
    pairs = list(zip(plain, strong, strict=True))
    weak_costs = [_weak_cost(o) for o in plain]
    if None in weak_costs or any(o.weak_correct is None or s.cost is None for o, s in pairs):
        return None
    scores = np.array([-1.0 if o.confidence is None else o.confidence for o in plain])
    order = np.argsort(scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, [True])) + 1
    strong_costs = np.array([s.cost for s in strong], dtype=float)[order]
    gains = np.array(
        [float(s.system_correct) - float(bool(o.weak_correct)) for o, s in pairs], dtype=float
    )[order]
    n, base = len(plain), sum(bool(o.weak_correct) for o in plain)
    paid = float(sum(each for each in weak_costs if each is not None))
    cost, gain = np.cumsum(strong_costs), np.cumsum(gains)
    deferred = [(float((paid + cost[e - 1]) / n), float((base + gain[e - 1]) / n)) for e in ends]
    return [(paid / n, base / n), *deferred]


def _weak_cost(outcome: Outcome) -> float | None:
    """Return what the weak answer and its score cost."""
    uses = [use for role, use in outcome.usage.items() if role in {"weak", "confidence"}]
    costs = [use["cost"] for use in uses]
    return None if None in costs else sum(each for each in costs if each is not None)


def _cost_at(line: Sequence[Point], accuracy: float) -> float | None:
    """Return the least cost at which the line through the points reaches `accuracy`."""
    reached = [cost for cost, got in line if got >= accuracy]
    for (cost, got), (next_cost, next_got) in pairwise(line):
        if got < accuracy <= next_got:
            part = (accuracy - got) / (next_got - got)
            reached.append(cost + part * (next_cost - cost))
    return min(reached, default=None)


def _accuracy_at(line: Sequence[Point], cost: float) -> float | None:
    """Return the best accuracy that the line through the points has at `cost` or below."""
    had = [got for spent, got in line if spent <= cost]
    for (spent, got), (next_spent, next_got) in pairwise(line):
        if spent < cost < next_spent:
            had.append(got + (cost - spent) / (next_spent - spent) * (next_got - got))
    return max(had, default=None)
