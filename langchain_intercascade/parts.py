"""What a cascade consists of, once it is put together; see `assembly`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from langchain_intercascade.costs import Accounts
from langchain_intercascade.learning.aftermath import Aftermath
from langchain_intercascade.learning.learner import Learner
from langchain_intercascade.resilience.safeguards import Safeguards
from langchain_intercascade.state import Body, Run
from langchain_intercascade.threshold.base import Threshold

if TYPE_CHECKING:
    from langchain_intercascade.repository.base import StrategyRepository
    from langchain_intercascade.resilience.tally import CascadeStats


class Nodes(NamedTuple):
    """The bodies of the six nodes, in running order; the fields are the nodes' names."""

    retrieve_strategies: Body
    weak_generate: Body
    confidence_gate: Body
    strong_generate: Body
    distill_strategy: Body
    store: Body


@dataclass(frozen=True)
class Parts:
    """A cascade, ready to run.

    Attributes:
        nodes: The six bodies.
        run: How a query is run unless the call says otherwise.
        repository: Where the strategies live.
        learner: Learns in the background.
        aftermath: Finds out how weak answers were, and takes feedback.
        accounts: What was spent, and what is left of the budget.
        safeguards: Breakers, limits and counters.
        threshold: Says what is accepted.
        weak_model: Name of the weak model, for people.
        strong_model: Name of the strong model, for people.
    """

    nodes: Nodes
    run: Run
    repository: StrategyRepository
    learner: Learner
    aftermath: Aftermath
    accounts: Accounts
    safeguards: Safeguards
    threshold: Threshold
    weak_model: str
    strong_model: str

    def stats(self) -> CascadeStats:
        """Return what was done so far, and how breakers, limits and the learner stand."""
        guards = self.safeguards
        return guards.tally.stats(
            breakers={name: breaker.state() for name, breaker in guards.breakers.items()},
            slots={name: slots.state() for name, slots in guards.slots.items()},
            lessons=self.learner.stats(),
            promise=self.threshold.standings(),
        )
