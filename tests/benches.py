"""What the tests of the bench share: small experiments with simulated models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from langchain_intercascade.costs import Prices
from langchain_intercascade.evaluation.arms import Question
from langchain_intercascade.evaluation.experiment import Experiment
from langchain_intercascade.evaluation.journal import Journal
from langchain_intercascade.evaluation.outcome_report import make_report
from langchain_intercascade.evaluation.played import Ran
from langchain_intercascade.evaluation.purse import Purse
from langchain_intercascade.evaluation.running import run_experiment
from langchain_intercascade.evaluation.streams import Stream, drawn_stream, question_of
from langchain_intercascade.testing import PRICES, SimulatedStrong, SimulatedWeak, problems
from langchain_intercascade.testing.simulated.families import FAMILIES as EVERY
from langchain_intercascade.testing.simulated.families import KNOWN

FAMILIES = (*sorted(KNOWN)[:1], *sorted(set(EVERY) - KNOWN)[:3])
"""One that the weak model knows, and three that it does not."""

TIMINGS = {"latency_ms"}


def questions(seed: int, n: int) -> list[Question]:
    """Return simulated problems of four families, of which the weak model knows some."""
    drawn = problems(seed, n, families=FAMILIES)
    return [question_of(each.text, each.answer, family=each.family) for each in drawn]


def stream(n: int = 10) -> Stream:
    """Return a stream of `n` questions for each seed."""
    return drawn_stream("simulated", questions, n)


def experiment(n: int = 10, **changes: Any) -> Experiment:
    """Return an experiment with the simulated pair; the strong model makes no mistakes."""
    given: dict[str, Any] = {
        "stream": stream(n),
        "models": [SimulatedWeak(), SimulatedStrong(error_rate=0)],
        "seeds": (0,),
        "prices": Prices(PRICES),
        "kind": "simulated",
    }
    return Experiment(**(given | changes))


def ran(
    given: Experiment,
    *arms: str,
    folder: Path | None = None,
    ceiling: float | None = None,
    concurrency: int = 1,
) -> Ran:
    """Run `arms` of an experiment; all of them if none is named."""
    purse = Purse(given.prices, ceiling=ceiling, concurrency=concurrency)
    journal = Journal(folder, given.settings(), purse=purse)
    return run_experiment(given, journal, arms or None, concurrency=concurrency)


def figures_of(given: Experiment, found: Ran) -> Any:
    """Return the report but for its timings."""
    return untimed(make_report(given, found, title="a test", command="none"))


def untimed(value: Any) -> Any:
    """Return JSON-like data without what only a clock knows."""
    if isinstance(value, dict):
        return {key: untimed(each) for key, each in value.items() if key not in TIMINGS}
    return [untimed(each) for each in value] if isinstance(value, list | tuple) else value
