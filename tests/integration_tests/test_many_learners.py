"""Threads and processes that learn at once do no work twice, lose nothing, and count exactly."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from langchain_intercascade import EdgeRepository, QdrantRepository, State
from langchain_intercascade.learning.learner import Learner
from langchain_intercascade.learning.stats import LearnerStats
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.strategy import Strategy
from tests.lessons import (
    CAN_FORK,
    TENANT,
    lesson,
    note,
    noted,
    noting,
    processes,
    repository_at,
)
from tests.qdrant_server import qdrant_server

PROCESSES = 4
THREADS = 8
SHARED = 60
NEW = 5

Place = dict[str, Any]

needs_forks = pytest.mark.skipif(not CAN_FORK, reason="processes cannot be forked here")


@pytest.fixture(params=["grpc", "rest"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Where a server listens; to those who try gRPC in vain it speaks REST."""
    with qdrant_server(with_grpc=request.param == "grpc") as (place, _):
        yield place


def learners_at_work(
    repository: StrategyRepository, notes: Path, *, learners: int, name: str
) -> list[LearnerStats]:
    """Let so many learners learn what is pending, and some lessons of their own."""
    with ExitStack() as at_end:
        made = [
            at_end.enter_context(closing(Learner(noting(repository, notes), repository)))
            for _ in range(learners)
        ]
        in_threads(made, lambda learner: learner.recover(TENANT))
        for number, learner in enumerate(made):
            for query in range(NEW):
                new = lesson(f"new: {name} {number} {query}")
                repository.put(new)
                learner.submit(new)
        assert all(learner.flush(timeout=50) for learner in made)
        return [learner.stats() for learner in made]


def in_threads(items: list[Any], work: Callable[[Any], object]) -> None:
    """Do `work` with each of `items`, all at once."""
    threads = [threading.Thread(target=work, args=(item,)) for item in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def learning(place: Place, folder: Path, number: int) -> None:
    """Learn in a process of its own, with two learners, and tell what was counted."""
    with QdrantRepository(**place) as repository:
        told = learners_at_work(repository, folder / "notes", learners=2, name=f"{number}")
    for stats in told:
        note(folder / "stats", json.dumps(asdict(stats)))


def test_eight_learners_of_one_process_share_the_work(tmp_path: Path) -> None:
    """Each lesson is learned once, by one of them."""
    with EdgeRepository() as repository:
        write_lessons(repository)
        told = learners_at_work(repository, tmp_path / "notes", learners=THREADS, name="all")

        check(repository, tmp_path / "notes", told, new=THREADS * NEW)


@needs_forks
def test_four_processes_share_the_work(place: Place, tmp_path: Path) -> None:
    """On one server, with two learners each."""
    with QdrantRepository(**place) as repository:
        write_lessons(repository)
        with processes(PROCESSES, learning, place, tmp_path) as running:
            for process in running:
                process.join(50)
            assert [0] * PROCESSES == [process.exitcode for process in running]
        lines = (tmp_path / "stats").read_text("utf-8").splitlines()
        told = [LearnerStats(**json.loads(line)) for line in lines]

        assert len(told) == 2 * PROCESSES
        check(repository, tmp_path / "notes", told, new=2 * PROCESSES * NEW)


def write_lessons(repository: StrategyRepository) -> None:
    for number in range(SHARED):
        repository.put(lesson(f"shared {number}"))


def check(
    repository: StrategyRepository, notes: Path, told: list[LearnerStats], *, new: int
) -> None:
    """Everything was learned, once, and counted, once."""
    active = repository.scan(tenant=TENANT, states=[State.ACTIVE])
    once = dict.fromkeys((each.id for each in active), 1)

    assert len(active) == repository.count(tenant=TENANT) == SHARED + new
    assert once == noted(notes, "paid") == noted(notes, "written")
    assert len(active) == sum(stats.stored for stats in told)
    assert 0.5 * len(active) == pytest.approx(sum(stats.cost or 0 for stats in told))
    assert not any(stats.errors or stats.waiting or stats.set_back for stats in told)


# Counters.


def counting(place: Place | Path, rounds: int, number: int) -> None:  # noqa: ARG001 - all do the same
    """Add to one strategy's support, in eight threads."""

    def more(strategy: Strategy) -> Strategy:
        return strategy.changed(support=strategy.support + 1)

    def count(_: int) -> None:
        for _ in range(rounds):
            assert repository.update(lesson("one").id, tenant=TENANT, change=more)

    with repository_at(place) as repository:
        in_threads(list(range(THREADS)), count)


@needs_forks
def test_processes_count_exactly(place: Place) -> None:
    """Four processes with eight threads each add to one number."""
    with QdrantRepository(**place) as repository:
        repository.put(lesson("one"))
        with processes(PROCESSES, counting, place, 3) as running:
            for process in running:
                process.join(50)
            assert [0] * PROCESSES == [process.exitcode for process in running]
        counted = repository.get(lesson("one").id, tenant=TENANT)

        assert counted is not None
        assert counted.support == 1 + PROCESSES * THREADS * 3
        assert counted.version == 1 + PROCESSES * THREADS * 3
