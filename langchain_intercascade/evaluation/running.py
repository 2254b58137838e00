"""This is where an experiment is run: every arm under every seed, side by side, below a ceiling.

What is stopped, by a ceiling, by somebody or by a model that is out of order, is left out
whole: an arm is compared only on streams that it has come to the end of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from typing import TYPE_CHECKING, Final

from langchain_intercascade.errors import ConfigurationError, InterCascadeError
from langchain_intercascade.evaluation.contest import ALONE, ARMS, NEED_FAMILIES, Turn
from langchain_intercascade.evaluation.journal import HopelessError
from langchain_intercascade.evaluation.played import Played, Ran
from langchain_intercascade.evaluation.purse import INTERRUPTED, StoppedError

if TYPE_CHECKING:
    from langchain_intercascade.evaluation.arms import Apply, Outcome, Question, Tick
    from langchain_intercascade.evaluation.experiment import Experiment
    from langchain_intercascade.evaluation.journal import Journal

EVERY_SEED: Final = -1
"""Stands for the seed where a model alone is asked: once for all seeds."""


def arms_for(experiment: Experiment, names: Sequence[str] | None = None) -> list[str]:
    """Return the arms to run, in the order of the tables.

    Args:
        experiment: What is run.
        names: Which; all that can be run if `None`.

    Raises:
        ConfigurationError: There is no such arm, or it takes families that nobody knows.
    """
    unknown = [name for name in names or () if name not in ARMS]
    if unknown:
        msg = f"There is no arm {unknown[0]!r}: choose of {', '.join(ARMS)}."
        raise ConfigurationError(msg)
    known = all(each.family for each in experiment.stream.order(experiment.seeds[0]))
    asked = [name for name in names or () if name in NEED_FAMILIES]
    if asked and not known:
        msg = (
            f"The arm {asked[0]} takes the family of every question, and some have none: give each "
            "a `family`, or leave the arm out."
        )
        raise ConfigurationError(msg)
    return [
        name
        for name in ARMS
        if (names is None and (known or name not in NEED_FAMILIES)) or name in (names or ())
    ]


def run_experiment(
    experiment: Experiment,
    journal: Journal,
    arms: Sequence[str] | None = None,
    *,
    concurrency: int = 1,
    tick: Tick = lambda: None,
) -> Ran:
    """Run the arms; what the journal knows is not asked again.

    Args:
        experiment: What is run.
        journal: Keeps the replies; its purse says when to stop.
        arms: Which; see `arms_for`.
        concurrency: How many questions are under way at once.
        tick: Called after each question.

    Raises:
        ConfigurationError: Something can never work as configured, or there is a ceiling
            and something has no known price.
    """
    race = _Race(experiment, journal, tick)
    names = arms_for(experiment, arms)
    ordered = [name for name in names if name not in ALONE]
    with ThreadPoolExecutor(concurrency, thread_name_prefix="bench") as threads:
        try:
            for name in names:
                if name in ALONE:
                    race.play(name, EVERY_SEED, _side_by_side(threads, concurrency))
            cells = [
                threads.submit(race.play, name, seed)
                for seed in experiment.seeds
                for name in ordered
            ]
            for each in as_completed(cells):
                each.result()
        except KeyboardInterrupt:
            journal.purse.stop(INTERRUPTED)
        except InterCascadeError:
            journal.purse.stop("it failed")
            raise
    return race.result(names)


def work(experiment: Experiment, arms: Sequence[str]) -> int:
    """Return how many questions a run has to answer, for a progress bar."""
    streams = [experiment.stream.order(seed) for seed in experiment.seeds]
    every = len({each.key for stream in streams for each in stream})
    ordered = sum(map(len, streams))
    return sum(every if arm in ALONE else ordered for arm in arms)


class _Race:
    """One run: plays arms, and keeps what came of them."""

    def __init__(self, experiment: Experiment, journal: Journal, tick: Tick) -> None:
        self._experiment, self._journal, self._tick = experiment, journal, tick
        self._streams = {seed: list(experiment.stream.order(seed)) for seed in experiment.seeds}
        every = (each for stream in self._streams.values() for each in stream)
        self._pool = list({each.key: each for each in every}.values())
        self._grade = experiment.grading(journal.memory(once=True))
        self._played: dict[tuple[str, int], Played] = {}

    def play(self, name: str, seed: int, apply: Apply = map) -> None:
        """Play an arm under a seed, to its end or not at all."""
        if self._journal.purse.stopped:
            return
        try:
            played = ARMS[name](self._turn(name, seed, apply))
        except StoppedError:
            return
        except HopelessError as error:
            self._journal.purse.stop(f"{error}, in the arm {name}")
            return
        for each, outcomes in self._by_seed(seed, played):
            self._played[name, each] = outcomes

    def result(self, names: Sequence[str]) -> Ran:
        """Return what was finished."""
        seeds = self._experiment.seeds
        missing = [(n, s) for n in names for s in seeds if (n, s) not in self._played]
        purse = self._journal.purse
        return Ran(
            arms={
                name: {s: self._played[name, s] for s in seeds if (name, s) in self._played}
                for name in names
            },
            missing=missing,
            why=purse.stopped if missing else "",
            spent=purse.spent,
        )

    def _turn(self, name: str, seed: int, apply: Apply) -> Turn:
        once = seed == EVERY_SEED
        called = name if once else f"{name} {seed}"
        return Turn(
            experiment=self._experiment,
            name=called,
            questions=self._pool if once else self._streams[seed],
            pool=self._pool,
            memory=self._journal.memory(once=once),
            grade=self._grade,
            tick=self._tick,
            apply=apply,
        )

    def _by_seed(self, seed: int, played: Played) -> Iterator[tuple[int, Played]]:
        """Yield what came of the seed; of a model alone, what came of each seed's questions."""
        if seed != EVERY_SEED:
            yield seed, played
            return
        known = {each.key: each for each in played.outcomes}
        for each, stream in self._streams.items():
            yield each, Played([known[question.key] for question in stream])


def _side_by_side(threads: ThreadPoolExecutor, concurrency: int) -> Apply:
    """Return a `map` that does `concurrency` things at once, in order."""

    def apply(
        function: Callable[[Question], Outcome], items: Iterable[Question]
    ) -> Iterator[Outcome]:
        left = iter(items)
        while batch := list(islice(left, concurrency)):
            yield from threads.map(function, batch)

    return apply
