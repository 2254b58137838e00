"""The scripted model behaves as a live one would, and tells what happened to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from operator import add as add_chunks
from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.tools import tool

from langchain_intercascade.testing.scripted import (
    Reply,
    ScriptedChatModel,
    ScriptExhaustedError,
)
from tests.unit_tests.testing.clients import HOW, answer_of


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def echo(prompt: list[BaseMessage]) -> str:
    """Answer with the last message."""
    return prompt[-1].text


@pytest.mark.parametrize("how", HOW)
async def test_an_answer_is_the_same_however_it_is_got(how: str) -> None:
    """Text, tokens, reason and model name do not depend on the way the model is called."""
    model = ScriptedChatModel(replies=["It is four."], model_name="m")

    answer = await answer_of(model, how)

    assert answer.text == "It is four."
    assert answer.usage_metadata == {"input_tokens": 1, "output_tokens": 3, "total_tokens": 4}
    assert answer.response_metadata == {"finish_reason": "stop", "model_name": "m"}


@pytest.mark.parametrize("how", HOW)
async def test_every_token_has_its_logprob(how: str) -> None:
    """Log-probabilities are complete, one by one, also in the sum of a stream."""
    script = Reply("It is four.", logprobs=[-0.1, -0.2, -3.0])
    model = ScriptedChatModel(replies=[script], logprobs=True)

    answer = await answer_of(model, how)

    content = answer.response_metadata["logprobs"]["content"]
    assert [(entry["token"], entry["logprob"]) for entry in content] == [
        ("It", -0.1),
        (" is", -0.2),
        (" four.", -3.0),
    ]
    assert content[0] == {"token": "It", "logprob": -0.1, "bytes": [73, 116], "top_logprobs": []}


@pytest.mark.parametrize("how", HOW)
async def test_logprobs_come_only_when_asked_for(how: str) -> None:
    """As with a live model, nothing is sent unless the field or the call asks."""
    model = ScriptedChatModel(replies=["four"], repeat_last=True)

    assert "logprobs" not in (await answer_of(model, how)).response_metadata
    assert "logprobs" in (await answer_of(model.bind(logprobs=True), how)).response_metadata


def test_a_model_may_report_no_logprobs_at_all() -> None:
    """`logprob=None` plays a provider that leaves them out although asked."""
    model = ScriptedChatModel(replies=[Reply("four", logprob=None)], logprobs=True)

    assert "logprobs" not in model.invoke("2 + 2").response_metadata


def test_logprobs_may_be_cut_short() -> None:
    """Fewer than tokens is a fault that gates must survive, so it can be scripted."""
    model = ScriptedChatModel(replies=[Reply("a b c", logprobs=[-0.5])], logprobs=True)

    answer = reduce(add_chunks, model.stream("ask"))

    assert len(answer.response_metadata["logprobs"]["content"]) == 1


def test_more_logprobs_than_tokens_are_refused() -> None:
    """A script that cannot be played fails when it is written, not when it is run."""
    with pytest.raises(ValueError, match="2 logprobs for the 1 tokens"):
        Reply("four", logprobs=[-0.1, -0.2])


def test_the_runner_up_holds_the_rest_of_the_probability() -> None:
    """The two candidates of a token have probabilities that sum to one."""
    model = ScriptedChatModel(
        replies=[Reply("four", logprob=-0.6931471805599453)], logprobs=True, top_logprobs=2
    )

    (entry,) = model.invoke("2 + 2").response_metadata["logprobs"]["content"]

    assert [round(top["logprob"], 3) for top in entry["top_logprobs"]] == [-0.693, -0.693]


def test_a_stream_is_word_sized() -> None:
    """Text arrives in several chunks and the last one says that it is the last."""
    chunks = list(ScriptedChatModel(replies=["one two  three"]).stream("count"))

    assert [chunk.content for chunk in chunks] == ["one", " two", "  three", ""]
    assert isinstance(chunks[-1], AIMessageChunk)
    assert chunks[-1].chunk_position == "last"


def test_replies_come_in_order_and_then_run_out() -> None:
    """The message names how many calls were scripted."""
    model = ScriptedChatModel(replies=["one", "two"], model_name="weak")

    assert [model.invoke("next").text for _ in range(2)] == ["one", "two"]
    with pytest.raises(ScriptExhaustedError, match=r"'weak' got call number 3.* only 2 replies"):
        model.invoke("next")


def test_the_last_reply_repeats_on_request() -> None:
    """`repeat_last` makes a script endless."""
    model = ScriptedChatModel(replies=["one", "two"], repeat_last=True)

    assert [model.invoke("next").text for _ in range(3)] == ["one", "two", "two"]


@pytest.mark.parametrize("script", [{}, {"replies": ["one"], "respond": echo}])
def test_a_model_has_exactly_one_script(script: dict[str, Any]) -> None:
    """Neither none nor two: which one would win is a guess."""
    with pytest.raises(ValueError, match="either replies or respond"):
        ScriptedChatModel(**script)


def test_a_model_can_read_its_prompt() -> None:
    """`respond` is asked for each reply."""
    assert ScriptedChatModel(respond=echo).invoke("say this").text == "say this"


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("as_script", [lambda error: error, lambda error: Reply(error=error)])
async def test_errors_are_raised(how: str, as_script: Callable[[Exception], Any]) -> None:
    """An exception can stand in a script, bare or in a reply, and the next call goes on."""
    model = ScriptedChatModel(replies=[as_script(TimeoutError("slow")), "fine"])

    with pytest.raises(TimeoutError, match="slow"):
        await answer_of(model, how)

    assert (await answer_of(model, how)).text == "fine"


def test_a_stream_can_break_in_the_middle() -> None:
    """The text of a failing reply is streamed before the error."""
    stream = ScriptedChatModel(replies=[Reply("It is", error=ConnectionError())]).stream("ask")

    assert [next(stream).content, next(stream).content] == ["It", " is"]
    with pytest.raises(ConnectionError):
        next(stream)


@pytest.mark.parametrize("how", HOW)
async def test_tools_are_called(how: str) -> None:
    """Calls come with the ids given, or with ids of their own."""
    calls = [{"name": "add", "args": {"a": 1, "b": 2}}, {"name": "add", "args": {}, "id": "mine"}]
    model = ScriptedChatModel(replies=[Reply(tool_calls=calls)])

    answer = await answer_of(model.bind_tools([add]), how)

    assert [(call["args"], call["id"]) for call in answer.tool_calls] == [
        ({"a": 1, "b": 2}, "call_0_0"),
        ({}, "mine"),
    ]
    assert answer.response_metadata["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("how", ["invoke", "ainvoke"])
async def test_tool_calls_can_be_malformed(how: str) -> None:
    """Arguments given as a string are sent as they stand."""
    model = ScriptedChatModel(replies=[Reply(tool_calls=[{"name": "add", "args": '{"a": 1'}])])

    answer = await answer_of(model, how)

    assert answer.tool_calls == []
    assert [call["args"] for call in answer.invalid_tool_calls] == ['{"a": 1']


@pytest.mark.parametrize("how", ["stream", "astream"])
async def test_malformed_tool_calls_are_repaired_when_streamed(how: str) -> None:
    """So LangChain does to the chunks of a live model, too."""
    model = ScriptedChatModel(replies=[Reply(tool_calls=[{"name": "add", "args": '{"a": 1'}])])

    answer = await answer_of(model, how)

    assert [call["args"] for call in answer.tool_calls] == [{"a": 1}]


def test_what_was_bound_is_seen() -> None:
    """Tools are bound in OpenAI's form; `tool_choice` and `stop` are passed on."""
    model = ScriptedChatModel(replies=["no"])

    model.bind_tools([add], tool_choice="any").invoke("2 + 2", stop=["\n"])

    (seen,) = model.kwargs_seen
    assert seen["tools"][0]["function"]["name"] == "add"
    assert (seen["tool_choice"], seen["stop"]) == ("any", ["\n"])


def test_usage_cost_and_metadata_can_be_scripted() -> None:
    """Whatever a provider may report about an answer can be put into a reply."""
    script = Reply(
        "cut", usage=(100, 7), cost=0.25, finish_reason="length", response_metadata={"extra": 1}
    )

    answer = ScriptedChatModel(replies=[script]).invoke("ask")

    usage = {"input_tokens": 100, "output_tokens": 7, "total_tokens": 107}
    assert answer.usage_metadata == usage
    assert answer.response_metadata["total_cost"] == 0.25
    assert answer.response_metadata["finish_reason"] == "length"
    assert answer.response_metadata["extra"] == 1


@pytest.mark.parametrize("deep", [False, True])
def test_copies_share_script_and_log(deep: bool) -> None:  # noqa: FBT001 - a test parameter
    """What a reconfigured copy is asked can be read from the original."""
    model = ScriptedChatModel(replies=["one", "two"])
    copy = model.model_copy(update={"disable_streaming": True, "logprobs": True}, deep=deep)

    assert [model.invoke("first").text, copy.invoke("second").text] == ["one", "two"]
    assert [prompt[0].text for prompt in model.calls] == ["first", "second"]


def test_a_model_with_streaming_disabled_still_streams_one_piece() -> None:
    """`disable_streaming` keeps log-probabilities whole under event streaming."""
    model = ScriptedChatModel(replies=[Reply("a b")], disable_streaming=True, logprobs=True)

    (whole,) = list(model.stream("ask"))

    assert len(whole.response_metadata["logprobs"]["content"]) == 2


@pytest.mark.filterwarnings("ignore:The method .* is in beta")
async def test_a_model_can_be_followed_by_events() -> None:
    """The newest protocol of streaming works in both colours."""
    model = ScriptedChatModel(replies=["one two"], repeat_last=True)

    events = model.stream_events("count", version="v3")
    aevents = await model.astream_events("count", version="v3")

    assert "".join(events.text) == "one two"
    assert "".join([text async for text in aevents.text]) == "one two"


def test_models_are_told_apart_by_identity() -> None:
    """Two models with the same script are not the same model."""
    model = ScriptedChatModel(replies=["one"])

    assert model == model  # noqa: PLR0124 - the point of this test
    assert len({model, model, ScriptedChatModel(replies=["one"])}) == 2


def test_calls_from_many_threads_are_all_counted() -> None:
    """Each scripted reply is given exactly once."""
    replies = [str(number) for number in range(200)]
    model = ScriptedChatModel(replies=replies)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: model.invoke("next").text, replies))

    assert sorted(answers) == sorted(replies)
    assert model.call_count == 200


@pytest.mark.parametrize("how", ["ainvoke", "astream"])
async def test_a_cancelled_call_is_noticed(how: str) -> None:
    """An answer can be given up at once, however long it would have taken."""
    asked = asyncio.Event()

    def respond(_: list[BaseMessage]) -> Reply:
        asked.set()
        return Reply("too late", delay=60)

    model = ScriptedChatModel(respond=respond)
    task = asyncio.create_task(answer_of(model, how))
    await asked.wait()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert model.cancelled == 1


def test_a_stream_closed_early_is_noticed() -> None:
    """So is a reader who stops reading."""
    model = ScriptedChatModel(replies=["one two three"])
    stream = model.stream("count")
    next(stream)

    del stream

    assert model.cancelled == 1


def test_a_delay_delays() -> None:
    """The whole answer takes at least as long as the script says."""
    model = ScriptedChatModel(replies=[Reply("one two", delay=0.004)], repeat_last=True)

    assert model.invoke("ask").text == reduce(add_chunks, model.stream("ask")).text


def test_traces_name_the_model() -> None:
    """Tracers and price tables look the name up here."""
    params = ScriptedChatModel(replies=["x"], model_name="m")._get_ls_params()  # noqa: SLF001

    assert (params["ls_provider"], params["ls_model_name"]) == ("scripted", "m")
