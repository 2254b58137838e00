"""What Prometheus reads: how the requests went, and how the cascade stands.

The requests are counted as they come; all about the cascade is read off its own counters when
somebody asks, so it costs a request nothing. No figure names a tenant or quotes a text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_intercascade.chat_model import InterCascade
    from langchain_intercascade.costs import Spending
    from langchain_intercascade.resilience.tally import CascadeStats

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_LESSONS: Final = ("stored", "candidates", "merged", "rejected", "parked", "errors")


class Metrics:
    """The figures of one gateway."""

    def __init__(self, cascade: InterCascade) -> None:
        """Read what is about the cascade off `cascade`."""
        self._registry = CollectorRegistry()
        self._registry.register(_OfCascade(cascade))
        more: Mapping[str, Any] = {"registry": self._registry, "namespace": "intercascade"}
        self._requests = Counter("requests", "Requests, by status.", ("path", "status"), **more)
        self._seconds = Histogram(
            "request_seconds", "Until the end of the answer.", ("path",), buckets=_SECONDS, **more
        )
        self.inside = Gauge("requests_in_flight", "Completions under way.", **more)

    def note(self, path: str, status: int, seconds: float) -> None:
        """Count a request that has ended."""
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def text(self) -> bytes:
        """Return all of them as Prometheus reads them."""
        return generate_latest(self._registry)


class _OfCascade(Collector):
    """Reads the counters of a cascade whenever somebody looks."""

    def __init__(self, cascade: InterCascade) -> None:
        self._cascade = cascade

    def describe(self) -> Iterator[Metric]:
        """Describe nothing in advance: what there is depends on what has happened."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Yield the figures as they are now."""
        stats, spent = self._cascade.stats(), self._cascade.spending()
        yield from _runs(stats)
        yield from _standing(stats)
        yield from _money(spent)


def _runs(stats: CascadeStats) -> Iterator[Metric]:
    answers = _counter("answers", "Answers, by who gave them.", "route")
    answers.add_metric(["weak"], stats.accepted)
    answers.add_metric(["strong"], stats.deferred)
    yield answers
    reasons = _counter("reasons", "Answers, by why they were accepted or deferred.", "reason")
    for reason, count in stats.reasons.items():
        reasons.add_metric([reason], count)
    yield reasons
    faults = _counter("faults", "Faults, survived or not.", "where", "error")
    for where, kinds in stats.faults.items():
        for kind, count in kinds.items():
            faults.add_metric([where, kind], count)
    yield faults
    yield CounterMetricFamily("intercascade_degraded", "Weak for strong answers.", stats.degraded)
    yield CounterMetricFamily("intercascade_failed", "Runs without an answer.", stats.failed)


def _standing(stats: CascadeStats) -> Iterator[Metric]:
    lessons = _counter("lessons", "Lessons, by what became of them.", "outcome")
    told = asdict(stats.lessons)
    for outcome in _LESSONS:
        lessons.add_metric([outcome], told[outcome])
    yield lessons
    waiting = stats.lessons.waiting
    yield GaugeMetricFamily("intercascade_lessons_waiting", "Lessons that wait.", waiting)
    breakers = _gauge("breaker_open", "Whether a collaborator is left alone.", "of")
    for name, breaker in stats.breakers.items():
        breakers.add_metric([name], breaker.circuit != "closed")
    yield breakers
    slots = _gauge("slots_in_flight", "Calls of a model that has a limit.", "model")
    for name, busy in stats.slots.items():
        slots.add_metric([name], busy.in_flight)
    yield slots
    promise = _gauge("promise", "How the promise of target_risk stands.", "regime", "standing")
    for regime, standing in stats.promise.items():
        promise.add_metric([regime, standing], 1)
    yield promise


def _money(spent: Spending) -> Iterator[Metric]:
    tokens = _counter("tokens", "Tokens, lessons included.", "role", "direction")
    dollars = _counter("cost_dollars", "Dollars, lessons included.", "role")
    for role, use in spent.by_role.items():
        for direction, count in (("read", use["input_tokens"]), ("written", use["output_tokens"])):
            if count is not None:
                tokens.add_metric([role, direction], count)
        if use["cost"] is not None:  # what is unknown is absent, never 0
            dollars.add_metric([role], use["cost"])
    yield tokens
    yield dollars
    always = CounterMetricFamily(
        "intercascade_always_strong_dollars", "What the strong model alone would have cost."
    )
    if spent.always_strong_cost is not None:
        always.add_metric([], spent.always_strong_cost)
    yield always


def _counter(name: str, about: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(f"intercascade_{name}", about, labels=labels)


def _gauge(name: str, about: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"intercascade_{name}", about, labels=labels)
