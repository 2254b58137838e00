"""What was chosen out of the strategies that were found, and what became of the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from langchain_intercascade.errors import how_many
from langchain_intercascade.repository.floor import Floor

if TYPE_CHECKING:
    from langchain_intercascade.repository.points import Hit


class Outcome(StrEnum):
    """What became of a hit."""

    CHOSEN = "chosen"
    EXPIRED = "expired"
    EMPTY = "empty"
    """It has no advice yet."""
    MISLEADING = "it has misled on a query more like this one"
    BELOW_FLOOR = "below the floor"
    FAR_BEHIND = "far behind the best"
    REPEATS = "says the same as an earlier one"
    PITFALL_QUOTA = "one pitfall is enough"
    BEYOND_K = "beyond the first k"
    OVER_BUDGET = "over the token budget"


@dataclass(frozen=True, slots=True)
class Considered:
    """A hit and what became of it.

    Attributes:
        hit: The strategy and how near it is.
        outcome: What became of it.
        why: The same in a few words with its numbers, for people.
        score: What it was ranked by; `None` if it was ruled out before.
    """

    hit: Hit
    outcome: Outcome
    why: str
    score: float | None = None

    def payload(self) -> dict[str, Any]:
        """Return this as JSON-like data; neither keys nor advice are in it, but the title is."""
        advice = self.hit.strategy.advice
        return {
            "id": self.hit.strategy.id,
            "title": advice.title if advice else "",
            "similarity": self.hit.similarity,
            "outcome": self.outcome.value,
            "why": self.why,
            "score": self.score,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """What is shown, and what became of everything else.

    Attributes:
        hits: The chosen ones in the order of the prompt: best first, pitfalls last.
        found: Every hit, nearest first.
        fates: Says what became of each of them, in the same order; found out when it is asked.
        floor: What they had to reach.
        tokens: What the advice of the chosen ones takes, estimated.
    """

    hits: tuple[Hit, ...]
    found: tuple[Hit, ...]
    fates: Callable[[], tuple[Considered, ...]]
    floor: Floor
    tokens: int

    @property
    def considered(self) -> tuple[Considered, ...]:
        """Every hit and what became of it, nearest first."""
        return self.fates()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Choice):
            return NotImplemented
        one, two = ((c.hits, c.considered, c.floor, c.tokens) for c in (self, other))
        return one == two

    __hash__ = None  # type: ignore[assignment]  # two that are equal may hold other functions

    @property
    def reason(self) -> str:
        """Why this much is shown and no more, in one sentence."""
        if self.hits:
            are = "is" if len(self.hits) == 1 else "are"
            return f"{len(self.hits)} of {how_many(len(self.found), 'strategy')} found {are} shown."
        if not self.found:
            return "Nothing is shown: no strategy was found."
        nearest = self.considered[0]
        return f"Nothing is shown: the nearest strategy is {nearest.why}."

    def payload(self) -> dict[str, Any]:
        """Return the choice as JSON-like data, for `explain` and records."""
        return {
            "shown": [hit.strategy.id for hit in self.hits],
            "reason": self.reason,
            "tokens": self.tokens,
            "floor": self.floor.payload(),
            "considered": [each.payload() for each in self.considered],
        }
