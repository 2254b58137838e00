"""Which span a run has: its nodes, and what is learned from it later, look for it here.

In a graph the nodes run apart from one another, and the state that travels between
them holds JSON only; so the run's id leads to its span.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Final

from opentelemetry.context import Context
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, set_span_in_context

if TYPE_CHECKING:
    from collections.abc import Sequence

OPEN: Final = 10_000
"""Runs that may be at work at once; of more, those that began first are given up.

A graph that is interrupted and never resumed would otherwise stay here for ever."""

REMEMBERED: Final = 10_000
"""Runs that have ended, which something may still be learned from."""


@dataclass(frozen=True, slots=True)
class Open:
    """A run at work.

    Attributes:
        span: Its span.
        began: When, on the performance counter.
    """

    span: Span
    began: float = field(default_factory=perf_counter)

    @property
    def seconds(self) -> float:
        """How long it has been at work."""
        return perf_counter() - self.began


class Runs:
    """The spans of runs, by the runs' ids. Safe to share between threads."""

    def __init__(self, *, limit: int = OPEN, remembered: int = REMEMBERED) -> None:
        """Keep the spans of up to `limit` runs at work, and know of the last so many others."""
        self._limit = limit
        self._remembered = remembered
        self._lock = threading.Lock()
        self._open: OrderedDict[str, Open] = OrderedDict()
        self._known: OrderedDict[str, SpanContext] = OrderedDict()

    def begin(self, run_id: str, run: Open) -> None:
        """Keep a run until it is ended."""
        given_up = []
        with self._lock:
            self._open[run_id] = run
            self._know(run_id, run.span)
            while len(self._open) > self._limit:
                given_up.append(self._open.popitem(last=False)[1])
        for each in given_up:
            each.span.end()

    def end(self, run_id: str) -> Open | None:
        """Return the run for the last time; `None` if it has ended here, or began elsewhere."""
        with self._lock:
            return self._open.pop(run_id, None)

    def within(self, run_id: str) -> Context | None:
        """Return the context of what is part of the run; `None` if it is not known here."""
        with self._lock:
            run = self._open.get(run_id)
            known = self._known.get(run_id)
        if run is not None:
            return set_span_in_context(run.span)
        return None if known is None else set_span_in_context(NonRecordingSpan(known))

    def links(self, run_id: str) -> Sequence[Link]:
        """Return the link from what is learned later to the run, if it is known here."""
        with self._lock:
            known = self._known.get(run_id)
        return [] if known is None or not known.is_valid else [Link(known)]

    def _know(self, run_id: str, span: Span) -> None:
        self._known[run_id] = span.get_span_context()
        self._known.move_to_end(run_id)
        while len(self._known) > self._remembered:
            self._known.popitem(last=False)
