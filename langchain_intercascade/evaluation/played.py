"""What came of an arm, and of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langchain_intercascade.evaluation.arms import Outcome
    from langchain_intercascade.strategy import Advice


@dataclass(frozen=True, slots=True)
class Played:
    """What came of one arm under one seed.

    Attributes:
        outcomes: One for each question, in order.
        advice: What the strategies say that were shown, by id.
    """

    outcomes: Sequence[Outcome]
    advice: Mapping[str, Advice] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a run.

    Attributes:
        arms: By arm and seed, what came of it; only what was finished.
        missing: The arms and seeds that were not finished.
        why: Why not; empty if nothing is missing.
        spent: Dollars that all its calls cost, earlier ones included; `None` if unknown.
    """

    arms: Mapping[str, Mapping[int, Played]]
    missing: Sequence[tuple[str, int]] = ()
    why: str = ""
    spent: float | None = 0.0

    def outcomes(self, arm: str, seeds: Iterable[int] | None = None) -> list[Outcome]:
        """Return what came of every question of `arm`, seed after seed; of all if `None`."""
        cells = self.arms.get(arm, {})
        wanted = cells if seeds is None else seeds
        return [each for seed in wanted for each in cells[seed].outcomes]
