"""OpenTelemetry's own in-memory exporters in place of a collector."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="needs the extra [otel] and OpenTelemetry's SDK")

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from langchain_intercascade.telemetry.otel import OpenTelemetry


class Told:
    """What was exported, in forms that are easily compared."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self._reader = InMemoryMetricReader()
        self.meters = MeterProvider([self._reader])

    def telemetry(self, **options: Any) -> OpenTelemetry:
        """Return telemetry that is told of here."""
        return OpenTelemetry(tracer_provider=self.tracers, meter_provider=self.meters, **options)

    def spans(self, name: str = "") -> list[ReadableSpan]:
        """Return the spans that have ended, in the order of their beginnings."""
        found = [s for s in self._exporter.get_finished_spans() if name in ("", s.name)]
        return sorted(found, key=lambda span: span.start_time or 0)

    def span(self, name: str) -> ReadableSpan:
        """Return the one span of that name."""
        (found,) = self.spans(name)
        return found

    def tree(self) -> list[str]:
        """Return every span's path from the root, in the order of their beginnings."""
        by_id = {span.context.span_id: span for span in self.spans()}

        def path(span: ReadableSpan) -> str:
            above = by_id.get(span.parent.span_id) if span.parent else None
            return span.name if above is None else f"{path(above)} > {span.name}"

        return [path(span) for span in self.spans()]

    def points(self) -> Iterator[tuple[str, dict[str, Any], Any]]:
        """Yield name, attributes and value of every figure; of histograms, count and sum."""
        data = self._reader.get_metrics_data()
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    for point in metric.data.data_points:
                        kept: Any = point
                        is_sum = hasattr(kept, "value")
                        value = kept.value if is_sum else (kept.count, kept.sum)
                        yield metric.name, dict(kept.attributes), value

    def figure(self, name: str, **attributes: str) -> float:
        """Return the sum of a metric over all attributes but those given, of our own namespace."""
        wanted = {f"inter_cascade.{key}": value for key, value in attributes.items()}
        return sum(
            float(value[1] if isinstance(value, tuple) else value)
            for metric, found, value in self.points()
            if metric == name and wanted.items() <= found.items()
        )

    def everything(self) -> str:
        """Return all that was exported, as one text."""
        spans = [span.to_json() for span in self.spans()]
        return "\n".join([*spans, *map(repr, self.points())])


@pytest.fixture
def told() -> Told:
    return Told()
