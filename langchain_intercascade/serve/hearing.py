"""The log-probabilities of the answer that is served: overheard, for the cascade drops them.

Once the gate has read them they are only weight, so they are neither in the answer nor in
its pieces. The models' own runs still have them, and callbacks see those runs.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, LLMResult

from langchain_intercascade.confidence.token_logprobs import (
    candidates,
    logprob_of,
    read_logprobs,
    token_of,
)

if TYPE_CHECKING:
    from uuid import UUID

UNKNOWN: Final = -9999.0
"""OpenAI's own log-probability of what is not among the likeliest; JSON knows no infinity."""


class Hearing(AsyncCallbackHandler):
    """Hears what the models of one run have said, with its log-probabilities."""

    def __init__(self) -> None:
        """Have heard nothing yet."""
        self._whole: list[tuple[str, Sequence[Any]]] = []
        self._pieces: deque[tuple[str, Sequence[Any]]] = deque()

    async def on_llm_new_token(
        self,
        token: Any,  # noqa: ARG002 - it is in the chunk too
        *,
        chunk: Any = None,
        run_id: UUID,  # noqa: ARG002 - in the contract
        **kwargs: Any,  # noqa: ARG002 - in the contract
    ) -> None:
        """Keep a piece of a streamed answer."""
        info = getattr(chunk, "generation_info", None) or {}
        entries = _entries(AIMessage("", response_metadata={"logprobs": info.get("logprobs")}))
        if entries:
            self._pieces.append((chunk.text, entries))

    async def on_llm_end(
        self,
        response: LLMResult,
        *,
        run_id: UUID,  # noqa: ARG002 - in the contract
        **kwargs: Any,  # noqa: ARG002 - in the contract
    ) -> None:
        """Keep a whole answer."""
        for generation in (each for several in response.generations for each in several):
            message = generation.message if isinstance(generation, ChatGeneration) else None
            if isinstance(message, AIMessage) and (entries := _entries(message)):
                self._whole.append((message.text, entries))

    def of_answer(self, text: str) -> Sequence[Any]:
        """Return what was told about each token of the answer `text`; nothing if none was."""
        return next((told for said, told in reversed(self._whole) if said and said == text), ())

    def of_piece(self, text: str) -> Sequence[Any]:
        """Return what was told about each token of `text`, the next piece of the answer."""
        if not text:
            return ()
        if self._pieces and self._pieces[0][0] == text:
            return self._pieces.popleft()[1]
        return self.of_answer(text)


def openai_form(entries: Sequence[Any], listed: int) -> dict[str, Any] | None:
    """Return log-probabilities as OpenAI writes them; `None` if there are none.

    Args:
        entries: What a provider told about each token.
        listed: How many likeliest tokens are listed beside each at most.

    Examples:
        >>> openai_form([{"token": "4", "logprob": -0.5}], 0)["content"][0]["bytes"]
        [52]
    """
    if not entries:
        return None
    content = [
        {
            **_candidate(token_of(entry) or "", logprob_of(entry)),
            "top_logprobs": [_candidate(*each) for each in candidates(entry)[:listed]],
        }
        for entry in entries
    ]
    return {"content": content, "refusal": None}


def _candidate(text: str, value: float) -> dict[str, Any]:
    known = value if math.isfinite(value) else UNKNOWN
    return {"token": text, "logprob": known, "bytes": list(text.encode("utf-8", "replace"))}


def _entries(message: AIMessage) -> Sequence[Any]:
    found = read_logprobs(message)
    return () if found is None or found.averaged else found.entries
