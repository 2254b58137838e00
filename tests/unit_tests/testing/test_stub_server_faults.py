"""What goes wrong with a provider goes wrong with the stub server, when asked to."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from operator import add
from typing import Any

import httpx
import openai
import pytest

from langchain_intercascade.testing.stub.server import (
    EMPTY_BODY,
    MALFORMED_JSON,
    Fault,
    StubServer,
    Trouble,
    Usage,
)
from tests.unit_tests.testing.clients import HOW, answer_of, chat, request

# Older clients pass on what their HTTP library says of a broken stream.
CUT = (openai.APIConnectionError, httpx.TransportError)


def test_a_tool_choice_without_that_tool_is_refused(server: StubServer) -> None:
    """As a provider would."""
    model = chat(server).bind(tools=[{"type": "function", "function": {"name": "one"}}])
    choice = {"type": "function", "function": {"name": "other"}}

    with pytest.raises(openai.BadRequestError, match="'other', which is not among the tools"):
        model.invoke("hello", tool_choice=choice)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (403, openai.PermissionDeniedError),
        (404, openai.NotFoundError),
        (422, openai.UnprocessableEntityError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (503, openai.InternalServerError),
        (529, openai.InternalServerError),
    ],
)
async def test_error_statuses_become_the_clients_errors(
    server: StubServer, status: int, error: type[Exception], how: str
) -> None:
    """The fault hits one request; the next is served."""
    server.fail("weak", Fault(status=status, message="a bad day"))

    with pytest.raises(error, match="a bad day"):
        await answer_of(chat(server), how)

    assert server.tokens() == Usage(0, 0)
    assert (await answer_of(chat(server), how)).text
    assert [one.status for one in server.requests] == [status, 200]


def test_clients_may_retry_after_a_while(server: StubServer) -> None:
    """The header tells how long; both attempts are in the log."""
    server.fail("weak", Fault(status=429, retry_after=0.001))

    assert chat(server, max_retries=1).invoke("hello").text
    assert server.calls("weak") == 2


def test_a_model_can_decide_to_fail(server: StubServer) -> None:
    """`respond` may return a fault, so that failing can depend on the request."""
    server.model("weak", lambda _: Fault(status=503))

    with pytest.raises(openai.InternalServerError):
        chat(server).invoke("hello")


def test_trouble_strikes_the_same_requests_each_time(server: StubServer) -> None:
    """Faults that were ordered come first; the log says what each request met with."""
    kinds = (Fault(status=500), Fault(status=429))
    server.model("weak", trouble=Trouble(0.5, kinds, seed=3))
    met = []
    for _ in range(2):
        server.reset()
        server.fail("weak", Fault(status=503))
        for _ in range(20):
            with contextlib.suppress(openai.APIStatusError):
                chat(server).invoke("hello")
        met.append([one.fault for one in server.requests])

    assert met[0] == met[1]
    assert met[0][0] == Fault(status=503)
    assert {None, *kinds} == set(met[0][1:])
    assert [(one.fault and one.fault.status) or 200 for one in server.requests] == [
        one.status for one in server.requests
    ]


@pytest.mark.parametrize(
    ("share", "faults"), [(1.5, (EMPTY_BODY,)), (-0.1, (EMPTY_BODY,)), (1, ())]
)
def test_trouble_that_cannot_strike_is_refused(share: float, faults: tuple[Fault, ...]) -> None:
    with pytest.raises(ValueError, match=f"share={share} and {len(faults)} faults"):
        Trouble(share, faults)


@pytest.mark.parametrize("how", HOW)
async def test_malformed_json_reaches_the_client(server: StubServer, how: str) -> None:
    """ChatOpenAI passes the decoder's error on as it is."""
    server.fail("weak", MALFORMED_JSON)

    with pytest.raises(json.JSONDecodeError):
        await answer_of(chat(server), how)


@pytest.mark.parametrize("how", HOW)
async def test_an_empty_body_reaches_the_client(server: StubServer, how: str) -> None:
    """No answer at all is an error of the client's, and the connection stays usable."""
    server.fail("weak", EMPTY_BODY)

    with pytest.raises(ValueError, match=r"No generation chunks|Expecting value"):
        await answer_of(chat(server), how)

    assert (await answer_of(chat(server), how)).text


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("events", [0, 2])
async def test_a_cut_connection_is_a_connection_error(
    server: StubServer, how: str, events: int
) -> None:
    """Whether it was cut in a stream or in a whole answer, and even before the first event."""
    server.fail("weak", Fault(cut_after=events))

    with pytest.raises(CUT):
        await answer_of(chat(server), how)


def test_a_cut_stream_has_given_what_it_gave(server: StubServer) -> None:
    """The role and two tokens, here; they are on the bill."""
    server.fail("weak", Fault(cut_after=3))
    stream = chat(server).stream("hello")

    assert [next(stream).text for _ in range(3)] == ["", "You", " said:"]
    with pytest.raises(CUT):
        next(stream)
    assert server.tokens() == Usage(1, 2)


@pytest.mark.parametrize("how", HOW)
async def test_a_hanging_server_times_out(server: StubServer, how: str) -> None:
    """The server notices that the client left, and is free again at once."""
    server.fail("weak", Fault(hang=60))

    with pytest.raises(openai.APITimeoutError):
        await answer_of(chat(server, timeout=openai.Timeout(5, read=0.02)), how)

    server.settle(at_least=1)
    assert [one.aborted for one in server.requests] == [True]


def test_a_stream_closed_early_is_noticed(server: StubServer) -> None:
    """What had been sent by then is on the bill, no more."""
    server.fail("weak", Fault(hang=60, hang_after=3))
    stream = chat(server).stream("hello")

    assert [next(stream).text for _ in range(3)] == ["", "You", " said:"]
    stream.close()  # type: ignore[attr-defined]

    server.settle(at_least=1)
    assert [one.aborted for one in server.requests] == [True]
    assert server.tokens() == Usage(1, 2)


async def test_a_cancelled_stream_is_noticed(server: StubServer) -> None:
    """Cancelling the task that reads closes the connection."""
    # Cancelled between two events that follow closely, `ChatOpenAI` may read on: its
    # `stream_chunk_timeout` uses `asyncio.wait_for`, which Python 3.11 still has wrong.
    server.fail("weak", Fault(hang=60, hang_after=1))
    read = asyncio.Event()

    async def count() -> None:
        async for _ in chat(server).astream("hello"):
            read.set()

    task = asyncio.create_task(count())
    await read.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await asyncio.to_thread(server.settle, at_least=1)
    assert [one.aborted for one in server.requests] == [True]


def test_a_stream_can_be_slow(server: StubServer) -> None:
    """By a fault for once, by a model's behaviour for good; all of it comes either way."""
    server.model("weak", chunk_delay=0.001)
    server.fail("weak", Fault(chunk_delay=0.001))

    assert reduce(add, chat(server).stream("hello")).text == "You said: hello"


async def test_a_cancelled_call_is_noticed(server: StubServer) -> None:
    """So is a client that leaves while the server is still thinking."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()

    def respond(_: dict[str, Any]) -> Fault:
        loop.call_soon_threadsafe(asked.set)
        return Fault(hang=60)

    server.model("weak", respond)
    task = asyncio.create_task(chat(server).ainvoke("hello"))
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await asyncio.to_thread(server.settle, at_least=1)
    assert [one.aborted for one in server.requests] == [True]


def test_settling_has_an_end(server: StubServer) -> None:
    """A request that goes on and on is named."""
    asked = threading.Event()

    def respond(_: dict[str, Any]) -> Fault:
        asked.set()
        return Fault(hang=0.05)

    server.model("weak", respond)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(chat(server).invoke, "hello")
        asked.wait()

        with pytest.raises(TimeoutError, match=r"not finished after 0.001 s.*'weak'"):
            server.settle(0.001)
        with pytest.raises(TimeoutError, match=r"1 requests after 0.001 s, expected 2"):
            server.settle(0.001, at_least=2)
        assert answer.result().text


def test_an_unknown_model_is_not_found(server: StubServer) -> None:
    """The message names those that exist."""
    with pytest.raises(openai.NotFoundError, match=r"'gpt'.* has: embedding, strong, weak"):
        chat(server, "gpt").invoke("hello")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"model": "weak", "messages": []}', "at least one message"),
        ('{"model": "weak", "messages": [{"role": "user"}], "n": 2}', "one choice per request"),
        ('{"model": "weak", "messages": [{"role": "user"}], "top_logprobs": 2}', "needs 'logprobs"),
        ("[]", "must be a JSON object"),
        ("{", "could not parse the JSON body"),
    ],
)
def test_requests_that_make_no_sense_are_refused(
    server: StubServer, body: str, message: str
) -> None:
    """The error is in OpenAI's form and says what is wrong."""
    status, answer = request(server, "POST", "/v1/chat/completions", body)

    assert (status, answer["error"]["type"]) == (400, "invalid_request_error")
    assert message in answer["error"]["message"]


def test_a_failing_respond_is_reported_and_not_retried(server: StubServer) -> None:
    """An assertion in a test's `respond` should be seen, and soon."""

    def respond(_: dict[str, Any]) -> str:
        message = "no tools expected"
        raise AssertionError(message)

    server.model("weak", respond)

    with pytest.raises(openai.InternalServerError, match="no tools expected"):
        chat(server, max_retries=2).invoke("hello")
    assert server.calls() == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_unknown_paths_are_not_found(server: StubServer, method: str) -> None:
    """The usual mistake is a base URL without its `/v1`."""
    status, answer = request(server, method, "/chat/completions", "{}")

    assert (status, "Paths start with /v1" in answer["error"]["message"]) == (404, True)
