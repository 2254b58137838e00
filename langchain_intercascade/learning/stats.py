"""What a learner has done, in numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from langchain_intercascade.learning.lesson import Learned


@dataclass(frozen=True, slots=True)
class LearnerStats:
    """What a learner has done since it was made.

    Attributes:
        waiting: Lessons queued, in progress, or waiting for another try.
        stored: Lessons that became strategies in use.
        candidates: Lessons that became strategies on probation.
        merged: Lessons that an existing strategy now stands for.
        rejected: Lessons found unsafe or wrong, and given up on at once.
        set_back: Tries that were refused, or that an outage put off.
        parked: Lessons given up on after too many refusals.
        not_queued: Lessons left in the repository because the queue was full; they are looked
            for there as soon as it is empty.
        leased_elsewhere: How often a lesson was left to another learner that was at work on it.
        errors: Tries that ended in an error of a collaborator.
        tasks: Pieces of other work that were done.
        task_errors: Pieces of other work that failed; they are not tried again.
        cost: Dollars spent on lessons, whatever came of them; `None` when any part is unknown.
    """

    waiting: int = 0
    stored: int = 0
    candidates: int = 0
    merged: int = 0
    rejected: int = 0
    set_back: int = 0
    parked: int = 0
    not_queued: int = 0
    leased_elsewhere: int = 0
    errors: int = 0
    tasks: int = 0
    task_errors: int = 0
    cost: float | None = 0.0

    def plus(self, **counts: int) -> LearnerStats:
        """Return these numbers with `counts` added.

        Examples:
            >>> LearnerStats(errors=1).plus(errors=1, tasks=3).errors
            2
        """
        return replace(self, **{name: getattr(self, name) + n for name, n in counts.items()})

    def with_learned(self, learned: Learned) -> LearnerStats:
        """Return these numbers with one try at a lesson added."""
        lesson = learned.strategy.lesson
        parked = learned.verdict == "set_back" and lesson is not None and lesson.parked
        known = self.cost is not None and learned.cost is not None
        cost = self.cost + learned.cost if known else None  # type: ignore[operator]  # both known
        counted = self.plus(**{_COUNTER_OF[learned.verdict]: 1}, parked=int(parked))
        return replace(counted, cost=cost)


_COUNTER_OF: Final = {
    "stored": "stored",
    "candidate": "candidates",
    "merged": "merged",
    "rejected": "rejected",
    "set_back": "set_back",
}
