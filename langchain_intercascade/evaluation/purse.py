"""This is where a run's money is counted, and where it is stopped before it costs too much."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Final

from langchain_intercascade.errors import ConfigurationError

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage

    from langchain_intercascade.costs import Prices

CEILING: Final = "the cost ceiling was reached"
INTERRUPTED: Final = "it was interrupted"


class StoppedError(ConfigurationError):
    """No more calls are to be made; what is under way is given up, not answered some other way."""


class Purse:
    """Counts what calls cost, and says whether one more may be made. Threads may share it."""

    def __init__(
        self, prices: Prices, *, ceiling: float | None = None, concurrency: int = 1
    ) -> None:
        """Begin with nothing spent.

        Args:
            prices: What the calls cost.
            ceiling: Dollars that may be spent in all.
            concurrency: How many calls may be under way at once.
        """
        self._prices, self._ceiling, self._concurrency = prices, ceiling, concurrency
        self._lock = threading.Lock()
        self._costs: list[float] = []
        self._dearest = 0.0
        self._unpriced = ""
        self._stopped = ""

    @property
    def spent(self) -> float | None:
        """Dollars spent so far; `None` if some price is unknown."""
        with self._lock:
            return None if self._unpriced else math.fsum(self._costs)

    @property
    def stopped(self) -> str:
        """Why no more calls are to be made; empty if they may."""
        return self._stopped

    def stop(self, why: str) -> None:
        """Let no more calls be made; the first reason is kept."""
        self._stopped = self._stopped or why

    def allow(self) -> None:
        """Return if one more call may be made.

        Raises:
            StoppedError: It might go beyond the ceiling, judging by the dearest so far, or
                the run was stopped.
            ConfigurationError: There is a ceiling, and a model has no known price.
        """
        if self._stopped:
            raise StoppedError(self._stopped)
        if self._ceiling is None:
            return
        spent = self.spent
        if spent is None:
            msg = (
                f"--max-cost cannot be kept: {self._unpriced} has no known price. Give it with "
                f"--price {self._unpriced}=INPUT,OUTPUT, or leave the ceiling out."
            )
            raise ConfigurationError(msg)
        if spent + self._concurrency * self._dearest > self._ceiling or spent >= self._ceiling:
            self.stop(CEILING)
            raise StoppedError(CEILING)

    def paid(self, message: AIMessage, model: str) -> None:
        """Count the call of `model` whose reply is `message`."""
        cost = self._prices.cost(message)
        with self._lock:
            if cost is None:
                told = message.response_metadata
                self._unpriced = str(told.get("model_name") or told.get("model") or model)
                return
            self._costs.append(cost)
            self._dearest = max(self._dearest, cost)
