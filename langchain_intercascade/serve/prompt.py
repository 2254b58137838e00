"""The messages of a request, in OpenAI's form, as LangChain's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from langchain_core.messages import BaseMessage
from langchain_core.messages.utils import convert_to_messages

from langchain_intercascade.serve.refusal import RefusedError, bad_request

_ROLES: Final = ("developer", "system", "user", "assistant", "tool")
_READ: Final = ("role", "content", "name", "tool_calls", "tool_call_id")
"""What is read of a message; what else clients send back of an answer, such as annotations and
audio, no model needs."""


def prompt_of(told: Sequence[Mapping[str, Any]]) -> list[BaseMessage]:
    """Return the messages.

    Raises:
        RefusedError: One of them cannot be read; which one is said, and nothing of its text.

    Examples:
        >>> prompt_of([{"role": "user", "content": "What is 2 + 2?"}])[0].content
        'What is 2 + 2?'
    """
    return [_message(each, f"messages[{at}]") for at, each in enumerate(told)]


def _message(told: Mapping[str, Any], where: str) -> BaseMessage:
    if (refused := _wrong(told, where)) is not None:
        raise refused
    known = {name: told[name] for name in _READ if told.get(name) is not None}
    try:
        (message,) = convert_to_messages([{"content": "", **known}])
    except (ValueError, KeyError, TypeError, AttributeError):
        msg = f"'{where}' cannot be read: its content or its tool calls are not in OpenAI's form."
        raise bad_request(msg, where) from None
    return message


def _wrong(told: Mapping[str, Any], where: str) -> RefusedError | None:
    role = told.get("role")
    if role not in _ROLES:
        msg = f"'{where}.role' must be one of {', '.join(_ROLES)}."
        return bad_request(msg, f"{where}.role")
    if told.get("content") is None and role != "assistant":
        msg = f"'{where}.content' is missing."
        return bad_request(msg, f"{where}.content")
    if role == "tool" and not isinstance(told.get("tool_call_id"), str):
        msg = f"'{where}.tool_call_id' must name the call that this is the result of."
        return bad_request(msg, f"{where}.tool_call_id")
    return None
