"""What a cascade has done, at a glance, without any callback."""

from __future__ import annotations

import asyncio

import pytest
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.runnables import ConfigurableField, RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver

from langchain_intercascade import StrongModelError
from langchain_intercascade.graph import build_graph
from langchain_intercascade.testing import Reply, ScriptedChatModel
from tests.cascades import (
    QUERY,
    SIBLING,
    SURE,
    UNSURE,
    FlakyRepository,
    Host,
    cascade_of,
    strong_model,
    weak_model,
)
from tests.unit_tests.test_advising import guide, guided_weak


def test_every_run_is_in_the_stats(host: Host) -> None:
    """Accepted, deferred or failed, and why."""
    weak = weak_model(
        Reply("five", logprob=SURE),
        Reply("six", logprob=UNSURE),
        ConnectionError("down"),
        Reply("no", finish_reason="content_filter"),
    )
    strong = strong_model("a", "b", ConnectionError("down"))
    with cascade_of(weak, strong) as cascade:
        for query in (QUERY, QUERY, SIBLING):
            host.ask(cascade, query)
        with pytest.raises(StrongModelError):
            host.ask(cascade)
        stats = cascade.stats()

    assert (stats.runs, stats.accepted, stats.deferred, stats.failed) == (4, 1, 2, 1)
    assert (stats.in_flight, stats.degraded) == (0, 0)
    assert stats.reasons == {"accepted": 1, "low_confidence": 1, "weak_failed": 1}
    assert stats.faults == {
        "weak_generate": {"ConnectionError": 1},
        "strong_generate": {"ConnectionError": 1},
    }
    assert stats.breakers["repository"].circuit == "closed"


def test_a_weak_answer_that_stood_in_is_degraded_not_accepted(host: Host) -> None:
    strong = strong_model(ConnectionError("down"))
    with cascade_of(strong=strong, on_strong_error="weak") as cascade:
        host.ask(cascade)
        stats = cascade.stats()

    assert (stats.accepted, stats.deferred, stats.degraded, stats.failed) == (0, 1, 1, 0)


def test_guidance_that_worked_counts_as_accepted(host: Host) -> None:
    """Nodes that are run twice inside another are not counted twice."""
    with cascade_of(guided_weak(), guide(), advise=True) as cascade:
        _, record = host.ask(cascade)
        stats = cascade.stats()

    assert record["reason"] == "advised"
    assert (stats.runs, stats.accepted, stats.deferred) == (1, 1, 0)


def test_a_repository_that_is_down_shows(host: Host) -> None:
    with FlakyRepository("search") as repository, cascade_of(repository=repository) as cascade:
        for _ in range(4):
            host.ask(cascade)
        stats = cascade.stats()

    assert stats.breakers["repository"].circuit == "open"
    assert stats.faults["retrieve_strategies"] == {"RepositoryError": 3, "CircuitOpen": 1}


def test_faults_of_every_turn_of_a_thread_are_counted() -> None:
    """A thread still holds the record of its last turn, faults included."""
    thread: RunnableConfig = {"configurable": {"thread_id": "one"}}
    with FlakyRepository("search") as repository, cascade_of(repository=repository) as cascade:
        graph = build_graph(cascade._parts).compile(checkpointer=InMemorySaver())  # noqa: SLF001 - with a checkpointer
        for _ in range(2):
            graph.invoke({"messages": [HumanMessage(QUERY)]}, thread)
        faults = cascade.stats().faults

    assert faults["retrieve_strategies"] == {"RepositoryError": 2}


def test_a_run_that_is_given_up_is_not_in_flight_for_ever() -> None:
    """A cancelled run is counted as failed, and its slot is free."""
    began = asyncio.Event()

    def respond(_: list[BaseMessage]) -> Reply:
        began.set()
        return Reply("five", delay=60)

    weak = ScriptedChatModel(respond=respond)

    async def main() -> tuple[int, int]:
        task = asyncio.create_task(cascade.ainvoke(QUERY))
        await began.wait()
        during = cascade.stats().in_flight
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return during, cascade.stats().in_flight

    with cascade_of(weak, max_concurrency={"weak": 1}) as cascade:
        assert asyncio.run(main()) == (1, 0)
        assert (cascade.stats().failed, cascade.stats().faults) == (1, {})
        assert cascade.stats().slots["weak"].in_flight == 0


def test_configured_copies_are_counted_together() -> None:
    """They are the same cascade with other settings."""
    with cascade_of() as cascade:
        changeable = cascade.configurable_fields(k=ConfigurableField(id="k"))
        changeable.invoke(QUERY, {"configurable": {"k": 1}})

        assert cascade.stats().runs == 1


def test_a_promise_shows_how_it_stands() -> None:
    """By regime; a number promises nothing, and without strategies there is one regime."""
    with cascade_of() as fixed, cascade_of(threshold=None, target_risk=0.1) as promising:
        assert {} == fixed.stats().promise
        assert {"plain": "cold", "augmented": "cold"} == promising.stats().promise
    with cascade_of(threshold=None, target_risk=0.1, k=0) as plain:
        assert {"plain": "cold"} == plain.stats().promise
