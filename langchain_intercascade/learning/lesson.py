"""What becomes of a lesson that could not be learned this time."""

from __future__ import annotations

from typing import Final

from langchain_intercascade.strategy import State, Strategy

MAX_ATTEMPTS: Final = 3
"""After this many tries a lesson is parked: kept with its reason, not tried again by itself."""


def set_back(strategy: Strategy, reason: str) -> Strategy:
    """Return `strategy` as a pending lesson again, one try poorer, with `reason`.

    After `MAX_ATTEMPTS` it is parked.  Half-made advice is dropped.
    """
    if strategy.lesson is None:
        msg = f"Strategy {strategy.id} has no lesson to go back to."
        raise ValueError(msg)
    attempts = strategy.lesson.attempts + 1
    lesson = strategy.lesson.model_copy(
        update={"attempts": attempts, "parked": attempts >= MAX_ATTEMPTS}
    )
    return strategy.changed(state=State.PENDING, advice=None, lesson=lesson, reason=reason)
