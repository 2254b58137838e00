"""A short circuit breaker: a repository that keeps failing is left alone for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Breaker:
    """Opens after `failures` in a row, and lets one try through after `seconds`.

    Without it every query would wait for the timeout of a repository that is
    down.  Safe to share between threads.
    """

    def __init__(
        self,
        *,
        failures: int = 3,
        seconds: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open after `failures` in a row, for `seconds`."""
        self._failures = failures
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._in_a_row = 0
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
        """Close: the repository works."""
        with self._lock:
            self._in_a_row = 0

    def failed(self) -> None:
        """Count one failure, and open if it was one too many."""
        with self._lock:
            self._in_a_row += 1
            if self._in_a_row >= self._failures:
                self._open_until = self._clock() + self._seconds
