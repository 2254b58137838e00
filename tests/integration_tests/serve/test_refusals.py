"""What goes wrong has the right status, OpenAI's form, and not a word of what was asked."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, ClassVar

import openai
import pytest
from langchain_core.language_models import BaseChatModel

from langchain_intercascade import InterCascade
from langchain_intercascade.costs import Budget
from langchain_intercascade.serve.refusal import refusal_of
from langchain_intercascade.testing import Reply, ScriptedChatModel
from tests.cascades import SURE, cascade_of, weak_model
from tests.integration_tests.serve.serving import QUESTION, Served, served


class UpstreamError(Exception):
    """What a provider's client raises."""

    def __init__(self, status: int, retry_after: str = "", code: str = "") -> None:
        super().__init__(f"CANARY {status}: your prompt was CANARY")
        self.status_code = status
        self.code = code
        self.response = SimpleNamespace(headers={"retry-after": retry_after})


@pytest.fixture(scope="module")
def gateway() -> Iterator[Served]:
    """A gateway whose weak model is sure."""
    with served(cascade_of(weak_model(Reply("five", logprob=SURE))), body_bytes=5000) as found:
        yield found


FUNCTION = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        pytest.param({"n": 2}, "n", id="several answers"),
        pytest.param({"temperature": 3}, "temperature", id="out of range"),
        pytest.param({"temperature": "CANARY"}, "temperature", id="no number"),
        pytest.param({"modalities": ["audio"]}, "modalities", id="nobody heeds it"),
        pytest.param({"messages": []}, "messages", id="no message"),
        pytest.param({"messages": ["CANARY"]}, "messages.0", id="no object"),
        pytest.param({"messages": [{"role": "CANARY"}]}, "messages[0].role", id="no role"),
        pytest.param({"messages": [{"role": "user"}]}, "messages[0].content", id="no content"),
        pytest.param({"messages": [{"role": "user", "content": 3}]}, "messages[0]", id="a number"),
        pytest.param(
            {"messages": [{"role": "tool", "content": "CANARY"}]},
            "messages[0].tool_call_id",
            id="a result of no call",
        ),
        pytest.param({"top_logprobs": 2}, "top_logprobs", id="without logprobs"),
        pytest.param({"stream_options": {}}, "stream_options", id="without stream"),
        pytest.param({"tools": [{"type": "CANARY"}]}, "tools[0]", id="no function"),
        pytest.param({"tool_choice": "required"}, "tool_choice", id="no tools"),
        pytest.param({"tools": [FUNCTION], "tool_choice": "g"}, "tool_choice", id="another tool"),
        pytest.param({"response_format": {"type": "x"}}, "response_format.type", id="no form"),
        pytest.param({"response_format": {"type": []}}, "response_format.type", id="form a list"),
        pytest.param(
            {"response_format": {"type": "json_schema"}},
            "response_format.json_schema",
            id="no schema",
        ),
        pytest.param(
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "n", "schema": {}, "strict": "yes"},
                }
            },
            "response_format.json_schema",
            id="strict a word",
        ),
        pytest.param(
            {"inter_cascade": {"tenant": "other"}}, "inter_cascade.tenant", id="another's tenant"
        ),
        pytest.param({"inter_cascade": {"k": 9}}, "inter_cascade.k", id="too many"),
    ],
)
def test_a_request_that_makes_no_sense(gateway: Served, body: dict[str, Any], param: str) -> None:
    answer = gateway.ask(**body)

    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert error["message"].endswith(".")
    assert "CANARY" not in answer.text


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'"CANARY"', b"[" * 4000, b"NaN"])
def test_a_body_that_is_no_object(gateway: Served, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    for path in ("/v1/chat/completions", "/v1/feedback"):
        answer = gateway.http.post(path, content=body, headers=headers)

        assert answer.status_code == 400
        assert "CANARY" not in answer.text


def test_what_is_not_there(gateway: Served) -> None:
    for answer, status in (
        (gateway.get("/v1/nothing"), 404),
        (gateway.get("/v1/chat/completions"), 405),
        (gateway.post("/v1/models", {}), 405),
        (gateway.ask(model="gpt-9"), 404),
    ):
        assert answer.status_code == status
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


def test_a_body_that_is_too_large(gateway: Served) -> None:
    """Whether it says so, or turns out to be."""
    long = [{"role": "user", "content": "x" * 6000}]
    body = json.dumps({"model": "intercascade", "messages": long}).encode()
    headers = {"content-type": "application/json"}
    told = gateway.ask(messages=long)
    pieces = gateway.http.post(
        "/v1/chat/completions",
        content=(body[at : at + 500] for at in range(0, len(body), 500)),
        headers=headers,
    )

    assert [413, 413] == [told.status_code, pieces.status_code]
    assert told.json()["error"]["code"] == "request_too_large"


ERRORS: list[Exception] = []
"""What the strong model raises: the last one."""


@pytest.fixture(scope="module")
def failing() -> Iterator[Served]:
    """A gateway whose weak model is unsure, and whose strong model fails."""
    strong = ScriptedChatModel(respond=lambda _: Reply(error=ERRORS[-1]))
    with served(cascade_of(strong=strong, learning="off")) as found:
        yield found


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (UpstreamError(500), 502, "upstream_error"),
        (UpstreamError(401), 502, "upstream_error"),
        (UpstreamError(400), 400, "refused_upstream"),
        (UpstreamError(400, code="context_length_exceeded"), 400, "context_length_exceeded"),
        (UpstreamError(429, "7"), 503, "rate_limited"),
        (TimeoutError("CANARY"), 504, "upstream_timeout"),
        (ConnectionError("CANARY"), 502, "upstream_error"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_strong_model_that_fails(
    failing: Served,
    error: Exception,
    status: int,
    code: str,
    *,
    stream: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A stream that has not begun has a status too."""
    ERRORS.append(error)
    answer = failing.ask(stream=stream)

    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
    assert ("7" if code == "rate_limited" else None) == answer.headers.get("retry-after")
    assert "CANARY" not in answer.text + caplog.text
    assert "maybe six" not in answer.text


def test_a_stream_that_breaks_off_says_so() -> None:
    """The status is sent by then, so the error is an event, as OpenAI's clients expect it."""
    broken = Reply("one two three four", error=UpstreamError(500))
    strong = ScriptedChatModel(replies=[broken])
    with served(cascade_of(strong=strong, learning="off")) as gateway:
        answer = gateway.ask(stream=True)
        client = openai.OpenAI(base_url=gateway.base_url, api_key="a", max_retries=0)
        with client, pytest.raises(openai.APIError, match="no answer"):
            list(
                client.chat.completions.create(model="intercascade", messages=QUESTION, stream=True)
            )

    assert answer.status_code == 200
    assert "one" in answer.text
    *_, error, done = answer.text.strip().split("\n\n")
    assert json.loads(error.removeprefix("data: "))["error"]["code"] == "upstream_error"
    assert done == "data: [DONE]"


def test_a_weak_model_that_cannot_work_is_the_operators_business(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The client learns that the gateway is at fault, and the log how to mend it."""
    with served(cascade_of(weak_model(UpstreamError(401)))) as gateway:
        answer = gateway.ask()

    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "misconfigured")
    assert answer.headers["x-should-retry"] == "false"
    assert "Check its key" in caplog.text
    assert "CANARY" not in answer.text + caplog.text


def test_a_budget_that_is_used_up() -> None:
    prices = {"weak-model": (1.0, 1.0), "strong-model": (1e6, 1e6)}
    budget = Budget(per_call=0.001, on_exceeded="raise")
    with served(cascade_of(prices=prices, budget=budget)) as gateway:
        answer = gateway.ask()

    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "insufficient_quota")
    assert answer.headers["x-should-retry"] == "false"


def test_models_that_know_neither_tools_nor_schemas() -> None:
    class Plain(ScriptedChatModel):
        bind_tools: ClassVar[Any] = BaseChatModel.bind_tools

    plain = Plain(replies=["CANARY"], repeat_last=True)
    with served(InterCascade(weak=plain, strong=plain, learning="off")) as gateway:
        form = {"type": "json_schema", "json_schema": {"name": "S", "schema": {"type": "object"}}}
        answer = gateway.ask(response_format=form)

    assert answer.status_code == 400
    assert "CANARY" not in answer.text


def test_a_schema_that_is_none() -> None:
    weak = weak_model(Reply(tool_calls=[{"name": "f", "args": {}}]))
    with served(cascade_of(weak)) as gateway:
        function = {"name": "f", "parameters": {"type": "CANARY"}}
        answer = gateway.ask(tools=[{"type": "function", "function": function}])

    assert answer.status_code == 400
    assert "JSON schema" in answer.text
    assert "CANARY" not in answer.text


def test_what_nobody_expected_is_logged_by_place_and_not_by_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    try:
        raise ZeroDivisionError("CANARY")  # noqa: EM101, TRY301 - what a bug may say
    except ZeroDivisionError as error:
        with caplog.at_level(logging.ERROR):
            refused = refusal_of(error)

    assert refused.status == 500
    assert "test_refusals.py" in caplog.text
    assert "ZeroDivisionError" in str(refused)
    messages = [record.getMessage() for record in caplog.records]
    assert not any("CANARY\n" in each.splitlines()[0] for each in messages)
