"""`InterCascade` stands wherever `ChatOpenAI` stood, and nothing else changes."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ToolStrategy
from langchain_core.messages import HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import RunnableConfig, RunnableParallel
from langchain_core.tools import tool
from pydantic import BaseModel

from langchain_intercascade import InterCascade, InterCascadeMiddleware, StrongModelError
from langchain_intercascade.testing import Fault, StubReply, StubServer
from tests.conftest import Colour
from tests.integration_tests.conftest import MakeClient

PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGVsbG8="}}


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class Total(BaseModel):
    """How many there are together."""

    total: int


def scripted(request: dict[str, Any]) -> StubReply:
    """Add with the tool, then answer in the form that is asked for."""
    if request["messages"][-1]["role"] == "tool":
        found = int(request["messages"][-1]["content"])
        return StubReply(tool_calls=[{"name": "Total", "args": {"total": found}}])
    return StubReply(tool_calls=[{"name": "add", "args": {"a": 2, "b": 3}}])


@pytest.fixture
def server(listening: StubServer) -> StubServer:
    """The server with a weak and a strong model that act alike, and no history."""
    listening.reset()
    listening.model("weak", scripted)
    listening.model("strong", scripted)
    return listening


def agents(client: MakeClient, policy: str) -> dict[str, Any]:
    """The same agent over the strong model alone, over a cascade, and with the middleware."""
    weak, strong = client("weak"), client("strong")
    options: dict[str, Any] = {"threshold": 0.5, "learning": "off", "tool_calls": policy}
    common: dict[str, Any] = {"tools": [add], "response_format": ToolStrategy(Total)}
    return {
        "alone": create_agent(model=strong, **common),
        "cascade": create_agent(model=InterCascade(weak=weak, strong=strong, **options), **common),
        "middleware": create_agent(
            model=strong, middleware=[InterCascadeMiddleware(weak, strong, **options)], **common
        ),
    }


def essence(state: dict[str, Any]) -> dict[str, Any]:
    """What of a final state does not depend on ids and on who answered."""
    return {
        "said": [(m.type, m.text) for m in state["messages"]],
        "called": [
            [(call["name"], call["args"]) for call in getattr(m, "tool_calls", [])]
            for m in state["messages"]
        ],
        "structured": state["structured_response"],
    }


@pytest.mark.parametrize("policy", ["accept", "defer"])
def test_the_same_agent_ends_in_the_same_state(
    server: StubServer, client: MakeClient, colour: Colour, policy: str
) -> None:
    """Tools, then a structured answer; by the weak model if its calls are accepted."""
    finals = {
        name: colour.invoke(agent, {"messages": [("user", "What is 2 + 3?")]})
        for name, agent in agents(client, policy).items()
    }

    assert finals["alone"]["structured_response"] == Total(total=5)
    assert essence(finals["cascade"]) == essence(finals["alone"])
    assert essence(finals["middleware"]) == essence(finals["alone"])
    alone, others = 2, {"accept": 0, "defer": 4}[policy]
    assert server.calls("strong") == alone + others
    assert server.calls("weak") == 4


def test_the_same_agent_streams_the_same_tokens(
    server: StubServer, client: MakeClient, colour: Colour
) -> None:
    """In `messages` mode, without subgraphs, from a plain text answer."""
    server.model("weak", lambda _: "CANARY", logprob=-3.0)
    server.model("strong", lambda _: "Two and three make five.")
    weak, strong = client("weak"), client("strong")
    options: dict[str, Any] = {"threshold": 0.5, "learning": "off"}
    models = {
        "alone": create_agent(model=strong, tools=[add]),
        "cascade": create_agent(
            model=InterCascade(weak=weak, strong=strong, **options), tools=[add]
        ),
        "middleware": create_agent(
            model=strong, tools=[add], middleware=[InterCascadeMiddleware(weak, strong, **options)]
        ),
    }
    said = {}
    for name, agent in models.items():
        seen: list[Any] = colour.stream(
            agent, {"messages": [("user", "2 + 3?")]}, stream_mode="messages"
        )
        said[name] = [message.content for message, _ in seen if message.content]

    assert len(said["alone"]) > 3
    assert said["cascade"] == said["middleware"] == said["alone"]


def test_fallbacks_retries_and_parallels_work(
    server: StubServer, client: MakeClient, colour: Colour
) -> None:
    """As around any chat model; a strong failure is an error they can see."""
    server.model("weak", lambda _: "no idea", logprob=-3.0)
    server.model("strong", lambda _: "five")
    cascade = InterCascade(weak=client("weak"), strong=client("strong"), learning="off")

    server.fail("strong", Fault(status=503))
    retried = cascade.with_retry(retry_if_exception_type=(StrongModelError,), stop_after_attempt=2)
    assert colour.invoke(retried, "2 + 3?").text == "five"

    server.fail("strong", Fault(status=503))
    spared = cascade.with_fallbacks([client("strong")])
    assert colour.invoke(spared, "2 + 3?").text == "five"

    both = RunnableParallel(
        one=cascade | StrOutputParser(), two=cascade.with_config(tags=["x"]) | StrOutputParser()
    )
    assert colour.invoke(both, "2 + 3?") == {"one": "five", "two": "five"}


def test_a_batch_may_return_its_errors(
    server: StubServer, client: MakeClient, colour: Colour
) -> None:
    """One failure does not take the others with it."""
    server.model("weak", lambda _: "no idea", logprob=-3.0)
    server.model("strong", lambda _: "five")
    server.fail("strong", Fault(status=503))
    cascade = InterCascade(weak=client("weak"), strong=client("strong"), learning="off")
    config = RunnableConfig(max_concurrency=1)
    answers: list[Any] = colour.run(
        lambda: cascade.batch(["a", "b", "c"], config, return_exceptions=True),
        lambda: cascade.abatch(["a", "b", "c"], config, return_exceptions=True),
    )

    assert sum(isinstance(each, StrongModelError) for each in answers) == 1
    assert [each.text for each in answers if not isinstance(each, Exception)] == ["five", "five"]


def test_pictures_reach_both_models_untouched(
    server: StubServer, client: MakeClient, colour: Colour
) -> None:
    """The strategies' block, if any, is one more block of text before them."""
    server.model("weak", lambda _: "no idea", logprob=-3.0)
    server.model("strong", lambda _: "a pear")
    cascade = InterCascade(weak=client("weak"), strong=client("strong"), learning="off")
    message = HumanMessage([{"type": "text", "text": "What is this?"}, PICTURE])
    colour.invoke(cascade, [message])

    for request in server.requests:
        assert request.body["messages"][0]["content"][1] == PICTURE


# LangChain calls `as_tool` beta, and says so.
@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")
def test_it_can_be_a_tool_of_an_agent(
    server: StubServer, client: MakeClient, colour: Colour
) -> None:
    """`as_tool`, from a chain around it."""
    server.model("weak", lambda _: "five", logprob=-0.01)
    cascade = InterCascade(weak=client("weak"), strong=client("strong"), learning="off")
    chain = cascade | StrOutputParser()
    expert = chain.as_tool(name="expert", description="Answers.", arg_types={"text": str})

    assert expert.name == "expert"
    assert colour.invoke(chain, "2 + 3?") == "five"


@pytest.mark.parametrize("method", [None, "json_schema", "function_calling", "json_mode"])
def test_structured_output_in_every_way(
    server: StubServer, client: MakeClient, colour: Colour, method: Any
) -> None:
    """The weak answer does not fit and is deferred; the strong one is parsed."""

    def fitting(request: dict[str, Any]) -> StubReply:
        if request.get("tools"):
            return StubReply(tool_calls=[{"name": "Total", "args": {"total": 5}}])
        return StubReply('{"total": 5}')

    def unfitting(request: dict[str, Any]) -> StubReply:
        if request.get("tools"):
            return StubReply(tool_calls=[{"name": "Total", "args": {"sum": 5}}])
        return StubReply('{"sum": 5}')

    server.model("weak", unfitting, logprob=-0.01)
    server.model("strong", fitting)
    cascade = InterCascade(
        weak=client("weak"), strong=client("strong"), learning="off", tool_calls="accept"
    )
    plain = cascade.with_structured_output(Total, method=method)
    raw = cascade.with_structured_output(Total, method=method, include_raw=True)
    asked = "How many in all? Answer in JSON."

    assert colour.invoke(plain, asked) == Total(total=5)
    found = colour.invoke(raw, asked)
    assert (found["parsed"], found["parsing_error"]) == (Total(total=5), None)
    record = found["raw"].response_metadata["inter_cascade"]
    assert record["route"] == "strong"
    # Asked for a pydantic class, OpenAI's client itself refuses an answer that does not fit.
    assert record["reason"] in {"weak_invalid", "weak_failed"}


def test_cancelling_closes_the_connection(
    server: StubServer, client: MakeClient, event_loop_runner: asyncio.Runner
) -> None:
    """The server notices that nobody waits any more, as soon as with the client alone.

    Older clients leave the connection open until they are closed themselves.
    """
    cascade = InterCascade(weak=client("weak"), strong=client("strong"), learning="off")
    server.fail("weak", Fault(hang=30), Fault(hang=30))

    async def give_up() -> None:
        for asked, model in enumerate((client("weak"), cascade), start=1):
            call = asyncio.ensure_future(model.ainvoke("2 + 3?"))
            while len(server.requests) < asked:  # noqa: ASYNC110 - it is another thread's log
                await asyncio.sleep(0.01)
            call.cancel()
            with suppress(asyncio.CancelledError):
                await call
            await asyncio.sleep(0.3)  # a transport closes in the loop's next rounds

    event_loop_runner.run(give_up())
    alone, cascaded = (request.aborted for request in server.requests)

    assert cascaded == alone
