"""The seam: what whoever watches a cascade may stand around, and is told.

Everything is wrapped once, when the cascade is put together.  A cascade that nobody
watches has nothing around it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from langchain_intercascade.errors import ConfigurationError

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable

    from langchain_intercascade._steps import Steps
    from langchain_intercascade.costs import Prices
    from langchain_intercascade.learning.lesson import Learned
    from langchain_intercascade.resilience.safeguards import Purpose, Safeguards
    from langchain_intercascade.resilience.tally import CascadeStats
    from langchain_intercascade.state import Body
    from langchain_intercascade.strategy import Strategy

T = TypeVar("T")


class Watched(Protocol):
    """A cascade, as far as it can be looked at from outside."""

    @property
    def safeguards(self) -> Safeguards:
        """Its breakers, limits and counters, which configured copies of it share."""

    def stats(self) -> CascadeStats:
        """Return what it has done so far."""


@runtime_checkable
class Observer(Protocol):
    """Whoever watches a cascade.

    What it returns does what was given, sees the same values, and raises the same errors and no
    others.
    """

    def node(self, name: str, body: Body) -> Body:
        """Return the body of the node `name`, watched."""

    def model(
        self, model: Runnable[Any, AIMessage], purpose: Purpose, *, prices: Prices
    ) -> Runnable[Any, AIMessage]:
        """Return `model`, as it is asked for `purpose`, watched; `prices` say what it costs."""

    def lesson(
        self, learn: Callable[[Strategy], Steps[Learned]]
    ) -> Callable[[Strategy], Steps[Learned]]:
        """Return the steps that learn a pending lesson in the background, watched."""

    def work(self, what: str, run_id: str, steps: Steps[T]) -> Steps[T]:
        """Return other `steps` in the background, watched; `run_id` is empty if of no one run."""

    def watch(self, cascade: Watched) -> None:
        """Look at `cascade` from time to time, for as long as it lives."""


def observer_of(given: Any) -> Observer | None:
    """Return `given` as an observer; `None` if nobody watches.

    Raises:
        ConfigurationError: It is something else.
    """
    if given is None or isinstance(given, Observer):
        return given
    msg = (
        f"telemetry={given!r} cannot watch a cascade: give it "
        "`langchain_intercascade.OpenTelemetry()`, from the extra [otel], or None."
    )
    raise ConfigurationError(msg)
