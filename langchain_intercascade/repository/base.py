"""The contract of a strategy repository: what was taught so far, by tenant.

The algorithm is written once, as steps, in `_algorithm`; here each step gets its
two colours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

from langchain_intercascade._steps import arun, run
from langchain_intercascade.repository._algorithm import RepositorySteps
from langchain_intercascade.repository.points import Hit
from langchain_intercascade.strategy import State, Strategy


class StrategyRepository(RepositorySteps):
    """Where the strategies live.

    Every method takes the tenant by keyword and has no default for it: the
    filter that keeps tenants apart is built here and checked again on each hit.
    Each public method exists in both colours (`search` and `asearch`); the
    `...ing` methods are the same as steps, for use inside a body.

    Engines raise `RepositoryError` (or a subclass) for whatever their client
    raises, and nothing else.
    """

    def search(
        self,
        query: str,
        *,
        tenant: str,
        k: int,
        min_similarity: float = 0.0,
        states: Sequence[State] = (State.ACTIVE,),
    ) -> list[Hit]:
        """See `searching`."""
        how: dict[str, Any] = {
            "tenant": tenant,
            "k": k,
            "min_similarity": min_similarity,
            "states": states,
        }
        return run(self.searching(query, **how))

    async def asearch(
        self,
        query: str,
        *,
        tenant: str,
        k: int,
        min_similarity: float = 0.0,
        states: Sequence[State] = (State.ACTIVE,),
    ) -> list[Hit]:
        """See `searching`."""
        how: dict[str, Any] = {
            "tenant": tenant,
            "k": k,
            "min_similarity": min_similarity,
            "states": states,
        }
        return await arun(self.searching(query, **how))

    def put(self, strategy: Strategy) -> None:
        """See `putting`."""
        run(self.putting(strategy))

    async def aput(self, strategy: Strategy) -> None:
        """See `putting`."""
        await arun(self.putting(strategy))

    def swap(self, strategy: Strategy, *, version: int | None) -> bool:
        """See `swapping`."""
        return run(self.swapping(strategy, version=version))

    async def aswap(self, strategy: Strategy, *, version: int | None) -> bool:
        """See `swapping`."""
        return await arun(self.swapping(strategy, version=version))

    def update(
        self, strategy_id: str, *, tenant: str, change: Callable[[Strategy], Strategy | None]
    ) -> Strategy | None:
        """See `updating`."""
        return run(self.updating(strategy_id, tenant=tenant, change=change))

    async def aupdate(
        self, strategy_id: str, *, tenant: str, change: Callable[[Strategy], Strategy | None]
    ) -> Strategy | None:
        """See `updating`."""
        return await arun(self.updating(strategy_id, tenant=tenant, change=change))

    def get(self, strategy_id: str, *, tenant: str) -> Strategy | None:
        """See `getting`."""
        return run(self.getting(strategy_id, tenant=tenant))

    async def aget(self, strategy_id: str, *, tenant: str) -> Strategy | None:
        """See `getting`."""
        return await arun(self.getting(strategy_id, tenant=tenant))

    def scan(
        self,
        *,
        tenant: str,
        states: Sequence[State] = tuple(State),
        limit: int = 1000,
        after: str | None = None,
    ) -> list[Strategy]:
        """See `scanning`."""
        return run(self.scanning(tenant=tenant, states=states, limit=limit, after=after))

    async def ascan(
        self,
        *,
        tenant: str,
        states: Sequence[State] = tuple(State),
        limit: int = 1000,
        after: str | None = None,
    ) -> list[Strategy]:
        """See `scanning`."""
        return await arun(self.scanning(tenant=tenant, states=states, limit=limit, after=after))

    def remove(self, strategy_id: str, *, tenant: str) -> bool:
        """See `removing`."""
        return run(self.removing(strategy_id, tenant=tenant))

    async def aremove(self, strategy_id: str, *, tenant: str) -> bool:
        """See `removing`."""
        return await arun(self.removing(strategy_id, tenant=tenant))

    def count(self, *, tenant: str, states: Sequence[State] = tuple(State)) -> int:
        """See `counting`."""
        return run(self.counting(tenant=tenant, states=states))

    async def acount(self, *, tenant: str, states: Sequence[State] = tuple(State)) -> int:
        """See `counting`."""
        return await arun(self.counting(tenant=tenant, states=states))

    def __enter__(self) -> Self:
        """Return the repository, to be closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the repository."""
        self.close()

    def __repr__(self) -> str:
        """Name the engine and the place."""
        return f"{type(self).__name__}({self.location!r})"
