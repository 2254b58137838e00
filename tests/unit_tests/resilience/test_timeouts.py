"""A call that takes too long is a fault of whoever was asked."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk

from langchain_intercascade import (
    ConfigurationError,
    EdgeRepository,
    JudgeConfidence,
    State,
    StrongModelError,
)
from langchain_intercascade._steps import Steps, pausing
from langchain_intercascade.errors import CallTimeoutError
from langchain_intercascade.repository.points import Hit
from langchain_intercascade.resilience.limits import Timeouts
from langchain_intercascade.testing import Reply, ScriptedChatModel
from tests.cascades import (
    ADVICE,
    QUERY,
    SURE,
    Host,
    cascade_of,
    strong_model,
    weak_model,
)
from tests.conftest import Colour

SOON = 0.03
"""Seconds: much less than `SLOW`, so that a busy machine changes nothing."""

SLOW = 1.5
LONG = 60.0


def slow(text: str) -> Reply:
    """A reply that nobody waits for."""
    return Reply(text, delay=SLOW, logprob=SURE)


def test_a_slow_weak_model_defers(host: Host) -> None:
    """The strong model answers; an awaited call is cancelled."""
    weak = weak_model(slow("five"))
    with cascade_of(weak, learning="off", timeouts={"weak": SOON}) as cascade:
        answer, record = host.ask(cascade)

        assert answer.content == "They have five pears."
        assert (record["reason"], record["route"]) == ("weak_failed", "strong")
        assert record["faults"] == [{"where": "weak_generate", "error": "CallTimeoutError"}]
        assert weak.cancelled == (host.colour.name == "async")


def test_a_slow_strong_model_is_an_error_with_the_weak_answer(host: Host) -> None:
    with (
        cascade_of(strong=strong_model(slow("five")), timeouts=Timeouts(strong=SOON)) as cascade,
        pytest.raises(StrongModelError) as caught,
    ):
        host.ask(cascade)

    assert isinstance(caught.value.__cause__, CallTimeoutError)
    assert "(strong) took longer than 0.03 seconds" in str(caught.value.__cause__)
    assert caught.value.weak_answer is not None


def test_a_slow_strong_model_may_be_stood_in_for(host: Host) -> None:
    strong = strong_model(slow("five"))
    with cascade_of(strong=strong, timeouts={"strong": SOON}, on_strong_error="weak") as cascade:
        answer, record = host.ask(cascade)

    assert answer.content == "maybe six pears"
    assert (record["reason"], record["degraded"]) == ("strong_failed", True)


def test_a_slow_distiller_sets_the_lesson_back(host: Host) -> None:
    """The answer stands, and the lesson stays pending, none the worse."""
    strong = strong_model(advice=Reply(ADVICE, delay=SLOW))
    with cascade_of(strong=strong, timeouts={"distill": SOON}) as cascade:
        answer, record = host.ask(cascade)
        (pending,) = cascade.repository.scan(tenant="default", states=[State.PENDING])

    assert answer.content == "They have five pears."
    assert record["faults"][-1]["error"] == "CallTimeoutError"
    assert pending.lesson is not None
    assert pending.lesson.attempts == 0


class SlowRepository(EdgeRepository):
    """A repository whose searches nobody waits for."""

    def searching(self, query: str, *, tenant: str, k: int, **options: Any) -> Steps[list[Hit]]:
        yield from pausing(SLOW)
        return (yield from super().searching(query, tenant=tenant, k=k, **options))


def test_a_slow_repository_costs_the_strategies(host: Host) -> None:
    weak = weak_model(Reply("five", logprob=SURE))
    with (
        SlowRepository() as repository,
        cascade_of(weak, repository=repository, timeouts={"retrieval": SOON}) as cascade,
    ):
        _, record = host.ask(cascade)

    assert (record["reason"], record["regime"]) == ("accepted", "plain")
    assert record["faults"] == [{"where": "retrieve_strategies", "error": "CallTimeoutError"}]


def test_a_slow_judge_defers(host: Host) -> None:
    judge = JudgeConfidence(ScriptedChatModel(replies=[slow("9")]))
    with cascade_of(confidence=judge, learning="off", timeouts={"confidence": SOON}) as cascade:
        _, record = host.ask(cascade)

    assert (record["route"], record["reason"]) == ("strong", "no_confidence")


def test_a_stream_that_does_not_begin_is_given_up(colour: Colour) -> None:
    """Nothing was read yet, so the error is that of a strong model that fails."""
    with (
        cascade_of(strong=strong_model(slow("five pears")), timeouts={"strong": SOON}) as cascade,
        pytest.raises(StrongModelError) as caught,
    ):
        colour.stream(cascade, QUERY)

    assert isinstance(caught.value.__cause__, CallTimeoutError)


def test_what_comes_in_time_is_as_without_limits(host: Host) -> None:
    """Answer, record and usage."""
    timeouts = Timeouts(weak=LONG, strong=LONG, retrieval=LONG, confidence=LONG, distill=LONG)
    with cascade_of(timeouts=timeouts) as timed, cascade_of() as plain:
        found = [host.ask(cascade) for cascade in (timed, plain)]
    kept = [
        (answer.content, record["reason"], record["confidence"], record["lesson"]["state"])
        for answer, record in found
    ]
    calls = [{r: use["calls"] for r, use in record["usage"].items()} for _, record in found]

    assert kept[0] == kept[1]
    assert calls[0] == calls[1]


def test_a_stream_in_time_is_as_without_limits(colour: Colour) -> None:
    """As many pieces, and the same ones."""
    with (
        cascade_of(timeouts={"strong": LONG}, learning="off") as timed,
        cascade_of(learning="off") as plain,
    ):
        texts = [[piece.content for piece in colour.stream(c, QUERY)] for c in (timed, plain)]

    assert texts[0] == texts[1]
    assert len(texts[0]) > 3


def test_a_reader_who_leaves_closes_the_stream(colour: Colour) -> None:
    """The strong model's own stream, in whatever thread it is made, and gives its slot back."""
    strong = strong_model("one two three four five six")
    limits: dict[str, Any] = {
        "learning": "off",
        "timeouts": {"strong": LONG},
        "max_concurrency": {"strong": 1},
    }
    with cascade_of(strong=strong, **limits) as cascade:

        def blocking() -> AIMessageChunk:
            pieces = cascade.stream(QUERY)
            first = next(pieces)
            pieces.close()  # type: ignore[attr-defined]  # it is a generator
            return first

        async def awaited() -> AIMessageChunk:
            pieces = cascade.astream(QUERY)
            first = await anext(pieces)
            await pieces.aclose()  # type: ignore[attr-defined]  # it is a generator
            await asyncio.sleep(0)  # LangChain leaves its own generators to the event loop
            return first

        first = colour.run(blocking, awaited)

        assert first.content
        assert strong.cancelled == 1
        assert cascade.stats().slots["strong"].in_flight == 0


def test_a_call_that_nobody_waits_for_keeps_its_slot() -> None:
    """It is in flight as long as it is, whether or not anybody waits."""
    weak = weak_model(Reply("five", delay=0.3))
    with cascade_of(
        weak, learning="off", timeouts={"weak": SOON}, max_concurrency={"weak": 1}
    ) as cascade:
        cascade.invoke(QUERY)
        during = cascade.stats().slots["weak"].in_flight
        cascade.safeguards.slots["weak"].take(seconds=LONG)

    assert during == 1


@pytest.mark.parametrize(
    "given",
    [{"weak": 0}, {"weak": float("nan")}, {"weak": True}, {"weak": "5"}, {"weaker": 5}, 5],
)
def test_timeouts_that_are_none_are_refused(given: Any) -> None:
    with pytest.raises(ConfigurationError, match="timeouts"):
        cascade_of(timeouts=given)


def test_an_error_of_the_callers_own_deadline_is_the_models(host: Host) -> None:
    """A `TimeoutError` of the client is its own, and is not taken for ours."""
    weak = weak_model(TimeoutError("of the client"))
    with cascade_of(weak, learning="off", timeouts={"weak": LONG}) as cascade:
        _, record = host.ask(cascade)

    assert record["faults"] == [{"where": "weak_generate", "error": "TimeoutError"}]
