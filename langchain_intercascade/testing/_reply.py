"""What a scripted model says, and how it comes apart into chunks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import default_tool_chunk_parser, default_tool_parser
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from langchain_intercascade.testing._tokens import logprob_entries, split_tokens, spread_logprobs


@dataclass(frozen=True, slots=True)
class Reply:
    """One thing for a `ScriptedChatModel` to say, or to fail with."""

    text: str = ""
    """What the model says."""
    logprob: float | None = -0.1
    """Log-probability of every token; `None` for a model that reports none."""
    logprobs: Sequence[float] | None = None
    """One log-probability per token instead; a shorter list leaves the last tokens without."""
    tool_calls: Sequence[Mapping[str, Any]] = ()
    """`name`, `args` and, if it matters, `id` of each.  A string as `args` is sent as it stands,
    so that malformed calls can be scripted; LangChain reports those of an invoked answer and
    repairs those of a streamed one as well as it can."""
    usage: tuple[int, int] | None = None
    """Input and output tokens; counted from the words when not given."""
    cost: float | None = None
    """Dollars; becomes `response_metadata["total_cost"]`."""
    finish_reason: str | None = None
    """By default `tool_calls` when there are any, else `stop`."""
    error: BaseException | None = None
    """Raised in place of the answer; a stream breaks with it after having sent `text`."""
    delay: float = 0.0
    """Seconds the whole answer takes; a stream spreads them over its chunks."""
    response_metadata: Mapping[str, Any] = field(default_factory=dict)
    """More keys for the answer's `response_metadata`."""

    def __post_init__(self) -> None:
        """Refuse more log-probabilities than tokens."""
        spread_logprobs(split_tokens(self.text), self.logprob, self.logprobs)


Scripted: TypeAlias = Reply | str | BaseException
"""What a script is made of; a string is a `Reply` with that text, an exception is raised."""


def as_reply(scripted: Scripted) -> Reply:
    """Spell a string or an exception out as a `Reply`."""
    if isinstance(scripted, Reply):
        return scripted
    return Reply(scripted) if isinstance(scripted, str) else Reply(error=scripted)


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply to one prompt, ready to be sent whole or in parts.

    Both ways go through the same chunks, so that an invoked answer and the sum of
    a streamed one differ only where those of a live model do.
    """

    reply: Reply
    prompt: Sequence[BaseMessage]
    number: int
    """How many calls the model had seen before; makes the ids of tool calls unique."""
    model_name: str
    with_logprobs: bool
    top_logprobs: int

    def whole(self) -> ChatResult:
        """Return the answer in one piece, or raise the error that was scripted."""
        if self.reply.error:
            raise self.reply.error
        said = [self._said(self.reply.text, self._entries())] if self.reply.text else []
        (answer,) = generate_from_stream(iter([*said, self._closing()])).generations
        # Not as chunks: adding them up would repair malformed arguments.
        valid, invalid = default_tool_parser(self._tool_calls())
        calls = {"tool_calls": valid, "invalid_tool_calls": invalid}
        message = answer.message.model_copy(update=calls)
        whole = ChatGeneration(message=message, generation_info=answer.generation_info)
        return ChatResult(generations=[whole])

    def parts(self) -> list[ChatGenerationChunk | BaseException]:
        """Return the answer in word-sized chunks; an error that was scripted is the last part."""
        tokens, entries = split_tokens(self.reply.text), self._entries()
        said = [self._said(token, entries[at : at + 1]) for at, token in enumerate(tokens)]
        if self.reply.error:
            return [*said, self.reply.error]
        return [*said, *self._called(), self._closing()]

    def pause(self) -> float:
        """Return the seconds before each of the parts."""
        return self.reply.delay / len(self.parts()) if self.reply.delay else 0.0

    def _entries(self) -> list[dict[str, Any]]:
        """Return the log-probabilities of all tokens; none unless they were asked for."""
        if not self.with_logprobs:
            return []
        tokens = split_tokens(self.reply.text)
        logprobs = spread_logprobs(tokens, self.reply.logprob, self.reply.logprobs)
        return logprob_entries(tokens, logprobs, self.top_logprobs)

    def _said(self, text: str, entries: list[dict[str, Any]]) -> ChatGenerationChunk:
        """Return a chunk of text, with its log-probabilities where langchain-openai has them."""
        return ChatGenerationChunk(
            message=AIMessageChunk(content=text),
            generation_info={"logprobs": {"content": entries}} if entries else None,
        )

    def _called(self) -> list[ChatGenerationChunk]:
        """Return one chunk per tool call."""
        calls = default_tool_chunk_parser(self._tool_calls())
        messages = [AIMessageChunk(content="", tool_call_chunks=[call]) for call in calls]
        return [ChatGenerationChunk(message=message) for message in messages]

    def _tool_calls(self) -> list[dict[str, Any]]:
        """Return the tool calls as they come over the wire."""
        return [
            {
                "id": call.get("id", f"call_{self.number}_{index}"),
                "index": index,
                "function": {"name": call["name"], "arguments": _arguments(call)},
            }
            for index, call in enumerate(self.reply.tool_calls)
        ]

    def _closing(self) -> ChatGenerationChunk:
        """Return the last chunk: what is sent once, since merging would repeat it otherwise."""
        reason = "tool_calls" if self.reply.tool_calls else "stop"
        message = AIMessageChunk(
            content="",
            usage_metadata=self._usage(),
            response_metadata=dict(self.reply.response_metadata),
            chunk_position="last",
        )
        return ChatGenerationChunk(
            message=message,
            generation_info={
                "finish_reason": self.reply.finish_reason or reason,
                "model_name": self.model_name,
                **({} if self.reply.cost is None else {"total_cost": self.reply.cost}),
            },
        )

    def _usage(self) -> UsageMetadata:
        """Return the tokens used, counted from the words unless they are scripted."""
        asked, said = self.reply.usage or (self._words_asked(), self._words_said())
        return UsageMetadata(input_tokens=asked, output_tokens=said, total_tokens=asked + said)

    def _words_asked(self) -> int:
        """Count the prompt's tokens."""
        return sum(len(split_tokens(message.text)) for message in self.prompt)

    def _words_said(self) -> int:
        """Count the answer's tokens: its text and what it hands to tools."""
        texts = [self.reply.text, *map(_arguments, self.reply.tool_calls)]
        return sum(len(split_tokens(text)) for text in texts)


def _arguments(call: Mapping[str, Any]) -> str:
    """Return the arguments of a tool call as the string in which a model writes them."""
    args = call.get("args", {})
    return args if isinstance(args, str) else json.dumps(args, ensure_ascii=False)
