"""Whenever the process is killed, nothing acknowledged is lost and nothing half-written is seen."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import BaseMessage

from langchain_intercascade import EdgeRepository, InterCascade, State, Strategy
from langchain_intercascade.learning.learner import Learner
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.repository.operations import Operation
from langchain_intercascade.testing import ScriptedChatModel
from tests.cascades import ADVICE, QUERY, is_distil_prompt, weak_model
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

KILLS = int(os.environ.get("INTERCASCADE_KILLS", "30"))
"""How often the process with the folder is killed; more for a long run."""

FOLDERS = 3
"""How many processes, each with a folder of its own, are killed at once."""

MOST_NOTED = 4000
"""Bytes that a process notes at most before it is killed: of some thirty lessons."""

SERVER_KILLS = 5
LEASE = 1.0
"""Seconds after which the lesson of a killed learner is free on a server."""

Place = Path | dict[str, Any]

pytestmark = pytest.mark.skipif(not CAN_FORK, reason="processes cannot be forked here")


def learning_until_killed(places: list[Place], folder: Path, life: int, number: int) -> None:
    """Write lessons down and learn them, for ever; note each that was acknowledged."""
    chance = random.Random(life)
    notes = folder / f"notes {number}"
    with repository_at(places[number]) as repository:
        learn = noting(repository, notes, seconds=0.001)
        learner = Learner(learn, repository, lease=LEASE)
        learner.recover(TENANT)
        for query in range(100_000):
            new = lesson(f"life {life}, lesson {query}")
            repository.put(new)
            note(notes, f"acknowledged {new.id}")
            learner.submit(new)
            time.sleep(chance.uniform(0.0, 0.01))


def kill(places: list[Place], folder: Path, life: int, chance: random.Random) -> None:
    """Start a process at each place that learns, and kill it when it has noted this or that much.

    Every fifth time it is killed while it starts, with what was left by the one before.
    """
    with processes(len(places), learning_until_killed, places, folder, life) as running:
        if life % 5 == 0:
            time.sleep(chance.uniform(0.0, 0.3))
            return
        files = [folder / f"notes {number}" for number in range(len(places))]
        goals = [size(file) + chance.randrange(1, MOST_NOTED) for file in files]
        while any(process.is_alive() for process in running):
            for process, file, goal in zip(running, files, goals, strict=True):
                if size(file) >= goal:
                    time.sleep(chance.uniform(0.0, 0.005))
                    process.kill()
            time.sleep(0.001)
        assert {-signal.SIGKILL} == {process.exitcode for process in running}


def size(file: Path) -> int:
    """Bytes in `file`, which need not exist."""
    return file.stat().st_size if file.exists() else 0


def check(repository: StrategyRepository, notes: Path, *, kills: int) -> None:
    """Everything acknowledged is there, whole, and was paid for once, or once more per kill."""
    stored = list(everything(repository))
    paid = noted(notes, "paid")

    assert repository.unreadable == 0
    assert set(noted(notes, "acknowledged")) <= {each.id for each in stored}
    for strategy in stored:
        assert strategy.state in {State.PENDING, State.ACTIVE}
        assert (strategy.advice is None) == (strategy.state is State.PENDING)
        assert (strategy.lesson is None) == (strategy.state is State.ACTIVE)
    assert paid.total() - len(paid) <= kills
    assert max(noted(notes, "written").values(), default=1) == 1


def everything(repository: StrategyRepository) -> Iterator[Strategy]:
    """All strategies of the tenant."""
    page = repository.scan(tenant=TENANT)
    while page:
        yield from page
        page = repository.scan(tenant=TENANT, after=page[-1].id)


def finish(repository: StrategyRepository, notes: Path, *, kills: int) -> None:
    """Let a last learner take over what is left, without anybody telling it twice."""
    with closing(Learner(noting(repository, notes), repository, lease=LEASE)) as learner:
        learner.recover(TENANT)
        while repository.count(tenant=TENANT, states=[State.PENDING]):
            time.sleep(0.02)
        assert learner.flush(timeout=20)
        assert learner.stats().errors == 0
    check(repository, notes, kills=kills)
    stored = list(everything(repository))
    assert {each.id for each in stored} == set(noted(notes, "paid"))


def test_killing_the_owner_of_a_folder_loses_nothing(tmp_path: Path) -> None:
    """At random moments, also while the folder is made and while what was left is recovered."""
    places: list[Place] = [tmp_path / f"store {number}" for number in range(FOLDERS)]
    chance = random.Random(KILLS)
    lives = -(-KILLS // FOLDERS)
    for life in range(lives):
        kill(places, tmp_path, life, chance)
        for number, place in enumerate(places):
            with repository_at(place) as repository:
                check(repository, tmp_path / f"notes {number}", kills=life + 1)
    for number, place in enumerate(places):
        with repository_at(place) as repository:
            finish(repository, tmp_path / f"notes {number}", kills=lives)

        assert noted(tmp_path / f"notes {number}", "acknowledged")


@pytest.mark.parametrize("with_grpc", [True, False])
def test_killing_those_who_use_a_server_loses_nothing(tmp_path: Path, *, with_grpc: bool) -> None:
    """What they were at work on is taken over when their leases end."""
    chance = random.Random(SERVER_KILLS)
    notes = tmp_path / "notes 0"
    with qdrant_server(with_grpc=with_grpc) as (place, _), repository_at(place) as repository:
        for life in range(SERVER_KILLS):
            kill([place], tmp_path, life, chance)
            check(repository, notes, kills=life + 1)
        finish(repository, notes, kills=SERVER_KILLS)

    assert noted(notes, "acknowledged")


# Every point of one lesson's life.


class Mortal(EdgeRepository):
    """Ends the process at one of its operations, before or after carrying it out."""

    def __init__(self, path: Path, *, dies_at: int, before: bool) -> None:
        super().__init__(path)
        self.left = dies_at
        self.before = before

    def create(self, dimension: int) -> None:
        self._living(lambda: super(Mortal, self).create(dimension))

    def execute(self, operation: Operation) -> Any:
        return self._living(lambda: super(Mortal, self).execute(operation))

    def _living(self, act: Callable[[], Any]) -> Any:
        self.left -= 1
        if self.left == 0 and self.before:
            os._exit(DIED)
        reply = act()
        if self.left == 0:
            os._exit(DIED)
        return reply


DIED = 9
AT_ONCE = 8


def cascade_on(repository: StrategyRepository, notes: Path) -> InterCascade:
    """A cascade that defers, and notes what it asks the strong model for."""

    def respond(messages: list[BaseMessage]) -> str:
        distils = is_distil_prompt(messages)
        note(notes, "paid distilling" if distils else "paid answering")
        return ADVICE if distils else "They have five pears."

    strong = ScriptedChatModel(respond=respond, model_name="strong-model")
    return InterCascade(
        weak=weak_model(),
        strong=strong,
        repository=repository,
        threshold=0.5,
        admission="always",
        learning="background",
        tenant=TENANT,
    )


def one_life(folder: Path, first: int, before: bool, number: int) -> None:  # noqa: FBT001 - processes take arguments by position
    """Answer one query and learn from it, unless death comes first."""
    dies_at = first + number
    place, notes = folder / f"store {dies_at}", folder / f"notes {dies_at}"
    with Mortal(place, dies_at=dies_at, before=before) as repository:
        with cascade_on(repository, notes) as cascade:
            cascade.invoke(QUERY)
            note(notes, "acknowledged answer")
            assert cascade.flush(timeout=30)
        note(notes, "acknowledged learning")


def afterlife(place: Path, notes: Path) -> None:
    """Look at what a life has left, and let another learner finish it."""
    acknowledged = noted(notes, "acknowledged")
    with EdgeRepository(place) as repository:
        left = list(everything(repository))
        assert repository.unreadable == 0
        assert len(left) == 1 if acknowledged["answer"] else len(left) <= 1
        assert all((each.advice is None) == (each.state is State.PENDING) for each in left)
        if acknowledged["learning"]:
            assert left[0].state is State.ACTIVE
        with cascade_on(repository, notes) as cascade:
            cascade.recover()
            assert cascade.flush(timeout=20)
        finished = list(everything(repository))

    assert [each.id for each in left] == [each.id for each in finished]
    assert all(each.state is State.ACTIVE and each.lesson is None for each in finished)
    assert len(left) <= noted(notes, "paid")["distilling"] <= 2
    assert noted(notes, "paid")["answering"] <= 1


@pytest.mark.parametrize("before", [True, False])
def test_dying_at_any_operation_loses_nothing(tmp_path: Path, *, before: bool) -> None:
    """From opening the folder to the strategy in use, each operation in turn is the last."""
    exitcodes: list[int | None] = []
    while 0 not in exitcodes:
        first = len(exitcodes) + 1
        with processes(AT_ONCE, one_life, tmp_path, first, before) as running:
            for process in running:
                process.join(50)
            exitcodes += [process.exitcode for process in running]
        for dies_at in range(first, first + AT_ONCE):
            afterlife(tmp_path / f"store {dies_at}", tmp_path / f"notes {dies_at}")

    deaths = exitcodes.index(0)
    assert [DIED] * deaths == exitcodes[:deaths]
    assert {0} == set(exitcodes[deaths:])
    assert deaths > 8
