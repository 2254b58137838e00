"""Single flight: of several equal lessons at once, one is distilled and stands for all.

A burst of near-equal queries is deferred before any of them has taught anything.
Each gets its own strong answer, but paying for the same strategy again and again
would be waste: whoever comes later waits for the first and is merged with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from langchain_intercascade.learning.leases import held_for, owner_name
from langchain_intercascade.repository.dedup import SAME_QUERY, same_question
from langchain_intercascade.strategy import State, Strategy, normalised

if TYPE_CHECKING:
    from langchain_intercascade._steps import Steps
    from langchain_intercascade.repository.base import StrategyRepository

_NEAR: Final = 4
_BURST: Final = 64
"""Equal lessons at once among which the one that is being learned is looked for."""
# Not those that were suspended: one that was wrong must not keep a right one from being learned.
_TAUGHT: Final = (State.ACTIVE, State.CANDIDATE)


def flying(repository: StrategyRepository, pending: Strategy) -> Steps[bool]:
    """Say whether an equal lesson is being learned, here or elsewhere, that was claimed earlier."""
    hits = yield from repository.searching(
        pending.keys[0],
        tenant=pending.tenant,
        k=_BURST,
        min_similarity=SAME_QUERY,
        states=(State.PENDING,),
    )
    others = [hit.strategy for hit in hits if hit.strategy.id != pending.id]
    # Nobody has number 0, so a lease of this very process counts as one of somebody else.
    held = [each for each in others if held_for(each, repository, owner_name(0)) > 0]
    return any(
        _turn(each) < _turn(pending) and same_question(each.keys[0], pending.keys[0])
        for each in held
    )


def equal_taught(
    repository: StrategyRepository, pending: Strategy, *, exactly: bool
) -> Steps[Strategy | None]:
    """Return the strategy that an equal query has taught, if there is one.

    One that the weak model has just failed with is no answer to this lesson, unless it
    was this very query that has taught it.  One that is suspended is none but for the
    very same query, and not if somebody vouches for this lesson: it may contradict it.

    Args:
        repository: Where to look.
        pending: The lesson.
        exactly: Whether only the very same query counts, not one with other names and numbers.
    """
    query, shown = pending.keys[0], pending.lesson.shown if pending.lesson else ()
    hits = yield from repository.searching(
        query, tenant=pending.tenant, k=_NEAR, min_similarity=SAME_QUERY, states=_TAUGHT
    )
    others = [hit.strategy for hit in hits if hit.strategy.id != pending.id]
    in_use = [each for each in others if each.state is not State.SUSPENDED]
    able = in_use if pending.verified_by else others
    same = [each for each in able if normalised(query) in map(normalised, each.keys)]
    if same or exactly:
        return next(iter(same), None)
    fresh = (each for each in in_use if each.id not in shown)
    return next((each for each in fresh if same_question(each.keys[0], query)), None)


def _turn(strategy: Strategy) -> tuple[str, str]:
    """Return what decides who is first: the older claim, then the id."""
    lease = strategy.lesson.lease if strategy.lesson else None
    return (lease.until if lease else "9999", strategy.id)
