"""The weak model: a small neural network that does what a strategy in its prompt says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from langchain_core.messages import BaseMessage
from pydantic import Field

from langchain_intercascade.lab.engine import CONTEXT, SHIPPED, Candidates, shipped
from langchain_intercascade.lab.model import Closing, LabModel, Token, words_in
from langchain_intercascade.lab.reading import last_human_text, notes_and_question
from langchain_intercascade.lab.tokens import (
    END,
    encoded,
    numbers,
    prompt_tokens,
    vocabulary,
    written,
)

LONGEST_REPLY: Final = 48
"""Most tokens that it says; a whole reply has about twenty."""


class LabWeak(LabModel):
    """A language model of half a million parameters, trained from scratch for this package.

    It answers problems as `langchain_intercascade.lab.stream` draws them: it says
    the rule that it goes by, does the sums, and gives the code.  A few families' rules it
    knows by heart, some of them wrongly; of any other family it does not know the rule, but
    can follow it when a strategy in the prompt bears the family's name.  All
    probabilities are the network's own.  It always says what is likeliest, so the same
    prompt gets the same reply.

    Of a prompt it reads the last human message: the strategies' titles and steps, and the
    question.  A word that it does not know it cannot tell from other such words, and of
    a text that is too long it reads the end.

    Examples:
        >>> weak = LabWeak(logprobs=True)
        >>> reply = weak.invoke("At the jade inn Ada has 4 cups, 0 hats and 9 maps. Which code?")
        >>> "Answer: " in reply.text, len(reply.response_metadata["logprobs"]["content"]) > 10
        (True, True)
    """

    model_name: str = "lab-weak"
    logprobs: bool | None = None
    """Whether answers carry log-probabilities; a call may say otherwise, as with `ChatOpenAI`."""
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    """How many candidates each token lists."""
    weights: Path = SHIPPED
    """The file with the trained weights, written by `training/train_lab.py`."""

    def _tokens(
        self, prompt: Sequence[BaseMessage], kwargs: dict[str, Any]
    ) -> Iterator[Token | Closing]:
        wanted = bool(kwargs.get("logprobs", self.logprobs))
        others = kwargs.get("top_logprobs", self.top_logprobs) or 0
        notes, question = notes_and_question(last_human_text(prompt))
        read = encoded(prompt_tokens(notes, question))[LONGEST_REPLY - CONTEXT :]
        words, end = ["", ""], numbers()[END]
        for candidates in shipped(self.weights).following(read):
            if candidates.best == end or len(words) == LONGEST_REPLY + 2:
                break
            yield _token(candidates, words, others) if wanted else _plain(candidates, words)
            words.append(vocabulary()[candidates.best])
        ended = "stop" if candidates.best == end else "length"
        yield Closing(ended, words_in(prompt), len(words) - 2)

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name, "weights": self.weights.name}


def _plain(candidates: Candidates, said: Sequence[str]) -> Token:
    return Token(_text(candidates.best, said))


def _token(candidates: Candidates, said: Sequence[str], others: int) -> Token:
    listed = [(_text(at, said), float(candidates.logprobs[at])) for at in candidates.top(others)]
    logprob = float(candidates.logprobs[candidates.best])
    return Token(_text(candidates.best, said), logprob, tuple(listed))


def _text(token: int, said: Sequence[str]) -> str:
    """Return how a token is written after what was said."""
    return written(vocabulary()[token], said[-1], said[-2])
