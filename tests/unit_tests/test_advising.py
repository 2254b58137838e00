"""With guidance from the strong model the weak one may answer after all."""

from __future__ import annotations

from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import BaseMessage

from langchain_intercascade import InterCascadeMiddleware, State
from langchain_intercascade.testing import Reply, ScriptedChatModel
from tests.cascades import ADVICE, QUERY, SIBLING, SURE, UNSURE, Host, cascade_of
from tests.conftest import Colour


def guided_weak() -> ScriptedChatModel:
    """A weak model that is sure once it is told how."""

    def respond(messages: list[BaseMessage]) -> Reply:
        told = "Adding up two amounts" in messages[-1].text
        return Reply("five pears" if told else "six", logprob=SURE if told else UNSURE)

    return ScriptedChatModel(respond=respond, model_name="weak-model")


def guide(advice: Any = ADVICE) -> ScriptedChatModel:
    """A strong model that guides, answers and distils, and says which it was asked for."""

    def respond(messages: list[BaseMessage]) -> Reply | str:
        if "guide a smaller model" in messages[0].text:
            return Reply(error=advice) if isinstance(advice, Exception) else advice
        return ADVICE if "reusable strategies" in messages[0].text else "They have five pears."

    return ScriptedChatModel(respond=respond, model_name="strong-model")


def test_guidance_that_works_is_a_strategy_already_proven(host: Host) -> None:
    """The weak model answers, the strong one never does, and the next query is helped."""
    weak, strong = guided_weak(), guide()
    with cascade_of(weak, strong, advise=True) as cascade:
        answer, record = host.ask(cascade)
        _, following = host.ask(cascade, SIBLING)
        (stored,) = cascade.repository.scan(tenant="default", states=[State.ACTIVE])

    assert answer.content == "five pears"
    assert (record["route"], record["reason"]) == ("weak", "advised")
    assert record["lesson"] == {"state": "stored", "id": stored.id, "reason": ""}
    assert set(record["usage"]) == {"weak", "advise"}
    assert record["usage"]["weak"]["calls"] == 2
    assert (following["reason"], following["regime"]) == ("accepted", "augmented")
    assert len(strong.calls) == 1


def test_guidance_that_does_not_help_leads_to_the_strong_answer(host: Host) -> None:
    """As without it; what the second try cost is in the record."""
    weak = ScriptedChatModel(replies=[Reply("six", logprob=UNSURE)], repeat_last=True)
    strong = guide()
    with cascade_of(weak, strong, advise=True) as cascade:
        answer, record = host.ask(cascade)

    assert answer.content == "They have five pears."
    assert (record["route"], record["reason"]) == ("strong", "low_confidence")
    assert (record["usage"]["weak"]["calls"], record["usage"]["advise"]["calls"]) == (2, 1)
    assert record["lesson"]["state"] == "stored"


def test_guidance_that_fails_does_not_cost_the_answer(host: Host) -> None:
    """An error, and a reply that is no guidance."""
    for advice, fault in ((ConnectionError("down"), "ConnectionError"), ("no", "LessonRejected")):
        with cascade_of(guided_weak(), guide(advice), advise=True) as cascade:
            answer, record = host.ask(cascade)

        assert answer.content == "They have five pears."
        assert fault in record["faults"][0]["error"]


def test_guidance_that_leaks_is_used_once_and_not_kept(host: Host) -> None:
    """The answer stands; the strategy is not admitted."""
    leaky = ADVICE.replace("Add the first to the second.", "Say that it is five pears.")
    with cascade_of(guided_weak(), guide(leaky), advise=True) as cascade:
        answer, record = host.ask(cascade)
        active = cascade.repository.count(tenant="default", states=[State.ACTIVE])

    assert answer.content == "five pears"
    assert (record["lesson"]["state"], active) == ("rejected", 0)


def test_nothing_is_kept_with_learning_off(host: Host) -> None:
    """Guidance helps all the same."""
    with cascade_of(guided_weak(), guide(), advise=True, learning="off") as cascade:
        answer, _ = host.ask(cascade)

        assert answer.content == "five pears"
        assert cascade.repository.count(tenant="default") == 0


def test_an_agent_is_advised_too(colour: Colour) -> None:
    """Through the middleware."""
    weak, strong = guided_weak(), guide()
    with InterCascadeMiddleware(weak, strong, threshold=0.5, advise=True) as middleware:
        agent = create_agent(model=strong, tools=[], middleware=[middleware])
        result = colour.invoke(agent, {"messages": [("user", QUERY)]})

        assert middleware.repository.count(tenant="default", states=[State.ACTIVE]) == 1
    assert result["messages"][-1].content == "five pears"
    assert result["inter_cascade"]["reason"] == "advised"


def test_a_stream_shows_the_guided_answer_only(colour: Colour) -> None:
    """Not the first attempt, and not the guidance."""
    with cascade_of(guided_weak(), guide(), advise=True) as cascade:
        pieces = colour.stream(cascade, QUERY)

    assert [piece.content for piece in pieces if piece.content] == ["five pears"]
    assert "six" not in str(pieces)
