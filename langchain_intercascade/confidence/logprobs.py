"""Confidence from token log-probabilities, whatever shape a provider returns them in."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

from langchain_intercascade.confidence.base import (
    ConfidenceFunction,
    Evidence,
    Score,
    score_of,
    unavailable,
)
from langchain_intercascade.errors import ConfigurationError

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage

    from langchain_intercascade._steps import Steps

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

Aggregate: TypeAlias = Literal["mean", "minimum", "quantile", "margin"]
Span: TypeAlias = Literal["whole", "answer"]

_METHODS: Final[Mapping[str, str]] = {
    "mean": "mean_token_probability",
    "minimum": "minimum_token_probability",
    "quantile": "quantile_{q:g}_token_probability",
    "margin": "top_2_margin",
}

# What an answer says just before it concludes; where it stops concluding.
_MARKER: Final = re.compile(r"####|\\boxed\{|\banswer\s*(?:is|:|=)\s*:?", re.IGNORECASE)
_END: Final = re.compile(r"\n|\}|\.(?=\s|$)|,? because\b", re.IGNORECASE)


class LogprobConfidence(ConfidenceFunction):
    """Token probability: how sure the weak model was of the words it chose; costs no extra call.

    The default is length-normalised: exp((1/n) * sum of log p(token)), the
    geometric mean, which is the normalised token probability of the Inter-Cascade
    paper (arXiv 2509.22984, section 2; the paper does not print its exact form).

    The score is unavailable when log-probabilities are missing, when one is
    NaN, infinite, positive or a sentinel, or when there are implausibly few.

    Args:
        aggregate: Which number stands for the tokens: the geometric `"mean"` of their
            probabilities; the `"minimum"`; the `"quantile"` at `q`, one of the values and
            never between two (arXiv 2404.10136 compares such quantiles); or the `"margin"`,
            the mean of p(token) - p(likeliest other candidate), an other that is likelier
            counting as 0 (the answer confidence of arXiv 2402.10200, with `span="answer"`).
            The margin needs a weak model that lists candidates.
        q: Which quantile, in [0, 1]; 0 is the minimum.
        span: `"whole"`, or only the tokens of the final `"answer"`: what follows the last
            "answer is", "answer:", "####" or box, up to the end of its line or sentence; with
            no such sign, the last line.  A long way to an answer hides doubt in the answer.
            Unavailable where nothing follows the sign, or tokens come without their text.

    Raises:
        ConfigurationError: An argument is none of these.

    Examples:
        >>> LogprobConfidence("minimum", span="answer").method
        'minimum_token_probability_of_answer'
    """

    method = "mean_token_probability"
    needs_logprobs = True

    def __init__(
        self, aggregate: Aggregate = "mean", *, q: float = 0.1, span: Span = "whole"
    ) -> None:
        """Choose the aggregate and the span."""
        _check(aggregate, q, span)
        self._aggregate, self._q, self._span = aggregate, q, span
        self.method = _METHODS[aggregate].format(q=q) + ("_of_answer" if span == "answer" else "")
        self.top_logprobs = 2 if aggregate == "margin" else 0

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
        if found.averaged and (self._aggregate, self._span) != ("mean", "whole"):
            return unavailable("the provider told only the mean log-probability")
        tokens = range(found.tokens) if self._span == "whole" else answer_tokens(found)
        if not tokens:
            return unavailable("the tokens of the final answer could not be told")
        return self._aggregated(found, tokens)

    def _aggregated(self, found: Logprobs, tokens: range) -> Score:
        values = found.values[tokens.start : tokens.stop]
        if self._aggregate == "mean":
            return score_of(min(1.0, math.exp(math.fsum(values) / len(values))))
        if self._aggregate == "margin":
            return _margin([found.entries[at] for at in tokens], values)
        lowest = 0 if self._aggregate == "minimum" else int(self._q * (len(values) - 1))
        return score_of(min(1.0, math.exp(sorted(values)[lowest])))


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


def answer_tokens(found: Logprobs) -> range:
    """Return which tokens are those of the final answer; none if that cannot be told.

    Examples:
        >>> words = ["So", " 2", " it", " is.", " The", " answer", " is", " 2", "."]
        >>> answer_tokens(Logprobs([0.0] * 9, [{"token": word} for word in words]))
        range(7, 8)
    """
    words = [token_of(entry) for entry in found.entries]
    if None in words:
        return range(0)
    ends = list(accumulate(len(word or "") for word in words))
    start, stop = _final("".join(word or "" for word in words))
    first = next((at for at, end in enumerate(ends) if end > start), len(ends))
    last = next((at for at, end in enumerate(ends) if end >= stop), len(ends) - 1)
    return range(first, last + 1) if start < stop else range(0)


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


def _values(entries: Sequence[Any]) -> list[float]:
    """Return what `logprob_of` says of each; in the usual shape without asking for each."""
    try:
        told = list(map(_LOGPROB, entries))
    except (KeyError, TypeError, IndexError):
        told = []
    if set(map(type, told)) == {float}:  # what else compares like a number may be a flag
        return told
    return [logprob_of(entry) for entry in entries]


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


def _check(aggregate: str, q: float, span: str) -> None:
    for name, said, known in (("aggregate", aggregate, Aggregate), ("span", span, Span)):
        if said not in get_args(known):
            msg = f"{name}={said!r} must be one of {', '.join(map(repr, get_args(known)))}."
            raise ConfigurationError(msg)
    if not 0 <= q <= 1:  # true for NaN
        msg = f"q={q!r} must be a quantile from 0 to 1."
        raise ConfigurationError(msg)


def _entries(candidate: Any) -> Sequence[Any]:
    # OpenAI: {"content": [...]}; Vertex: {"chosen_candidates": [...]}; Ollama: a list
    if isinstance(candidate, Mapping):
        candidate = candidate.get("content") or candidate.get("chosen_candidates")
    return candidate if isinstance(candidate, list | tuple) else ()


def _implausible(found: Logprobs, answer: AIMessage) -> str:
    """Say what is wrong with the log-probabilities; empty if nothing is."""
    values = found.values
    # Four thousand numbers are looked at one by one only if something is wrong with one.
    if not _all_plausible(values):
        return next(filter(None, map(implausible, values)))
    visible = _visible_tokens(answer)
    if not found.averaged and found.tokens < PLAUSIBLE_SHARE * visible:
        return f"only {found.tokens} of {visible} tokens came with a log-probability"
    return ""


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


def _final(text: str) -> tuple[int, int]:
    """Return where the final answer begins and ends in `text`."""
    signs = list(_MARKER.finditer(text))
    if signs:
        start = signs[-1].end()
        rest = text[start:]
        start += len(rest) - len(rest.lstrip())
        end = _END.search(text, start)
        stop = end.start() if end else len(text)
    else:
        stop = len(text.rstrip())
        start = text.rfind("\n", 0, stop) + 1
    return start, start + len(text[start:stop].rstrip())


def _margin(entries: Sequence[Any], values: Sequence[float]) -> Score:
    margins = [_lead(entry, value) for entry, value in zip(entries, values, strict=True)]
    known = [margin for margin in margins if margin is not None]
    if len(known) < len(margins):
        return unavailable("a token came without other candidates (top_logprobs)")
    return score_of(min(1.0, math.fsum(known) / len(known)))


def _lead(entry: Any, value: float) -> float | None:
    """Return by how much a token is likelier than the likeliest other one."""
    others = [other for text, other in candidates(entry) if text != token_of(entry)]
    return max(0.0, math.exp(value) - math.exp(max(others))) if others else None
