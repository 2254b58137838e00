"""What a stub model says when it is not told: enough to satisfy any client that asks politely."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from langchain_intercascade.testing._tokens import split_tokens, spread_logprobs
from langchain_intercascade.testing.stub.errors import bad_request
from langchain_intercascade.testing.stub.schema import value_for_schema

Request: TypeAlias = dict[str, Any]
"""The body of a chat completion request, as the client sent it."""

ECHOED = 12
"""Words of the prompt that the default answer repeats."""


@dataclass(frozen=True, slots=True)
class StubReply:
    """What a stub model says to one request."""

    text: str = ""
    """Cut at the request's `stop` and `max_tokens`, as a live model's would be."""
    tool_calls: Sequence[Mapping[str, Any]] = ()
    """`name` and `args` of each.  A string as `args` is sent as it stands, so that malformed
    calls can be sent."""
    logprob: float | None = None
    """Log-probability of every token; that of the model's behaviour when not given."""
    logprobs: Sequence[float] | None = None
    """One log-probability per token instead; a shorter list leaves the last tokens without."""
    usage: tuple[int, int] | None = None
    """Input and output tokens; counted from the words when not given."""
    finish_reason: str | None = None
    """By default `tool_calls`, `length` or `stop`, as fits."""

    def __post_init__(self) -> None:
        """Refuse more log-probabilities than tokens."""
        spread_logprobs(split_tokens(self.text), self.logprob, self.logprobs)


def default_reply(request: Request) -> StubReply:
    """Call a tool if there is one to call, fill in a form if there is one, else echo the prompt.

    Strings in forms and tool arguments are what the prompt has in single quotes, or `test`.
    """
    text = next(iter(_quoted(request)), "test")
    if function := _function_to_call(request):
        args = value_for_schema(function.get("parameters") or {"type": "object"}, text=text)
        return StubReply(tool_calls=[{"name": function["name"], "args": args}])
    form = request.get("response_format") or {}
    if form.get("type") == "json_schema":
        filled = value_for_schema(form["json_schema"]["schema"], text=text)
        return StubReply(json.dumps(filled, ensure_ascii=False))
    if form.get("type") == "json_object":
        return StubReply(json.dumps(dict.fromkeys(_quoted(request) or ["answer"], "test")))
    return StubReply("You said: " + "".join(split_tokens(last_text(request, "user"))[:ECHOED]))


def last_text(request: Request, role: str) -> str:
    """Return the text of the last message with this role; empty if there is none."""
    texts = [text_of(message) for message in request["messages"] if message["role"] == role]
    return texts[-1] if texts else ""


def text_of(message: Mapping[str, Any]) -> str:
    """Return the text of a message, whose content is nothing, a string or a list of parts."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(part.get("text") or "" for part in content)


def _quoted(request: Request) -> list[str]:
    """Return what the last user message has in single quotes; apostrophes are not quotes."""
    return re.findall(r"(?<!\w)'([^']+)'(?!\w)", last_text(request, "user"))


def _function_to_call(request: Request) -> dict[str, Any] | None:
    """Return the function that the request makes a model call, or would tempt it to.

    Left the choice, the stub calls the first tool once and then answers with what
    the tool said, so that an agent's loop ends.
    """
    functions = [tool["function"] for tool in request.get("tools") or []]
    choice = request.get("tool_choice") or "auto"
    if isinstance(choice, dict):
        return _named(functions, choice["function"]["name"])
    if choice == "none" or (choice == "auto" and request["messages"][-1]["role"] == "tool"):
        return None
    return functions[0] if functions else None


def _named(functions: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """Return the function of this name, which must be among those offered."""
    for function in functions:
        if function["name"] == name:
            return function
    message = f"tool_choice names the function {name!r}, which is not among the tools."
    raise bad_request(message)
