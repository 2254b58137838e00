"""How long a step holds up the event loop, and how much of it the garbage collector takes."""

from __future__ import annotations

import gc
import time
from asyncio import events
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import get_ident


@dataclass(slots=True)
class Steps:
    """The steps that an event loop has taken, by their processor time in milliseconds.

    A step is what runs between two chances for others; while it runs, nobody else does.

    Attributes:
        longest: The longest one, without what the garbage collector took in it.
        longest_collecting: The longest one, with that.
        total: All together, with that.
        collecting: What the collector took in them.
    """

    longest: float = 0.0
    longest_collecting: float = 0.0
    total: float = 0.0
    collecting: float = 0.0

    def note(self, spent: float, collected: float) -> None:
        """Count one more step, and what the collector took in it."""
        self.longest = max(self.longest, spent - collected)
        self.longest_collecting = max(self.longest_collecting, spent)
        self.total += spent
        self.collecting += collected


@contextmanager
def watched_steps() -> Iterator[Steps]:
    """Note every step of the event loops in this thread."""
    steps, collector = Steps(), _Collector()
    plain = events.Handle._run  # noqa: SLF001 - there is no other place that sees every step

    def timed(handle: events.Handle) -> None:
        before, began = collector.spent, _now()
        plain(handle)
        steps.note(_now() - began, collector.spent - before)

    gc.callbacks.append(collector)
    events.Handle._run = timed  # type: ignore[assignment,method-assign]  # noqa: SLF001 - put back below
    try:
        yield steps
    finally:
        events.Handle._run = plain  # type: ignore[method-assign]  # noqa: SLF001
        gc.callbacks.remove(collector)


class _Collector:
    """Sums up what the collector takes in this thread, told by `gc.callbacks`."""

    def __init__(self) -> None:
        self.spent = 0.0
        self._thread, self._began = get_ident(), 0.0

    def __call__(self, phase: str, _: object) -> None:
        if get_ident() != self._thread:
            return
        if phase == "start":
            self._began = _now()
        else:
            self.spent += _now() - self._began


def _now() -> float:
    return 1000 * time.thread_time()
