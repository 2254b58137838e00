"""A rejected weak answer reaches no user, whichever way they listen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langgraph.graph import START, MessagesState, StateGraph

from langchain_intercascade import InterCascade
from langchain_intercascade.testing import Reply
from tests.cascades import QUERY, UNSURE, cascade_of, weak_model

ASKED: Any = {"messages": [HumanMessage(QUERY)]}

Consumer = Callable[[InterCascade], Awaitable[list[Any]]]


async def gathered(pieces: Any) -> list[Any]:
    """All that an asynchronous stream hands out."""
    return [piece async for piece in pieces]


def outer_with(inner: Any) -> Any:
    """A graph of the user's own around the cascade."""
    outer = StateGraph(MessagesState)
    outer.add_node("inner", inner)
    outer.add_edge(START, "inner")
    return outer.compile()


def calling(cascade: InterCascade) -> Callable[[MessagesState], Awaitable[dict[str, Any]]]:
    """A node that calls the cascade as a chat model."""

    async def call(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await cascade.ainvoke(state["messages"])]}

    return call


async def chat_v3(cascade: InterCascade) -> list[Any]:
    return await gathered(await cascade.astream_events(QUERY, version="v3"))


async def graph_v3(cascade: InterCascade) -> list[Any]:
    return await gathered(await cascade.graph.astream_events(ASKED, version="v3"))


async def agent_v3(cascade: InterCascade) -> list[Any]:
    agent = create_agent(model=cascade, tools=[])
    return await gathered(await agent.astream_events(ASKED, version="v3"))


CONSUMERS: dict[str, Consumer] = {
    "chat stream": lambda c: gathered(c.astream(QUERY)),
    "chat events v2": lambda c: gathered(c.astream_events(QUERY, version="v2")),
    "chat events v3": chat_v3,
    **{
        f"graph {mode}": lambda c, mode=mode: gathered(c.graph.astream(ASKED, stream_mode=mode))  # type: ignore[misc]  # bound per mode
        for mode in ("values", "updates", "messages", "custom", "tasks", "debug")
    },
    "graph events v2": lambda c: gathered(c.graph.astream_events(ASKED, version="v2")),
    "graph events v3": graph_v3,
    **{
        f"subgraph {mode} {inner}": lambda c, mode=mode, inner=inner: gathered(  # type: ignore[misc]  # bound per mode
            outer_with(c.graph).astream(ASKED, stream_mode=mode, subgraphs=inner)
        )
        for mode in ("values", "updates", "messages")
        for inner in (False, True)
    },
    **{
        f"node {mode}": lambda c, mode=mode: gathered(  # type: ignore[misc]  # bound per mode
            outer_with(calling(c)).astream(ASKED, stream_mode=mode, subgraphs=True)
        )
        for mode in ("values", "updates", "messages")
    },
    "node events v2": lambda c: gathered(
        outer_with(calling(c)).astream_events(ASKED, version="v2")
    ),
    **{
        f"agent {mode}": lambda c, mode=mode: gathered(  # type: ignore[misc]  # bound per mode
            create_agent(model=c, tools=[]).astream(ASKED, stream_mode=mode)
        )
        for mode in ("values", "updates", "messages")
    },
    "agent events v3": agent_v3,
    "agent events v2": lambda c: gathered(
        create_agent(model=c, tools=[]).astream_events(ASKED, version="v2")
    ),
}


# Version 3 of event streaming is new, and says so.
@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")
@pytest.mark.filterwarnings("ignore:.*v3.*experimental.*")
@pytest.mark.parametrize("consumer", CONSUMERS.values(), ids=CONSUMERS)
async def test_a_rejected_weak_answer_is_seen_by_nobody(consumer: Consumer) -> None:
    """Neither as tokens, nor as a message, nor inside an update, an input or an output."""
    with cascade_of(weak_model(Reply("CANARY words here", logprob=UNSURE))) as cascade:
        seen = await consumer(cascade)

    assert "CANARY" not in str(seen)


@pytest.mark.parametrize(
    "name", ["chat stream", "graph messages", "node messages", "agent messages"]
)
async def test_the_strong_answer_is_seen_once_in_tokens(name: str) -> None:
    """Each token once, whoever listens."""
    with cascade_of() as cascade:
        seen = await CONSUMERS[name](cascade)

    said = [message.content for message in map(_message, seen) if message.content]
    assert said == ["They", " have", " five", " pears."]


def _message(piece: Any) -> Any:
    """Take the message out of what a stream mode wraps around it."""
    while isinstance(piece, tuple):
        piece = piece[1] if isinstance(piece[0], tuple) else piece[0]
    return piece
