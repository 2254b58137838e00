"""What a person may decide about a strategy on the dashboard: approve, suspend, archive."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from langchain_intercascade.repository.lifecycle import archived_by, suspended_by
from langchain_intercascade.repository.promotion import approving
from langchain_intercascade.serve.refusal import RefusedError
from langchain_intercascade.strategy import State, Strategy

if TYPE_CHECKING:
    from langchain_intercascade._steps import Steps
    from langchain_intercascade.repository.base import StrategyRepository

_CHANGES: Final = {"suspend": suspended_by, "archive": archived_by}

ACTIONS: Final = ("approve", *_CHANGES)

_FIRST: Final = (State.CANDIDATE, State.SUSPENDED, State.ACTIVE, State.PENDING, State.ARCHIVED)


def reviewing(
    repository: StrategyRepository, strategy_id: str, action: str, *, tenant: str, by: str
) -> Steps[Strategy]:
    """Do with a strategy of `tenant` what a person has decided.

    Args:
        repository: Where it is.
        strategy_id: Which.
        action: One of `ACTIONS`.
        tenant: Whose it is.
        by: Who decides; stands in its history.

    Raises:
        RefusedError: There is none of that id, or that cannot be done with it now.
    """
    if action == "approve":
        done = yield from approving(repository, strategy_id, tenant=tenant, reviewer=by)
    else:
        change = partial(_CHANGES[action], who=by)
        done = yield from repository.updating(strategy_id, tenant=tenant, change=change)
    if done is not None:
        return done
    found = yield from repository.getting(strategy_id, tenant=tenant)
    if found is None:
        msg = "There is no such strategy."
        raise RefusedError(HTTPStatus.NOT_FOUND, msg, code="strategy_not_found")
    msg = f"The strategy is {found.state.value}, so it is too late, or too early, to {action} it."
    raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, msg, code="not_in_that_state")


def possible(strategy: Strategy) -> list[str]:
    """Return what can be done with `strategy` as it is."""
    waits = strategy.state in (State.CANDIDATE, State.SUSPENDED) and strategy.advice
    can = {
        "approve": bool(waits),
        **{action: change(strategy, "") is not None for action, change in _CHANGES.items()},
    }
    return [action for action, allowed in can.items() if allowed]


def shown(strategy: Strategy) -> dict[str, Any]:
    """Return what a person needs to see of a strategy of theirs to decide."""
    advice = strategy.advice
    ledgers = strategy.ledger.values()
    return {
        "id": strategy.id,
        "version": strategy.version,
        "state": strategy.state.value,
        "reason": strategy.reason,
        "title": advice.title if advice else "(not distilled yet)",
        "when_to_use": advice.when_to_use if advice else "",
        "when_not_to_use": advice.when_not_to_use if advice else "",
        "steps": list(advice.steps) if advice else [],
        "pitfalls": list(advice.pitfalls) if advice else [],
        "support": strategy.support,
        "uses": sum(each.uses for each in ledgers),
        "right": sum(each.right_with for each in ledgers),
        "wrong": sum(each.wrong_with for each in ledgers),
        "created_at": strategy.created_at,
        "actions": possible(strategy),
    }


def urgency(strategy: Strategy) -> tuple[int, str]:
    """Return where a strategy stands in a list: those that wait for a person come first."""
    return _FIRST.index(strategy.state), strategy.created_at
