"""Deferred query -> guidance from the strong model -> another weak answer.

Part of `strong_generate`, if asked for: guidance is shorter than an answer, and
guidance with which the weak model was accepted is a strategy already proven.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeAlias

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from langchain_intercascade import prompts
from langchain_intercascade._steps import QUIET, Fault, Steps, ask, attempt
from langchain_intercascade.costs import Prices, charged
from langchain_intercascade.errors import LessonRejectedError
from langchain_intercascade.nodes.distiller import parse_advice
from langchain_intercascade.record import DecisionRecord, LessonNote, amended, stamped, with_fault
from langchain_intercascade.strategy import (
    Advice,
    Lesson,
    Origin,
    State,
    Strategy,
    pending_lesson,
    storable,
)

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable

    from langchain_intercascade.state import Body, CascadeState, Run, Update

Advising: TypeAlias = "Callable[[CascadeState, Run], Steps[tuple[Update | None, DecisionRecord]]]"
"""Steps from a deferral to an update that answers it, or `None`, and what was spent on trying."""


def advising(
    adviser: Runnable[Any, AIMessage],
    weak_again: Body,
    gate_again: Body,
    *,
    strong_model: str,
    prices: Prices,
) -> Advising:
    """Ask the strong model how, let the weak one try again with that, and gate its answer.

    Args:
        adviser: The model that gives guidance.
        weak_again: The body of `weak_generate`.
        gate_again: The body of `confidence_gate`.
        strong_model: The adviser's name, part of the strategy's identity.
        prices: What the adviser's tokens cost.
    """

    def steps(state: CascadeState, run: Run) -> Steps[tuple[Update | None, DecisionRecord]]:
        record = state["record"]
        if record["reason"] != "low_confidence" or run.model_kwargs.get("tools"):
            return None, record
        advice, record = yield from _advice(adviser, state, prices)
        if advice is None:
            return None, record
        shown = [advice.model_dump(mode="json")]
        again: CascadeState = {**state, "record": record, "shown": shown}
        again = {**again, **(yield from weak_again(again, run))}  # type: ignore[typeddict-item]  # an update fits the state
        gated = yield from gate_again(again, run)
        if gated["record"]["route"] != "weak":
            return None, _still_deferred(record, gated["record"])
        return _answered(gated, state, advice, run, strong_model), gated["record"]

    return steps


def advise_prompt(query: str, weak_answer: str) -> list[BaseMessage]:
    """Return what the adviser is asked."""
    text = prompts.filled(prompts.ADVISE, query=query, weak_answer=weak_answer)
    return [SystemMessage(prompts.ADVISE_SYSTEM), HumanMessage(text)]


def _advice(
    adviser: Runnable[Any, AIMessage], state: CascadeState, prices: Prices
) -> Steps[tuple[Advice | None, DecisionRecord]]:
    record, tried = state["record"], state.get("attempt")
    weak_answer = tried["message"].text if tried and tried["message"] else ""
    prompt = advise_prompt(state.get("query", ""), weak_answer)
    began = perf_counter()
    reply = yield from attempt(ask(adviser, prompt, run_name="advise", tags=[QUIET]))
    if isinstance(reply, Fault):
        return None, with_fault(record, "strong_generate", reply)
    spent = 1000 * (perf_counter() - began)
    record = charged(record, "advise", reply, prices=prices, latency_ms=spent)
    try:
        return parse_advice(reply.text), record
    except LessonRejectedError as error:
        return None, with_fault(record, "strong_generate", Fault(error))


def _still_deferred(before: DecisionRecord, after: DecisionRecord) -> DecisionRecord:
    """Return the record of the first verdict with what the second try has cost."""
    return amended(before, usage=after["usage"], cost=after["cost"], faults=after["faults"])


def _answered(
    gated: Update, state: CascadeState, advice: Advice, run: Run, strong_model: str
) -> Update:
    answer: AIMessage = gated["messages"][-1]
    record: DecisionRecord = amended(
        gated["record"],
        reason="advised",
        explanation=f"With guidance: {gated['record']['explanation']}",
    )
    proven = None
    if run.learning != "off":
        proven = _proven(state, run, answer, advice, record, strong_model=strong_model)
        note = LessonNote(state="pending", id=proven.id, reason="")
        record = amended(record, lesson=note)
    return {
        "messages": [stamped(answer, record)],
        "attempt": None,
        "lesson": proven.payload() if proven else None,
        "record": record,
    }


def _proven(
    state: CascadeState,
    run: Run,
    answer: AIMessage,
    advice: Advice,
    record: DecisionRecord,
    *,
    strong_model: str,
) -> Strategy:
    query = state.get("query", "")
    pending = pending_lesson(
        tenant=record["tenant"],
        query=query,
        lesson=Lesson(query=query, answer=storable(answer.text)),
        origin=Origin(
            run_id=record["run_id"],
            strong_model=strong_model,
            prompt_version=prompts.VERSION,
            source=run.source,
        ),
    )
    spent = record["usage"]["advise"]["cost"]
    return pending.changed(state=State.CANDIDATE, advice=advice, cost=spent)
