"""Weak answer -> confidence -> accept or defer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from langchain_intercascade._steps import Fault, Steps, attempt
from langchain_intercascade.confidence.base import Evidence, Score, unavailable
from langchain_intercascade.confidence.logprobs import without_logprobs
from langchain_intercascade.confidence.missing import MissingConfidence
from langchain_intercascade.record import Reason, amended, stamped, with_fault
from langchain_intercascade.state import CascadeState
from langchain_intercascade.threshold.base import ALWAYS_DEFER, Cut, FixedThreshold

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage

    from langchain_intercascade.confidence.base import ConfidenceFunction
    from langchain_intercascade.costs import AlwaysStrong
    from langchain_intercascade.record import DecisionRecord
    from langchain_intercascade.state import Attempt, Body, Run, Update
    from langchain_intercascade.threshold.base import Threshold

ToolCallPolicy: TypeAlias = Literal["defer", "accept"]

_ACCEPTING: Final = frozenset({"accepted", "valid_tool_call"})


def confidence_gate(
    confidence: ConfidenceFunction,
    threshold: Threshold,
    *,
    always_strong: AlwaysStrong,
    tool_calls: ToolCallPolicy | ConfidenceFunction = "defer",
) -> Body:
    """Score the weak answer, and accept it or defer the query to the strong model.

    An answer exactly at the threshold is accepted: calibration promises its risk
    for `confidence >= threshold`.  Anything that is not a number in [0, 1] is
    never accepted.

    Args:
        confidence: Scores the weak answer.
        threshold: Says what the score is compared with.
        always_strong: Estimates what the strong model would have cost.
        tool_calls: What becomes of a weak tool call without a score, as is usual:
            providers return no log-probabilities for it. `"defer"` it, `"accept"` it
            if it is valid, or score tool calls with another confidence function.
    """
    watch = MissingConfidence(confidence.method)
    for_tools = confidence if isinstance(tool_calls, str) else tool_calls

    def body(state: CascadeState, run: Run) -> Steps[Update]:
        tried = state.get("attempt")
        scorer = for_tools if _calls_tools(tried) else confidence
        record, score = yield from _scored(state, scorer)
        if _gateable(tried):
            watch.saw(score)
        cut = _cut(threshold, run, record)
        reason, explanation = _verdict(tried, score, cut, run)
        if reason == "no_confidence" and tool_calls == "accept" and _calls_tools(tried):
            reason, explanation = "valid_tool_call", "It is a valid tool call."
        record = amended(
            record,
            reason=reason,
            explanation=explanation,
            confidence=score.value,
            confidence_method=scorer.method,
            threshold=cut.value,
            threshold_origin=cut.origin,
        )
        answer = _gateable(tried)
        if answer and (reason in _ACCEPTING or (reason == "forced" and run.force == "weak")):
            return _accept(answer, record, always_strong)
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
    state: CascadeState, confidence: ConfidenceFunction
) -> Steps[tuple[DecisionRecord, Score]]:
    answer = _gateable(state.get("attempt"))
    if answer is None:
        return state["record"], unavailable("there is no weak answer to score")
    evidence = Evidence(state.get("query", ""), state["messages"], answer)
    score = yield from attempt(confidence.scoring(evidence))
    if isinstance(score, Fault):
        record = with_fault(state["record"], "confidence_gate", score)
        return record, unavailable(f"the confidence function failed ({score})")
    return state["record"], score


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
        "messages": [stamped(without_logprobs(answer), record)],
        "attempt": None,
        "record": record,
    }


def _defer(tried: Attempt | None, record: DecisionRecord) -> Update:
    update: Update = {"record": amended(record, route="strong")}
    if tried and tried["message"]:
        update["attempt"] = {**tried, "message": without_logprobs(tried["message"])}
    return update
