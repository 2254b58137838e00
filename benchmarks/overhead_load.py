"""What a thousand callers at once get: throughput, tail, and how long the loop is held up."""

from __future__ import annotations

import asyncio
import gc
import itertools
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any, Final, TypeAlias

from langchain_core.messages import HumanMessage

from benchmarks.overhead_cascades import STRATEGIES, cascade, graph
from benchmarks.overhead_clock import Row, compared
from benchmarks.overhead_pair import ACCEPTING, Instant, query_of, stocked
from benchmarks.overhead_steps import Steps, watched_steps

DELAY: Final = 0.05
"""Seconds that the model takes."""

SELDOM: Final = (50_000, 20, 20)
"""Thresholds of the garbage collector that `docs/performance.md` recommends for a busy service."""

Ask: TypeAlias = Callable[[], Awaitable[Any]]

_TARGETS: Final = {"chat model": 0.28, "graph": 0.13}
_TAIL: Final = 1.8
_STALL: Final = 5.0
_NOTE: Final = (
    "calls per second of processor time, to those of a bare ainvoke; accepted, among 500 queries, "
    "so most are encoded already"
)


@dataclass(frozen=True, slots=True)
class Load:
    """What came of one load.

    Attributes:
        cpu: Seconds of processor time that a call took.
        wall: Seconds that all of it took, by the calls.
        latencies: Seconds that each call took.
    """

    cpu: float
    wall: float
    latencies: list[float]

    @property
    def tail(self) -> float:
        """The 99th percentile of the latencies to their median."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))] / median(ordered)


def concurrency(*, levels: tuple[int, ...], rounds: int) -> list[Row]:
    """Measure the chat model and the graph beside a bare model, at each number of callers."""
    loop = asyncio.new_event_loop()
    rows: list[Row] = []
    with _fronts() as fronts:
        for callers in levels:
            loads = _in_turn(fronts, callers, rounds, loop)
            rows += _rows_of(loads, callers, top=callers == max(levels))
        rows += _tuned(fronts, max(levels), max(2, rounds // 3), loop)
        rows += _stalls(fronts, min(100, max(levels)), loop)
    loop.close()
    return rows


def loaded(ask: Ask, *, callers: int, calls: int) -> Awaitable[Load]:
    """Let so many callers ask again and again, each when its last answer has come."""

    async def calling(latencies: list[float]) -> None:
        for _ in range(calls):
            began = time.perf_counter()
            await ask()
            latencies.append(time.perf_counter() - began)

    async def all_of_them() -> Load:
        latencies: list[float] = []
        cpu, wall = time.process_time(), time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(callers):
                group.create_task(calling(latencies))
        number = callers * calls
        spent = (time.process_time() - cpu) / number, (time.perf_counter() - wall) / number
        # The first answers come while everybody is still asking for the first time.
        return Load(*spent, latencies[callers:] or latencies)

    return all_of_them()


@contextmanager
def _fronts() -> Iterator[dict[str, Ask]]:
    bare, repository = Instant(delay=DELAY), stocked(STRATEGIES)
    chat = cascade(repository, ACCEPTING, delay=DELAY)
    host = graph(repository, ACCEPTING, delay=DELAY)
    texts = (query_of(number % 40, number % 500) for number in itertools.count())

    def asked() -> list[HumanMessage]:
        return [HumanMessage(next(texts))]

    yield {
        "bare": lambda: bare.ainvoke(asked()),
        "chat model": lambda: chat.ainvoke(asked()),
        "graph": lambda: host.ainvoke({"messages": asked()}),
    }
    chat.close()
    repository.close()


def _in_turn(
    fronts: dict[str, Ask],
    callers: int,
    rounds: int,
    loop: asyncio.AbstractEventLoop,
) -> dict[str, list[Load]]:
    """Load each front in each round; the first round only warms up."""
    calls = 2 if callers >= 1000 else 4  # noqa: PLR2004 - enough of them either way
    loads: dict[str, list[Load]] = {name: [] for name in fronts}
    for number in range(-1, rounds):
        gc.collect()
        gc.freeze()
        for name, ask in fronts.items():
            load = loop.run_until_complete(loaded(ask, callers=callers, calls=calls))
            if number >= 0:
                loads[name].append(load)
    gc.unfreeze()
    return loads


def _rows_of(loads: dict[str, list[Load]], callers: int, *, top: bool) -> list[Row]:
    cpu = {name: [load.cpu for load in each] for name, each in loads.items()}
    rows: list[Row] = []
    for name, target in _TARGETS.items():
        at = f"{name}, {callers} at once"
        rows.append(
            compared(
                f"throughput: {at}",
                cpu,
                "bare",
                name,
                target=target if top else None,
                bound="at least",
                why="a call costs what it costs one at a time, and two model runs are in it",
                note=_NOTE,
            )
        )
        said = f"{1 / median(cpu[name]):.0f} a core and second by processor time, bare "
        said += f"{1 / median(cpu['bare']):.0f}"
        walls = [1 / load.wall for load in loads[name]]
        rows.append(Row(name=f"calls a second: {at}", ratio=median(walls), unit="1/s", note=said))
        tails = median(load.tail for load in loads[name])
        bare = median(load.tail for load in loads["bare"])
        rows.append(
            Row(
                name=f"latency, 99th percentile to median: {at}",
                ratio=tails,
                target=_TAIL if top else None,
                note=f"bare: {bare:.2f}; wall clock, on a machine with neighbours",
            )
        )
    return rows


def _tuned(
    fronts: dict[str, Ask], callers: int, rounds: int, loop: asyncio.AbstractEventLoop
) -> list[Row]:
    """Measure the throughput with the collector as a service may set it; see the page."""
    usual = gc.get_threshold()
    gc.set_threshold(*SELDOM)
    try:
        loads = _in_turn(fronts, callers, rounds, loop)
    finally:
        gc.set_threshold(*usual)
    cpu = {name: [load.cpu for load in each] for name, each in loads.items()}
    note = f"gc.set_threshold{SELDOM}, for the bare model too; else as above"
    return [
        compared(
            f"throughput with a tuned collector: {name}, {callers} at once",
            cpu,
            "bare",
            name,
            note=note,
        )
        for name in _TARGETS
    ]


def _stalls(fronts: dict[str, Ask], callers: int, loop: asyncio.AbstractEventLoop) -> list[Row]:
    """Measure the longest step of each front; those of a bare model stand beside."""
    steps = {name: _steps_of(ask, callers, loop) for name, ask in fronts.items()}
    bare = steps.pop("bare")
    rows: list[Row] = []
    for name, own in steps.items():
        at = f"{name}, {callers} at once"
        share = own.collecting / own.total
        told = f"the garbage collector took {share:.0%} of the loop's time, and is "
        rows.append(
            Row(
                name=f"longest step on the event loop, {at}",
                ratio=own.longest,
                target=_STALL if name == "chat model" else None,
                unit="ms",
                note=f"processor time; {told}not in it; bare: {bare.longest:.1f}",
                why="a call has one step between its search and its weak model; on a busy machine "
                "that step is slow",
            )
        )
        rows.append(
            Row(
                name=f"longest step with garbage collection, {at}",
                ratio=own.longest_collecting,
                unit="ms",
                note=f"{told}in it; bare: {bare.longest_collecting:.1f}",
            )
        )
    return rows


def _steps_of(ask: Ask, callers: int, loop: asyncio.AbstractEventLoop) -> Steps:
    gc.collect()
    gc.freeze()
    with watched_steps() as steps:
        loop.run_until_complete(loaded(ask, callers=callers, calls=4))
    gc.unfreeze()
    return steps
