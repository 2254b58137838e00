"""All that stands between one cascade and those it asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from langchain_intercascade.resilience.breaker import Breaker
from langchain_intercascade.resilience.guard import Guard
from langchain_intercascade.resilience.guarded_model import guarded
from langchain_intercascade.resilience.limits import Pool, limits_of, timeouts_of
from langchain_intercascade.resilience.slots import Slots
from langchain_intercascade.resilience.tally import Tally

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable

Purpose: TypeAlias = Literal[
    "weak", "strong", "retrieval", "confidence", "advise", "distill", "replay", "audit"
]
"""What a call is for."""

Watching: TypeAlias = "Callable[[Runnable[Any, AIMessage], Purpose], Runnable[Any, AIMessage]]"
"""Returns a model, as it is called for a purpose, with somebody watching."""

WEAK_FAILURES: Final = 5
"""Failures of the weak model in a row after which it is left alone.

More than for a repository: a weak answer saves more than a strategy, and providers are
overloaded for seconds at a time."""

BACKGROUND: Final = frozenset({"distill", "replay", "audit"})
"""What no answer waits for; of a lesson that is learned inline that holds too, for its answer
can do without."""


class Safeguards:
    """Timeouts, limits, breakers and counters of one cascade, and of configured copies of it.

    Breakers are always there.  Without timeouts and limits nothing else is: models are
    called as they were given.
    """

    def __init__(
        self,
        *,
        timeouts: Any = None,
        max_concurrency: Any = None,
        weak: Breaker | None = None,
        repository: Breaker | None = None,
        watched: Watching | None = None,
    ) -> None:
        """Set them up; see `Timeouts` and `limits_of`.

        Args:
            timeouts: How long a call may take, by what it is for.
            max_concurrency: How many calls of a model may be in flight at once.
            weak: Leaves a failing weak model alone.
            repository: Leaves a failing repository alone.
            watched: Stands around each model, if somebody watches; see `telemetry`.

        Raises:
            ConfigurationError: One of them cannot be used.
        """
        self._timeouts = timeouts_of(timeouts)
        limits = limits_of(max_concurrency)
        self.slots: Mapping[Pool, Slots] = {
            pool: Slots(limit, of=pool if pool == "distiller" else f"{pool} model")
            for pool, limit in limits.items()
        }
        self.breakers = {
            "weak": weak or Breaker(of="weak model", failures=WEAK_FAILURES),
            "repository": repository or Breaker(of="repository"),
        }
        self.tally = Tally()
        self._watched = watched

    def guard(self, purpose: Purpose, pool: Pool | None = None) -> Guard:
        """Return what a call for `purpose` keeps to; `pool` says of which model it is one."""
        return Guard(
            role=purpose,
            seconds=getattr(self._timeouts, purpose),
            slots=None if pool is None else self.slots.get(pool),
            background=purpose in BACKGROUND,
        )

    def model(
        self, model: Runnable[Any, AIMessage], purpose: Purpose, pool: Pool
    ) -> Runnable[Any, AIMessage]:
        """Return `model` as it is called for `purpose`; itself if there is nothing to keep to."""
        found = guarded(model, self.guard(purpose, pool))
        return found if self._watched is None else self._watched(found, purpose)
