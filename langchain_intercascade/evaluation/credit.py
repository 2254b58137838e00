"""This is where strategies get what they are due: what changed where they were shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from langchain_intercascade.evaluation.arms import Outcome
    from langchain_intercascade.evaluation.report import Strategies, StrategyFigures
    from langchain_intercascade.strategy import Advice

MOST: Final = 10
"""Strategies in each list."""


def strategies(
    outcomes: Sequence[Outcome],
    alone: Sequence[Outcome] | None,
    advice: Mapping[str, Advice],
) -> Strategies:
    """Return the strategies that brought most, and those that brought least.

    Where several were shown together, each gets the credit and the blame.

    Args:
        outcomes: Of an arm that shows strategies.
        alone: Of the weak model alone, question by question the same.
        advice: What the strategies say.
    """
    uses: dict[str, list[tuple[Outcome, Outcome | None]]] = defaultdict(list)
    pairs: Iterable[tuple[Outcome, Outcome | None]] = zip(
        outcomes, repeat(None, len(outcomes)) if alone is None else alone, strict=True
    )
    for outcome, without in pairs:
        for each in outcome.shown:
            uses[each].append((outcome, without))
    found = [_figures(each, uses[each], advice.get(each)) for each in uses]
    # The id decides between equals, so that the order never depends on chance.
    ranked = sorted(found, key=lambda each: (-_worth(each), -each["uses"], each["id"]))
    worst = [each for each in reversed(ranked) if _worth(each) < _best_worth(ranked)]
    return {"best": ranked[:MOST], "worst": worst[:MOST]}


def _figures(
    strategy_id: str, uses: Sequence[tuple[Outcome, Outcome | None]], advice: Advice | None
) -> StrategyFigures:
    right = sum(bool(outcome.weak_correct) for outcome, _ in uses)
    known = [bool(without.weak_correct) for _, without in uses if without is not None]
    without = sum(known) if len(known) == len(uses) else None
    return {
        "id": strategy_id,
        "title": advice.title if advice else "",
        "when": advice.when_to_use if advice else "",
        "steps": list(advice.steps or advice.pitfalls) if advice else [],
        "uses": len(uses),
        "right_with": right,
        "right_without": without,
        "net": None if without is None else right - without,
    }


def _worth(figures: StrategyFigures) -> int:
    return figures["right_with"] if figures["net"] is None else figures["net"]


def _best_worth(ranked: Sequence[StrategyFigures]) -> int:
    return max(map(_worth, ranked), default=0)
