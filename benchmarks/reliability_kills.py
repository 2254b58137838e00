"""Processes that learn are killed at random points; what they had acknowledged must be there.

Each process writes lessons down and learns them, and notes in a file what was
acknowledged, paid for and written.  After each round of kills the repository is
held against the notes; at the end a last learner takes over what was left.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.reliability_found import Found
from langchain_intercascade.learning.learner import Learner
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.strategy import State, Strategy
from tests.lessons import TENANT, lesson, note, noted, noting, processes, repository_at

MOST_NOTED: Final = 4000
"""Bytes that a process notes at most before it is killed: of some thirty lessons."""

LEASE: Final = 1.0
"""Seconds after which the lesson of a killed learner is free on a server."""

PATIENCE: Final = 60.0
"""Seconds in which the last learner must be through with what was left."""

Place = Path | dict[str, Any]
Tell = Callable[[str], object]


class Worker(NamedTuple):
    """A process that learns: where, and into which file it notes what it did."""

    place: Place
    notes: Path


@dataclass(slots=True)
class Toll:
    """What the kills have cost so far."""

    kills: int = 0
    survived: int = 0
    lost: int = 0
    acknowledged: int = 0
    again: int = 0
    failures: list[str] = field(default_factory=list)

    def found(self, name: str, kind: str, seconds: float) -> Found:
        """Return it as a part of what the suite found; `name` is part of the figures' names."""
        return Found(
            suite="crash",
            injected=self.kills,
            kinds=(kind,),
            survived=self.survived,
            lost=self.lost,
            leaked=0,
            seconds=seconds,
            failures=tuple(f"{kind}: {each}" for each in self.failures),
            figures={
                f"kills_{name}": self.kills,
                f"acknowledged_{name}": self.acknowledged,
                f"paid_again_{name}": self.again,
            },
        )


def kills(
    name: str,
    kind: str,
    workers: Sequence[Worker],
    *,
    lives: int,
    seed: int,
    tell: Tell = lambda _: None,
) -> Found:
    """Let `workers` live `lives` times, all at once, and kill them each time.

    Args:
        name: What it is called among the figures.
        kind: What it is called in words.
        workers: Who learns. Those at one place note into one file.
        lives: How often each is started; every fifth time it is killed while it starts.
        seed: Of when they are killed.
        tell: Told how far it is.
    """
    began, toll, chance = time.monotonic(), Toll(), random.Random(seed)
    places = {worker.notes: worker.place for worker in workers}
    for life in range(lives):
        tell(f"{kind}: {toll.kills} kills of {lives * len(workers)}")
        wrong = _killed(workers, life, chance)
        toll.kills += len(workers)
        for notes, place in places.items():
            with repository_at(place) as repository:
                wrong += _complaints(repository, notes, toll)
        toll.survived += 0 if wrong else len(workers)
        toll.failures += [f"life {life}: {each}" for each in wrong]
    for notes, place in places.items():
        with repository_at(place) as repository:
            toll.failures += _finished(repository, notes, toll)
        toll.acknowledged += len(noted(notes, "acknowledged"))
        toll.again += _paid_again(notes)
    return toll.found(name, kind, round(time.monotonic() - began, 1))


def learning_until_killed(workers: Sequence[Worker], life: int, number: int) -> None:
    """Write lessons down and learn them, for ever; note each that was acknowledged."""
    chance = random.Random(f"{life} {number}")
    place, notes = workers[number]
    with repository_at(place) as repository:
        learn = noting(repository, notes, seconds=0.001)
        learner = Learner(learn, repository, lease=LEASE)
        learner.recover(TENANT)
        for query in range(100_000):
            new = lesson(f"life {life} of worker {number}, lesson {query}")
            repository.put(new)
            note(notes, f"acknowledged {new.id}")
            learner.submit(new)
            time.sleep(chance.uniform(0.0, 0.01))


def _killed(workers: Sequence[Worker], life: int, chance: random.Random) -> list[str]:
    """Start all, and kill each when it has noted this or that much; say who died of itself."""
    with processes(len(workers), learning_until_killed, workers, life) as running:
        if life % 5 == 0:
            time.sleep(chance.uniform(0.0, 0.3))
            for process in running:
                process.kill()
        goals = [_size(each.notes) + chance.randrange(1, MOST_NOTED) for each in workers]
        while any(process.is_alive() for process in running):
            for process, worker, goal in zip(running, workers, goals, strict=True):
                if _size(worker.notes) >= goal:
                    time.sleep(chance.uniform(0.0, 0.005))
                    process.kill()
            time.sleep(0.001)
        ends = {process.exitcode for process in running} - {-signal.SIGKILL}
    return [f"a learner ended by itself, with exit code {end}" for end in ends]


def _size(file: Path) -> int:
    """Bytes in `file`, which need not exist."""
    return file.stat().st_size if file.exists() else 0


def _complaints(repository: StrategyRepository, notes: Path, toll: Toll) -> list[str]:
    """Say what is not as promised: all acknowledged is there, whole, and was paid for once."""
    stored = list(everything(repository))
    missing = set(noted(notes, "acknowledged")) - {each.id for each in stored}
    again = _paid_again(notes)
    twice = sum(times > 1 for times in noted(notes, "written").values())
    toll.lost += len(missing)
    told = {
        f"{len(missing)} lessons that were acknowledged are gone": bool(missing),
        f"{repository.unreadable} points cannot be read": repository.unreadable > 0,
        f"{again} lessons were paid for again, after {toll.kills} kills": again > toll.kills,
        f"{twice} strategies were written twice": twice > 0,
        "a strategy is half written": not all(map(is_whole, stored)),
    }
    return [words for words, wrong in told.items() if wrong]


def _paid_again(notes: Path) -> int:
    """How often a lesson was paid for that had been paid for before."""
    paid = noted(notes, "paid")
    return paid.total() - len(paid)


def is_whole(strategy: Strategy) -> bool:
    """Whether it is a lesson that waits, or a strategy in use, and nothing in between."""
    waits, used = strategy.state is State.PENDING, strategy.state is State.ACTIVE
    return (
        waits != used and (strategy.advice is None) == waits and (strategy.lesson is None) == used
    )


def everything(repository: StrategyRepository) -> Iterator[Strategy]:
    """All strategies of the tenant."""
    page = repository.scan(tenant=TENANT)
    while page:
        yield from page
        page = repository.scan(tenant=TENANT, after=page[-1].id)


def _finished(repository: StrategyRepository, notes: Path, toll: Toll) -> list[str]:
    """Let a last learner take over what is left, without anybody telling it twice."""
    with closing(Learner(noting(repository, notes), repository, lease=LEASE)) as learner:
        learner.recover(TENANT)
        deadline = time.monotonic() + PATIENCE
        while repository.count(tenant=TENANT, states=[State.PENDING]):
            if time.monotonic() > deadline:
                return ["the last learner did not learn all that was left"]
            time.sleep(0.02)
        learner.flush(timeout=PATIENCE)
        errors = learner.stats().errors
    unpaid = {each.id for each in everything(repository)} ^ set(noted(notes, "paid"))
    told = {
        f"the last learner met with {errors} errors": errors > 0,
        f"{len(unpaid)} lessons are stored and unpaid, or paid and not stored": bool(unpaid),
    }
    return [
        *_complaints(repository, notes, toll),
        *(words for words, is_so in told.items() if is_so),
    ]
