"""What a run looks like in a trace, in every front and both colours."""

from __future__ import annotations

import asyncio
import gc

import pytest
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from langchain_intercascade import (
    ConfigurationError,
    InterCascade,
    StrongModelError,
    create_inter_cascade,
)
from langchain_intercascade.testing import Reply, ScriptedChatModel
from tests.cascades import QUERY, SURE, Host, cascade_of, strong_model, weak_model
from tests.conftest import Colour
from tests.unit_tests.telemetry.conftest import Told

RUN = "invoke_agent inter_cascade"
DEFERRED = [
    RUN,
    f"{RUN} > retrieve_strategies",
    f"{RUN} > weak_generate",
    f"{RUN} > weak_generate > chat weak-model",
    f"{RUN} > confidence_gate",
    f"{RUN} > strong_generate",
    f"{RUN} > strong_generate > chat strong-model",
    f"{RUN} > distill_strategy",
    f"{RUN} > distill_strategy > chat strong-model",
    f"{RUN} > store",
]

UNTAUGHT = [path for path in DEFERRED if "distill_strategy >" not in path]


def test_a_run_is_one_trace(host: Host, told: Told) -> None:
    """A deferral ends with its last node, an accepted answer with the gate."""
    weak = weak_model(Reply("maybe six", logprob=-2.0), Reply("five", logprob=SURE))
    with cascade_of(weak, telemetry=told.telemetry()) as cascade:
        host.ask(cascade)
        _, record = host.ask(cascade)
    accepted, used = told.spans(RUN)[1], record["strategies"][0]

    # In a deferral the learner may ask the weak model again, to judge what was shown.
    assert [*DEFERRED, *DEFERRED[:5]] == [path for path in told.tree() if "replay" not in path]
    assert accepted.attributes is not None
    assert accepted.attributes["inter_cascade.run_id"] == record["run_id"]
    assert accepted.attributes["inter_cascade.route"] == "weak"
    assert accepted.attributes["inter_cascade.reason"] == "accepted"
    assert accepted.attributes["inter_cascade.confidence"] == record["confidence"]
    assert accepted.attributes["inter_cascade.strategies.ids"] == (used["id"],)


def test_a_streamed_run_is_one_trace_and_the_consumer_is_outside_of_it(
    colour: Colour, told: Told
) -> None:
    """Between two pieces the thread is the consumer's, and so is the current span."""
    seen: list[trace.Span] = []

    def pulled() -> None:
        seen.extend(trace.get_current_span() for _ in cascade.stream(QUERY))

    async def apulled() -> None:
        seen.extend([trace.get_current_span() async for _ in cascade.astream(QUERY)])

    with cascade_of(telemetry=told.telemetry()) as cascade:
        colour.run(pulled, apulled)
    attributes = told.spans("chat strong-model")[0].attributes or {}

    assert told.tree() == DEFERRED
    assert len(seen) > 2
    assert {trace.INVALID_SPAN} == set(seen)
    assert attributes["gen_ai.request.stream"] is True
    assert float(str(attributes["gen_ai.response.time_to_first_chunk"])) > 0


def test_a_call_says_who_was_asked_and_what_it_took(told: Told) -> None:
    with cascade_of(
        telemetry=told.telemetry(), learning="off", prices={"weak-model": (1, 2)}
    ) as cascade:
        record = cascade.invoke(QUERY).response_metadata["inter_cascade"]
    span, use = told.span("chat weak-model"), record["usage"]["weak"]

    assert span.kind is SpanKind.CLIENT
    assert dict(span.attributes or {}) == {
        "gen_ai.agent.name": "inter_cascade",
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "scripted",
        "gen_ai.request.model": "weak-model",
        "gen_ai.response.model": "weak-model",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": use["input_tokens"],
        "gen_ai.usage.output_tokens": use["output_tokens"],
        "inter_cascade.cost": use["cost"],
        "inter_cascade.role": "weak",
    }


def test_whoever_is_called_is_inside_the_call(host: Host, told: Told) -> None:
    """Spans of HTTP clients and of engines so become children of the right one."""
    current: list[str] = []

    def respond(_: list[BaseMessage]) -> str:
        current.append(getattr(trace.get_current_span(), "name", ""))
        return "six"

    weak = ScriptedChatModel(respond=respond, model_name="weak-model")
    with cascade_of(weak, telemetry=told.telemetry(), timeouts={"weak": 30}) as cascade:
        host.ask(cascade)

    assert current[0] == "chat weak-model"


def test_a_run_inside_a_span_of_the_caller_is_its_child(colour: Colour, told: Told) -> None:
    requested = told.tracers.get_tracer("the application").start_as_current_span
    messages = {"messages": [("human", QUERY)]}

    def asked() -> None:
        with requested("request"):
            cascade.invoke(QUERY)
            cascade.graph.invoke(messages)

    async def aasked() -> None:
        with requested("request"):
            await cascade.ainvoke(QUERY)
            await cascade.graph.ainvoke(messages)

    with cascade_of(telemetry=told.telemetry(), learning="off", k=0) as cascade:
        colour.run(asked, aasked)

    inside = [f"request > {path}" for path in UNTAUGHT]
    assert told.tree() == ["request", *inside, *inside]


def test_learning_in_the_background_is_linked_to_its_run(colour: Colour, told: Told) -> None:
    """Lessons and audits are traces of their own: the run is over when they begin."""
    weak = weak_model(Reply("maybe six", logprob=-2.0), Reply("five", logprob=SURE))
    with cascade_of(
        weak, telemetry=told.telemetry(), learning="background", audit_rate=1.0, k=0
    ) as cascade:
        for _ in range(2):
            colour.invoke(cascade, QUERY)
            cascade.flush()
    runs = told.spans(RUN)

    for name, run, role in (("learn_strategy", runs[0], "distill"), ("audit", runs[1], "audit")):
        span = told.span(name)
        assert span.parent is None
        assert [link.context for link in span.links] == [run.context]
        assert (span.attributes or {})["inter_cascade.run_id"] == (run.attributes or {})[
            "inter_cascade.run_id"
        ]
        inside = [s for s in told.spans() if s.parent and s.parent.span_id == span.context.span_id]
        assert role in [(each.attributes or {})["inter_cascade.role"] for each in inside]


def test_a_failure_is_told_by_its_type(host: Host, told: Told) -> None:
    """Of the call, of the node and of the run; what was survived fails the call only."""
    weak = weak_model(ConnectionError("down"))
    with (
        cascade_of(weak, strong_model(TimeoutError("late")), telemetry=told.telemetry()) as cascade,
        pytest.raises(StrongModelError),
    ):
        host.ask(cascade)
    types = {s.name: (s.attributes or {}).get("error.type") for s in told.spans()}
    failed = {s.name for s in told.spans() if s.status.status_code is StatusCode.ERROR}

    assert types["chat weak-model"] == "ConnectionError"
    assert types["weak_generate"] is None
    assert types["chat strong-model"] == "TimeoutError"
    assert types["strong_generate"] == types[RUN] == "StrongModelError"
    assert failed == {"chat weak-model", "chat strong-model", "strong_generate", RUN}
    assert told.figure("inter_cascade.runs", route="none") == 1


def test_a_stream_that_nobody_reads_to_its_end_is_abandoned(colour: Colour, told: Told) -> None:
    """Not an error, and nothing is left open."""

    def left() -> None:
        pieces = cascade.stream(QUERY)
        next(pieces)
        pieces.close()  # type: ignore[attr-defined]  # a generator

    async def aleft() -> None:
        pieces = cascade.astream(QUERY)
        await anext(pieces)
        await pieces.aclose()  # type: ignore[attr-defined]  # an asynchronous generator
        while not told.spans(RUN):  # LangChain leaves it to the event loop to close the inner one
            gc.collect()
            await asyncio.sleep(0)

    with cascade_of(telemetry=told.telemetry()) as cascade:
        colour.run(left, aleft)
    run = told.span(RUN)

    assert run.attributes is not None
    assert run.attributes["inter_cascade.abandoned"] is True
    assert run.status.status_code is StatusCode.UNSET


def test_each_level_of_a_cascade_is_a_run_and_each_call_is_told_once(
    colour: Colour, told: Told
) -> None:
    models = [weak_model(), weak_model(), strong_model()]
    names = ["small", "middle", "large"]
    named = [m.model_copy(update={"model_name": n}) for m, n in zip(models, names, strict=True)]
    with InterCascade.from_models(
        named, thresholds=[0.5, 0.5], learning="off", telemetry=told.telemetry()
    ) as cascade:
        colour.invoke(cascade, QUERY)
    calls = [path for path in told.tree() if "chat" in path.rpartition(" > ")[2]]

    assert calls == [
        f"{RUN} > weak_generate > chat small",
        f"{RUN} > strong_generate > {RUN} > weak_generate > chat middle",
        f"{RUN} > strong_generate > {RUN} > strong_generate > chat large",
    ]


def test_a_run_that_fails_at_once_is_not_taken_for_the_turn_before(told: Told) -> None:
    """A thread still holds the record of its last turn."""
    texts = iter([QUERY])

    def misconfigured() -> str:
        msg = "There is no second text."
        raise ConfigurationError(msg)

    graph = create_inter_cascade(
        weak_model(),
        strong_model(),
        learning="off",
        telemetry=told.telemetry(),
        query_from=lambda _: next(texts, None) or misconfigured(),
    ).compile(checkpointer=InMemorySaver())
    thread: RunnableConfig = {"configurable": {"thread_id": "one"}}
    graph.invoke({"messages": [HumanMessage(QUERY)]}, thread)
    with pytest.raises(ConfigurationError):
        graph.invoke({"messages": [HumanMessage(QUERY)]}, thread)
    answered, failed = (span.attributes or {} for span in told.spans(RUN))

    assert "error.type" not in answered
    assert failed["error.type"] == "ConfigurationError"
    assert "inter_cascade.run_id" not in failed


def test_a_graph_of_ones_own_and_an_agent_are_watched_too(told: Told) -> None:
    agents = pytest.importorskip("langchain.agents")
    from langchain_intercascade import InterCascadeMiddleware  # noqa: PLC0415 - needs the extra

    graph = create_inter_cascade(
        weak_model(), strong_model(), threshold=0.5, learning="off", telemetry=told.telemetry()
    ).compile()
    graph.invoke({"messages": [HumanMessage(QUERY)]})
    with InterCascadeMiddleware(
        weak_model(), strong_model(), threshold=0.5, learning="off", telemetry=told.telemetry()
    ) as middleware:
        agent = agents.create_agent(model=strong_model(), middleware=[middleware])
        agent.invoke({"messages": [("human", QUERY)]})

    assert told.tree() == [*UNTAUGHT, *UNTAUGHT]


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({"tenants": "named"}, "acme"),
        ({"tenants": "none"}, None),
        ({}, "d98147d5efabf147"),
        ({"key": "secret"}, "fc003effc730d199"),
    ],
)
def test_a_tenant_is_hashed_unless_asked_otherwise(
    told: Told, options: dict[str, str], shown: str | None
) -> None:
    with cascade_of(tenant="acme", telemetry=told.telemetry(**options)) as cascade:
        cascade.invoke(QUERY)
    attributes = told.span(RUN).attributes or {}

    assert attributes.get("inter_cascade.tenant") == shown
    assert shown == "acme" or "acme" not in told.everything()


def test_what_cannot_watch_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"telemetry=True .*OpenTelemetry\(\)"):
        cascade_of(telemetry=True)


def test_an_unknown_way_to_show_tenants_is_refused(told: Told) -> None:
    with pytest.raises(ConfigurationError, match="tenants='secret' must be one of 'hashed'"):
        told.telemetry(tenants="secret")
