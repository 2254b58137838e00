"""What becomes of a lesson, this time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from langchain_intercascade.strategy import State, Strategy

MAX_ATTEMPTS: Final = 3
"""After this many tries a lesson is parked: kept with its reason, not tried again by itself."""

Verdict: TypeAlias = Literal[
    "stored",  # a new strategy is in use
    "candidate",  # a new strategy is on probation
    "merged",  # an existing strategy stands for it
    "rejected",  # it is unsafe or wrong; it will not be tried again
    "set_back",  # it stays pending, one try poorer
]


@dataclass(frozen=True, slots=True)
class Learned:
    """What came of one try at a lesson.

    Attributes:
        verdict: See `Verdict`.
        strategy: The strategy as written, or the one that it was merged into.
        cost: Dollars that this try has cost, `None` if that is unknown.
        outage: Whether it was set back because something was out of order, so that
            trying again at once is of no use.
    """

    verdict: Verdict
    strategy: Strategy
    cost: float | None = 0.0
    outage: bool = False


def set_back(strategy: Strategy, reason: str) -> Strategy:
    """Return `strategy` as a pending lesson again, one try poorer, with `reason`.

    After `MAX_ATTEMPTS` it is parked.  Half-made advice is dropped.
    """
    if strategy.lesson is None:
        msg = f"Strategy {strategy.id} has no lesson to go back to."
        raise ValueError(msg)
    attempts = strategy.lesson.attempts + 1
    lesson = strategy.lesson.model_copy(
        update={"attempts": attempts, "parked": attempts >= MAX_ATTEMPTS, "lease": None}
    )
    return strategy.changed(state=State.PENDING, advice=None, lesson=lesson, reason=reason)
