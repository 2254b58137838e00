"""What stands round the nodes: their spending is counted, and kept within the budget.

Written once for both hosts, and by looking at the decision record only, so that the accounts
and the records cannot differ.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from langchain_intercascade._steps import overheard
from langchain_intercascade.confidence.base import paid_for
from langchain_intercascade.errors import BudgetExceededError
from langchain_intercascade.learning.leases import releasing
from langchain_intercascade.nodes.distiller import Distilled
from langchain_intercascade.record import amended, stamped
from langchain_intercascade.resilience.tally import is_last

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage

    from langchain_intercascade._steps import Steps
    from langchain_intercascade.costs import Accounts, Allowance, StrongEstimate
    from langchain_intercascade.record import DecisionRecord, Role
    from langchain_intercascade.repository.base import StrategyRepository
    from langchain_intercascade.state import Body, CascadeState, Run, Update
    from langchain_intercascade.strategy import Strategy

Distil: TypeAlias = "Callable[[Strategy], Steps[Distilled]]"

_ROLES: Final[dict[str, Role]] = {
    "weak_generate": "weak",
    "confidence_gate": "confidence",
    "strong_generate": "strong",
    "distill_strategy": "distill",
    "store": "replay",
}
"""To which role a node's calls are put down if the node does not come to tell them apart."""


def accounted(name: str, body: Body, accounts: Accounts) -> Body:
    """Return `body` with its spending counted: what it adds to the usage in the record.

    Args:
        name: The node's name; any but the first, which asks no model.
        body: The node's body.
        accounts: Where it is counted.
    """

    def counting(state: CascadeState, run: Run) -> Steps[Update]:
        heard: list[Any] = []
        done = False
        try:
            update = yield from overheard(body(state, run), heard)
            if "record" in update:
                heard.clear()  # it is all in the record
                accounts.charge(state["record"]["usage"], update["record"])
            done = True
        finally:
            if not done:  # an error, or nobody waits any more
                accounts.lost(state["record"], _ROLES[name], paid_for(heard))
        record: DecisionRecord = update.get("record") or state["record"]
        if is_last(name, record):
            accounts.answered(record)
        return update

    return counting


def within_budget(
    body: Body, accounts: Accounts, estimate: StrongEstimate, allowance: Allowance
) -> Body:
    """Return the body of `strong_generate`, run only if the budget allows for it.

    Args:
        body: It, with its spending counted.
        accounts: Where a run is counted that ends here.
        estimate: Says beforehand what a strong answer costs.
        allowance: Keeps to the budget.
    """

    def guarded(state: CascadeState, run: Run) -> Steps[Update]:
        record = state["record"]
        cost = estimate.cost(record, state["messages"])
        spent = record["cost"] or 0.0
        with allowance.holding(record["tenant"], spent=spent, estimate=cost) as short:
            if short:
                if allowance.budget.on_exceeded == "raise" or _weak_answer(state) is None:
                    accounts.lost(record)
                    raise _exceeded(state, short)
                return _degraded(state, short, cost)
            update = yield from body(state, run)
        estimate.learn(update["record"]["usage"].get("strong"))
        return update

    return guarded


def thrifty(distilling: Distil, repository: StrategyRepository, accounts: Accounts) -> Distil:
    """Return `distilling`, which lets a lesson wait, at no cost, while learning pauses."""

    def waiting(pending: Strategy) -> Steps[Distilled]:
        if why := accounts.pausing(pending.tenant):
            released = yield from releasing(repository, pending)
            return Distilled(strategy=released, waiting=True, why=why)
        return (yield from distilling(pending))

    return waiting


def _weak_answer(state: CascadeState) -> AIMessage | None:
    """Return the weak answer that was deferred, if there is one that could stand."""
    tried = state.get("attempt")
    return tried["message"] if tried and tried["reason"] is None else None


def _degraded(state: CascadeState, short: str, estimate: float) -> Update:
    record = amended(
        state["record"],
        route="weak",
        reason="over_budget",
        explanation=f"{short} So the deferred weak answer is returned.",
        degraded=True,
        always_strong_cost=estimate,
    )
    answer = stamped(cast("AIMessage", _weak_answer(state)), record)
    return {"messages": [answer], "attempt": None, "lesson": None, "record": record}


def _exceeded(state: CascadeState, short: str) -> BudgetExceededError:
    record, tried = state["record"], state.get("attempt")
    msg = (
        f"{short} The query had been deferred ({record['reason']}). The weak answer, if any, is "
        "in this error's `weak_answer`; raise the limits of `budget=`, or wait for the next "
        'hour or day. Budget(on_exceeded="weak") returns a weak answer that could stand.'
    )
    return BudgetExceededError(
        msg,
        weak_answer=tried["message"] if tried else None,
        confidence=record["confidence"],
    )
