"""The overhead benchmark divides what belongs together, and says what is missed."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from langchain_core.messages import HumanMessage

from benchmarks import overhead_peers
from benchmarks.overhead import main, slug, table
from benchmarks.overhead_calls import functions_called
from benchmarks.overhead_cascades import Stub, graph
from benchmarks.overhead_clock import Row, compared, interleaved, lasting
from benchmarks.overhead_graph import bare_graph
from benchmarks.overhead_load import Load, loaded
from benchmarks.overhead_pair import ANSWER, DEFERRING, Instant, query_of
from benchmarks.overhead_steps import Steps, watched_steps
from benchmarks.overhead_store import exact
from langchain_intercascade import HashingEmbeddings
from langchain_intercascade.repository.embeddings import cosine
from tests.conftest import Colour


class Clock:
    """Tells a time that only passes when somebody works."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def working(self, seconds: float) -> Callable[[int], object]:
        def block(calls: int) -> None:
            self.now += seconds * calls

        return block


def test_a_call_takes_as_long_as_its_share_of_the_round() -> None:
    clock = Clock()
    blocks = {"slow": clock.working(3.0), "quick": clock.working(1.5)}
    times = interleaved(blocks, rounds=3, calls=4, clock=clock)

    assert {"slow": [3.0] * 3, "quick": [1.5] * 3} == times


def test_every_contender_is_in_every_round_and_none_is_always_first() -> None:
    turns: list[str] = []
    blocks: dict[str, Any] = {name: lambda _, name=name: turns.append(name) for name in "abc"}
    interleaved(blocks, rounds=6, calls=1)
    rounds = ["".join(turns[at : at + 3]) for at in range(3, len(turns), 3)]

    assert {"abc"} == {"".join(sorted(each)) for each in rounds}
    assert set("abc") == {each[0] for each in rounds}


def test_what_is_done_between_turns_is_not_their_time() -> None:
    clock = Clock()
    busy = clock.working(100.0)
    blocks = {"a": clock.working(1.0)}
    times = interleaved(blocks, rounds=2, calls=1, clock=clock, between=lambda: busy(1))

    assert [1.0, 1.0] == times["a"]


def test_a_round_that_was_disturbed_does_not_bend_the_ratio() -> None:
    times = {"ours": [2.0, 40.0, 4.0, 2.0], "parts": [1.0, 1.0, 2.0, 1.0]}

    assert 2.0 == compared("a", times, "ours", "parts").ratio


def test_times_are_divided_within_a_round() -> None:
    """A machine that slows down for all of a round changes no ratio."""
    times = {"ours": [3.0, 30.0, 300.0], "one": [1.0, 10.0, 100.0], "other": [1.0, 10.0, 100.0]}
    row = compared("a", times, "ours", ["one", "other"])

    assert 1.5 == row.ratio
    assert (1.5, 1.5) == row.spread


def test_a_time_by_itself_is_in_microseconds() -> None:
    assert 2.0 == lasting("a", [1e-6, 2e-6, 3e-6]).ratio


@pytest.mark.parametrize(
    ("value", "bound", "met"),
    [
        (1.3, "at most", True),
        (1.31, "at most", False),
        (0.28, "at least", True),
        (0.27, "at least", False),
        (None, "at most", None),
    ],
)
def test_a_target_is_met_at_the_bound(value: float | None, bound: str, met: bool | None) -> None:  # noqa: FBT001 - parametrised
    target = 1.3 if bound == "at most" else 0.28

    assert met is Row(name="a", ratio=value, target=target, bound=bound).met


def test_what_misses_its_target_is_named_with_its_reason() -> None:
    rows = [
        Row(name="good", ratio=1.0, target=1.3),
        Row(name="bad", ratio=2.0, target=1.3, why="it does too much"),
        Row(name="aimless", ratio=9.0),
    ]
    *_, verdict, missed = table(rows)

    assert verdict == "1 of 2 targets is missed:"
    assert missed == "  bad: 2, not <= 1.3 (it does too much)"


def test_a_part_is_measured_by_itself_and_written_where_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "made" / "overhead.json"

    assert 0 == main(["--quick", "--only", "cache", "--out", str(out)])
    report = json.loads(out.read_text("utf-8"))
    (row,) = report["targets"]
    assert {"part", "name", "ratio", "target", "met", "unit", "note"} <= set(row)
    assert row["ratio"] == report["values"][slug(row["name"])]
    assert row["name"] in capsys.readouterr().out


def test_a_part_that_is_measured_again_takes_the_place_of_itself_only(tmp_path: Path) -> None:
    out = tmp_path / "overhead.json"
    other = {"part": "gate", "name": "gate, of old", "ratio": 1.0, "target": 2.0}
    mine = {"part": "cache", "name": "of old", "ratio": 1.0, "target": 2.0}
    before = {"targets": [other, mine], "figures": [], "parts": {"gate": {}}}
    out.write_text(json.dumps(before), "utf-8")
    main(["--quick", "--only", "cache", "--out", str(out)])
    report = json.loads(out.read_text("utf-8"))

    assert ["gate", "cache"] == [row["part"] for row in report["targets"]]
    assert other == report["targets"][0]
    assert ["gate", "cache"] == list(report["parts"])


def test_peers_that_are_absent_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(overhead_peers, "import_module", absent)
    found, missing = overhead_peers.peers()

    assert ["with_fallbacks"] == list(found)
    assert list(overhead_peers.PACKAGES) == missing


@pytest.mark.parametrize("route", ["accepted", "deferred"])
def test_the_bare_graph_makes_the_same_calls(route: str) -> None:
    asked = {"messages": [HumanMessage("How many?")]}
    blocking = bare_graph("sync", route).invoke(asked)
    awaited = asyncio.run(bare_graph("async", route).ainvoke(asked))
    writer = "gpt-4o-mini" if route == "accepted" else "gpt-4o"

    for state in (blocking, awaited):
        assert ANSWER == state["messages"][-1].text
        assert writer == state["messages"][-1].response_metadata["model_name"]


def test_over_the_stub_a_lesson_is_learned_from_beginning_to_end(colour: Colour) -> None:
    asked = {"messages": [HumanMessage("How many?")]}
    record = colour.invoke(graph(Stub(), DEFERRING), asked)["record"]

    assert ("strong", "stored", []) == (
        record["route"],
        record["lesson"]["state"],
        record["faults"],
    )


def test_each_caller_asks_as_often_as_it_is_told() -> None:
    asked: list[int] = []

    async def ask() -> None:
        asked.append(1)

    async def main_task() -> Load:
        return await loaded(ask, callers=5, calls=3)

    load = asyncio.run(main_task())

    assert 15 == len(asked)
    assert 10 == len(load.latencies)  # without the first of each


def test_the_tail_is_the_99th_percentile_to_the_median() -> None:
    assert 8.0 == Load(cpu=1.0, wall=1.0, latencies=[1.0] * 98 + [8.0] * 2).tail


def test_the_longest_step_is_found_and_the_loop_put_back() -> None:
    before = asyncio.events.Handle._run  # noqa: SLF001 - what is replaced for a while

    async def busy() -> None:
        await asyncio.sleep(0)
        sum(range(300_000))

    with watched_steps() as steps:
        asyncio.run(busy())

    assert steps.longest > 0.1
    assert steps.longest_collecting <= steps.total
    assert before is asyncio.events.Handle._run  # noqa: SLF001


def test_what_the_collector_takes_in_a_step_is_told_apart() -> None:
    async def collecting() -> None:
        rubbish = [[number] for number in range(100_000)]
        await asyncio.sleep(0)
        gc.collect()
        del rubbish

    callbacks = list(gc.callbacks)
    with watched_steps() as steps:
        asyncio.run(collecting())

    assert 0.0 < steps.collecting < steps.total
    assert steps.longest < steps.longest_collecting
    assert callbacks == gc.callbacks


def test_the_longest_step_need_not_be_the_one_with_the_longest_collection() -> None:
    steps = Steps()
    steps.note(9.0, 7.0)
    steps.note(4.0, 1.0)

    assert (3.0, 9.0, 13.0, 8.0) == (
        steps.longest,
        steps.longest_collecting,
        steps.total,
        steps.collecting,
    )


def test_functions_are_counted_in_python_and_in_c() -> None:
    assert 2.0 == functions_called(lambda calls: [abs(hash(at)) for at in range(calls)], 1000) // 1


def test_exact_search_finds_the_nearest_in_order() -> None:
    matrix = np.eye(5, dtype=np.float32)
    vector = np.array([0.1, 0.9, 0.3, 0.5, 0.2], dtype=np.float32)

    assert [1, 3, 2] == list(exact(matrix, vector, 3))


def test_queries_of_a_topic_lie_together_and_those_of_others_apart() -> None:
    encode = HashingEmbeddings().embed_query
    one, same, other = (encode(query_of(*at)) for at in ((1, 5), (1, 6), (2, 5)))

    assert cosine(one, same) > 0.99
    assert cosine(one, other) < 0.7
    assert query_of(1, 5) != query_of(1, 6)


def test_the_instant_model_answers_with_log_probabilities() -> None:
    answer = Instant(tokens=7).invoke("hello")

    assert 7 == len(answer.response_metadata["logprobs"]["content"])
