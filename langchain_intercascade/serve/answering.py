"""An answer of the cascade in the form of OpenAI's chat completions: whole, or as events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from langchain_core.messages import AIMessage, AIMessageChunk

from langchain_intercascade.equipment import structured_value
from langchain_intercascade.record import RECORD_KEY
from langchain_intercascade.serve.hearing import Hearing, openai_form

ID_PREFIX: Final = "chatcmpl-"
"""How the id of a completion begins; the id of the run follows."""

DONE: Final = b"data: [DONE]\n\n"
"""What a stream ends with."""

_FINISHED: Final[Mapping[str, str]] = {
    **dict.fromkeys(("length", "max_tokens", "max_output_tokens", "model_length"), "length"),
    **dict.fromkeys(
        ("content_filter", "refusal", "safety", "blocklist", "recitation"), "content_filter"
    ),
}
"""Words of providers for why an answer ends, in OpenAI's; any other means that it is complete."""


@dataclass(frozen=True, slots=True)
class Heading:
    """What every object of one completion begins with, and how it is written.

    Attributes:
        run_id: The run's id.
        model: The name under which the cascade is served.
        created: Seconds since 1970.
        structured: Whether a tool call is the models' way of fitting a schema, and is shown as
            the text that was asked for.
        hearing: Has heard the log-probabilities; `None` if they were not asked for.
        listed: How many likeliest tokens are listed beside each.
    """

    run_id: str
    model: str
    created: int
    structured: bool = False
    hearing: Hearing | None = None
    listed: int = 0

    def of(self, kind: str) -> dict[str, Any]:
        """Return the beginning of an object of this kind."""
        name = ID_PREFIX + self.run_id
        return {"id": name, "object": kind, "created": self.created, "model": self.model}

    def completion(self, answer: AIMessage) -> dict[str, Any]:
        """Return `answer` as a chat completion."""
        heard = self.hearing.of_answer(answer.text) if self.hearing else ()
        choice = {
            "index": 0,
            "message": self._message(answer),
            "logprobs": openai_form(heard, self.listed),
            "finish_reason": self._finish(answer.response_metadata, calls=bool(answer.tool_calls)),
        }
        record = answer.response_metadata.get(RECORD_KEY)
        return {
            **self.of("chat.completion"),
            "choices": [choice],
            "usage": usage_of(answer),
            "inter_cascade": record,
        }

    def _message(self, answer: AIMessage) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": answer.text or None}
        message["refusal"] = answer.additional_kwargs.get("refusal")
        if self.structured and answer.tool_calls:
            message["content"] = json.dumps(structured_value(answer), ensure_ascii=False)
        elif answer.tool_calls:
            message["tool_calls"] = [_call(each) for each in answer.tool_calls]
        elif not answer.text:
            message["content"] = ""
        return message

    def _finish(self, metadata: Mapping[str, Any], *, calls: bool) -> str:
        if calls and not self.structured:
            return "tool_calls"
        told = (metadata.get(name) for name in ("finish_reason", "stop_reason", "done_reason"))
        word = next((str(each).lower() for each in told if each), "")
        return _FINISHED.get(word, "stop")


@dataclass(slots=True)
class Events:
    """The events of one streamed completion, piece by piece."""

    heading: Heading
    _metadata: dict[str, Any] = field(default_factory=dict)
    _calls: bool = False

    def begin(self) -> bytes:
        """Return the event that says who speaks."""
        return self._event({"role": "assistant", "content": "", "refusal": None})

    def of_piece(self, piece: AIMessageChunk) -> bytes:
        """Return the events of one piece; there may be none."""
        self._metadata |= piece.response_metadata
        self._calls |= bool(piece.tool_call_chunks)
        heading, text = self.heading, str(piece.text)
        if heading.structured:
            text += "".join(each["args"] or "" for each in piece.tool_call_chunks)
        elif piece.tool_call_chunks:
            parts = [_part(at, each) for at, each in enumerate(piece.tool_call_chunks)]
            before = self._event({"content": text}) if text else b""
            return before + self._event({"tool_calls": parts})
        if not text:
            return b""
        heard = heading.hearing.of_piece(text) if heading.hearing else ()
        return self._event({"content": text}, logprobs=openai_form(heard, heading.listed))

    def end(self, last: AIMessageChunk, *, with_usage: bool) -> bytes:
        """Return the events that end the stream: why, with the decision record; and the usage."""
        heading = self.heading
        finish = heading._finish(self._metadata, calls=self._calls)  # noqa: SLF001 - its own half
        record = self._metadata.get(RECORD_KEY)
        events = self._event({}, finish=finish, inter_cascade=record)
        if with_usage:
            head = heading.of("chat.completion.chunk")
            events += event({**head, "choices": [], "usage": usage_of(last)})
        return events + DONE

    def _event(
        self,
        delta: Mapping[str, Any],
        *,
        finish: str | None = None,
        logprobs: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        return event({**self.heading.of("chat.completion.chunk"), "choices": [choice], **more})


def event(payload: Mapping[str, Any]) -> bytes:
    """Return one server-sent event."""
    return b"data: " + written(payload) + b"\n\n"


def written(payload: Mapping[str, Any]) -> bytes:
    """Return `payload` as JSON; a lone surrogate of a model stays the escape that it is."""
    return json.dumps(payload, separators=(",", ":"), allow_nan=False).encode()


def usage_of(answer: AIMessage) -> dict[str, int] | None:
    """Return the tokens of all models together; `None` if they are not known."""
    used = answer.usage_metadata
    if used is None:
        return None
    return {
        "prompt_tokens": used["input_tokens"],
        "completion_tokens": used["output_tokens"],
        "total_tokens": used["total_tokens"],
    }


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    arguments = json.dumps(call["args"], ensure_ascii=False)
    function = {"name": call["name"], "arguments": arguments}
    return {"id": call["id"], "type": "function", "function": function}


def _part(at: int, call: Mapping[str, Any]) -> dict[str, Any]:
    """Return a part of a tool call; its id and name come with its first part only."""
    index = at if call["index"] is None else call["index"]
    function = {"arguments": call["args"] or ""}
    if call["name"]:
        function = {"name": call["name"], **function}
    named = {"id": call["id"], "type": "function"} if call["id"] else {}
    return {"index": index, **named, "function": function}
