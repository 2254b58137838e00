"""Query + strong answer -> a general, reusable strategy."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.utils.json import parse_json_markdown
from pydantic import ValidationError

from langchain_intercascade import prompts
from langchain_intercascade._steps import QUIET, Fault, Steps, ask, attempt
from langchain_intercascade.costs import Prices, charged, total
from langchain_intercascade.errors import LessonRejectedError
from langchain_intercascade.learning.lesson import set_back
from langchain_intercascade.record import LessonNote, amended, with_fault
from langchain_intercascade.strategy import Advice, Lesson, State, Strategy

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable
    from pydantic_core import ErrorDetails

    from langchain_intercascade.learning.learner import Learner
    from langchain_intercascade.record import DecisionRecord
    from langchain_intercascade.state import Body, CascadeState, Run, Update


@dataclass(frozen=True, slots=True)
class Distilled:
    """What came of one try at distilling.

    Attributes:
        strategy: A candidate with advice, or the pending lesson set back by one try.
        message: The distiller's reply, for its cost; `None` if it gave none.
        latency_ms: How long it took.
        fault: What went wrong, if anything.
    """

    strategy: Strategy
    message: AIMessage | None
    latency_ms: float
    fault: Fault | None = None


def distill_strategy(
    distiller: Runnable[Any, AIMessage], *, learner: Learner, prices: Prices
) -> Body:
    """Turn the pending lesson into a candidate strategy, now or later.

    In the background, and while only observing, the lesson is handed to the
    learner and the answer does not wait.

    Args:
        distiller: The model that writes the strategy: the strong one, or another.
        learner: Takes lessons that are learned later.
        prices: What the distiller's tokens cost.
    """

    def body(state: CascadeState, run: Run) -> Steps[Update]:
        written = state.get("lesson")
        if written is None:
            return {}
        pending = Strategy.from_payload(written)
        if pending.state is not State.PENDING:
            return {}  # guidance that has worked is a strategy already
        if run.learning != "inline":
            queued = learner.submit(pending)
            note = LessonNote(
                state="queued" if queued else "pending",
                id=pending.id,
                reason="" if queued else "the queue is full; it stays pending",
            )
            return {"lesson": None, "record": amended(state["record"], lesson=note)}
        done = yield from distilling(distiller, pending, prices=prices)
        record = _charged(state["record"], done, prices)
        if done.fault:
            record = with_fault(record, "distill_strategy", done.fault)
        return {"lesson": done.strategy.payload(), "record": record}

    return body


def distilling(
    distiller: Runnable[Any, AIMessage], pending: Strategy, *, prices: Prices
) -> Steps[Distilled]:
    """Ask the distiller once for the strategy behind `pending`, as steps.

    Fails closed: a reply that is not exactly the JSON asked for is no strategy.
    """
    prompt = distill_prompt(_lesson_of(pending))
    link = {"inter_cascade_run_id": pending.origin.run_id}
    began = perf_counter()
    reply = yield from attempt(
        ask(distiller, prompt, run_name="distill", tags=[QUIET], metadata=link)
    )
    spent = 1000 * (perf_counter() - began)
    if isinstance(reply, Fault):
        return Distilled(set_back(pending, f"the distiller failed ({reply})"), None, spent, reply)
    paid = pending.changed(cost=total([pending.cost, prices.cost(reply)]))
    try:
        advice = parse_advice(reply.text)
    except LessonRejectedError as error:
        return Distilled(set_back(paid, str(error)), reply, spent, Fault(error))
    return Distilled(paid.changed(state=State.CANDIDATE, advice=advice), reply, spent)


def distill_prompt(lesson: Lesson) -> list[BaseMessage]:
    """Return what the distiller is asked; no strategy is in it, lest lessons feed on lessons."""
    text = prompts.DISTILL.format(query=lesson.query, answer=lesson.answer)
    if lesson.weak_answer:
        text += prompts.DISTILL_WEAK.format(weak_answer=lesson.weak_answer)
    return [SystemMessage(prompts.DISTILL_SYSTEM), HumanMessage(text)]


def parse_advice(text: str) -> Advice:
    """Read the distiller's reply.

    Args:
        text: One JSON object, alone or in a Markdown fence.

    Raises:
        LessonRejectedError: It is anything else, or a part is missing, empty or too long.

    Examples:
        >>> parse_advice('{"title": "Sums", "when_to_use": "Adding.", "steps": ["Add."]}').steps
        ('Add.',)
    """
    try:
        found = parse_json_markdown(text)
    except ValueError as error:
        msg = "the distiller's reply is not JSON"
        raise LessonRejectedError(msg) from error
    if not isinstance(found, dict):
        msg = f"the distiller's reply is a JSON {type(found).__name__}, not an object"
        raise LessonRejectedError(msg)
    known = {name: value for name, value in found.items() if name in Advice.model_fields}
    try:
        return Advice.model_validate(known)
    except ValidationError as error:
        parts = sorted({_where(each) for each in error.errors()})
        msg = f"the distilled strategy is malformed in: {', '.join(parts)}"
        raise LessonRejectedError(msg) from error


def _where(error: ErrorDetails) -> str:
    """Name the part that an error is about; errors of the whole begin with it."""
    told = error["msg"].removeprefix("Value error, ").partition(":")[0]
    return ".".join(map(str, error["loc"])) or told


def _charged(record: DecisionRecord, done: Distilled, prices: Prices) -> DecisionRecord:
    if done.message is None:
        return record
    return charged(record, "distill", done.message, prices=prices, latency_ms=done.latency_ms)


def _lesson_of(pending: Strategy) -> Lesson:
    if pending.lesson is None:
        msg = f"Strategy {pending.id} has no lesson to distil."
        raise LessonRejectedError(msg)
    return pending.lesson
