"""Whoever can talk to OpenAI can talk to a cascade: the official clients, and `ChatOpenAI`."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, SecretStr

from langchain_intercascade import InterCascade
from langchain_intercascade.testing import Reply, ScriptedChatModel
from tests.cascades import SURE, is_distil_prompt
from tests.integration_tests.serve.serving import QUESTION, Served, served

CALL = {"name": "add", "args": {"a": 2, "b": 3}, "id": "call_1"}
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Add two numbers.",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "required": ["a", "b"],
        },
    },
}
SCHEMA: dict[str, Any] = {
    "type": "json_schema",
    "json_schema": {
        "name": "Sum",
        "schema": {
            "type": "object",
            "properties": {"total": {"type": "integer"}},
            "required": ["total"],
            "additionalProperties": False,
        },
    },
}


class Sum(BaseModel):
    """A total."""

    total: int


def weak(**options: Any) -> ScriptedChatModel:
    """Sure of easy questions; calls tools and fits schemas as it is asked to."""
    model: ScriptedChatModel

    def respond(messages: list[Any]) -> Reply:
        called = model.kwargs_seen[-1].get("tools") or []
        names = {each["function"]["name"] for each in called}
        if messages[-1].type == "tool":
            return Reply("The tool says five.", logprob=SURE)
        if "Sum" in names:
            return Reply(tool_calls=[{"name": "Sum", "args": {"total": 5}}])
        if "add" in names:
            return Reply(tool_calls=[CALL])
        return Reply("It is five.", logprob=SURE if "easy" in messages[-1].text else -2.0)

    model = ScriptedChatModel(respond=respond, model_name="weak-model", **options)
    return model


def strong() -> ScriptedChatModel:
    """Answers everything, in several pieces."""

    def respond(messages: list[Any]) -> Reply:
        distil = is_distil_prompt(messages)
        return Reply("{}" if distil else "They have five pears.", logprob=-0.25)

    return ScriptedChatModel(respond=respond, model_name="strong-model")


@pytest.fixture(scope="module")
def gateway() -> Iterator[Served]:
    """One gateway for the module."""
    cascade = InterCascade(
        weak=weak(), strong=strong(), threshold=0.5, tool_calls="accept", learning="off"
    )
    with served(cascade) as found:
        yield found


EASY = [{"role": "user", "content": "An easy one: two and three?"}]


class Caller:
    """The official client for Python in one colour."""

    def __init__(self, address: str, runner: asyncio.Runner | None) -> None:
        options: dict[str, Any] = {"base_url": address, "api_key": "any", "max_retries": 0}
        self.runner = runner
        self.sync = openai.OpenAI(**options)
        self.future = openai.AsyncOpenAI(**options)

    def ask(self, **body: Any) -> Any:
        """Return the completion."""
        told: dict[str, Any] = {"model": "intercascade", "messages": EASY, **body}
        if self.runner is None:
            return self.sync.chat.completions.create(**told)

        async def main() -> Any:
            return await self.future.chat.completions.create(**told)

        return self.runner.run(main())

    def stream(self, **body: Any) -> list[Any]:
        """Return all chunks."""
        told: dict[str, Any] = {"model": "intercascade", "messages": EASY, "stream": True, **body}
        if self.runner is None:
            with self.sync.chat.completions.create(**told) as chunks:
                return list(chunks)

        async def main() -> list[Any]:
            async with await self.future.chat.completions.create(**told) as chunks:
                return [each async for each in chunks]

        return self.runner.run(main())

    def parse(self, form: type[BaseModel]) -> Any:
        """Return the parsed answer."""
        told: dict[str, Any] = {"model": "intercascade", "messages": EASY, "response_format": form}
        if self.runner is None:
            return self.sync.chat.completions.parse(**told)

        async def main() -> Any:
            return await self.future.chat.completions.parse(**told)

        return self.runner.run(main())

    def close(self) -> None:
        """Close both connections."""
        self.sync.close()
        if self.runner:
            self.runner.run(self.future.close())


@pytest.fixture(scope="module", params=["sync", "async"])
def client(
    request: pytest.FixtureRequest, gateway: Served, event_loop_runner: asyncio.Runner
) -> Iterator[Caller]:
    """The official client in each colour."""
    runner = event_loop_runner if request.param == "async" else None
    caller = Caller(gateway.base_url, runner)
    yield caller
    caller.close()


def text_of(chunks: list[Any]) -> str:
    """Return the text that a stream adds up to."""
    return "".join(each.choices[0].delta.content or "" for each in chunks if each.choices)


def test_a_completion_with_the_decision_record(client: Caller) -> None:
    answer = client.ask(temperature=0.5, max_tokens=50, stop=["END"], seed=3)

    assert answer.choices[0].message.content == "It is five."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    record = answer.inter_cascade
    assert (record["route"], record["reason"]) == ("weak", "accepted")
    assert answer.id == f"chatcmpl-{record['run_id']}"
    assert answer._request_id == record["run_id"]  # noqa: SLF001 - OpenAI documents it


def test_what_a_request_says_reaches_the_models(gateway: Served, client: Caller) -> None:
    client.ask(temperature=0.5, max_completion_tokens=50, stop="END", seed=3)

    found = gateway.cascade.weak.kwargs_seen[-1]
    assert found.items() >= {"temperature": 0.5, "max_tokens": 50, "seed": 3}.items()
    assert found["stop"] == ["END"]


def test_an_accepted_answer_is_streamed_in_one_piece(client: Caller) -> None:
    chunks = client.stream(stream_options={"include_usage": True})
    *_, last, usage = chunks

    assert text_of(chunks) == "It is five."
    assert last.choices[0].finish_reason == "stop"
    assert last.inter_cascade["route"] == "weak"
    assert usage.choices == []
    assert usage.usage.completion_tokens == 3


def test_a_deferred_answer_is_streamed_in_many(client: Caller) -> None:
    chunks = client.stream(messages=QUESTION)
    said = [each for each in chunks if each.choices[0].delta.content]

    assert text_of(chunks) == "They have five pears."
    assert len(said) > 1
    assert chunks[-1].inter_cascade["route"] == "strong"
    assert all(each.usage is None for each in chunks)


@pytest.mark.parametrize("messages", [EASY, QUESTION])
def test_log_probabilities_are_those_of_the_answer_that_is_served(
    client: Caller, messages: list[dict[str, Any]]
) -> None:
    whole = client.ask(messages=messages, logprobs=True, top_logprobs=1)
    pieces = client.stream(messages=messages, logprobs=True, top_logprobs=1)

    choice = whole.choices[0]
    expected = SURE if messages is EASY else -0.25
    assert "".join(each.token for each in choice.logprobs.content) == choice.message.content
    assert {each.logprob for each in choice.logprobs.content} == {expected}
    assert {len(each.top_logprobs) for each in choice.logprobs.content} == {1}
    streamed = [each.choices[0].logprobs for each in pieces if each.choices]
    tokens = [token for each in streamed if each for token in each.content]
    assert tokens == choice.logprobs.content


def test_no_log_probabilities_unless_asked_for(client: Caller) -> None:
    assert client.ask().choices[0].logprobs is None


def test_a_tool_is_called_and_its_result_answered(client: Caller) -> None:
    asked = client.ask(tools=[TOOL], tool_choice="auto").choices[0]
    (call,) = asked.message.tool_calls
    result = {"role": "tool", "tool_call_id": call.id, "content": "5"}
    messages = [*EASY, asked.message.model_dump(), result]
    answer = client.ask(messages=messages, tools=[TOOL])

    assert asked.finish_reason == "tool_calls"
    assert asked.message.content is None
    assert (call.function.name, json.loads(call.function.arguments)) == ("add", {"a": 2, "b": 3})
    assert answer.choices[0].message.content == "The tool says five."


def test_a_tool_call_is_streamed(client: Caller) -> None:
    chunks = client.stream(
        tools=[TOOL], tool_choice={"type": "function", "function": {"name": "add"}}
    )
    parts = [part for each in chunks for part in each.choices[0].delta.tool_calls or ()]

    assert {part.function.name for part in parts if part.id} == {"add"}
    assert json.loads("".join(part.function.arguments for part in parts)) == {"a": 2, "b": 3}
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_an_answer_fits_a_schema(client: Caller) -> None:
    """The models may be asked by a tool of that name; the client sees text, as it asked."""
    whole = client.ask(response_format=SCHEMA).choices[0]
    streamed = client.stream(response_format=SCHEMA)

    assert json.loads(whole.message.content) == {"total": 5}
    assert whole.finish_reason == "stop"
    assert whole.message.tool_calls is None
    assert json.loads(text_of(streamed)) == {"total": 5}
    assert streamed[-1].choices[0].finish_reason == "stop"
    assert client.parse(Sum).choices[0].message.parsed == Sum(total=5)


def test_the_models_are_listed(gateway: Served) -> None:
    with openai.OpenAI(base_url=gateway.base_url, api_key="any") as client:
        assert [each.id for each in client.models.list()] == ["intercascade"]
        assert client.models.retrieve("intercascade").owned_by == "intercascade"
        with pytest.raises(openai.NotFoundError, match="has one: intercascade"):
            client.models.retrieve("gpt-9")


# `ChatOpenAI`, as a LangChain program has it.


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@pytest.fixture(scope="module")
def langchain(gateway: Served, event_loop_runner: asyncio.Runner) -> Iterator[ChatOpenAI]:
    """`ChatOpenAI` on the gateway; it keeps its connections to an address."""
    key = SecretStr("any")
    model = ChatOpenAI(
        base_url=gateway.base_url, api_key=key, model="intercascade", max_retries=0, logprobs=True
    )
    yield model
    event_loop_runner.run(model.root_async_client.close())


def test_langchain_asks_streams_and_calls_tools(langchain: ChatOpenAI, colour: Any) -> None:
    answer = colour.invoke(langchain, "An easy one?")
    pieces = colour.stream(langchain, "A hard one?")
    call = colour.invoke(langchain.bind_tools([add]), "An easy one?")
    total = colour.invoke(langchain.with_structured_output(Sum), "An easy one?")

    assert answer.content == "It is five."
    assert len(answer.response_metadata["logprobs"]["content"]) == 3
    assert answer.usage_metadata is not None
    assert sum(pieces[1:], start=pieces[0]).content == "They have five pears."
    assert call.tool_calls[0]["args"] == {"a": 2, "b": 3}
    assert total == Sum(total=5)


def test_a_cascade_may_stand_behind_a_cascade(langchain: ChatOpenAI, colour: Any) -> None:
    """The gateway is a model like any other, with log-probabilities for another gate to read."""
    with InterCascade(weak=langchain, strong=strong(), threshold=0.5, learning="off") as outer:
        answer = colour.invoke(outer, "An easy one?")

    assert isinstance(answer, AIMessage)
    assert answer.response_metadata["inter_cascade"]["reason"] == "accepted"


# The official client for Node.

SCRIPT = Path(__file__).with_name("client.mjs")


def test_the_client_for_node(gateway: Served) -> None:
    """Needs node, and its `openai` package where NODE_PATH says (`npm install openai`)."""
    node, where = shutil.which("node"), os.environ.get("NODE_PATH", "")
    package = Path(where) / "openai"
    if node is None or not where or not package.is_dir():
        pytest.skip("node, or its openai package under NODE_PATH, is not here")
    ran = subprocess.run(
        [node, str(SCRIPT), str(package), gateway.base_url],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found == {
        "text": "It is five.",
        "route": "weak",
        "streamed": "They have five pears.",
        "pieces": True,
        "usage": True,
        "tool": ["add", {"a": 2, "b": 3}],
        "streamedTool": {"a": 2, "b": 3},
        "parsed": {"total": 5},
        "logprobs": 3,
        "models": ["intercascade"],
        "status": 404,
        "code": "model_not_found",
    }
