"""Confidence from token log-probabilities, whatever shape a provider returns them in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from langchain_intercascade.confidence.base import (
    ConfidenceFunction,
    Evidence,
    Score,
    score_of,
    unavailable,
)

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage

    from langchain_intercascade._steps import Steps

SENTINEL: Final = -9000.0
"""Servers write -9999.0 and the like for "I do not know"; no token is that unlikely."""

PLAUSIBLE_SHARE: Final = 0.5
"""Least share of the output tokens that must come with a log-probability.

Counts differ a little in honest answers (end-of-text and special tokens), but
an answer reassembled from stream events was seen to keep one of five.
"""


class LogprobConfidence(ConfidenceFunction):
    """Length-normalised token probability: the geometric mean over the answer's tokens.

    In symbols, exp((1/n) * sum of log p(token)), which is the normalised token
    probability of the Inter-Cascade paper (arXiv 2509.22984, section 2; the
    paper does not print its exact form).  It costs no extra call.

    The score is unavailable when log-probabilities are missing, when one is
    NaN, infinite, positive or a sentinel, or when there are implausibly few.
    """

    method: ClassVar[str] = "mean_token_probability"
    needs_logprobs: ClassVar[bool] = True

    def scoring(self, evidence: Evidence) -> Steps[Score]:
        """Score the weak answer by its own log-probabilities."""
        return self._score(evidence.weak_answer)
        yield  # makes this a body, although it has nothing to ask

    def _score(self, answer: AIMessage) -> Score:
        found = read_logprobs(answer)
        if found is None:
            return unavailable("the weak answer came without token log-probabilities")
        if problem := _implausible(found, answer):
            return unavailable(problem)
        return score_of(min(1.0, math.exp(found.total / found.tokens)))


@dataclass(frozen=True, slots=True)
class Logprobs:
    """The log-probabilities of one answer, added up.

    Attributes:
        total: Their sum; NaN or infinite if one of them is.
        tokens: How many tokens the sum is over.
        lowest: The least of them.
        highest: The greatest of them.
        averaged: Whether the provider only told the mean, so that nothing can be
            said about single tokens.
    """

    total: float
    tokens: int
    lowest: float
    highest: float
    averaged: bool = False


def read_logprobs(answer: AIMessage) -> Logprobs | None:
    """Find the log-probabilities of `answer` in any of the shapes that providers use.

    Read are OpenAI chat completions and servers compatible with it (a mapping
    with `content`), Ollama (a plain list), and Vertex (`logprobs_result`, or
    only `avg_logprobs`).

    Returns:
        Their sum and range, or `None` if there are none.
    """
    metadata = answer.response_metadata
    for candidate in (metadata.get("logprobs"), metadata.get("logprobs_result")):
        if values := _values(candidate):
            return Logprobs(sum(values), len(values), min(values), max(values))
    mean = metadata.get("avg_logprobs")
    if isinstance(mean, int | float):
        return Logprobs(float(mean), 1, float(mean), float(mean), averaged=True)
    return None


def without_logprobs(answer: AIMessage) -> AIMessage:
    """Return `answer` without log-probabilities: once gated they are only weight.

    Four thousand of them add 13 ms to every checkpoint.
    """
    kept = {
        name: value
        for name, value in answer.response_metadata.items()
        if name not in {"logprobs", "logprobs_result"}
    }
    return answer.model_copy(update={"response_metadata": kept})


def _values(candidate: Any) -> list[float]:
    """Return the numbers in one of the shapes; an entry without a number counts as NaN."""
    if isinstance(
        candidate, Mapping
    ):  # OpenAI: {"content": [...]}; Vertex: {"chosen_candidates": [...]}
        candidate = candidate.get("content") or candidate.get("chosen_candidates")
    if not isinstance(candidate, Sequence) or isinstance(candidate, str):
        return []
    return [_number(entry) for entry in candidate]


def _number(entry: Any) -> float:
    if isinstance(entry, Mapping):
        entry = entry.get("logprob", entry.get("log_probability"))
    return float(entry) if isinstance(entry, int | float) else math.nan


def _implausible(found: Logprobs, answer: AIMessage) -> str:
    """Say what is wrong with the log-probabilities; empty if nothing is."""
    if not math.isfinite(found.total):
        return "a token log-probability is not a finite number"
    if found.lowest < SENTINEL:
        return f"a token log-probability of {found.lowest} is a server's word for unknown"
    if found.highest > 1e-6:  # noqa: PLR2004 - rounding may lift log(1) a hair above zero
        return f"a token log-probability of {found.highest} is above zero"
    visible = _visible_tokens(answer)
    if not found.averaged and found.tokens < PLAUSIBLE_SHARE * visible:
        return f"only {found.tokens} of {visible} tokens came with a log-probability"
    return ""


def _visible_tokens(answer: AIMessage) -> int:
    """Count the output tokens, less hidden reasoning, which never has log-probabilities."""
    usage: Mapping[str, Any] = answer.usage_metadata or {}
    details = usage.get("output_token_details") or {}
    return int(usage.get("output_tokens") or 0) - int(details.get("reasoning") or 0)
