"""One run with one fault in it, the next run without, and all that can be seen of both."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import reduce
from operator import add as plus
from typing import Any, Final, Literal, NamedTuple

from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import Runnable

from benchmarks.reliability_faults_plan import Plan, Site
from benchmarks.reliability_faults_scenarios import (
    QUERY,
    TENANT,
    Scenario,
    Sum,
    add,
    cascade_for,
    repository_for,
)
from benchmarks.reliability_faults_taps import Listener, clock_by, threads_by
from langchain_intercascade import (
    DecisionRecord,
    EdgeRepository,
    InterCascade,
    Strategy,
    StrategyRepository,
)
from langchain_intercascade.record import RECORD_KEY
from langchain_intercascade.resilience.tally import CascadeStats

Colour = Literal["sync", "async"]

_PATIENCE: Final = 5.0
_LATER: Final = dt.timedelta(minutes=10)


class Setting(NamedTuple):
    """Where a question is put: the scenario, the host, and the colour."""

    scenario: Scenario
    host: str
    colour: Colour


class Asked(NamedTuple):
    """What came of asking: an answer with its record, or an error."""

    message: AIMessage | None = None
    record: DecisionRecord | None = None
    error: BaseException | None = None


@dataclass(slots=True, kw_only=True)
class Seen:
    """All that could be seen of a run with a fault, and of the next one without.

    Attributes:
        setting: Where it was.
        site: Which call was to fail; `None` for a run without faults.
        fired: How many calls failed.
        first: What came of asking.
        idle: Whether the learner came to rest in time, each time it was waited for.
        paid: Replies of models that were whole.
        booked: Calls of models in the accounts.
        priced: Whether it is known what all that has cost.
        stats: What the counters said then.
        kept: What the repository held then.
        second: What came of asking again, with everybody well.
        stats_after: What the counters said after that.
        kept_after: What the repository held in the end, after whoever came later has learned.
        unreadable: How many strategies were damaged.
        logged: What was logged.
    """

    setting: Setting
    site: Site | None
    fired: int = 0
    first: Asked = field(default_factory=Asked)
    idle: bool = True
    paid: int = 0
    booked: int = 0
    priced: bool = True
    stats: CascadeStats | None = None
    kept: list[Strategy] = field(default_factory=list)
    second: Asked = field(default_factory=Asked)
    stats_after: CascadeStats | None = None
    kept_after: list[Strategy] = field(default_factory=list)
    unreadable: int = 0
    logged: list[str] = field(default_factory=list)


def seen(
    setting: Setting, site: Site | None, plan: Plan, folder: EdgeRepository, loop: asyncio.Runner
) -> Seen:
    """Ask once with the fault `site`, and once without, and return what could be seen.

    Args:
        setting: Where.
        site: The fault; `None` for none.
        plan: The plan; it holds the counts of the first run afterwards.
        folder: The repository on disk; whatever it holds is deleted.
        loop: Runs what is awaited.
    """
    found = Seen(setting=setting, site=site)
    plan.armed = False
    repository = repository_for(setting.scenario, plan, folder)
    cascade = cascade_for(setting.scenario, plan, repository)
    with ExitStack() as around:
        around.enter_context(threads_by(plan))
        around.enter_context(clock_by(plan))
        around.enter_context(_listening(found.logged))
        plan.begin(site)
        found.first = _asked(setting, cascade, plan, loop)
        found.idle = cascade.flush(_PATIENCE)
        plan.armed, found.fired, found.paid = False, plan.fired, plan.replies
        found.booked, found.priced = _booked(cascade), cascade.spending().cost is not None
        found.stats, found.kept = cascade.stats(), repository.scan(tenant=TENANT)
        found.second = _asked(setting, cascade, plan, loop)
        found.idle = cascade.flush(_PATIENCE) and found.idle
        found.stats_after = cascade.stats()
        cascade.close()
        found.idle = _later(setting, plan, repository) and found.idle
        found.kept_after = repository.scan(tenant=TENANT)
        found.unreadable = repository.unreadable
    repository.close()
    return found


def plain(setting: Setting, strong: Runnable[Any, Any], loop: asyncio.Runner) -> Asked:
    """Return what asking `strong` alone comes to."""
    return _outcome(lambda: _result(setting, strong, {}, Plan(), loop))


def _later(setting: Setting, plan: Plan, repository: StrategyRepository) -> bool:
    """Let another cascade, some time later, learn what is still pending."""
    with clock_by(plan, offset=_LATER):
        cascade = cascade_for(setting.scenario, plan, repository)
        cascade.recover()
        idle = cascade.flush(_PATIENCE)
        cascade.close()
    return idle


def _asked(setting: Setting, cascade: InterCascade, plan: Plan, loop: asyncio.Runner) -> Asked:
    config = {"callbacks": [Listener(plan)]}
    host: Runnable[Any, Any] = cascade.graph if setting.host == "graph" else cascade
    return _outcome(lambda: _result(setting, host, config, plan, loop))


def _outcome(ask: Callable[[], Any]) -> Asked:
    try:
        result = ask()
    except BaseException as error:  # noqa: BLE001 - a panic and a cancellation are findings too
        return Asked(error=error)
    if isinstance(result, dict) and "messages" in result:
        return Asked(result["messages"][-1], result["record"])
    message = result["raw"] if isinstance(result, dict) else result
    return Asked(message, message.response_metadata.get(RECORD_KEY))


def _result(
    setting: Setting, host: Runnable[Any, Any], config: Any, plan: Plan, loop: asyncio.Runner
) -> Any:
    asking, value = _equipped(setting, host)
    streams = setting.scenario.asking == "stream"

    async def awaited() -> Any:
        with plan.in_front(task=asyncio.current_task()):
            if streams:
                return reduce(plus, [piece async for piece in asking.astream(value, config)])
            return await asking.ainvoke(value, config)

    if setting.colour == "async":
        return loop.run(awaited())
    with plan.in_front():
        if streams:
            return reduce(plus, asking.stream(value, config))
        return asking.invoke(value, config)


def _equipped(setting: Setting, host: Any) -> tuple[Runnable[Any, Any], Any]:
    """Return who is asked, with tools or a schema, and what."""
    if setting.host == "graph" and hasattr(host, "nodes"):
        return host, {"messages": [HumanMessage(QUERY)]}
    if setting.scenario.asking == "tools":
        return host.bind_tools([add]), QUERY
    if setting.scenario.asking == "structured":
        return host.with_structured_output(Sum, include_raw=True), QUERY
    return host, QUERY


def _booked(cascade: InterCascade) -> int:
    roles = cascade.spending().by_role.items()
    return sum(use["calls"] for role, use in roles if role != "embedding")


@contextmanager
def _listening(told: list[str]) -> Iterator[None]:
    """Write down what the package logs, at its most talkative, with tracebacks."""
    logger = logging.getLogger("langchain_intercascade")
    handler = logging.Handler(logging.DEBUG)
    formatter = logging.Formatter("%(message)s")

    def heard(record: logging.LogRecord) -> None:
        told.append(f"{record.levelname} {formatter.format(record)} {vars(record)}")

    setattr(handler, "emit", heard)  # noqa: B010 - a method is assigned to
    level, propagates = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False  # thousands of warnings that are meant to be
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagates
