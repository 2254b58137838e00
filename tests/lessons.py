"""What the tests of learning share: lessons, and learners that note down what they learn.

Some of it runs in processes of its own, so everything here can be imported and sent there.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from langchain_intercascade import EdgeRepository, QdrantRepository
from langchain_intercascade._steps import Steps, pausing
from langchain_intercascade.learning.lesson import Learned
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.strategy import (
    Advice,
    Lesson,
    Origin,
    State,
    Strategy,
    pending_lesson,
)

TENANT = "acme"
ADVICE = Advice(title="Sums", when_to_use="Adding.", steps=("Add.",))

Learn = Callable[[Strategy], Steps[Learned]]


def lesson(query: str, tenant: str = TENANT) -> Strategy:
    """A pending lesson about `query`."""
    return pending_lesson(
        tenant=tenant,
        query=query,
        lesson=Lesson(query=query, answer="five"),
        origin=Origin(run_id="r", strong_model="s", prompt_version=1),
    )


def learned(pending: Strategy) -> Strategy:
    """What becomes of `pending`."""
    return pending.changed(state=State.ACTIVE, advice=ADVICE, lesson=None, cost=0.5)


def noting(repository: StrategyRepository, notes: Path, *, seconds: float = 0.0) -> Learn:
    """Learn, and note in the file `notes` that a lesson was paid for, and that it was written.

    Args:
        repository: Where the strategies are written.
        notes: The file; any number of processes may share it.
        seconds: How long it takes.
    """

    def learn(pending: Strategy) -> Steps[Learned]:
        note(notes, f"paid {pending.id}")
        yield from pausing(seconds)
        outcome = learned(pending)
        if (yield from repository.swapping(outcome, version=pending.version)):
            note(notes, f"written {pending.id}")
        return Learned("stored", outcome, 0.5)

    return learn


def note(notes: Path, line: str) -> None:
    """Add a line, whole, whoever else writes and whoever is killed."""
    file = os.open(notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, f"{line}\n".encode())
    finally:
        os.close(file)


def noted(notes: Path, verb: str) -> Counter[str]:
    """How often each id was noted with `verb`."""
    lines = notes.read_text("utf-8").splitlines() if notes.exists() else []
    return Counter(line.split()[1] for line in lines if line.split()[0] == verb)


# Processes.  They are forked from one that has imported everything and opened nothing: starting
# Python anew takes a second each time, and a fork of this process would have its threads' locks.

CAN_FORK = "forkserver" in multiprocessing.get_all_start_methods()

_IMPORTED = ["tests.cascades", "tests.lessons", "langchain_intercascade.learning.learner"]


@contextmanager
def processes(count: int, target: Callable[..., None], *args: Any) -> Iterator[list[BaseProcess]]:
    """Run `target(*args, number)` in `count` processes; at the end none is left."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_IMPORTED)
    running = [context.Process(target=target, args=(*args, number)) for number in range(count)]
    try:
        for process in running:
            process.start()
        yield list(running)
    finally:
        for process in running:
            process.kill()
            process.join()
            process.close()


def repository_at(place: Path | dict[str, Any]) -> StrategyRepository:
    """The repository in a folder, or on a server."""
    return EdgeRepository(place) if isinstance(place, Path) else QdrantRepository(**place)
