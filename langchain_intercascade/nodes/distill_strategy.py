"""Query + strong answer -> a general, reusable strategy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage

from langchain_intercascade._steps import Fault, Steps, attempt, overheard
from langchain_intercascade.confidence.base import paid_for
from langchain_intercascade.costs import Prices, charged
from langchain_intercascade.learning.flight import equal_taught, flying
from langchain_intercascade.learning.leases import releasing
from langchain_intercascade.learning.lesson import kept_back
from langchain_intercascade.learning.trials import Trial, cross_examining, trying
from langchain_intercascade.nodes.distiller import Distilled, asking
from langchain_intercascade.record import LessonNote, amended, with_fault
from langchain_intercascade.repository.lifecycle import merged
from langchain_intercascade.strategy import State, Strategy

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable

    from langchain_intercascade.learning.admission import Admission
    from langchain_intercascade.learning.learner import Learner
    from langchain_intercascade.record import DecisionRecord
    from langchain_intercascade.repository.base import StrategyRepository
    from langchain_intercascade.repository.floor import Floor
    from langchain_intercascade.state import Body, CascadeState, Run, Update


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
            done = _failed(pending, done)
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
            done = _failed(pending, done)
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


def _failed(pending: Strategy, fault: Fault) -> Distilled:
    back = kept_back(pending, f"learning failed ({fault})", fault.error)
    return Distilled(strategy=back, fault=fault)


def _charged(record: DecisionRecord, done: Distilled, prices: Prices) -> DecisionRecord:
    for reply in done.replays:
        record = charged(record, "replay", reply, prices=prices, latency_ms=0.0)
    if done.message is None:
        return record
    return charged(record, "distill", done.message, prices=prices, latency_ms=done.latency_ms)
