"""The middleware: an agent whose model calls go through the cascade."""

from __future__ import annotations

import math
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.tools import tool
from pydantic import BaseModel

from langchain_intercascade import State, StrongModelError
from langchain_intercascade.middleware import InterCascadeMiddleware
from langchain_intercascade.testing import Reply, ScriptedChatModel
from tests.cascades import QUERY, SIBLING, SURE, UNSURE, strong_model, weak_model
from tests.conftest import Colour


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class Total(BaseModel):
    """How many there are."""

    pears: int


def agent_of(
    weak: ScriptedChatModel, strong: ScriptedChatModel, *, agent: Any = None, **options: Any
) -> tuple[Any, InterCascadeMiddleware]:
    """An agent with one tool, and the middleware around its model."""
    middleware = InterCascadeMiddleware(weak, strong, **({"threshold": 0.5} | options))
    made = create_agent(model=strong, tools=[add], middleware=[middleware], **(agent or {}))
    return made, middleware


def asked(query: str = QUERY) -> dict[str, Any]:
    """The agent's input."""
    return {"messages": [("user", query)]}


def call(**args: Any) -> Reply:
    """A tool call, for which no provider returns log-probabilities."""
    return Reply("", tool_calls=[{"name": "add", "args": args}], logprob=None)


def test_a_sure_weak_answer_is_the_agents_answer(colour: Colour) -> None:
    """And the strong model is not called."""
    strong = strong_model()
    agent, middleware = agent_of(weak_model(Reply("five", logprob=SURE)), strong)
    with middleware:
        result = colour.invoke(agent, asked())

    assert result["messages"][-1].content == "five"
    assert result["inter_cascade"]["confidence"] == pytest.approx(math.exp(SURE))
    assert result["messages"][-1].response_metadata["inter_cascade"] == result["inter_cascade"]
    assert strong.calls == []


def test_a_deferred_call_teaches_the_weak_model(colour: Colour) -> None:
    """The next similar query of an agent without tools carries the strategy."""
    weak, strong = weak_model(), strong_model()
    with InterCascadeMiddleware(weak, strong, threshold=0.5) as middleware:
        agent = create_agent(model=strong, tools=[], middleware=[middleware])
        colour.invoke(agent, asked())
        assert middleware.flush(timeout=10)
        result = colour.invoke(agent, asked(SIBLING))

        assert middleware.repository.count(tenant="default", states=[State.ACTIVE]) >= 1
    assert result["messages"][-1].content == "They have five pears."
    assert "Adding up two amounts" in weak.calls[-1][-1].text


@pytest.mark.parametrize(("policy", "calls"), [("accept", 0), ("defer", 1)])
def test_a_valid_weak_tool_call_is_treated_as_told(colour: Colour, policy: str, calls: int) -> None:
    """Accepted and carried out, or left to the strong model."""
    weak = weak_model(call(a=2, b=3), Reply("five", logprob=SURE))
    strong = strong_model(call(a=2, b=3))
    agent, middleware = agent_of(weak, strong, tool_calls=policy)
    with middleware:
        result = colour.invoke(agent, asked())

    assert [m.type for m in result["messages"]] == ["human", "ai", "tool", "ai"]
    assert result["messages"][2].content == "5"
    assert len(strong.calls) == calls


@pytest.mark.parametrize(("score", "calls"), [(0.9, 0), (0.1, 1), (float("nan"), 1)])
def test_tool_calls_may_have_a_confidence_of_their_own(
    colour: Colour, score: float, calls: int
) -> None:
    """Compared with the same threshold, and never accepted without a number."""
    weak = weak_model(call(a=2, b=3), Reply("five", logprob=SURE))
    strong = strong_model(call(a=2, b=3))
    agent, middleware = agent_of(weak, strong, tool_calls=lambda _: score)
    with middleware:
        result = colour.invoke(agent, asked())

    assert result["messages"][-1].content == "five"
    assert len(strong.calls) == calls


@pytest.mark.parametrize("broken", [call(a="x", b=3), call(b=3)])
def test_a_tool_call_that_does_not_fit_is_deferred(colour: Colour, broken: Reply) -> None:
    """However lenient the policy."""
    weak = weak_model(broken, Reply("five", logprob=SURE))
    strong = strong_model(call(a=2, b=3))
    agent, middleware = agent_of(weak, strong, tool_calls="accept")
    with middleware:
        result = colour.invoke(agent, asked())

    assert len(strong.calls) == 1
    assert result["messages"][2].content == "5"


@pytest.mark.parametrize("form", [ToolStrategy(Total), ProviderStrategy(Total)])
def test_a_structured_response_comes_from_whoever_answered(colour: Colour, form: Any) -> None:
    """Parsed by the agent, deferred if the weak one does not fit."""
    weak = weak_model(Reply('{"apples": 1}', logprob=SURE))
    if isinstance(form, ToolStrategy):
        answer = Reply("", tool_calls=[{"name": "Total", "args": {"pears": 5}}])
        weak = weak_model(Reply("", tool_calls=[{"name": "Total", "args": {}}], logprob=SURE))
    else:
        answer = Reply('{"pears": 5}')
        weak = weak_model(Reply("", logprob=SURE))
    agent, middleware = agent_of(weak, strong_model(answer), agent={"response_format": form})
    with middleware:
        result = colour.invoke(agent, asked())

    assert result["structured_response"] == Total(pears=5)
    assert result["inter_cascade"]["route"] == "strong"


def test_usage_is_counted_once(colour: Colour) -> None:
    """Weak and strong, each its own."""
    usage = UsageMetadataCallbackHandler()
    agent, middleware = agent_of(weak_model(), strong_model(), learning="off")
    with middleware:
        result = colour.invoke(agent, asked(), {"callbacks": [usage]})

    roles = result["inter_cascade"]["usage"]
    counted = {name: use["output_tokens"] for name, use in usage.usage_metadata.items()}
    assert counted == {
        "weak-model": roles["weak"]["output_tokens"],
        "strong-model": roles["strong"]["output_tokens"],
    }


@pytest.mark.parametrize("mode", ["values", "updates", "messages", "events"])
async def test_a_rejected_weak_answer_is_seen_by_nobody(mode: str) -> None:
    """While the strong one streams in tokens, once."""
    weak = weak_model(Reply("CANARY words", logprob=UNSURE))
    agent, middleware = agent_of(weak, strong_model())
    with middleware:
        if mode == "events":
            pieces = agent.astream_events(asked(), version="v2")
        else:
            pieces = agent.astream(asked(), stream_mode=mode)
        seen = [piece async for piece in pieces]

    assert "CANARY" not in str(seen)
    if mode == "messages":
        said = [message.content for message, _ in seen if message.content]
        assert said == ["They", " have", " five", " pears."]


def test_a_strong_failure_carries_the_weak_answer(colour: Colour) -> None:
    """As in the other fronts."""
    agent, middleware = agent_of(weak_model(), strong_model(ConnectionError("down")))
    with middleware, pytest.raises(StrongModelError) as caught:
        colour.invoke(agent, asked())

    assert caught.value.weak_answer is not None
    assert caught.value.weak_answer.content == "maybe six pears"
