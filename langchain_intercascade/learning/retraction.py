"""A strong answer was wrong: what was learned from it is taken back, and only that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from langchain_intercascade.reply import said
from langchain_intercascade.repository.dedup import SAME_QUERY
from langchain_intercascade.repository.lifecycle import archived, suspended, unmerged
from langchain_intercascade.strategy import State, Strategy

if TYPE_CHECKING:
    from langchain_intercascade._steps import Steps
    from langchain_intercascade.agreement import Agreement
    from langchain_intercascade.learning.recent_runs import Answered
    from langchain_intercascade.repository.base import StrategyRepository

_WHY: Final = "the caller says that the answer it was distilled from was wrong"
_STANDING: Final = (State.ACTIVE, State.CANDIDATE, State.SUSPENDED)
_NEAR: Final = 4


def refuting(
    agreement: Agreement, answered: Answered, *, correct: bool | None, answer: str | None
) -> Steps[bool]:
    """Say whether the caller's words mean that the strong answer of a run was wrong.

    Args:
        agreement: Judges whether two answers say the same.
        answered: The run.
        correct: Whether the answer that was returned was right, by the caller's word.
        answer: The right answer, if the caller gave it.
    """
    if answered.record["route"] != "strong":
        return False
    strong = said(answered.strong_answer)
    if correct is not None or not strong or not answer:
        return correct is False
    same = yield from agreement.judging(answered.query, strong, answer)
    return same is False


def retracting(repository: StrategyRepository, answered: Answered) -> Steps[None]:
    """Take back what was learned from the strong answer of a run.

    A strategy that was distilled from it goes out of use; one that stands for other lessons
    too only loses this one.
    """
    record = answered.record
    tenant, made = record["tenant"], record["lesson"]["id"]
    if made is None:
        return
    run_id = (record["inner"] or record)["run_id"]

    def retracted(strategy: Strategy) -> Strategy | None:
        return _without(strategy, run_id)

    if (yield from repository.updating(made, tenant=tenant, change=retracted)):
        return
    # Learned since, another strategy may stand for it; the query is then one of its keys.
    hits = yield from repository.searching(
        answered.query, tenant=tenant, k=_NEAR, min_similarity=SAME_QUERY, states=_STANDING
    )
    for hit in hits:
        yield from repository.updating(hit.strategy.id, tenant=tenant, change=retracted)


def _without(strategy: Strategy, run_id: str) -> Strategy | None:
    """Return `strategy` without what that run taught; `None` if nothing changes."""
    if strategy.origin.run_id != run_id:
        return unmerged(strategy, run_id, _WHY)
    if strategy.state is State.ACTIVE:
        return suspended(strategy, _WHY)
    return archived(strategy, _WHY) if strategy.state is not State.ARCHIVED else None
