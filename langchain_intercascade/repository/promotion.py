"""From private to shared: a gate, because what is shared is shown to everybody.

active, without an example -> confirmed by several sources -> no leak of any query
    -> a copy without queries, as a candidate -> a person approves -> in use
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from langchain_intercascade._steps import Steps
from langchain_intercascade.errors import ConfigurationError, LessonRejectedError, how_many
from langchain_intercascade.repository.admission import check_leaks
from langchain_intercascade.repository.lifecycle import activated
from langchain_intercascade.repository.tombstones import entombed, of_id
from langchain_intercascade.repository.transplant import general_key, transplanted_id
from langchain_intercascade.strategy import (
    Advice,
    Change,
    Lesson,
    State,
    Strategy,
    checked_tenant,
    now,
)

if TYPE_CHECKING:
    from langchain_intercascade.repository.base import StrategyRepository

SOURCES: Final = 2
"""Different sources that must have led to a strategy before it is shared.

What a single user taught may be that user's secret, or that user's attack.
"""

AWAITING_REVIEW: Final = "promoted, awaits review"


def promoting(
    repository: StrategyRepository,
    strategy_id: str,
    *,
    tenant: str,
    to: str,
    reviewer: str,
    sources: int = SOURCES,
) -> Steps[Strategy]:
    """Put a copy of a private strategy into a shared pool, as a candidate that awaits review.

    The copy bears no query, no source and no experience: it is found by its title and
    when to use it.  The original stays as it is.  Promoting again gives the same copy.

    Args:
        repository: Where both are.
        strategy_id: Which.
        tenant: Whose it is.
        to: The tenant that is the pool.
        reviewer: Who asks for it; stands in the history.
        sources: How many different sources must have led to it.

    Returns:
        The copy.

    Raises:
        ConfigurationError: The pool is the same tenant, nobody asks for it, or there is no such
            strategy.
        LessonRejectedError: It may not be shared; the message says why.
    """
    _check_request(tenant, to, reviewer)
    found = yield from repository.getting(strategy_id, tenant=tenant)
    if found is None:
        msg = (
            f"Tenant {tenant!r} has no strategy {strategy_id!r} in {repository.location}. "
            "`intercascade strategies list` shows the ids; see that this is the right tenant."
        )
        raise ConfigurationError(msg)
    advice = shareable(found, sources=sources)
    copy = _copy(found, advice, to=to, reviewer=reviewer)
    if (yield from entombed(repository, (of_id(copy.id),), tenant=to)):
        msg = (
            f"Strategy {strategy_id} may not be shared: it was forgotten in {to!r} before, and "
            "stays so. Name another pool."
        )
        raise LessonRejectedError(msg)
    yield from repository.swapping(copy, version=None)
    return (yield from repository.getting(copy.id, tenant=to)) or copy


def shareable(strategy: Strategy, *, sources: int = SOURCES) -> Advice:
    """Return the advice of a strategy that may be shared.

    Raises:
        LessonRejectedError: It may not; the message says why, and quotes nothing.
    """
    found = distinct_sources(strategy)
    faults = {
        f"it is {strategy.state.value}, not in use; put it in use first": (
            strategy.state is not State.ACTIVE
        ),
        "it carries a solved example of its tenant; share one learned without keep_examples=": (
            strategy.example is not None
        ),
        f"{how_many(len(found), 'different named source')} led to it, and {sources} are needed; "
        "let more confirm it, or ask for fewer with `sources`": len(found) < sources,
    }
    if (advice := strategy.advice) is None or any(faults.values()):
        why = next((why for why, so in faults.items() if so), "it has no advice")
        msg = f"Strategy {strategy.id} may not be shared: {why}."
        raise LessonRejectedError(msg)
    _check_leaks(strategy)
    return advice


def distinct_sources(strategy: Strategy) -> set[str]:
    """Return on whose behalf it was learned, and confirmed; nobody's name does not count."""
    return {strategy.origin.source, *(each.source for each in strategy.merged)} - {""}


def approving(
    repository: StrategyRepository, strategy_id: str, *, tenant: str, reviewer: str
) -> Steps[Strategy | None]:
    """Put a candidate or a suspended strategy in use, because a person says so.

    Returns:
        It, as it is now; `None` if there is none, or it cannot be put in use: it is in
        use already, is archived, or has no advice.
    """
    if not reviewer.strip():
        msg = "Name who approves it: `reviewer` must not be blank."
        raise ConfigurationError(msg)

    def change(strategy: Strategy) -> Strategy | None:
        waits = strategy.state in (State.CANDIDATE, State.SUSPENDED)
        return activated(strategy, f"approved by {reviewer}") if waits and strategy.advice else None

    return (yield from repository.updating(strategy_id, tenant=tenant, change=change))


def _check_leaks(strategy: Strategy) -> None:
    """Check the advice against every query that led to it, not only the first."""
    queries = {*strategy.keys, *(each.query for each in strategy.merged)}
    for query in sorted(queries):
        probe = strategy.model_copy(update={"lesson": Lesson(query=query, answer="")})
        try:
            check_leaks(probe)
        except LessonRejectedError as error:
            msg = f"Strategy {strategy.id} may not be shared: {error}."
            raise LessonRejectedError(msg) from error


def _copy(strategy: Strategy, advice: Advice, *, to: str, reviewer: str) -> Strategy:
    moment = now()
    name = transplanted_id(strategy.id, tenant=to)
    # A run id of its own, for merging takes equal ones for the same deferral.
    news = {"source": "", "parents": (strategy.id,), "run_id": f"promoted {name}"}
    entry = Change(at=moment, version=1, what=f"promoted by {reviewer}")
    return Strategy(
        id=name,
        tenant=to,
        state=State.CANDIDATE,
        keys=(general_key(advice),),
        advice=advice,
        origin=strategy.origin.model_copy(update=news),
        support=strategy.support,
        verified_by=strategy.verified_by,
        cost=0.0,
        reason=AWAITING_REVIEW,
        created_at=moment,
        updated_at=moment,
        expires_at=strategy.expires_at,
        history=(entry,),
    )


def _check_request(tenant: str, to: str, reviewer: str) -> None:
    if checked_tenant(tenant) == checked_tenant(to):
        msg = f"A strategy of {tenant!r} cannot be promoted to the same tenant; name the pool."
        raise ConfigurationError(msg)
    if not reviewer.strip():
        msg = "Name who asks for it: `reviewer` must not be blank."
        raise ConfigurationError(msg)
