"""A circuit breaker: whoever keeps failing is left alone for a while."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

logger = logging.getLogger(__name__)

Circuit: TypeAlias = Literal["closed", "open", "half_open"]

LONGEST: Final = 300.0
"""Seconds of rest at most, however long a service asks to be left alone."""


@dataclass(frozen=True, slots=True)
class BreakerState:
    """How a breaker stands.

    Attributes:
        circuit: `"closed"` while all is well, `"open"` while nobody is asked, `"half_open"` once
            the rest is over and the next request will be a probe.
        in_a_row: Failures since the last success.
        opened: How often it has opened.
    """

    circuit: Circuit
    in_a_row: int
    opened: int


class Breaker:
    """Opens after `failures` in a row, and lets one try through after `seconds`.

    Without it every query would wait for the timeout of somebody who is down.
    Safe to share between threads.
    """

    def __init__(
        self,
        *,
        of: str = "repository",
        failures: int = 3,
        seconds: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open after `failures` in a row, for `seconds`; `of` names who is asked, for the log."""
        self._of = of
        self._failures = failures
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._in_a_row = 0
        self._opened = 0
        self._open_until = 0.0

    def allows(self) -> bool:
        """Say whether the next request may be tried.

        Examples:
            >>> now = 0.0
            >>> breaker = Breaker(failures=1, seconds=30, clock=lambda: now)
            >>> breaker.failed()
            >>> breaker.allows()
            False
            >>> now = 31.0
            >>> breaker.allows(), breaker.allows()
            (True, False)
        """
        with self._lock:
            if self._in_a_row < self._failures:
                return True
            if self._clock() < self._open_until:
                return False
            # Half open: this caller probes, the others wait for its verdict.
            self._open_until = self._clock() + self._seconds
            return True

    def succeeded(self) -> None:
        """Close: it works."""
        with self._lock:
            self._in_a_row = 0

    def failed(self, error: BaseException | None = None, *, rest: float = 0.0) -> None:
        """Count one failure, and open if it was one too many.

        Args:
            error: What was raised, whose type is told in the log; `None` if nothing was.
            rest: Seconds for which it has asked to be left alone; up to `LONGEST` of them are
                granted, if they are more than the breaker's own.
        """
        with self._lock:
            self._in_a_row += 1
            if self._in_a_row < self._failures:
                return
            resting = max(self._seconds, min(rest, LONGEST))
            self._open_until = self._clock() + resting
            opening = self._in_a_row == self._failures
            self._opened += opening
        if opening:  # failed probes are not told of again
            told = "unknown" if error is None else type(error).__name__
            logger.warning(
                "The %s failed %d times in a row, at last with %s. It is left alone for %.0f "
                "seconds, and then tried once at a time until it works.",
                self._of,
                self._failures,
                told,
                resting,
                extra={
                    "event": "breaker_opened",
                    "breaker": self._of,
                    "seconds": resting,
                    "error": told,
                },
            )

    def state(self) -> BreakerState:
        """Return how it stands, without asking for leave."""
        with self._lock:
            if self._in_a_row < self._failures:
                circuit: Circuit = "closed"
            else:
                circuit = "open" if self._clock() < self._open_until else "half_open"
            return BreakerState(circuit, self._in_a_row, self._opened)
