"""What the embedded engine needs now and then, or it grows with every change.

Until it is flushed the engine keeps the place of all that was overwritten, in its files and
in memory, and every change in its log.  Labels and uses overwrite strategies again and
again, so a process that serves for months would fill its disk though it learns nothing new.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from langchain_intercascade.errors import RepositoryError

logger = logging.getLogger(__name__)

FLUSHED_AFTER: Final = 10_000
"""Changes after which the engine is flushed.

Measured with payloads of 1.5 KB: a change keeps 4 KB on disk and 80 bytes of memory until then.
Flushing freezes the process for 0.1 to 0.4 seconds, as the disk goes, so it is to be rare.
"""


class Upkeep:
    """Counts changes, and flushes after so many. Safe to share between threads.

    Examples:
        >>> upkeep = Upkeep(lambda: print("flushed"), every=3)
        >>> upkeep.after(2)
        >>> upkeep.after(2)
        flushed
        >>> upkeep.after(2)
    """

    def __init__(self, flush: Callable[[], None], *, every: int) -> None:
        """Call `flush` after `every` changes, or a few more."""
        self._flush = flush
        self._every = every
        self._changes = 0
        self._lock = threading.Lock()

    def flushed(self) -> None:
        """Note that somebody has flushed: it is not time for long."""
        with self._lock:
            self._changes = 0

    def after(self, changes: int) -> None:
        """Note `changes` that were made, and flush if it is time.

        What was made stands, whether or not it can be flushed; if not, it is tried again after
        as many changes.
        """
        with self._lock:
            self._changes += changes
            if self._changes < self._every:
                return
            self._changes = 0
        try:
            self._flush()
        except RepositoryError as error:
            told = type(error.__cause__ or error).__name__
            logger.warning(
                "The embedded repository could not be flushed (%s); it goes on growing.",
                told,
                extra={"event": "flush_failed", "error": told},
            )
