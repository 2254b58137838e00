"""Query + strong answer -> a general, reusable strategy."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.utils.json import parse_json_markdown
from pydantic import ValidationError

from langchain_intercascade import prompts
from langchain_intercascade._steps import QUIET, Fault, Steps, ask, attempt, overheard
from langchain_intercascade.confidence.base import paid_for
from langchain_intercascade.costs import Prices, charged, total
from langchain_intercascade.errors import LessonRejectedError
from langchain_intercascade.learning.flight import equal_taught, flying
from langchain_intercascade.learning.leases import releasing
from langchain_intercascade.learning.lesson import is_outage, kept_back, set_back
from langchain_intercascade.learning.trials import Trial, cross_examining, trying
from langchain_intercascade.record import LessonNote, amended, with_fault
from langchain_intercascade.repository.lifecycle import merged
from langchain_intercascade.strategy import Advice, Lesson, State, Strategy, storable

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable
    from pydantic_core import ErrorDetails

    from langchain_intercascade.learning.admission import Admission
    from langchain_intercascade.learning.learner import Learner
    from langchain_intercascade.record import DecisionRecord
    from langchain_intercascade.repository.base import StrategyRepository
    from langchain_intercascade.repository.floor import Floor
    from langchain_intercascade.state import Body, CascadeState, Run, Update


LONGEST_REPLY: Final = 65_000
"""Characters in a reply; the longest advice has about 10,000, and JSON may spell each as six."""

# LangChain's own parser completes what was cut off, which would make half a step of a step, and
# does so in time that grows with the square of the length.
_AS_IT_STANDS: Final = partial(json.loads, strict=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Distilled:
    """What came of one try at distilling.

    Attributes:
        strategy: A candidate with advice; the pending lesson, refused, put off or left as
            it is; or the strategy that stands for the lesson already.
        merged: Whether it is the latter.
        waiting: Whether an equal lesson is being learned right now, so that this one waits.
        why: Why it waits, if for another reason, in words.
        message: The distiller's reply, for its cost; `None` if it was not asked or gave none.
        replays: Replies of the weak model, and of judges, on the way.
        latency_ms: How long the distiller took.
        fault: What went wrong, if anything.
    """

    strategy: Strategy
    merged: bool = False
    waiting: bool = False
    why: str = ""
    message: AIMessage | None = None
    replays: Sequence[AIMessage] = ()
    latency_ms: float = 0.0
    fault: Fault | None = None

    @property
    def outage(self) -> bool:
        """Whether something was out of order, so that the lesson is put off."""
        return self.fault is not None and is_outage(self.fault.error)


def distill_strategy(
    distilling: Callable[[Strategy], Steps[Distilled]], *, learner: Learner, prices: Prices
) -> Body:
    """Turn the pending lesson into a candidate strategy, now or later.

    In the background, and while only observing, the lesson is handed to the
    learner and the answer does not wait.

    Args:
        distilling: Makes a candidate out of a pending lesson; see `Distilling`.
        learner: Takes lessons that are learned later.
        prices: What the distiller's tokens cost.
    """

    def later(state: CascadeState, pending: Strategy, why: str = "") -> Update:
        queued = learner.submit(pending)
        note = LessonNote(
            state="queued" if queued else "pending",
            id=pending.id,
            reason=why if queued else "the queue is full; it stays pending",
        )
        return {"lesson": None, "record": amended(state["record"], lesson=note)}

    def body(state: CascadeState, run: Run) -> Steps[Update]:
        written = state.get("lesson")
        if written is None:
            return {}
        pending = Strategy.from_payload(written)
        if pending.state is not State.PENDING:
            return {}  # guidance that has worked is a strategy already
        if run.learning != "inline":
            return later(state, pending)
        done = yield from attempt(distilling(pending))
        if isinstance(done, Fault):
            back = kept_back(pending, f"learning failed ({done})", done.error)
            done = Distilled(strategy=back, fault=done)
        record = _charged(state["record"], done, prices)
        if done.waiting:
            why = done.why or "an equal lesson is being learned"
            return later({**state, "record": record}, pending, why)
        if done.merged:
            note = LessonNote(state="merged", id=done.strategy.id, reason="")
            return {"lesson": None, "record": amended(record, lesson=note)}
        if done.fault:
            record = with_fault(record, "distill_strategy", done.fault)
        return {"lesson": done.strategy.payload(), "record": record}

    return body


@dataclass(frozen=True, slots=True, kw_only=True)
class Distilling:
    """Makes a candidate strategy out of a pending lesson, unless one stands for it already.

    Attributes:
        distiller: The model that writes the strategy: the strong one, or another.
        repository: Where earlier strategies are.
        admission: Tries them out, if strategies are tried out at all.
        floor: Least similarity, by tenant, of what is tried out.
        guarding: Keeps a strategy that has come into use from what it would spoil.
        prices: What the distiller's tokens cost.
    """

    distiller: Runnable[Any, AIMessage]
    repository: StrategyRepository
    admission: Admission
    guarding: Callable[[Strategy], Steps[Strategy]]
    floor: Callable[[str], Steps[Floor]]
    prices: Prices

    def __call__(self, pending: Strategy) -> Steps[Distilled]:
        """Try once, as steps; `pending` is stored, and leased to whoever calls.

        What was paid for is told, also if the repository or a model failed after that.
        """
        if (yield from flying(self.repository, pending)):
            waiting = yield from releasing(self.repository, pending)
            return Distilled(strategy=waiting, waiting=True)
        heard: list[Any] = []
        done = yield from attempt(overheard(self._learning(pending), heard))
        if isinstance(done, Fault):
            back = kept_back(pending, f"learning failed ({done})", done.error)
            done = Distilled(strategy=back, fault=done)
        replays = [reply for reply in paid_for(heard) if reply is not done.message]
        return replace(done, replays=replays)

    def _learning(self, pending: Strategy) -> Steps[Distilled]:
        trial = yield from self._trying(pending)
        if trial.passed is not None:
            stands = yield from merging(self.repository, trial.passed, pending)
            if trial.activated:
                stands = yield from self.guarding(stands)
            return Distilled(strategy=stands, merged=True)
        done = yield from asking(self.distiller, pending, prices=self.prices)
        if done.strategy.state is not State.CANDIDATE or not trial.failed:
            return done
        better = yield from attempt(
            cross_examining(self.repository, done.strategy, trial.failed, self.admission)
        )
        if isinstance(better, Fault):  # what was distilled is paid for, and as good as before
            return replace(done, fault=better)
        return replace(done, strategy=better)

    def _trying(self, pending: Strategy) -> Steps[Trial]:
        tries = self.admission.tries
        taught = yield from equal_taught(self.repository, pending, exactly=tries)
        if taught is not None or not tries:
            return Trial(taught)
        floor = yield from self.floor(pending.tenant)
        return (yield from trying(self.repository, pending, self.admission, floor=floor.similarity))


def merging(
    repository: StrategyRepository, standing: Strategy, pending: Strategy
) -> Steps[Strategy]:
    """Let `standing` stand for the lesson `pending` too, and forget the lesson; return it.

    A lesson that was forgotten meanwhile, at somebody's wish, stays forgotten.
    """
    if (yield from repository.getting(pending.id, tenant=pending.tenant)) is None:
        return standing
    merged_now = yield from repository.updating(
        standing.id, tenant=standing.tenant, change=lambda stored: merged(stored, pending)
    )
    # In this order: dying in between leaves a lesson that is merged once more, to no effect.
    yield from repository.removing(pending.id, tenant=pending.tenant)
    return merged_now or standing


def asking(
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
        failed = kept_back(pending, f"the distiller failed ({reply})", reply.error)
        return Distilled(strategy=failed, latency_ms=spent, fault=reply)
    paid = pending.changed(cost=total([pending.cost, prices.cost(reply)]))
    try:
        advice = parse_advice(reply.text)
    except LessonRejectedError as error:
        back = set_back(paid, str(error))
        return Distilled(strategy=back, message=reply, latency_ms=spent, fault=Fault(error))
    candidate = paid.changed(state=State.CANDIDATE, advice=advice)
    return Distilled(strategy=candidate, message=reply, latency_ms=spent)


def distill_prompt(lesson: Lesson) -> list[BaseMessage]:
    """Return what the distiller is asked; no strategy is in it, lest lessons feed on lessons."""
    text = prompts.filled(prompts.DISTILL, query=lesson.query, answer=lesson.answer)
    if lesson.weak_answer:
        text += prompts.filled(prompts.DISTILL_WEAK, weak_answer=lesson.weak_answer)
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
    if len(text) > LONGEST_REPLY:
        msg = f"the distiller's reply is longer than {LONGEST_REPLY} characters"
        raise LessonRejectedError(msg)
    try:
        found = parse_json_markdown(text, parser=_AS_IT_STANDS)
    except (ValueError, RecursionError) as error:
        msg = "the distiller's reply is not JSON"
        raise LessonRejectedError(msg) from error
    if not isinstance(found, dict):
        msg = f"the distiller's reply is a JSON {type(found).__name__}, not an object"
        raise LessonRejectedError(msg)
    known = {name: value for name, value in found.items() if name in Advice.model_fields}
    try:
        advice = Advice.model_validate(known)
    except ValidationError as error:
        parts = sorted({_where(each) for each in error.errors()})
        msg = f"the distilled strategy is malformed in: {', '.join(parts)}"
        raise LessonRejectedError(msg) from error
    if (told := advice.text()) != storable(told):
        msg = "the distilled strategy holds characters that no database can hold"
        raise LessonRejectedError(msg)
    return advice


def _where(error: ErrorDetails) -> str:
    """Name the part that an error is about; errors of the whole begin with it."""
    told = error["msg"].removeprefix("Value error, ").partition(":")[0]
    return ".".join(map(str, error["loc"])) or told


def _charged(record: DecisionRecord, done: Distilled, prices: Prices) -> DecisionRecord:
    for reply in done.replays:
        record = charged(record, "replay", reply, prices=prices, latency_ms=0.0)
    if done.message is None:
        return record
    return charged(record, "distill", done.message, prices=prices, latency_ms=done.latency_ms)


def _lesson_of(pending: Strategy) -> Lesson:
    if pending.lesson is None:
        msg = f"Strategy {pending.id} has no lesson to distil."
        raise LessonRejectedError(msg)
    return pending.lesson
