"""This is where what a cascade does becomes OpenTelemetry's spans and metrics.

    invoke_agent inter_cascade              a run
        retrieve_strategies                 a node
        weak_generate
            chat gpt-4o-mini                a call of a model
        confidence_gate
        ...
    learn_strategy -> link to the run       the background: a lesson, an audit
        chat gpt-4o

Only a span's type of error is told, and only the ids of strategies: no content.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args

from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, set_span_in_context

from langchain_intercascade.costs import provider_of
from langchain_intercascade.equipment import is_cascade
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.models import name_of
from langchain_intercascade.record import versions
from langchain_intercascade.resilience.guarded_model import GuardedModel
from langchain_intercascade.resilience.tally import FIRST, is_last
from langchain_intercascade.telemetry import names
from langchain_intercascade.telemetry.attributes import (
    Attributes,
    Tenants,
    known,
    of_node,
    of_run,
    tenant_attribute,
)
from langchain_intercascade.telemetry.calls import Calls, failing
from langchain_intercascade.telemetry.gauges import Gauges
from langchain_intercascade.telemetry.inside import inside
from langchain_intercascade.telemetry.instruments import Instruments
from langchain_intercascade.telemetry.names import OURS
from langchain_intercascade.telemetry.runs import Open, Runs

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from langchain_intercascade._steps import Steps
    from langchain_intercascade.costs import Prices
    from langchain_intercascade.learning.lesson import Learned
    from langchain_intercascade.record import DecisionRecord
    from langchain_intercascade.resilience.safeguards import Purpose
    from langchain_intercascade.state import Body, CascadeState, Run, Update
    from langchain_intercascade.strategy import Strategy
    from langchain_intercascade.telemetry.observer import Watched

T = TypeVar("T")

ABANDONED = "abandoned"
"""What counts as the error of a run for which nobody waits any more."""


class OpenTelemetry:
    """Watches cascades, and tells OpenTelemetry what they do: spans and metrics, no content.

    Examples:
        >>> from langchain_intercascade import InterCascade
        >>> from langchain_intercascade.testing import ScriptedChatModel
        >>> weak, strong = ScriptedChatModel(replies=["four"]), ScriptedChatModel(replies=["4"])
        >>> with InterCascade(weak=weak, strong=strong, telemetry=OpenTelemetry()) as cascade:
        ...     cascade.invoke("What is 2 + 2?").content
        'four'

    Nothing is exported unless the application has set up OpenTelemetry's SDK.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        name: str = "inter_cascade",
        tenants: Tenants = "hashed",
        key: str = "",
    ) -> None:
        """Tell the providers given; the global ones if `None`.

        Args:
            tracer_provider: Takes the spans.
            meter_provider: Takes the metrics.
            name: What the cascade is called, for whoever runs several.
            tenants: Whether spans say whose run it is: by a hash, by name, or not at all.
                Metrics never do.
            key: Makes the hash one that cannot be had by hashing likely names.

        Raises:
            ConfigurationError: `tenants` is none of the three.
        """
        if tenants not in get_args(Tenants):
            msg = f"tenants={tenants!r} must be one of {', '.join(map(repr, get_args(Tenants)))}."
            raise ConfigurationError(msg)
        version = versions()["package"]
        self._tracer = trace.get_tracer(names.SCOPE, version, tracer_provider)
        meter = metrics.get_meter(names.SCOPE, version, meter_provider)
        self._instruments = Instruments(meter, name)
        self._gauges = Gauges.of(meter_provider, version)
        self._name = name
        self._runs = Runs()
        self._tenants: Tenants = tenants
        self._key = key
        self._what = {names.OPERATION: names.INVOKE, names.AGENT: name, names.PROVIDER: names.SELF}
        self._version = {names.AGENT_VERSION: version}

    # What is watched.

    def node(self, name: str, body: Body) -> Body:
        """Return the body of the node `name`, inside a span; the first one begins the run."""

        def watched(state: CascadeState, run: Run) -> Steps[Update]:
            whole = self._beginning(run) if name == FIRST else None
            # What a thread still holds of its turn before is no part of this run.
            before = None if whole else state["record"]
            within = self._within(whole, before)
            span = self._tracer.start_span(name, context=within)
            update: Update | None = None
            error: BaseException | None = None
            try:
                update = yield from inside(set_span_in_context(span), body(state, run))
            except BaseException as failed:
                error = failed
                failing(span, failed)
                raise
            finally:
                record = (update or {}).get("record") or before
                self._end_node(name, span, whole, record, error)
            return update

        return watched

    def model(
        self, model: Runnable[Any, AIMessage], purpose: Purpose, *, prices: Prices
    ) -> Runnable[Any, AIMessage]:
        """Return `model` with a span around each call.

        One that is a cascade itself is returned as it is: its own telemetry tells of its models.
        """
        if is_cascade(model):
            return model
        calls = Calls(
            model=name_of(model),
            provider=names.provider(provider_of(model)),
            purpose=purpose,
            name=self._name,
            tracer=self._tracer,
            instruments=self._instruments,
            prices=prices,
        )
        return cast("Runnable[Any, AIMessage]", GuardedModel(bound=model, guard=calls))

    def lesson(
        self, learn: Callable[[Strategy], Steps[Learned]]
    ) -> Callable[[Strategy], Steps[Learned]]:
        """Return the steps that learn a lesson, inside a span that is linked to its run."""

        def watched(pending: Strategy) -> Steps[Learned]:
            told = {f"{OURS}lesson.id": pending.id, **self._whose(pending.tenant)}
            span = self._later("learn_strategy", pending.origin.run_id, told)
            outcome = "failed"
            try:
                learned = yield from inside(set_span_in_context(span), learn(pending))
                outcome = learned.verdict
                span.set_attributes(known({f"{OURS}cost": learned.cost}))
            except BaseException as error:
                failing(span, error)
                raise
            finally:
                span.set_attribute(f"{OURS}lesson.outcome", outcome)
                span.end()
                self._instruments.learned(outcome, "background")
            return learned

        return watched

    def work(self, what: str, run_id: str, steps: Steps[T]) -> Steps[T]:
        """Run `steps` inside a span that is linked to the run that they are about."""
        span = self._later(what, run_id, {})
        try:
            return (yield from inside(set_span_in_context(span), steps))
        except BaseException as error:
            failing(span, error)
            raise
        finally:
            span.end()

    def watch(self, cascade: Watched) -> None:
        """Show how `cascade` stands whenever metrics are collected, for as long as it lives."""
        self._gauges.watch(cascade, self._name)

    # How it is told.

    def _beginning(self, run: Run) -> Open:
        span = self._tracer.start_span(
            f"{names.INVOKE} {self._name}",
            kind=SpanKind.INTERNAL,
            attributes={**self._what, **self._version, **self._whose(run.tenant)},
        )
        return Open(span)

    def _within(self, whole: Open | None, record: DecisionRecord | None) -> Context | None:
        """Return the context of a node: that of its run, if that is known here."""
        if whole is not None:
            return set_span_in_context(whole.span)
        return None if record is None else self._runs.within(record["run_id"])

    def _end_node(
        self,
        name: str,
        span: Span,
        whole: Open | None,
        record: DecisionRecord | None,
        error: BaseException | None,
    ) -> None:
        if record is not None and error is None and span.is_recording():
            span.set_attributes(of_node(name, record))
        span.end()
        if whole is not None and record is not None:
            self._runs.begin(record["run_id"], whole)
        if error is None and (record is None or not is_last(name, record)):
            return
        ended = self._runs.end(record["run_id"]) if record is not None else whole
        if ended is not None:
            self._end_run(ended, record, error)

    def _end_run(
        self, run: Open, record: DecisionRecord | None, error: BaseException | None
    ) -> None:
        if record is not None and run.span.is_recording():
            run.span.set_attributes(of_run(record))
        if error is not None:
            failing(run.span, error)
            kind = type(error).__name__ if isinstance(error, Exception) else ABANDONED
            self._instruments.failed(self._what, kind, run.seconds)
        elif record is not None:
            self._instruments.answered(record, self._what, run.seconds)
        run.span.end()

    def _later(self, what: str, run_id: str, told: Attributes) -> Span:
        """Return the span of background work: a trace of its own, linked to the run."""
        about = {f"{OURS}run_id": run_id} if run_id else {}
        return self._tracer.start_span(
            what, context=Context(), links=self._runs.links(run_id), attributes={**about, **told}
        )

    def _whose(self, tenant: str) -> Attributes:
        return tenant_attribute(tenant, self._tenants, self._key)
