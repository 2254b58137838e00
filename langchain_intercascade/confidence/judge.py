"""Confidence from a judge: the probability that a model gives to "True"."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final, Literal

from langchain_intercascade import prompts
from langchain_intercascade._steps import Fault, Steps
from langchain_intercascade.confidence._asking import Settings, asking_about, changed
from langchain_intercascade.confidence.base import (
    ConfidenceFunction,
    Evidence,
    Score,
    score_of,
    unavailable,
)
from langchain_intercascade.confidence.token_logprobs import (
    candidates,
    implausible,
    logprob_of,
    read_logprobs,
    token_of,
)

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable

Verdict = Literal["true", "false"]

TOP: Final = 5
"""Candidates asked for: room for both words, capitalised or not, with or without a space."""


class JudgeConfidence(ConfidenceFunction):
    """P(True): how likely a judge finds the weak answer right, in one short call.

    The judge replies "True" or "False" (after P(True) of arXiv 2207.05221).  Where its
    reply comes with log-probabilities, the score is the probability of "True" beside
    that of "False"; else it is the word itself, 1 or 0.  Query and answer are cut to a
    fixed length, so the call costs the same however long the prompt was.  A reply that
    is neither word, or both, makes the score unavailable.

    Args:
        judge: Who is asked; a copy of it is told to return log-probabilities, where it
            has a setting for that which was left open.
        logprobs: `False` for a judge that has the setting and refuses it.
    """

    method = "judge"

    def __init__(self, judge: Runnable[Any, AIMessage], *, logprobs: bool = True) -> None:
        """Ask `judge`."""
        self._judge = changed(judge, _with_logprobs) if logprobs else judge

    def scoring(self, evidence: Evidence) -> Steps[Score]:
        """Ask whether the answer is right."""
        system, template = prompts.CONFIDENCE_TRUE_SYSTEM, prompts.CONFIDENCE_TRUE
        reply = yield from asking_about(self._judge, system, template, evidence, name=self.method)
        if isinstance(reply, Fault):
            return unavailable(f"the judge failed ({reply})")
        return probability_of_true(reply)


def probability_of_true(reply: AIMessage) -> Score:
    """Read a judge's reply; see `JudgeConfidence`."""
    words = set(re.findall(r"\b(?:true|false)\b", reply.text.lower()))
    if len(words) != 1:
        return unavailable("the judge said neither true nor false, or both")
    (word,) = words
    found = read_logprobs(reply)
    at = next((e for e in found.entries if _verdict(token_of(e)) == word), None) if found else None
    if at is None:
        return Score(1.0 if word == "true" else 0.0)
    if problem := implausible(logprob_of(at)):
        return unavailable(problem)
    return score_of(_share_of_true(at))


def _share_of_true(entry: Any) -> float:
    """Return p(true) / (p(true) + p(false)); what is not listed of the two gets all the rest."""
    listed = dict(candidates(entry)) | {token_of(entry) or "": logprob_of(entry)}
    chances = {"true": 0.0, "false": 0.0}
    for token, value in listed.items():
        if (verdict := _verdict(token)) is not None:
            chances[verdict] += min(1.0, math.exp(value))
    true, false = chances["true"], chances["false"]
    if not true or not false:
        true, false = (true, max(0.0, 1 - true)) if true else (max(0.0, 1 - false), false)
    return min(1.0, true / (true + false)) if true + false else math.nan


def _verdict(token: str | None) -> Verdict | None:
    word = re.sub(r"\W", "", token or "").lower()
    return word if word in ("true", "false") else None  # type: ignore[return-value]  # one of the two


def _with_logprobs(settings: Settings) -> Settings:
    if settings.get("logprobs") is not None or settings.get("use_responses_api"):
        return {}
    return {"logprobs": True, "top_logprobs": settings.get("top_logprobs") or TOP}
