"""The stub server is a provider as far as the real client libraries can tell."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from operator import add
from typing import Any

import openai
import pytest
from langchain_core.messages import ToolMessage
from langchain_core.tools import tool
from langchain_openai import OpenAIEmbeddings
from pydantic import BaseModel, SecretStr

from langchain_intercascade.testing.stub.server import (
    StubReply,
    StubServer,
    Usage,
)
from tests.unit_tests.testing.clients import HOW, answer_of, chat, request


@tool
def weather(city: str, day: int) -> str:
    """Tell the weather."""
    return f"rain in {city} on day {day}"


class Verdict(BaseModel):
    """A structured answer."""

    reason: str
    share: float
    tags: list[str]


@pytest.mark.parametrize("how", HOW)
async def test_a_model_answers_and_states_its_usage(server: StubServer, how: str) -> None:
    """The default answer echoes the prompt; its words are its tokens."""
    answer = await answer_of(chat(server), how, "two words")

    assert answer.text == "You said: two words"
    assert answer.response_metadata["model_name"] == "weak"
    assert answer.response_metadata["finish_reason"] == "stop"
    assert answer.usage_metadata is not None
    assert (answer.usage_metadata["input_tokens"], answer.usage_metadata["output_tokens"]) == (2, 4)
    assert server.tokens("weak") == Usage(2, 4)


@pytest.mark.parametrize("how", HOW)
async def test_every_token_has_its_logprob(server: StubServer, how: str) -> None:
    """Log-probabilities are complete, also in the sum of a stream."""
    server.model("weak", lambda _: StubReply("It is four.", logprobs=[-0.1, -0.2, -3.0]))

    answer = await answer_of(chat(server, logprobs=True, top_logprobs=2), how)

    content = answer.response_metadata["logprobs"]["content"]
    assert [(entry["token"], entry["logprob"]) for entry in content] == [
        ("It", -0.1),
        (" is", -0.2),
        (" four.", -3.0),
    ]
    assert [len(entry["top_logprobs"]) for entry in content] == [2, 2, 2]


async def test_logprobs_come_only_when_asked_for_and_known(server: StubServer) -> None:
    """A provider may not have them either."""
    assert not chat(server).invoke("hi").response_metadata["logprobs"]

    server.model("weak", logprob=None)

    assert not chat(server, logprobs=True).invoke("hi").response_metadata["logprobs"]


@pytest.mark.parametrize("how", HOW)
async def test_tools_are_called_once_and_then_answered(server: StubServer, how: str) -> None:
    """Arguments fit the tool's schema; after the tool's result the model answers in words."""
    model = chat(server).bind_tools([weather])

    asked = await answer_of(model, how)

    (call,) = asked.tool_calls
    assert (call["name"], call["args"]) == ("weather", {"city": "test", "day": 3})
    assert asked.response_metadata["finish_reason"] == "tool_calls"
    result = ToolMessage("rain", tool_call_id=call["id"])
    assert (await answer_of(model, how, [asked, result])).text


@pytest.mark.parametrize(("choice", "calls"), [("none", 0), ("any", 1), ("weather", 1)])
def test_tool_choice_is_honoured(server: StubServer, choice: str, calls: int) -> None:
    """A model may be kept from calling tools, and made to."""
    model = chat(server).bind_tools([weather], tool_choice=choice)

    assert len(model.invoke("hello").tool_calls) == calls


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
async def test_structured_output_fits_the_schema(server: StubServer, method: Any) -> None:
    """Every value has the type that the schema asks for."""
    model = chat(server).with_structured_output(Verdict, method=method)

    expected = Verdict(reason="test", share=3, tags=["test"])
    assert model.invoke("hello") == expected
    assert await model.ainvoke("hello") == expected


def test_json_mode_answers_with_the_quoted_keys(server: StubServer) -> None:
    """There is no schema to go by, so the prompt has to name the keys."""
    model = chat(server).with_structured_output(method="json_mode")

    assert model.invoke("Give 'setup' and 'punchline'.") == {"setup": "test", "punchline": "test"}


def test_limits_are_kept(server: StubServer) -> None:
    """Text ends before a stop word, and at the limit of tokens for the reason of length."""
    server.model("weak", lambda _: StubReply("one two three four five", logprobs=[-0.1] * 5))
    model = chat(server, logprobs=True)

    stopped, short = model.invoke("count", stop=["four"]), model.invoke("count", max_tokens=2)

    assert (stopped.text, stopped.response_metadata["finish_reason"]) == ("one two three ", "stop")
    assert (short.text, short.response_metadata["finish_reason"]) == ("one two", "length")
    assert len(short.response_metadata["logprobs"]["content"]) == 2


def test_a_model_can_read_the_request(server: StubServer) -> None:
    """`respond` is given the body; what it says is what the client gets."""
    server.model("weak", lambda body: f"temperature {body['temperature']}", logprob=-0.5)

    answer = chat(server, temperature=0.25, logprobs=True).invoke("hello")

    assert answer.text == "temperature 0.25"
    assert answer.response_metadata["logprobs"]["content"][0]["logprob"] == -0.5


def test_usage_is_streamed_only_on_request(server: StubServer) -> None:
    """As with a provider; it is on the bill all the same."""
    answer = reduce(add, chat(server, stream_usage=False).stream("hello"))

    assert answer.usage_metadata is None
    assert server.tokens() == Usage(1, 3)


@pytest.mark.parametrize("how", ["invoke", "stream"])
async def test_usage_can_be_stated(server: StubServer, how: str) -> None:
    """The bill says what the reply says, streamed or not."""
    server.model("weak", lambda _: StubReply("four", usage=(1000, 70)))

    answer = await answer_of(chat(server), how)

    assert answer.usage_metadata is not None
    assert answer.usage_metadata["output_tokens"] == 70
    assert server.tokens() == Usage(1000, 70)


def test_the_log_tells_models_apart(server: StubServer) -> None:
    """Calls and tokens can be counted for one model or for all, and forgotten."""
    chat(server).invoke("hello")
    chat(server, "strong").invoke("hello you")

    assert (server.calls(), server.calls("strong"), server.calls("other")) == (2, 1, 0)
    assert (server.tokens(), server.tokens("strong")) == (Usage(3, 7), Usage(2, 4))
    assert [one.model for one in server.requests] == ["weak", "strong"]
    assert server.requests[0].body["messages"][0]["content"] == "hello"

    server.reset()

    assert (server.calls(), server.tokens()) == (0, Usage(0, 0))


def test_many_clients_are_served_at_once(server: StubServer) -> None:
    """Each request is counted once."""
    server.model("weak", delay=0.002)
    model = chat(server)

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda word: model.invoke(word).text, map(str, range(64))))

    assert answers == [f"You said: {number}" for number in range(64)]
    assert server.tokens() == Usage(64, 64 * 3)


def test_models_are_listed(server: StubServer) -> None:
    """Some clients look before they ask."""
    status, answer = request(server, "GET", "/v1/models")

    assert status == 200
    assert [model["id"] for model in answer["data"]] == ["embedding", "strong", "weak"]


@pytest.mark.parametrize("settings", [{}, {"encoding_format": "float"}])
async def test_texts_are_embedded(server: StubServer, settings: dict[str, Any]) -> None:
    """The same text has the same vector, in either encoding; shared words make texts similar."""
    async with openai.DefaultAsyncHttpxClient() as connections:
        model = OpenAIEmbeddings(
            base_url=server.base_url,
            api_key=SecretStr("any"),
            model="embedding",
            check_embedding_ctx_length=False,
            http_async_client=connections,
            model_kwargs=settings,
        )
        cats, dogs, other = model.embed_documents(["black cats", "black dogs", "white"])

        assert await model.aembed_query("black cats") == pytest.approx(cats)
    assert len(cats) == 16
    assert sum(map(float.__mul__, cats, dogs)) > sum(map(float.__mul__, cats, other))
    assert server.tokens("embedding") == Usage(7, 0)


@pytest.mark.parametrize(
    ("texts", "count"), [("one text", 1), (["one", "two"], 2), ([1, 2], 1), ([[1, 2], [1, 2]], 2)]
)
def test_one_or_many_texts_or_token_numbers_are_embedded(
    server: StubServer, texts: Any, count: int
) -> None:
    """Clients that count tokens send numbers; any client may ask for another length."""
    body = {"model": "embedding", "input": texts, "dimensions": 4}

    _, answer = request(server, "POST", "/v1/embeddings", json.dumps(body))

    assert [len(item["embedding"]) for item in answer["data"]] == [4] * count


def test_requests_sent_ahead_wait_for_their_turn(server: StubServer) -> None:
    """A client that does not wait for answers has not left."""
    server.model("weak", delay=0.002)
    body = b'{"model": "weak", "messages": [{"role": "user", "content": "hello"}]}'
    head = b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body)
    last = head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")

    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head + body + last + body)
        answers = connection.makefile().read()

    assert answers.count("You said: hello") == 2
    assert not any(one.aborted for one in server.requests)


def test_a_server_that_does_not_run_has_no_address() -> None:
    """The message says how to start it; closing what never ran is harmless."""
    server = StubServer()
    server.close()

    with pytest.raises(RuntimeError, match="use it in a `with` block"):
        _ = server.base_url


def test_a_closed_server_hangs_up() -> None:
    """Connections that are kept alive are closed as well."""
    with StubServer() as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", "/v1/models")
        connection.getresponse().read()

    connection.sock.settimeout(1)
    assert connection.sock.recv(1) == b""
    connection.close()


def test_the_server_runs_by_hand() -> None:
    """It prints its address first and ends in peace when interrupted."""
    command = [sys.executable, "-m", "langchain_intercascade.testing.stub.server", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        address = process.stdout.readline()
        process.send_signal(signal.SIGINT)

    assert (address.startswith("http://127.0.0.1:"), address.endswith("/v1\n")) == (True, True)
    assert process.returncode == 0
