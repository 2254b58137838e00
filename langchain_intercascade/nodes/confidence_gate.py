"""Weak answer -> confidence -> accept or defer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from langchain_intercascade._steps import Fault, Steps, attempt, overheard
from langchain_intercascade.confidence.base import Evidence, Score, paid_for, unavailable
from langchain_intercascade.confidence.missing import MissingConfidence
from langchain_intercascade.confidence.token_logprobs import without_logprobs
from langchain_intercascade.costs import charged
from langchain_intercascade.learning.meeting import own_name
from langchain_intercascade.nodes.weak_generate import with_strategies
from langchain_intercascade.record import Reason, amended, stamped, with_fault
from langchain_intercascade.resilience.guard import UNLIMITED, Guard
from langchain_intercascade.state import CascadeState
from langchain_intercascade.threshold.base import ALWAYS_DEFER, Cut, FixedThreshold

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage

    from langchain_intercascade.confidence.base import ConfidenceFunction
    from langchain_intercascade.costs import AlwaysStrong, Prices
    from langchain_intercascade.record import DecisionRecord
    from langchain_intercascade.state import Attempt, Body, Run, Update
    from langchain_intercascade.threshold.base import Threshold

ToolCallPolicy: TypeAlias = Literal["defer", "accept"]

_ACCEPTING: Final = frozenset({"accepted", "valid_tool_call"})


def _nobody_cares(*_: object) -> None:
    """Stand in for somebody who is told of accepted answers."""


def confidence_gate(
    confidence: ConfidenceFunction,
    threshold: Threshold,
    *,
    always_strong: AlwaysStrong,
    prices: Prices,
    tool_calls: ToolCallPolicy | ConfidenceFunction = "defer",
    guard: Guard = UNLIMITED,
    accepted: Callable[[CascadeState, Run, AIMessage, DecisionRecord], None] = _nobody_cares,
) -> Body:
    """Score the weak answer, and accept it or defer the query to the strong model.

    An answer exactly at the threshold is accepted: calibration promises its risk
    for `confidence >= threshold`.  Anything that is not a number in [0, 1] is
    never accepted.

    Args:
        confidence: Scores the weak answer.
        threshold: Says what the score is compared with.
        always_strong: Estimates what the strong model would have cost.
        prices: What it costs where the confidence function asks a model.
        tool_calls: What becomes of a weak tool call without a score, as is usual:
            providers return no log-probabilities for it. `"defer"` it, `"accept"` it
            if it is valid, or score tool calls with another confidence function.
        guard: Says how long a call of the confidence function may take.
        accepted: Told of every answer that is accepted.
    """
    watch = MissingConfidence(confidence.method)
    for_tools = confidence if isinstance(tool_calls, str) else tool_calls

    def body(state: CascadeState, run: Run) -> Steps[Update]:
        tried = state.get("attempt")
        scorer = for_tools if _calls_tools(tried) else confidence
        record, score = yield from _scored(state, run, scorer, prices, guard)
        if _gateable(tried):
            watch.saw(score)
        yield from threshold.preparing()
        yield from threshold.meeting("weak", own_name(_gateable(tried)))
        cut = _cut(threshold, run, record)
        reason, explanation = _verdict(tried, score, cut, run)
        if reason == "no_confidence" and tool_calls == "accept" and _calls_tools(tried):
            reason, explanation = "valid_tool_call", "It is a valid tool call."
        record = amended(
            record,
            reason=reason,
            explanation=explanation,
            confidence=score.value,
            confidence_method=score.method or scorer.method,
            threshold=cut.value,
            threshold_origin=cut.origin,
        )
        answer = _gateable(tried)
        if answer and (reason in _ACCEPTING or (reason == "forced" and run.force == "weak")):
            plain = without_logprobs(answer)
            update = _accept(plain, record, always_strong)
            accepted(state, run, plain, update["record"])
            return update
        return _defer(tried, record)

    return body


def _calls_tools(tried: Attempt | None) -> bool:
    answer = _gateable(tried)
    return answer is not None and bool(answer.tool_calls)


def accept_or_defer(state: CascadeState) -> Literal["accept", "defer"]:
    """Say which edge to take after the gate."""
    return "accept" if state["record"]["route"] == "weak" else "defer"


def _gateable(tried: Attempt | None) -> AIMessage | None:
    """Return the weak answer, if there is one that could stand."""
    return tried["message"] if tried and tried["reason"] is None else None


def _scored(
    state: CascadeState, run: Run, confidence: ConfidenceFunction, prices: Prices, guard: Guard
) -> Steps[tuple[DecisionRecord, Score]]:
    record, answer = state["record"], _gateable(state.get("attempt"))
    if answer is None:
        return record, unavailable("there is no weak answer to score")
    asked = partial(with_strategies, state["messages"], state.get("shown") or ())
    evidence = Evidence(state.get("query", ""), state["messages"], answer, asked, run)
    heard: list[Any] = []
    began = perf_counter()
    score = yield from attempt(overheard(guard.steps(confidence.scoring(evidence)), heard))
    # The calls may have been made side by side, so their time is that of all together.
    spent = 1000 * (perf_counter() - began)
    for reply in paid_for(heard, score if isinstance(score, Score) else None):
        record = charged(record, "confidence", reply, prices=prices, latency_ms=spent)
        spent = 0.0
    if isinstance(score, Fault):
        record = with_fault(record, "confidence_gate", score)
        return record, unavailable(f"the confidence function failed ({score})")
    return record, score


def _cut(threshold: Threshold, run: Run, record: DecisionRecord) -> Cut:
    if run.threshold is not None:
        return FixedThreshold(run.threshold, origin="this call").cut(record["regime"])
    return threshold.cut(record["regime"])


def _verdict(tried: Attempt | None, score: Score, cut: Cut, run: Run) -> tuple[Reason, str]:
    """Return the reason for the route, as a word and as a sentence."""
    return _settled(tried, run) or _compared(score, cut)


def _settled(tried: Attempt | None, run: Run) -> tuple[Reason, str] | None:
    """Return the verdict if it does not hang on the score."""
    if run.force == "strong" or tried is None:
        return "forced", "The caller asked for the strong model."
    if tried["reason"] is not None:
        return tried["reason"], f"The weak answer cannot stand: {tried['detail']}."
    if run.force == "weak":
        return "forced", "The caller asked for the weak model."
    if run.learning == "observe":
        return "observing", "Observing only: the strong model always serves."
    return None


def _compared(score: Score, cut: Cut) -> tuple[Reason, str]:
    if score.value is None:
        return "no_confidence", f"The confidence is unavailable: {score.reason}."
    if cut.accepts(score.value):
        return "accepted", f"The confidence {score.value:.3f} reaches the threshold {cut.value}."
    if cut.value == ALWAYS_DEFER:
        return "always_defer", f"No threshold is safe ({cut.origin}), so every query is deferred."
    return "low_confidence", f"The confidence {score.value:.3f} is below {cut.value}."


def _accept(answer: AIMessage, record: DecisionRecord, always_strong: AlwaysStrong) -> Update:
    record = amended(record, route="weak", always_strong_cost=always_strong.cost(answer))
    return {
        "messages": [stamped(answer, record)],
        "attempt": None,
        "record": record,
    }


def _defer(tried: Attempt | None, record: DecisionRecord) -> Update:
    update: Update = {"record": amended(record, route="strong")}
    if tried and tried["message"]:
        update["attempt"] = {**tried, "message": without_logprobs(tried["message"])}
    return update
