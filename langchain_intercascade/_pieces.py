"""Answers in pieces: what a streamed cascade hands out, and when."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk

from langchain_intercascade.record import RECORD_KEY

if TYPE_CHECKING:
    from langchain_intercascade.state import CascadeState


class Tail:
    """Holds back the end of a streamed answer until its lesson is written down.

    Whoever has read the whole answer can rely on the lesson being kept, even if
    they stop reading there.
    """

    def __init__(self) -> None:
        self._held: list[ChatGenerationChunk] = []
        self._began = False

    def released_by(self, piece: BaseMessage) -> list[ChatGenerationChunk]:
        """Take in one piece of the strong answer; return what may be handed out now."""
        self._began = True
        chunk = as_chunk(piece)
        if not chunk.message.content and not cast("AIMessageChunk", chunk.message).tool_call_chunks:
            self._held.append(chunk)
            return []
        released, self._held = self._held, [chunk]
        return released

    def end(self, state: CascadeState) -> list[ChatGenerationChunk]:
        """Return what is left: the held pieces or the weak answer, then the decision record."""
        if not self._began:
            self._held = [as_chunk(state["messages"][-1])]
        last = AIMessageChunk(
            content="", response_metadata={RECORD_KEY: state["record"]}, chunk_position="last"
        )
        return [*self._held, ChatGenerationChunk(message=last)]


def as_chunk(piece: BaseMessage) -> ChatGenerationChunk:
    """Return `piece` as a chunk of the cascade's own message.

    Its usage is left out: the run of the model that wrote it has reported it.
    """
    message = cast("AIMessage", piece)
    metadata = {
        name: value
        for name, value in message.response_metadata.items()
        if name not in {RECORD_KEY, "logprobs"}
    }
    if isinstance(message, AIMessageChunk):
        news = {"id": None, "usage_metadata": None, "response_metadata": metadata}
        return ChatGenerationChunk(message=message.model_copy(update=news))
    calls = [
        tool_call_chunk(
            name=call["name"], args=json.dumps(call["args"]), id=call["id"], index=index
        )
        for index, call in enumerate(message.tool_calls)
    ]
    whole = AIMessageChunk(
        content=message.content,
        additional_kwargs=message.additional_kwargs,
        response_metadata=metadata,
        tool_call_chunks=calls,
    )
    return ChatGenerationChunk(message=whole)
