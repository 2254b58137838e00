"""This is where a weak answer is seen that nobody gets: one that the gate defers."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, LLMResult


class WeakTap(BaseCallbackHandler):
    """Sees the weak answer go by in the trace: a deferred one is not returned to anybody.

    Attributes:
        answer: It; `None` until then, when the weak model failed, or when it is no chat model.
    """

    def __init__(self) -> None:
        self.answer: AIMessage | None = None
        self._run: UUID | None = None

    def on_chat_model_start(
        self, serialized: Any, messages: Any, *, run_id: UUID, **kwargs: Any
    ) -> None:
        """Note the first run called "weak"; a cascade as the strong model has one too."""
        del serialized, messages
        if self._run is None and kwargs.get("name") == "weak":
            self._run = run_id

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """Keep the answer of that run."""
        del kwargs
        generation = response.generations[0][0]
        if run_id == self._run and isinstance(generation, ChatGeneration):
            self.answer = cast("AIMessage", generation.message)
