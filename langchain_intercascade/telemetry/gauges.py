"""The metrics that are looked at when somebody collects: how cascades stand now."""

from __future__ import annotations

import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final, TypeAlias, get_args

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation

from langchain_intercascade.resilience.breaker import Circuit
from langchain_intercascade.telemetry.names import AGENT, OURS, SCOPE
from langchain_intercascade.threshold.watch import Standing

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter

    from langchain_intercascade.resilience.safeguards import Safeguards
    from langchain_intercascade.resilience.tally import CascadeStats
    from langchain_intercascade.telemetry.observer import Watched

Point: TypeAlias = "tuple[tuple[tuple[str, str], ...], float]"
"""Attributes, in a form that can be added up by, and a number."""


class Gauges:
    """Looks at cascades, keeps none of them alive, and adds up over those of one name.

    Configured copies of a cascade share its counters, so that the first one speaks for them.
    """

    @classmethod
    def of(cls, provider: MeterProvider | None, version: str) -> Gauges:
        """Return the gauges of `provider`, of the global one if `None`.

        There is one for each: of instruments made twice, OpenTelemetry asks only the first.
        """
        if provider is metrics.get_meter_provider():
            provider = None
        with _LOCK:
            made = _GLOBAL if provider is None else _MADE.setdefault(provider, [])
            if not made:
                made.append(cls(metrics.get_meter(SCOPE, version, provider)))
            return made[0]

    def __init__(self, meter: Meter) -> None:
        """Make the instruments with `meter`."""
        self._lock = threading.Lock()
        self._watched: weakref.WeakKeyDictionary[Safeguards, tuple[str, weakref.ref[Watched]]] = (
            weakref.WeakKeyDictionary()
        )
        made = meter.create_observable_up_down_counter
        made(f"{OURS}runs.in_flight", [self._by(_in_flight)], "{run}", "Runs at work in a node.")
        made(
            f"{OURS}breakers",
            [self._by(_breakers)],
            "{breaker}",
            "Circuit breakers, by how they stand.",
        )
        made(f"{OURS}slots.waiting", [self._by(_waiting)], "{call}", "Calls waiting for a slot.")
        made(f"{OURS}slots.in_flight", [self._by(_slots_used)], "{call}", "Calls that hold one.")
        made(f"{OURS}slots.limit", [self._by(_limits)], "{call}", "Calls that may hold one.")
        made(f"{OURS}lessons.waiting", [self._by(_lessons)], "{lesson}", "Lessons waiting.")
        made(
            f"{OURS}promises",
            [self._by(_promises)],
            "{promise}",
            "Promises of target_risk, by regime and by how they stand.",
        )
        meter.create_observable_gauge(
            f"{OURS}deferral.share",
            [self._share],
            "1",
            "Share of the answers since the start that were deferred.",
        )

    def watch(self, cascade: Watched, name: str) -> None:
        """Look at `cascade` too, which is called `name`, for as long as it lives."""
        with self._lock:
            self._watched.setdefault(cascade.safeguards, (name, weakref.ref(cascade)))

    def _stats(self) -> list[tuple[str, CascadeStats]]:
        with self._lock:
            alive = [(name, cascade()) for name, cascade in self._watched.values()]
        return [(name, each.stats()) for name, each in alive if each is not None]

    def _by(
        self, points: Callable[[CascadeStats], Iterator[Point]]
    ) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def observed(_: CallbackOptions) -> Iterable[Observation]:
            sums: Counter[tuple[tuple[str, str], ...]] = Counter()
            for name, stats in self._stats():
                for attributes, number in points(stats):
                    sums[(AGENT, name), *attributes] += int(number)
            return [Observation(number, dict(attributes)) for attributes, number in sums.items()]

        return observed

    def _share(self, _: CallbackOptions) -> Iterable[Observation]:
        deferred: Counter[str] = Counter()
        answers: Counter[str] = Counter()
        for name, stats in self._stats():
            deferred[name] += stats.deferred
            answers[name] += stats.deferred + stats.accepted
        return [
            Observation(deferred[name] / answers[name], {AGENT: name})
            for name in answers
            if answers[name]
        ]


_LOCK: Final = threading.Lock()
_GLOBAL: Final[list[Gauges]] = []
_MADE: Final[weakref.WeakKeyDictionary[MeterProvider, list[Gauges]]] = weakref.WeakKeyDictionary()


def _in_flight(stats: CascadeStats) -> Iterator[Point]:
    yield (), stats.in_flight


def _breakers(stats: CascadeStats) -> Iterator[Point]:
    for name, breaker in stats.breakers.items():
        for circuit in get_args(Circuit):
            here = ((f"{OURS}breaker", name), (f"{OURS}circuit", circuit))
            yield here, breaker.circuit == circuit


def _waiting(stats: CascadeStats) -> Iterator[Point]:
    for pool, slots in stats.slots.items():
        yield ((f"{OURS}pool", pool),), slots.waiting


def _slots_used(stats: CascadeStats) -> Iterator[Point]:
    for pool, slots in stats.slots.items():
        yield ((f"{OURS}pool", pool),), slots.in_flight


def _limits(stats: CascadeStats) -> Iterator[Point]:
    for pool, slots in stats.slots.items():
        yield ((f"{OURS}pool", pool),), slots.limit


def _lessons(stats: CascadeStats) -> Iterator[Point]:
    yield (), stats.lessons.waiting


def _promises(stats: CascadeStats) -> Iterator[Point]:
    for regime, standing in stats.promise.items():
        for each in get_args(Standing):
            yield ((f"{OURS}regime", regime), (f"{OURS}promise", each)), standing == each
