"""What a model's reply says about itself: refused, cut off, empty, or a wrong configuration."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final, Literal

from langchain_core.messages import AIMessage, BaseMessage

_CUT_OFF: Final = frozenset({"length", "max_tokens", "max_output_tokens", "model_length"})
_REFUSED: Final = frozenset({"content_filter", "refusal", "safety", "blocklist", "recitation"})
_NEVER_WORKS: Final = frozenset({401, 403, 404})
_INVALID: Final = frozenset({400, 422})


def flaw(message: AIMessage) -> tuple[Literal["refused", "incomplete"], str] | None:
    """Say why `message` cannot stand as an answer, or `None` if it can.

    Returns:
        `"refused"` for a refusal or a filtered reply, `"incomplete"` for an
        empty, cut off or malformed one, each with the reason in words.
    """
    finish = finish_reason(message)
    if finish in _REFUSED or message.additional_kwargs.get("refusal"):
        return "refused", f"it was refused or filtered ({finish or 'refusal'})"
    if finish in _CUT_OFF:
        return "incomplete", "it was cut off at the token limit"
    if message.invalid_tool_calls:
        return "incomplete", "it holds a malformed tool call"
    if not message.text.strip() and not message.tool_calls:
        return "incomplete", "it is empty"
    return None


def finish_reason(message: AIMessage) -> str:
    """Return why the model stopped, as it says itself, in small letters; may be empty.

    Examples:
        >>> finish_reason(AIMessage("4", response_metadata={"done_reason": "STOP"}))
        'stop'
    """
    metadata = message.response_metadata
    found = (
        metadata.get("finish_reason") or metadata.get("stop_reason") or metadata.get("done_reason")
    )
    return str(found or "").lower()


def said(message: AIMessage | None) -> str:
    """Return what `message` says: its words, or the arguments of a structured answer.

    Examples:
        >>> said(AIMessage("four")), said(None)
        ('four', '')
    """
    if message is None:
        return ""
    if message.tool_calls and not message.text:
        return json.dumps(message.tool_calls[0]["args"])
    return message.text


def configuration_fault(error: Exception) -> bool:
    """Say whether `error` means that the model can never work as configured.

    A wrong key, an unknown model or an invalid request would fail for ever;
    deferring around it would hide that and quietly cost money.  A prompt that
    is too long or is filtered is about this query only.

    Providers' clients agree on the HTTP status; the newer `langchain_core`
    errors carry it in their names.
    """
    if too_much(error):
        return False
    names = {kind.__name__ for kind in type(error).__mro__}
    status = getattr(error, "status_code", None)
    if status in _NEVER_WORKS | _INVALID:
        return True
    return bool(
        names
        & {
            "ModelAuthenticationError",
            "ModelPermissionDeniedError",
            "ModelNotFoundError",
            "ModelInvalidRequestError",
        }
    )


def too_much(error: Exception) -> bool:
    """Say whether `error` means that this very prompt is too long, or was filtered."""
    names = (kind.__name__ for kind in type(error).__mro__)
    if any("ContextOverflow" in name for name in names):
        return True
    return str(getattr(error, "code", "")) in {"content_filter", "context_length_exceeded"}


def invalid_request(error: Exception) -> bool:
    """Say whether a configuration fault is about the request rather than the access."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return getattr(error, "status_code", None) in _INVALID or "ModelInvalidRequestError" in names


def text_only(messages: Iterable[BaseMessage]) -> bool:
    """Say whether every message is plain text.

    Examples:
        >>> from langchain_core.messages import HumanMessage
        >>> text_only([HumanMessage("hello")])
        True
        >>> text_only([HumanMessage([{"type": "image", "url": "https://example.org/a.png"}])])
        False
    """
    return all(_is_text(message) for message in messages)


def _is_text(message: BaseMessage) -> bool:
    if isinstance(message.content, str):
        return True
    return all(isinstance(block, str) or block.get("type") == "text" for block in message.content)
