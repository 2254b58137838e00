"""What the nodes hand over once an answer stands: the ends that lead into learning.

The floor of `learning` knows neither prompts with strategies nor the state of a
run; these functions translate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from langchain_intercascade._steps import QUIET, Steps, ask, overheard
from langchain_intercascade.confidence.base import paid_for
from langchain_intercascade.costs import total
from langchain_intercascade.equipment import equipping
from langchain_intercascade.learning.lesson import Learned
from langchain_intercascade.learning.recent_runs import Answered
from langchain_intercascade.nodes.weak_generate import with_strategies

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable

    from langchain_intercascade.costs import Accounts
    from langchain_intercascade.learning.admission import Replay
    from langchain_intercascade.learning.aftermath import Aftermath
    from langchain_intercascade.learning.canaries import Canaries
    from langchain_intercascade.learning.upkeep import Upkeep
    from langchain_intercascade.nodes.distiller import Distilled
    from langchain_intercascade.nodes.store import Storing
    from langchain_intercascade.record import DecisionRecord
    from langchain_intercascade.repository.retrieval import Floors
    from langchain_intercascade.state import CascadeState, Run
    from langchain_intercascade.strategy import Lesson, Strategy


def replay_by(weak: Runnable[Any, AIMessage]) -> Replay:
    """Return the steps that put a lesson's query to `weak` again.

    It is asked as it was at first: with the system message, and with advice before the
    query in the same form.  The rest of a longer conversation is not kept.
    """

    def replaying(lesson: Lesson, shown: Sequence[dict[str, Any]]) -> Steps[AIMessage]:
        system: list[BaseMessage] = [SystemMessage(lesson.system)] if lesson.system else []
        prompt = with_strategies([*system, HumanMessage(lesson.query)], shown)
        answer: AIMessage = yield from ask(weak, prompt, run_name="replay", tags=[QUIET])
        return answer

    return replaying


def asking_again(
    strong: Runnable[Any, AIMessage],
) -> Callable[[Sequence[BaseMessage], Run], Steps[AIMessage]]:
    """Return the steps that ask `strong` what the caller asked, for an audit."""
    equipped = equipping(strong)

    def asking(messages: Sequence[BaseMessage], run: Run) -> Steps[AIMessage]:
        model, kwargs = equipped(run)
        asked = ask(model, list(messages), kwargs=kwargs, run_name="audit", tags=[QUIET])
        answer: AIMessage = yield from asked
        return answer

    return asking


def learning_by(
    distilling: Callable[[Strategy], Steps[Distilled]], storing: Storing, accounts: Accounts
) -> Callable[[Strategy], Steps[Learned]]:
    """Return the steps that learn one pending lesson from beginning to end."""

    def learning(pending: Strategy) -> Steps[Learned]:
        tenant = pending.tenant
        heard: list[Any] = []
        done = None
        try:
            done = yield from overheard(distilling(pending), heard)
        finally:
            if done is None:  # it was cancelled, so nobody says what was for what
                accounts.add("distill", paid_for(heard), tenant=tenant)
        costs = [accounts.add("replay", done.replays, tenant=tenant)]
        if done.message is not None:
            costs.append(accounts.add("distill", [done.message], tenant=tenant))
        if done.waiting or done.merged:
            verdict = Learned("merged", done.strategy) if done.merged else _waiting(pending)
            return _costing(verdict, costs)
        heard.clear()
        try:
            learned = yield from overheard(storing(done.strategy), heard)
        finally:
            costs.append(accounts.add("replay", paid_for(heard), tenant=tenant))
        return _costing(learned, costs, outage=done.outage)

    return learning


def guarding_by(canaries: Canaries, floors: Floors) -> Callable[[Strategy], Steps[Strategy]]:
    """Return the steps that keep a new strategy from what it would spoil."""

    def guarding(strategy: Strategy) -> Steps[Strategy]:
        floor = yield from floors.reading(strategy.tenant)
        return (yield from canaries.guarding(strategy, floor=floor.least))

    return guarding


def after_accepting(
    aftermath: Aftermath,
) -> Callable[[CascadeState, Run, AIMessage, DecisionRecord], None]:
    """Return what the gate tells of an answer that it accepted."""

    def accepted(state: CascadeState, run: Run, answer: AIMessage, record: DecisionRecord) -> None:
        query = state.get("query", "")
        unaided = not state.get("shown")
        aftermath.accepted(
            Answered(record, state["messages"], query, answer, None, run, unaided=unaided)
        )

    return accepted


def after_deferring(
    aftermath: Aftermath, upkeep: Upkeep
) -> Callable[[CascadeState, Run, DecisionRecord], Steps[None]]:
    """Return the steps that follow the strong answer of a deferred query."""

    def afterwards(state: CascadeState, run: Run, record: DecisionRecord) -> Steps[None]:
        *asked, answer = state["messages"]
        strong = answer if isinstance(answer, AIMessage) else None
        query = state.get("query", "")
        if record["degraded"]:
            aftermath.served(Answered(record, asked, query, strong, None, run))
        if record["route"] != "strong" or record["degraded"]:
            return
        tried = state.get("attempt")
        weak = tried["message"] if tried and tried["reason"] is None else None
        yield from aftermath.deferred(Answered(record, asked, query, weak, strong, run))
        if run.learning != "off":
            upkeep.consider(run.tenant)

    return afterwards


def _waiting(pending: Strategy) -> Learned:
    return Learned("set_back", pending, outage=True)


def _costing(learned: Learned, costs: Sequence[float | None], *, outage: bool = False) -> Learned:
    return Learned(learned.verdict, learned.strategy, total(costs), learned.outage or outage)
