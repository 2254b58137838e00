"""What both models of the pair share: they are real chat models, made of tokens."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LangSmithParams
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from langchain_intercascade.lab.tokens import pieces


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a reply, and what else could have stood there.

    Attributes:
        text: How it is written.
        logprob: Its log-probability; `None` from a model that reports none.
        others: The likeliest tokens there, with their log-probabilities.
    """

    text: str
    logprob: float | None = None
    others: tuple[tuple[str, float], ...] = ()

    def entry(self) -> dict[str, Any]:
        """Return it in the shape of OpenAI's `logprobs.content`."""
        tops = [_scored(text, logprob) for text, logprob in self.others]
        return {**_scored(self.text, self.logprob), "top_logprobs": tops}


@dataclass(frozen=True, slots=True)
class Closing:
    """How a reply ended: its finish reason, and the tokens that were read and said."""

    reason: str
    read: int
    said: int


class LabModel(BaseChatModel):
    """A chat model that is deterministic and counts its tokens; subclasses say what it says."""

    model_name: str
    """Appears as `response_metadata["model_name"]`."""

    @abstractmethod
    def _tokens(
        self, prompt: Sequence[BaseMessage], kwargs: dict[str, Any]
    ) -> Iterator[Token | Closing]:
        """Yield the reply to `prompt` token by token, and at last how it ended."""

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - in the contract
        **kwargs: Any,
    ) -> ChatResult:
        """Answer in one piece."""
        *said, closing = self._until(messages, stop, kwargs)
        tokens = [part for part in said if isinstance(part, Token)]
        ending = [_closed(closing, self.model_name)] if isinstance(closing, Closing) else []
        return generate_from_stream(iter([_said(tokens), *ending]))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        """Answer token by token."""
        for part in self._until(messages, stop, kwargs):
            chunk = _chunk(part, self.model_name)
            if run_manager and isinstance(part, Token):
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    def _until(
        self, prompt: Sequence[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]
    ) -> Iterator[Token | Closing]:
        """Yield the reply up to the token that completes one of the `stop` texts, without it."""
        said, count = "", 0
        for part in self._tokens(prompt, kwargs):
            if isinstance(part, Token):
                said, count = said + part.text, count + 1
                if any(each in said for each in stop or ()):
                    yield Closing("stop", words_in(prompt), count)
                    return
            yield part

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        """Name the provider for traces."""
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = "lab"
        return params

    @property
    def _llm_type(self) -> str:
        return "lab"


def words_in(prompt: Sequence[BaseMessage]) -> int:
    """Count the tokens of a prompt: its words, signs and digits."""
    return sum(len(pieces(message.text)) for message in prompt)


def _chunk(part: Token | Closing, model_name: str) -> ChatGenerationChunk:
    return _said([part]) if isinstance(part, Token) else _closed(part, model_name)


def _said(tokens: Sequence[Token]) -> ChatGenerationChunk:
    """Return tokens in one chunk, with their log-probabilities where langchain-openai has them."""
    entries = [token.entry() for token in tokens if token.logprob is not None]
    return ChatGenerationChunk(
        message=AIMessageChunk(content="".join(token.text for token in tokens)),
        generation_info={"logprobs": {"content": entries}} if entries else None,
    )


def _closed(closing: Closing, model_name: str) -> ChatGenerationChunk:
    """Return the last chunk: what is sent once, since merging would repeat it otherwise."""
    read, said = closing.read, closing.said
    usage = UsageMetadata(input_tokens=read, output_tokens=said, total_tokens=read + said)
    return ChatGenerationChunk(
        message=AIMessageChunk(content="", usage_metadata=usage, chunk_position="last"),
        generation_info={"finish_reason": closing.reason, "model_name": model_name},
    )


def _scored(text: str, logprob: float | None) -> dict[str, Any]:
    return {"token": text, "logprob": logprob, "bytes": list(text.encode())}
