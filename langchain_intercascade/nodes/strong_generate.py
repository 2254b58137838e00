"""Deferred query -> the strong answer, and the lesson it leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from operator import add
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast
from uuid import uuid4

from langchain_core.messages import AIMessage, AIMessageChunk, message_chunk_to_message

from langchain_intercascade import prompts
from langchain_intercascade._steps import Fault, Steps, ask_streaming, attempt
from langchain_intercascade.costs import Prices, charged
from langchain_intercascade.equipment import STRUCTURED, equipping, misfit
from langchain_intercascade.errors import BrokenStreamError, StrongModelError
from langchain_intercascade.learning.leases import claimed, held_for, owner_name
from langchain_intercascade.learning.lesson import lesson_of
from langchain_intercascade.learning.meeting import Meeting, nobody_minds, own_name
from langchain_intercascade.record import (
    RECORD_KEY,
    DecisionRecord,
    LessonNote,
    amended,
    stamped,
    with_fault,
)
from langchain_intercascade.reply import flaw, said
from langchain_intercascade.repository.admission import holds_strategies
from langchain_intercascade.strategy import STAMPS, Origin, State, Strategy, pending_lesson

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable

    from langchain_intercascade.nodes.advising import Advising
    from langchain_intercascade.repository.base import StrategyRepository
    from langchain_intercascade.state import Body, CascadeState, Run, Update

OnStrongError: TypeAlias = Literal["raise", "weak"]


def strong_generate(
    strong: Runnable[Any, AIMessage],
    repository: StrategyRepository,
    *,
    strong_model: str,
    prices: Prices,
    on_strong_error: OnStrongError,
    owner: Callable[[], str],
    advise: Advising | None = None,
    meeting: Meeting = nobody_minds,
) -> Body:
    """Let the strong model answer, and write down the lesson before anything else can fail.

    The strong model sees the caller's messages only, never a strategy: what it
    writes must not be shaped by what it wrote before.  The lesson is stored as
    pending in the same step as the answer, so that a crash, or a consumer that
    stops reading, loses nothing that was paid for.

    Args:
        strong: The strong model.
        repository: Where the pending lesson is written.
        strong_model: Its name, part of the lesson's identity.
        prices: What its tokens cost.
        on_strong_error: `"raise"` a `StrongModelError` that carries the weak answer
            when the strong model fails, or return the `"weak"` answer, flagged.
        owner: Says under what name a lesson is claimed that is learned before the answer.
        advise: Tries first to help the weak model to an answer of its own.
        meeting: Told at once under which name the strong model answers.
    """
    equipped = equipping(strong)

    def body(state: CascadeState, run: Run) -> Steps[Update]:
        if advise is not None:
            answered, record = yield from advise(state, run)
            if answered is not None:
                return answered
            state = cast("CascadeState", {**state, "record": record})
        return (yield from answering(state, run))

    def answering(state: CascadeState, run: Run) -> Steps[Update]:
        model, kwargs = equipped(run)
        began = perf_counter()
        asked = ask_streaming(
            model, state["messages"], join=joined, kwargs=kwargs, run_name="strong"
        )
        answer = yield from attempt(asked)
        if isinstance(answer, Fault):
            return _without_strong(state, answer.error, on_strong_error)
        spent = 1000 * (perf_counter() - began)
        yield from meeting("strong", own_name(answer))
        record = charged(state["record"], "strong", answer, prices=prices, latency_ms=spent)
        record = _compared(record, answer)
        taught = _lesson(state, run, answer, record, strong_model)
        lesson = None
        if isinstance(taught, Strategy):
            if run.learning == "inline":
                taught = claimed(taught, owner())
            lesson, record = yield from _written(repository, taught, record)
        else:
            record = amended(record, lesson=taught)
        answer = answer if answer.id else answer.model_copy(update={"id": f"run-{uuid4()}"})
        return {
            "messages": [stamped(answer, record)],
            "lesson": lesson.payload() if lesson else None,
            "record": record,
        }

    return body


def _compared(record: DecisionRecord, answer: AIMessage) -> DecisionRecord:
    """Return `record` with what the strong model alone would have cost: this, in fact.

    If the strong model is a cascade, its own record knows better, and is kept.
    """
    inner: DecisionRecord | None = answer.response_metadata.get(RECORD_KEY)
    if inner is None:
        return amended(record, always_strong_cost=record["usage"]["strong"]["cost"])
    return amended(
        record,
        always_strong_cost=inner["always_strong_cost"],
        inner=inner,
        degraded=inner["degraded"],
    )


def joined(pieces: Sequence[Any]) -> AIMessage:
    """Put the chunks of a streamed message together."""
    if not pieces:
        return AIMessage("")
    whole = reduce(add, pieces)
    if isinstance(whole, AIMessageChunk):
        return cast("AIMessage", message_chunk_to_message(whole))
    return cast("AIMessage", whole)


def _without_strong(state: CascadeState, error: Exception, policy: OnStrongError) -> Update:
    tried, record = state.get("attempt"), state["record"]
    weak_answer = tried["message"] if tried else None
    # Once part of the strong answer was read, nothing may be put in its place.
    replaceable = not isinstance(error, BrokenStreamError)
    if policy == "weak" and replaceable and tried and weak_answer and tried["reason"] is None:
        record = amended(
            with_fault(record, "strong_generate", Fault(error)),
            route="weak",
            reason="strong_failed",
            explanation="The strong model failed, so the deferred weak answer is returned.",
            degraded=True,
        )
        answer = stamped(weak_answer, record)
        return {"messages": [answer], "attempt": None, "lesson": None, "record": record}
    msg = (
        f"The strong model failed ({type(error).__name__}), and the query had been deferred "
        f"({record['reason']}). The weak answer, if any, is in this error's `weak_answer`; "
        'on_strong_error="weak" returns it instead.'
    )
    raise StrongModelError(msg, weak_answer=weak_answer, confidence=record["confidence"]) from error


def _lesson(
    state: CascadeState, run: Run, answer: AIMessage, record: DecisionRecord, strong_model: str
) -> Strategy | LessonNote:
    """Return the lesson to write down, or the note that says why there is none."""
    if run.learning == "off":
        return LessonNote(state="off", id=None, reason="")
    query = state.get("query", "")
    if problem := _unresolved(answer, query, run):
        return LessonNote(state="unresolved", id=None, reason=problem)
    tried = state.get("attempt")
    lesson = lesson_of(
        state["messages"],
        query,
        said(answer),
        weak=tried["message"] if tried else None,
        shown=record["strategies"],
    )
    if holds_strategies(lesson.weak_answer or ""):
        lesson = lesson.model_copy(update={"weak_answer": None})
    origin = Origin(
        run_id=record["run_id"],
        strong_model=strong_model,
        prompt_version=prompts.VERSION,
        source=run.source,
    )
    return pending_lesson(tenant=run.tenant, query=query, lesson=lesson, origin=origin)


def _unresolved(answer: AIMessage, query: str, run: Run) -> str:
    """Say why there is nothing to learn from `answer`; empty if there is something."""
    if found := flaw(answer):
        return found[1]
    if problem := misfit(answer, run.model_kwargs):
        return problem
    if (inner := answer.response_metadata.get(RECORD_KEY)) is not None and inner["degraded"]:
        return "it is a weak answer itself, in place of a strong one"
    if answer.tool_calls and STRUCTURED not in run.model_kwargs:
        return "it is a tool call"
    if holds_strategies(query, answer.text):
        return "it quotes strategies, and what was learned once is not learned again from itself"
    return "" if query.strip() else "the query has no text"


def _written(
    repository: StrategyRepository, lesson: Strategy, record: DecisionRecord
) -> Steps[tuple[Strategy | None, DecisionRecord]]:
    """Write the lesson down, unless an equal query has taught it before, or is about to."""
    inner = (record["inner"] or record)["lesson"]["id"]
    if inner is not None:
        # The cascade that answered as the strong model may have taught this repository already.
        known = yield from attempt(repository.getting(inner, tenant=lesson.tenant))
        if isinstance(known, Strategy):
            return (yield from _again(repository, known, lesson, record))
        if isinstance(known, Fault):
            record = with_fault(record, "strong_generate", known)
    written = yield from attempt(repository.swapping(lesson, version=None))
    if isinstance(written, Fault):
        note = LessonNote(state="failed", id=None, reason="the lesson could not be written down")
        return None, amended(with_fault(record, "strong_generate", written), lesson=note)
    if written:
        return lesson, amended(record, lesson=LessonNote(state="pending", id=lesson.id, reason=""))
    return (yield from _met(repository, lesson, record))


def _met(
    repository: StrategyRepository, lesson: Strategy, record: DecisionRecord
) -> Steps[tuple[Strategy | None, DecisionRecord]]:
    """Return what becomes of a lesson where one with its id was found in its place."""
    known = yield from attempt(repository.getting(lesson.id, tenant=lesson.tenant))
    if isinstance(known, Strategy):
        return (yield from _again(repository, known, lesson, record))
    if isinstance(known, Fault):
        record = with_fault(record, "strong_generate", known)
    note = LessonNote(state="known", id=lesson.id, reason="an equal query was a moment quicker")
    return None, amended(record, lesson=note)


def _again(
    repository: StrategyRepository, known: Strategy, lesson: Strategy, record: DecisionRecord
) -> Steps[tuple[Strategy | None, DecisionRecord]]:
    """Return what becomes of a lesson that is there already: tried again if it is pending."""
    at_work = held_for(known, repository, _owner_of(lesson)) > 0
    if known.state is not State.PENDING or at_work:
        reason = "it is being learned" if at_work else ""
        note = LessonNote(state="known", id=known.id, reason=reason)
        return None, amended(record, lesson=note)
    stamps = (*known.stamps, *lesson.stamps)[-STAMPS:]
    anew = lesson.changed(version=known.version + 1, stamps=stamps)
    written = yield from attempt(repository.swapping(anew, version=known.version))
    if isinstance(written, Fault) or not written:
        note = LessonNote(state="pending", id=known.id, reason="")
        return None, amended(record, lesson=note)
    return anew, amended(record, lesson=LessonNote(state="pending", id=lesson.id, reason=""))


def _owner_of(lesson: Strategy) -> str:
    lease = lesson.lesson.lease if lesson.lesson else None
    return lease.owner if lease else owner_name(0)
