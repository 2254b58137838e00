"""Keeping the house in order behind the scenes: the floor follows the size, and a cap is kept."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from langchain_intercascade.repository.ledger import worth_keeping
from langchain_intercascade.repository.sweeping import sweeping
from langchain_intercascade.strategy import State

if TYPE_CHECKING:
    from langchain_intercascade._steps import Steps
    from langchain_intercascade.learning.learner import Learner
    from langchain_intercascade.repository.base import StrategyRepository
    from langchain_intercascade.repository.retrieval import Floors

EVERY: Final = 20
"""Deferrals of a tenant between two rounds; each round counts its strategies once."""


class Upkeep:
    """Looks after the strategies of each tenant, every so many deferrals."""

    def __init__(
        self,
        repository: StrategyRepository,
        floors: Floors,
        learner: Learner,
        *,
        max_strategies: int | None,
    ) -> None:
        """Look after `repository`.

        Args:
            repository: Where the strategies are.
            floors: Measures what is near enough anew when there are twice as many.
            learner: Does the work in the background.
            max_strategies: Strategies in use that a tenant may have; no cap if `None`.
        """
        self._repository = repository
        self._floors = floors
        self._learner = learner
        self._max_strategies = max_strategies
        self._deferrals: dict[str, int] = {}
        self._lock = threading.Lock()

    def consider(self, tenant: str) -> None:
        """Count one more deferral of `tenant`, and see to its strategies if it is time."""
        if not self._repository.lists:
            return
        with self._lock:
            seen = self._deferrals[tenant] = self._deferrals.get(tenant, 0) + 1
        if seen % EVERY == 0:
            self._learner.do("upkeep", lambda: self.keeping(tenant))

    def keeping(self, tenant: str) -> Steps[None]:
        """See to the strategies of `tenant` now."""
        yield from self._floors.refreshing(tenant)
        size = yield from self._repository.counting(tenant=tenant, states=(State.ACTIVE,))
        if self._max_strategies is not None and size > self._max_strategies:
            yield from sweeping(
                self._repository,
                tenant=tenant,
                max_active=self._max_strategies,
                value=worth_keeping,
            )
