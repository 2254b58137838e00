"""Confidence from token log-probabilities; reading them is `token_logprobs`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

from langchain_intercascade.confidence.base import (
    ConfidenceFunction,
    Evidence,
    Score,
    score_of,
    unavailable,
)
from langchain_intercascade.confidence.token_logprobs import (
    Logprobs,
    candidates,
    implausible_in,
    read_logprobs,
    token_of,
)
from langchain_intercascade.errors import ConfigurationError

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage

    from langchain_intercascade._steps import Steps


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
        if problem := implausible_in(found, answer):
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


def _check(aggregate: str, q: float, span: str) -> None:
    for name, said, known in (("aggregate", aggregate, Aggregate), ("span", span, Span)):
        if said not in get_args(known):
            msg = f"{name}={said!r} must be one of {', '.join(map(repr, get_args(known)))}."
            raise ConfigurationError(msg)
    if not 0 <= q <= 1:  # true for NaN
        msg = f"q={q!r} must be a quantile from 0 to 1."
        raise ConfigurationError(msg)


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
