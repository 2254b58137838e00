"""What a provider tells about the tokens of an answer, whatever shape it comes in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage


SENTINEL: Final = -9000.0
"""Servers write -9999.0 and the like for "I do not know"; no token is that unlikely."""

ROUNDING: Final = 1e-6
"""Rounding may lift log(1) a hair above zero."""

PLAUSIBLE_SHARE: Final = 0.5
"""Least share of the output tokens that must come with a log-probability.

Counts differ a little in honest answers (end-of-text and special tokens), but
an answer reassembled from stream events was seen to keep one of five.
"""

_LOGPROB: Final = itemgetter("logprob")


@dataclass(frozen=True, slots=True)
class Logprobs:
    """The log-probabilities of one answer.

    Attributes:
        values: One for each token; an entry without a number counts as NaN.
        entries: What the provider told about each token.
        averaged: Whether the provider only told the mean, so that nothing can be
            said about single tokens.
    """

    values: Sequence[float]
    entries: Sequence[Any] = ()
    averaged: bool = False

    @property
    def tokens(self) -> int:
        """How many there are."""
        return len(self.values)


def read_logprobs(answer: AIMessage) -> Logprobs | None:
    """Find the log-probabilities of `answer` in any of the shapes that providers use.

    Read are OpenAI chat completions and servers compatible with it (a mapping
    with `content`), Ollama (a plain list), and Vertex (`logprobs_result`, or
    only `avg_logprobs`).

    Returns:
        At least one, or `None` if there are none.
    """
    metadata = answer.response_metadata
    for candidate in (metadata.get("logprobs"), metadata.get("logprobs_result")):
        if entries := _entries(candidate):
            return Logprobs(_values(entries), entries)
    mean = metadata.get("avg_logprobs")
    if isinstance(mean, int | float):
        return Logprobs([logprob_of(mean)], averaged=True)
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


def token_of(entry: Any) -> str | None:
    """Return the token's text, if `entry` has it."""
    text = entry.get("token") if isinstance(entry, Mapping) else None
    return text if isinstance(text, str) else None


def logprob_of(entry: Any) -> float:
    """Return the log-probability that `entry` is or holds; NaN if there is none."""
    if isinstance(entry, Mapping):
        entry = entry.get("logprob", entry.get("log_probability"))
    if isinstance(entry, bool) or not isinstance(entry, int | float):
        return math.nan
    try:
        return float(entry)
    except OverflowError:  # a whole number with more than 300 digits
        return math.nan


def candidates(entry: Any) -> list[tuple[str, float]]:
    """Return the listed candidates for a token, as text and log-probability; may be empty.

    One that is unlikely beyond measure has the log-probability of minus infinity,
    and one whose log-probability makes no sense is left out.
    """
    listed = entry.get("top_logprobs") if isinstance(entry, Mapping) else None
    if not isinstance(listed, list | tuple):
        return []
    read = [(token_of(each), logprob_of(each)) for each in listed]
    return [(text, value) for text, value in read if text is not None and value <= ROUNDING]


def implausible(value: float) -> str:
    """Say what is wrong with the log-probability of a chosen token; empty if nothing is."""
    if not math.isfinite(value):
        return "a token log-probability is not a finite number"
    if value < SENTINEL:
        return f"a token log-probability of {value} is a server's word for unknown"
    if value > ROUNDING:
        return f"a token log-probability of {value} is above zero"
    return ""


def implausible_in(found: Logprobs, answer: AIMessage) -> str:
    """Say what is wrong with those of `answer` that were `found`; empty if nothing is."""
    values = found.values
    # Four thousand numbers are looked at one by one only if something is wrong with one.
    if not _all_plausible(values):
        return next(filter(None, map(implausible, values)))
    visible = _visible_tokens(answer)
    if not found.averaged and found.tokens < PLAUSIBLE_SHARE * visible:
        return f"only {found.tokens} of {visible} tokens came with a log-probability"
    return ""


def _entries(candidate: Any) -> Sequence[Any]:
    # OpenAI: {"content": [...]}; Vertex: {"chosen_candidates": [...]}; Ollama: a list
    if isinstance(candidate, Mapping):
        candidate = candidate.get("content") or candidate.get("chosen_candidates")
    return candidate if isinstance(candidate, list | tuple) else ()


def _values(entries: Sequence[Any]) -> list[float]:
    """Return what `logprob_of` says of each; in the usual shape without asking for each."""
    try:
        told = list(map(_LOGPROB, entries))
    except (KeyError, TypeError, IndexError):
        told = []
    if set(map(type, told)) == {float}:  # what else compares like a number may be a flag
        return told
    return [logprob_of(entry) for entry in entries]


def _all_plausible(values: Sequence[float]) -> bool:
    total = sum(values)
    if not (math.isfinite(total) and max(values) <= ROUNDING):
        return False
    # None above zero, so none is below the sum of them all.
    return total > SENTINEL / 2 or min(values) >= SENTINEL


def _visible_tokens(answer: AIMessage) -> int:
    """Count the output tokens, less hidden reasoning, which never has log-probabilities."""
    usage: Mapping[str, Any] = answer.usage_metadata or {}
    details = usage.get("output_token_details") or {}
    return int(usage.get("output_tokens") or 0) - int(details.get("reasoning") or 0)
