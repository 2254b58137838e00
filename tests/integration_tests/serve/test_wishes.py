"""What a request says about the cascade and to the models, and what is counted of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from langchain_intercascade import LogprobConfidence, State
from langchain_intercascade.serve.asking import Asked, chosen, read
from langchain_intercascade.serve.door import Keys
from langchain_intercascade.serve.prompt import prompt_of
from langchain_intercascade.serve.relay import Relay
from langchain_intercascade.serve.server import recover
from langchain_intercascade.testing import Reply
from tests.cascades import SURE, cascade_of, weak_model
from tests.integration_tests.serve.serving import QUESTION, Served, served
from tests.lessons import lesson

TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}


@pytest.fixture(scope="module")
def gateway() -> Iterator[Served]:
    """A gateway whose weak model is unsure."""
    with served(cascade_of()) as found:
        yield found


def request(**body: object) -> Asked:
    """Return a request."""
    told = {"model": "m", "messages": QUESTION} | body
    return read(json.dumps(told).encode(), "m")


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_may_choose_the_route_and_what_is_learned(
    gateway: Served, *, stream: bool
) -> None:
    before = gateway.cascade.repository.count(tenant="default")
    forced = gateway.ask(stream=stream, inter_cascade={"force": "weak"})
    unlearned = gateway.ask(
        stream=stream,
        messages=[{"role": "user", "content": f"Another one, {stream}?"}],
        inter_cascade={"learning": "off"},
    )

    assert forced.headers["x-intercascade-route"] == "weak"
    assert unlearned.headers["x-intercascade-route"] == "strong"
    assert gateway.cascade.repository.count(tenant="default") == before


def test_a_picture_of_some_megabytes_gets_through(gateway: Served) -> None:
    """The limit is the configuration's, and no smaller one of the framework's."""
    picture = {
        "type": "image_url",
        "image_url": {"url": "data:image/png;base64," + "A" * 3_000_000},
    }
    content = [{"type": "text", "text": "What is this?"}, picture]
    asked = [{"role": "user", "content": content}]

    assert gateway.ask(messages=asked, inter_cascade={"learning": "off"}).status_code == 200


def test_what_is_learned_on_behalf_of_a_user_bears_the_name(gateway: Served) -> None:
    asked = [{"role": "user", "content": "A question of that very user?"}]
    record = gateway.ask(user="user-17", messages=asked).json()["inter_cascade"]
    found = gateway.cascade.repository.get(record["lesson"]["id"], tenant="default")

    assert found is not None  # a strategy of its own, or one that stands for it, too
    assert "user-17" in {found.origin.source, *(each.source for each in found.merged)}


@pytest.mark.parametrize("stream", [False, True])
def test_answers_are_counted_however_they_are_sent(gateway: Served, *, stream: bool) -> None:
    before = gateway.get("/dashboard.json").json()["answers"]
    run_id = gateway.ask(stream=stream).headers["x-intercascade-run-id"]
    told = gateway.post("/v1/feedback", {"run_id": run_id, "correct": True})

    assert gateway.get("/dashboard.json").json()["answers"] == before + 1
    assert told.status_code == 200


def test_tools_that_may_not_be_called_are_not_shown() -> None:
    """Few providers know the word; without tools, none is called by any model."""
    assert "tools" not in request(tools=[TOOL], tool_choice="none").call()
    assert request(tools=[TOOL]).call() == {"tools": [TOOL]}
    assert [None, "any", "add"] == [chosen("auto"), chosen("required"), chosen("add")]


def test_a_schema_beside_tools_is_left_to_the_models() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "S", "schema": {"type": "object"}}}
    both = request(tools=[TOOL], response_format=form)

    assert both.call() == {"tools": [TOOL], "response_format": form}
    assert not both.is_structured
    assert request(response_format=form).is_structured
    assert request(response_format={"type": "text"}).call() == {}


def test_a_conversation_is_read_in_all_its_roles() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "add", "arguments": '{"a": 2}'}}
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    told: list[dict[str, Any]] = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "See:"}, image], "name": "Ann"},
        {"role": "assistant", "content": None, "tool_calls": [call], "audio": None},
        {"role": "tool", "tool_call_id": "c", "content": "5"},
    ]
    system, human, ai, tool = prompt_of(told)

    assert ["system", "human", "ai", "tool"] == [system.type, human.type, ai.type, tool.type]
    assert human.content[1] == image
    assert human.name == "Ann"
    assert getattr(ai, "tool_calls", [])[0]["args"] == {"a": 2}


def test_fewer_candidates_than_the_gate_reads_do_not_make_it_defer() -> None:
    """The client gets as many as it asked for, and the gate as many as it needs."""
    weak = weak_model(Reply("five pears", logprob=SURE))
    cascade = cascade_of(weak, confidence=LogprobConfidence("margin"), threshold=0.01)
    with served(cascade) as gateway:
        answer = gateway.ask(logprobs=True, top_logprobs=1).json()

    assert answer["inter_cascade"]["reason"] == "accepted"
    assert {1} == {
        len(each["top_logprobs"]) for each in answer["choices"][0]["logprobs"]["content"]
    }


def test_pending_lessons_are_taken_up_at_the_start() -> None:
    """Those of every tenant that has a key."""
    with cascade_of(learning="background") as cascade:
        for tenant in ("ann", "bob"):
            cascade.repository.put(lesson("Two and three pears?", tenant))
        recover(cascade, Keys({"a": "ann", "b": "bob"}, otherwise="default"))

        assert cascade.flush(20)
        for tenant in ("ann", "bob"):
            assert cascade.repository.count(tenant=tenant, states=[State.ACTIVE]) == 1


async def test_a_relay_brings_everything_in_order_and_then_the_error() -> None:
    """Also to a reader who is slower than the source."""

    async def pieces() -> AsyncIterator[int]:
        for number in range(100):
            yield number
        raise ConnectionError

    relay: Relay[int] = Relay(pieces())
    found: list[int] = []

    async def everything() -> None:
        while arrived := await relay.some():
            await asyncio.sleep(0)
            found.extend(arrived)

    with pytest.raises(ConnectionError):
        await everything()

    assert found == list(range(100))
