"""What one call of the chat model costs, beside its unavoidable parts and beside peers."""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import Mapping
from typing import Any, Final, Self

from langchain_core.messages import HumanMessage
from langchain_core.runnables import Runnable

from benchmarks.overhead_cascades import STRATEGIES, K, cascade
from benchmarks.overhead_clock import (
    Block,
    Row,
    Times,
    awaited,
    compared,
    each,
    interleaved,
    lasting,
)
from benchmarks.overhead_pair import (
    ACCEPTING,
    DEFERRING,
    TENANTS,
    Instant,
    bare_query,
    bare_write,
    query_of,
    shard_of,
    stocked,
)
from benchmarks.overhead_peers import PACKAGES, peers
from langchain_intercascade import HashingEmbeddings

COLOURS: Final = ("sync", "async")

_PARTS: Final = (
    "2 bare model runs, 1 encoder call, 1 bare engine query of k strategies among 1,000 of ten "
    "tenants, their payloads read"
)
_WHY: Final = {
    "accepted": "choosing among twelve, the prompt, the gate, the record and the accounts are "
    "plain Python, as many function calls as two more bare runs",
    "deferred": "besides, the lesson is made, checked and written on condition, and the record, "
    "the accounts and the counters have three more nodes to follow",
}
_TARGETS: Final[Mapping[str, float]] = {"accepted": 1.3, "deferred": 1.4}


def calls(*, rounds: int, per_round: int) -> list[Row]:
    """Measure the chat model against the sum of its parts, and beside peers, in both colours."""
    rows: list[Row] = []
    for colour in COLOURS:
        with Fronts() as fronts:
            others, missing = peers()
            times = interleaved(
                fronts.blocks(colour) | fronts.beside(others, colour),
                rounds=rounds,
                calls=per_round,
                between=fronts.settle,
            )
            rows += _against_parts(times, colour) + _beside(times, others, missing, colour)
            if colour == "sync":
                rows += _counted(fronts.blocks(colour))
    return rows


class Fronts:
    """Cascades over stocked repositories of their own, and the bare parts of what they do."""

    def __init__(self) -> None:
        """Stock the repositories; the queries are of few topics, and each a text of its own."""
        self.bare, self._encoder = Instant(), HashingEmbeddings()
        self._scratch = stocked(1)
        self.cascades = {
            name: cascade(stocked(STRATEGIES), threshold)
            for name, threshold in (("accepted", ACCEPTING), ("deferred", DEFERRING))
        }
        self._queries = (query_of(number % 40, number) for number in itertools.count(10_000))
        self._loop = asyncio.new_event_loop()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close everything."""
        for each_one in self.cascades.values():
            each_one.close()
            each_one.repository.close()
        self._scratch.close()
        self._loop.close()

    def settle(self) -> None:
        """Wait until what goes on in the background is done."""
        self.cascades["deferred"].flush()

    def blocks(self, colour: str) -> dict[str, Block]:
        """Return the contenders of one colour: each route, its parts, and one bare model run."""
        return {
            "bare": self.asking(self.bare, colour),
            "accepted": self.asking(self.cascades["accepted"], colour),
            "parts of accepted": self._parts(colour, "accepted", models=2, writes=0),
            "deferred": self.asking(self.cascades["deferred"], colour),
            "parts of deferred": self._parts(colour, "deferred", models=3, writes=1),
        }

    def beside(self, others: Mapping[str, Runnable[Any, Any]], colour: str) -> dict[str, Block]:
        """Return the peers as contenders."""
        return {name: self.asking(peer, colour) for name, peer in others.items()}

    def asking(self, model: Runnable[Any, Any], colour: str) -> Block:
        """Return the block that asks `model` a new query each time."""
        if colour == "sync":
            return each(lambda: model.invoke(self._prompt()))
        return awaited(lambda: model.ainvoke(self._prompt()), self._loop)

    def _prompt(self) -> list[HumanMessage]:
        return [HumanMessage(next(self._queries))]

    def _parts(self, colour: str, route: str, *, models: int, writes: int) -> Block:
        shard = shard_of(self.cascades[route].repository)
        spare = shard_of(self._scratch)

        def engine() -> None:
            vector = self._encoder.embed_query(next(self._queries))
            bare_query(shard, vector, tenant=TENANTS[0], limit=K)
            for _ in range(writes):
                bare_write(spare, vector)

        def blocking() -> None:
            for _ in range(models):
                self.bare.invoke(self._prompt())
            engine()

        async def awaiting() -> None:
            for _ in range(models):
                await self.bare.ainvoke(self._prompt())
            engine()

        return each(blocking) if colour == "sync" else awaited(awaiting, self._loop)


def _against_parts(times: Times, colour: str) -> list[Row]:
    more = {"accepted": "", "deferred": "; 1 more model run, 1 engine write"}
    return [
        compared(
            f"chat model, {route}, {colour}",
            times,
            route,
            f"parts of {route}",
            target=_TARGETS[route],
            note=f"parts: {_PARTS}{more[route]}",
            why=_WHY[route],
        )
        for route in _TARGETS
    ]


def _counted(blocks: Mapping[str, Block]) -> list[Row]:
    """Return how many functions are called, which no neighbour on the machine can change."""
    numbers = {name: functions_called(block) for name, block in blocks.items()}
    rows = [
        Row(
            name=f"functions called: {route}, to its parts",
            ratio=numbers[route] / numbers[f"parts of {route}"],
            note="of Python and of C, by the profiler's count; it knows no noise, and no weight",
        )
        for route in _TARGETS
    ]
    names = ("bare", *_TARGETS)
    return rows + [
        Row(name=f"functions called: {name}", ratio=numbers[name], unit="calls") for name in names
    ]


def functions_called(block: Block, calls: int = 20) -> float:
    """Return how many functions one call of `block` calls in this thread."""
    number = 0

    def note(_frame: object, event: str, _argument: object) -> None:
        nonlocal number
        number += event in {"call", "c_call"}

    sys.setprofile(note)
    try:
        block(calls)
    finally:
        sys.setprofile(None)
    return number / calls


def _beside(
    times: Times, others: Mapping[str, Runnable[Any, Any]], missing: list[str], colour: str
) -> list[Row]:
    """Return the plain figures against one bare model run, and the one against a peer."""
    names = {"accepted": "chat model, accepted", "deferred": "chat model, deferred"}
    names |= {name: f"peer: {name}" for name in others}
    rows = [lasting(f"one bare model run, {colour}", times["bare"])]
    rows += [
        compared(f"plain: {said}, {colour}", times, name, "bare", unit="bare model runs")
        for name, said in names.items()
    ]
    rows += [
        Row(name=f"plain: peer: {name}, {colour}", ratio=None, note="it is not installed")
        for name in missing
    ]
    title = f"chat model, accepted, to cascadeflow's wrapper, {colour}"
    note = "retrieval on our side only; the wrapper as it comes, with its pre-router"
    if PACKAGES[0] in missing:
        return [*rows, Row(name=title, ratio=None, target=0.9, note="it is not installed")]
    return [*rows, compared(title, times, "accepted", PACKAGES[0], target=0.9, note=note)]
