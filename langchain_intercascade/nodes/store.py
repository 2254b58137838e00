"""Strategy -> repository, if it is admitted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from langchain_intercascade._steps import Fault, Steps, attempt, overheard
from langchain_intercascade.confidence.base import paid_for
from langchain_intercascade.costs import charged
from langchain_intercascade.errors import LessonRejectedError
from langchain_intercascade.learning.lesson import Learned, Verdict, set_back
from langchain_intercascade.nodes.distill_strategy import merging
from langchain_intercascade.record import LessonNote, LessonState, amended, stamped, with_fault
from langchain_intercascade.repository.admission import check_leaks
from langchain_intercascade.repository.dedup import relation
from langchain_intercascade.strategy import State, Strategy

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_intercascade.costs import Prices
    from langchain_intercascade.learning.admission import Admission
    from langchain_intercascade.record import DecisionRecord
    from langchain_intercascade.repository.base import StrategyRepository
    from langchain_intercascade.state import Body, CascadeState, Run, Update

NEIGHBOURS: Final = 8
"""Strategies near a new one that it is compared with, to see whether they say the same."""

_STANDING: Final = (State.ACTIVE, State.CANDIDATE, State.SUSPENDED)


def store(
    storing: Storing,
    *,
    prices: Prices,
    afterwards: Callable[[CascadeState, Run, DecisionRecord], Steps[None]],
) -> Body:
    """Admit the candidate and put it in use, or keep its lesson pending with the reason.

    Args:
        storing: Admits and writes.
        prices: What replays cost.
        afterwards: Draws from a finished deferral what it says about the weak model.
    """

    def body(state: CascadeState, run: Run) -> Steps[Update]:
        record = state["record"]
        heard: list[Any] = []
        if (distilled := state.get("lesson")) is not None:
            candidate = Strategy.from_payload(distilled)
            advised = record["reason"] == "advised"
            outcome = yield from attempt(overheard(storing(candidate, unwritten=advised), heard))
            record = _noted(record, outcome)
        told = yield from attempt(overheard(afterwards(state, run, record), heard))
        for reply in paid_for(heard):
            record = charged(record, "replay", reply, prices=prices, latency_ms=0.0)
        if isinstance(told, Fault):
            record = with_fault(record, "store", told)
        return _finished(state, record)

    return body


class Storing:
    """Admits a distilled strategy and writes what became of it."""

    def __init__(
        self,
        repository: StrategyRepository,
        admission: Admission,
        guarding: Callable[[Strategy], Steps[Strategy]],
    ) -> None:
        """Write what `admission` makes of it; `guarding` looks after what comes into use."""
        self._repository = repository
        self._admission = admission
        self._guarding = guarding

    def __call__(self, distilled: Strategy, *, unwritten: bool = False) -> Steps[Learned]:
        """Write what came of one try at a lesson, and say what that is.

        Args:
            distilled: A candidate, or a pending lesson that was set back.
            unwritten: Whether its lesson has never been written down.
        """
        if distilled.state is not State.CANDIDATE:
            return (yield from self._settling(distilled, unwritten=unwritten))
        try:
            check_leaks(distilled)
        except LessonRejectedError as error:
            if not self._admission.faithful:
                back = set_back(distilled, str(error))
                return (yield from self._settling(back, unwritten=unwritten))
        twin, alike = yield from self._neighbours(distilled)
        if twin is not None:
            stands = yield from merging(self._repository, twin, distilled)
            return Learned("merged", stands)
        outcome = yield from self._admission.admitting(distilled)
        if alike:
            outcome = outcome.model_copy(update={"similar_to": alike})
        learned = yield from self._settling(outcome, unwritten=unwritten)
        if learned.verdict != "stored":
            return learned
        return replace(learned, strategy=(yield from self._guarding(learned.strategy)))

    def _neighbours(self, candidate: Strategy) -> Steps[tuple[Strategy | None, tuple[str, ...]]]:
        """Return the strategy that says the same, if there is one, and the ids of those alike."""
        hits = yield from self._repository.searching(
            candidate.keys[0],
            tenant=candidate.tenant,
            k=NEIGHBOURS,
            min_similarity=-1.0,
            states=_STANDING,
        )
        alike: list[str] = []
        for hit in hits:
            if hit.strategy.id == candidate.id:
                continue
            related = relation(candidate, hit.strategy, similarity=hit.similarity)
            if related == "same":
                return hit.strategy, ()
            alike += [hit.strategy.id] if related == "alike" else []
        return None, tuple(alike)

    def _settling(self, outcome: Strategy, *, unwritten: bool) -> Steps[Learned]:
        """Write `outcome` over its pending lesson, unless somebody has finished that meanwhile."""

        def settled(stored: Strategy) -> Strategy | None:
            if stored.state is not State.PENDING:
                return None
            return outcome.changed(version=stored.version + 1)

        if unwritten and (yield from self._repository.swapping(outcome, version=None)):
            return Learned(_verdict(outcome), outcome)
        written = yield from self._repository.updating(
            outcome.id, tenant=outcome.tenant, change=settled
        )
        if written is not None:
            return Learned(_verdict(written), written)
        stored = yield from self._repository.getting(outcome.id, tenant=outcome.tenant)
        # Somebody was quicker, or it was forgotten meanwhile, and stays so.
        return Learned("rejected", outcome) if stored is None else Learned("merged", stored)


def _verdict(written: Strategy) -> Verdict:
    verdicts: dict[State, Verdict] = {
        State.ACTIVE: "stored",
        State.CANDIDATE: "candidate",
        State.PENDING: "set_back",
    }
    return verdicts.get(written.state, "rejected")


_NOTES: Final[dict[Verdict, LessonState]] = {
    "stored": "stored",
    "candidate": "candidate",
    "merged": "merged",
    "rejected": "rejected",
    "set_back": "rejected",
}


def _noted(record: DecisionRecord, outcome: Learned | Fault) -> DecisionRecord:
    if isinstance(outcome, Fault):
        note = LessonNote(
            state="failed", id=record["lesson"]["id"], reason="the strategy could not be stored"
        )
        return amended(with_fault(record, "store", outcome), lesson=note)
    strategy = outcome.strategy
    note = LessonNote(state=_NOTES[outcome.verdict], id=strategy.id, reason=strategy.reason)
    return amended(record, lesson=note)


def _finished(state: CascadeState, record: DecisionRecord) -> Update:
    """Give the answer the final record; its id is kept, so it replaces itself."""
    answer = stamped(state["messages"][-1], record)  # type: ignore[arg-type]  # strong_generate put an AIMessage there
    return {"messages": [answer], "lesson": None, "attempt": None, "record": record}
