"""A chat model that says what it was told to, and remembers what it was asked.

`ScriptedChatModel` stands in for a live model in tests.  It is a real chat
model, not a mock: it streams, it can be cancelled, it counts tokens and it
returns log-probabilities in the shape OpenAI uses, so a test that runs on it
takes the same paths through the code as a live model does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from threading import Lock
from types import TracebackType
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LangSmithParams, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import PrivateAttr, model_validator

from langchain_intercascade.testing._reply import Answer, Reply, Scripted, as_reply

__all__ = ["Reply", "ScriptExhaustedError", "Scripted", "ScriptedChatModel"]


class ScriptExhaustedError(AssertionError):
    """A model was called more often than replies were scripted for it."""


class _CallLog:
    """What was asked of a model and of all its copies.

    A copy made with `model_copy` writes to the same log: the cascade copies the
    models it is given (to switch log-probabilities on, or streaming off), while the
    test holds the original.
    """

    def __init__(self) -> None:
        self.prompts: list[list[BaseMessage]] = []
        self.kwargs: list[dict[str, Any]] = []
        self.cancelled = 0
        self._lock = Lock()

    def __deepcopy__(self, memo: dict[int, Any]) -> _CallLog:
        return self

    def record(self, prompt: list[BaseMessage], kwargs: dict[str, Any]) -> int:
        """Note a call and return how many came before it."""
        with self._lock:
            self.prompts.append(list(prompt))
            self.kwargs.append(kwargs)
            return len(self.prompts) - 1

    def __enter__(self) -> None:
        """Watch over one answer while it is being given."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Count the answer as cancelled if its reader left before the end."""
        if kind is not None and issubclass(kind, asyncio.CancelledError | GeneratorExit):
            with self._lock:
                self.cancelled += 1


class ScriptedChatModel(BaseChatModel):
    """A chat model with a script.

    Its replies come either from `replies`, in order, or from `respond`, which reads
    the prompt.  Copies made with `model_copy` continue the same script and write
    to the same log.  Calls from several threads are counted once each, but which
    of them gets which reply is then up to the threads.  A model is equal only to itself.

    Examples:
        >>> model = ScriptedChatModel(replies=["4", Reply("It is 6.", logprob=-0.5)], logprobs=True)
        >>> model.invoke("2 + 2?").content
        '4'
        >>> answer = model.invoke("2 * 3?")
        >>> [entry["logprob"] for entry in answer.response_metadata["logprobs"]["content"]]
        [-0.5, -0.5, -0.5]
        >>> model.call_count, model.calls[1][0].content
        (2, '2 * 3?')
    """

    replies: Sequence[Scripted] = ()
    """What to say, in order."""
    repeat_last: bool = False
    """Whether the last of `replies` is said for ever; otherwise running out is an error."""
    respond: Callable[[list[BaseMessage]], Scripted] | None = None
    """Finds the reply to a prompt, in place of `replies`."""
    model_name: str = "scripted"
    """Appears as `response_metadata["model_name"]`."""
    logprobs: bool | None = None
    """Whether answers carry log-probabilities; a call may say otherwise, as with `ChatOpenAI`."""
    top_logprobs: int | None = None
    """How many candidates each token lists, at most two: the token and one runner-up."""

    _log: _CallLog = PrivateAttr(default_factory=_CallLog)

    @model_validator(mode="after")
    def _one_script(self) -> ScriptedChatModel:
        """Refuse a model with no script or with two."""
        if bool(self.replies) == (self.respond is not None):
            message = f"expected either replies or respond, got {self.replies!r}, {self.respond!r}"
            raise ValueError(message)
        return self

    def __eq__(self, other: object) -> bool:
        """Compare by identity: a copy is another model, though it shares the log."""
        return self is other

    def __hash__(self) -> int:
        """Hash by identity, to go with the comparison."""
        return id(self)

    @property
    def calls(self) -> list[list[BaseMessage]]:
        """The prompts seen so far, by this model and its copies, in the order they came."""
        return list(self._log.prompts)

    @property
    def kwargs_seen(self) -> list[dict[str, Any]]:
        """What came with each prompt: bound tools, `tool_choice`, `stop` and so on."""
        return list(self._log.kwargs)

    @property
    def call_count(self) -> int:
        """How many calls there were, failed ones included."""
        return len(self._log.prompts)

    @property
    def cancelled(self) -> int:
        """How many answers were given up by their reader: a cancelled task or a closed stream."""
        return self._log.cancelled

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | dict[str, Any] | bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind `tools` in OpenAI's form; the script decides whether one of them is called."""
        choice = {} if tool_choice is None else {"tool_choice": tool_choice}
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **choice, **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - in the contract
        **kwargs: Any,
    ) -> ChatResult:
        """Answer in one piece."""
        answer = self._answer(messages, stop, kwargs)
        _wait(answer.reply.delay)
        return answer.whole()

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 - in the contract
        **kwargs: Any,
    ) -> ChatResult:
        """Answer in one piece; even without a delay other tasks get a turn first."""
        answer = self._answer(messages, stop, kwargs)
        with self._log:
            await asyncio.sleep(answer.reply.delay)
        return answer.whole()

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        """Answer word by word."""
        answer = self._answer(messages, stop, kwargs)
        pause = answer.pause()
        with self._log:
            for part in answer.parts():
                _wait(pause)
                chunk = _chunk(part)
                if run_manager:
                    run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        """Answer word by word; other tasks get a turn before each."""
        answer = self._answer(messages, stop, kwargs)
        pause = answer.pause()
        with self._log:
            for part in answer.parts():
                await asyncio.sleep(pause)
                chunk = _chunk(part)
                if run_manager:
                    await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk

    def _answer(
        self, prompt: list[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]
    ) -> Answer:
        """Note the call and find what to say to it."""
        number = self._log.record(prompt, {**kwargs, "stop": stop} if stop else kwargs)
        scripted = self.respond(prompt) if self.respond else self._from_script(number)
        return Answer(
            reply=as_reply(scripted),
            prompt=prompt,
            number=number,
            model_name=kwargs.get("model", self.model_name),
            with_logprobs=bool(kwargs.get("logprobs", self.logprobs)),
            top_logprobs=kwargs.get("top_logprobs", self.top_logprobs) or 0,
        )

    def _from_script(self, number: int) -> Scripted:
        """Return the reply to the call with this number, counted from zero."""
        if number < len(self.replies):
            return self.replies[number]
        if self.repeat_last:
            return self.replies[-1]
        message = (
            f"model {self.model_name!r} got call number {number + 1}, but its script has only "
            f"{len(self.replies)} replies. Script more, set repeat_last=True, or find out who "
            "calls more often than expected; the prompts are in .calls."
        )
        raise ScriptExhaustedError(message)

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        """Name the provider for traces."""
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = "scripted"
        return params

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name}

    @property
    def _llm_type(self) -> str:
        return "scripted"


def _chunk(part: ChatGenerationChunk | BaseException) -> ChatGenerationChunk:
    """Return a part of an answer if it is one, raise it if it is an error."""
    if isinstance(part, BaseException):
        raise part
    return part


def _wait(seconds: float) -> None:
    # Even `sleep(0)` gives up the processor, which would distort measured overheads.
    if seconds > 0:
        time.sleep(seconds)
