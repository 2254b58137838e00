"""Strategy -> repository, if it is admitted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_intercascade._steps import Fault, Steps, attempt
from langchain_intercascade.errors import LessonRejectedError
from langchain_intercascade.learning.lesson import set_back
from langchain_intercascade.record import LessonNote, amended, stamped, with_fault
from langchain_intercascade.repository.admission import check_leaks
from langchain_intercascade.strategy import State, Strategy

if TYPE_CHECKING:
    from langchain_intercascade.record import DecisionRecord
    from langchain_intercascade.repository.base import StrategyRepository
    from langchain_intercascade.state import Body, CascadeState, Run, Update


def store(repository: StrategyRepository) -> Body:
    """Admit the candidate and put it in use, or keep its lesson pending with the reason."""

    def body(state: CascadeState, run: Run) -> Steps[Update]:  # noqa: ARG001 - every body takes the run
        record = state["record"]
        if (distilled := state.get("lesson")) is not None:
            outcome = yield from attempt(storing(repository, Strategy.from_payload(distilled)))
            record = _noted(record, outcome)
        return _finished(state, record)

    return body


def storing(repository: StrategyRepository, distilled: Strategy) -> Steps[Strategy]:
    """Write what came of one try at a lesson, and return it as written.

    Args:
        repository: Where it is written.
        distilled: A candidate, or a pending lesson that was set back.

    Returns:
        The strategy in state `ACTIVE`, its lesson forgotten; or in state `PENDING`
        with the reason why it was not admitted.
    """
    outcome = _admitted(distilled) if distilled.state is State.CANDIDATE else distilled
    yield from repository.putting(outcome)
    return outcome


def _admitted(candidate: Strategy) -> Strategy:
    try:
        check_leaks(candidate)
    except LessonRejectedError as error:
        return set_back(candidate, str(error))
    return candidate.changed(state=State.ACTIVE, lesson=None, reason="")


def _noted(record: DecisionRecord, outcome: Strategy | Fault) -> DecisionRecord:
    if isinstance(outcome, Fault):
        note = LessonNote(
            state="failed", id=record["lesson"]["id"], reason="the strategy could not be stored"
        )
        return amended(with_fault(record, "store", outcome), lesson=note)
    stored = outcome.state is State.ACTIVE
    note = LessonNote(
        state="stored" if stored else "rejected", id=outcome.id, reason=outcome.reason
    )
    return amended(record, lesson=note)


def _finished(state: CascadeState, record: DecisionRecord) -> Update:
    """Give the answer the final record; its id is kept, so it replaces itself."""
    answer = stamped(state["messages"][-1], record)  # type: ignore[arg-type]  # strong_generate put an AIMessage there
    return {"messages": [answer], "lesson": None, "attempt": None, "record": record}
