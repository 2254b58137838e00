"""A reply in the two forms in which the chat completions API sends it: whole, and as events."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from langchain_intercascade.testing._tokens import logprob_entries, split_tokens, spread_logprobs
from langchain_intercascade.testing.stub.errors import bad_request
from langchain_intercascade.testing.stub.reply import Request, StubReply, text_of


class Event(NamedTuple):
    """One event of a stream."""

    payload: dict[str, Any]
    tokens: int
    """How many output tokens it carries."""


def complete(request: Request, reply: StubReply, logprob: float | None) -> Completion:
    """Return what to send for `reply`, after the request's limits were applied to it.

    Args:
        request: The request to answer.
        reply: What the model says.
        logprob: Log-probability of every token unless the reply states its own.
    """
    tokens, cut = _limited(request, reply.text)
    own = logprob if reply.logprob is None else reply.logprob
    scored = spread_logprobs(tokens, own, reply.logprobs and reply.logprobs[: len(tokens)])
    calls = [_tool_call(call) for call in reply.tool_calls]
    reason = "tool_calls" if calls else "length" if cut else "stop"
    return Completion(
        id=f"chatcmpl-{uuid.uuid4().hex}",
        created=int(time.time()),
        model=request["model"],
        tokens=tokens,
        entries=logprob_entries(tokens, scored, request.get("top_logprobs") or 0),
        with_logprobs=bool(request.get("logprobs")),
        tool_calls=calls,
        finish_reason=reply.finish_reason or reason,
        counted=reply.usage or (_prompt_tokens(request), len(tokens) + _call_tokens(calls)),
    )


def check(request: Request) -> None:
    """Refuse what the API would refuse, and the few things that the stub cannot do.

    Raises:
        RequestError: If the request makes no sense.
    """
    if not request.get("messages"):
        message = "'messages' must be a list with at least one message."
        raise bad_request(message)
    if request.get("n") not in {None, 1}:
        message = f"'n' is {request['n']}, but this stub gives one choice per request."
        raise bad_request(message)
    if request.get("top_logprobs") and not request.get("logprobs"):
        message = "'top_logprobs' needs 'logprobs' to be true."
        raise bad_request(message)


@dataclass(frozen=True, slots=True)
class Completion:
    """A reply ready to be sent."""

    id: str
    created: int
    model: str
    tokens: Sequence[str]
    entries: Sequence[dict[str, Any]]
    with_logprobs: bool
    tool_calls: Sequence[dict[str, Any]]
    finish_reason: str
    counted: tuple[int, int]
    """Input and output tokens."""

    def body(self) -> dict[str, Any]:
        """Return the whole completion."""
        message = {
            "role": "assistant",
            "content": "".join(self.tokens) if self.tokens or not self.tool_calls else None,
            "refusal": None,
            **({"tool_calls": list(self.tool_calls)} if self.tool_calls else {}),
        }
        choice = {
            "index": 0,
            "message": message,
            "logprobs": self._logprobs(self.entries),
            "finish_reason": self.finish_reason,
        }
        head = self._head("chat.completion")
        return {**head, "choices": [choice], "usage": self._usage()}

    def events(self, *, include_usage: bool) -> list[Event]:
        """Return the events of a stream: the role, the tokens, the tool calls, the end."""
        events = [
            self._event({"role": "assistant", "content": ""}),
            *self._said(),
            *self._called(),
            self._event({}, finish_reason=self.finish_reason),
        ]
        if include_usage:
            head = self._head("chat.completion.chunk")
            events.append(Event({**head, "choices": [], "usage": self._usage()}, 0))
        return events

    def _said(self) -> list[Event]:
        """Return one event per token, with the token's log-probability."""
        return [
            self._event({"content": token}, tokens=1, entries=self.entries[at : at + 1])
            for at, token in enumerate(self.tokens)
        ]

    def _called(self) -> list[Event]:
        """Return the events of the tool calls: name and id first, then arguments bit by bit."""
        events = []
        for index, call in enumerate(self.tool_calls):
            function = {**call["function"], "arguments": ""}
            events.append(self._called_event({**call, "index": index, "function": function}))
            for token in split_tokens(call["function"]["arguments"]):
                part = {"index": index, "function": {"arguments": token}}
                events.append(self._called_event(part, tokens=1))
        return events

    def _called_event(self, part: dict[str, Any], tokens: int = 0) -> Event:
        """Return an event with a part of one tool call."""
        return self._event({"tool_calls": [part]}, tokens=tokens)

    def _event(
        self,
        delta: dict[str, Any],
        *,
        tokens: int = 0,
        entries: Sequence[dict[str, Any]] = (),
        finish_reason: str | None = None,
    ) -> Event:
        """Return an event that changes the message by `delta`."""
        logprobs = self._logprobs(entries) if entries else None
        choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
        return Event({**self._head("chat.completion.chunk"), "choices": [choice]}, tokens)

    def _head(self, kind: str) -> dict[str, Any]:
        """Return what every object of this completion starts with."""
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}

    def _logprobs(self, entries: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
        """Return log-probabilities as the API does: null unless asked for, and for tool calls."""
        if not self.with_logprobs or not entries:
            return None
        return {"content": list(entries), "refusal": None}

    def _usage(self) -> dict[str, int]:
        """Return the tokens used."""
        asked, said = self.counted
        return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}


def _limited(request: Request, text: str) -> tuple[list[str], bool]:
    """Return the tokens within `stop` and `max_tokens`, and whether the latter cut any off."""
    stops = request.get("stop") or []
    for stop in [stops] if isinstance(stops, str) else stops:
        text = text.partition(stop)[0]
    tokens = split_tokens(text)
    limit = request.get("max_completion_tokens") or request.get("max_tokens") or len(tokens)
    return tokens[:limit], len(tokens) > limit


def _tool_call(call: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tool call as the API states it, with an id of its own."""
    args = call.get("args", {})
    arguments = args if isinstance(args, str) else json.dumps(args, ensure_ascii=False)
    function = {"name": call["name"], "arguments": arguments}
    return {"id": f"call_{uuid.uuid4().hex[:24]}", "type": "function", "function": function}


def _prompt_tokens(request: Request) -> int:
    """Count the tokens of the messages."""
    return sum(len(split_tokens(text_of(message))) for message in request["messages"])


def _call_tokens(calls: Sequence[dict[str, Any]]) -> int:
    """Count the tokens of tool calls' arguments."""
    return sum(len(split_tokens(call["function"]["arguments"])) for call in calls)
