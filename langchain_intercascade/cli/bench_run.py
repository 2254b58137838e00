"""The running of `intercascade bench` on questions: everything between options and report."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from langchain_intercascade.cli import given
from langchain_intercascade.cli.bench_report import printed
from langchain_intercascade.cli.screen import err, out
from langchain_intercascade.errors import ConfigurationError, how_many
from langchain_intercascade.evaluation.experiment import Experiment
from langchain_intercascade.evaluation.journal import Journal
from langchain_intercascade.evaluation.outcome_report import make_report
from langchain_intercascade.evaluation.purse import Purse
from langchain_intercascade.evaluation.questions import Columns, read_questions
from langchain_intercascade.evaluation.report import write_report
from langchain_intercascade.evaluation.running import arms_for, run_experiment, work
from langchain_intercascade.evaluation.streams import Stream, file_stream
from langchain_intercascade.options import DEFAULT_ADMISSION

if TYPE_CHECKING:
    from langchain_intercascade.evaluation.played import Ran
    from langchain_intercascade.evaluation.report import Report

UNFINISHED: Final = 1
"""The exit code of a run that was stopped before its end."""

REPORT: Final = "report.json"
LINES: Final = 10
"""Lines of progress where there is no terminal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked for on the command line."""

    data: Path | None
    columns: Columns
    models: Sequence[str]
    questions: int
    limit: int | None
    grader: str
    arms: str | None
    seeds: Sequence[int]
    threshold: str | None
    target_risk: float | None
    admission: str
    confidence: str
    k: int
    min_similarity: float | None
    embeddings: str
    warm: Path | None
    price: Sequence[str]
    max_cost: float | None
    concurrency: int
    run: Path | None
    json: Path | None
    title: str
    command: str


def run_bench(asked: Asked) -> None:
    """Run it, print what came of it, and write it down if that was asked for.

    Raises:
        ConfigurationError: Something can never work as asked for.
    """
    _check_place(asked.json)
    experiment = _experiment(asked)
    arms = arms_for(experiment, _names(asked.arms))
    purse = Purse(experiment.prices, ceiling=asked.max_cost, concurrency=asked.concurrency)
    journal = Journal(asked.run, experiment.settings(), purse=purse)
    if journal.kept:
        known = how_many(journal.kept, "reply is", "replies are")
        err().print(f"Going on: {known} known already.")
    with _ticking(work(experiment, arms)) as tick:
        ran = run_experiment(experiment, journal, arms, concurrency=asked.concurrency, tick=tick)
    _told(asked, ran, make_report(experiment, ran, title=_title(asked), command=asked.command))


def _told(asked: Asked, ran: Ran, report: Report) -> None:
    for path in (asked.json, asked.run and asked.run / REPORT):
        if path is not None:
            _write(report, path)
    printed(report, out())
    if ran.missing:
        go_on = "give the same command again" if asked.run else "next time, add --run DIR"
        more = " with a higher --max-cost" if asked.max_cost is not None else ""
        err().print(f"{report['incomplete']} To go on, {go_on}{more}.", soft_wrap=True)
        raise typer.Exit(UNFINISHED)


def _experiment(asked: Asked) -> Experiment:
    return Experiment(
        stream=_stream(asked),
        models=given.models(asked.models),
        grader=asked.grader,
        seeds=list(asked.seeds),
        thresholds=_thresholds(asked),
        target_risk=asked.target_risk,
        k=asked.k,
        min_similarity=asked.min_similarity,
        confidence=asked.confidence,
        options=_options(asked),
        prices=given.prices(asked.price, asked.models),
        warm=_warm(asked.warm),
        embeddings=given.embeddings(asked.embeddings),
        judge=lambda name: given.model(name, "judge"),
        kind=given.kind_of(asked.models),
    )


def _stream(asked: Asked) -> Stream:
    if asked.data is not None:
        return file_stream(read_questions(asked.data, columns=asked.columns), asked.limit)
    own = set(asked.models)
    if len(own) > 1 or not own <= {given.SIMULATED, given.LAB}:
        msg = (
            "--data FILE is needed: questions with answers. Only simulated models, and those of "
            "the lab, bring problems of their own."
        )
        raise ConfigurationError(msg)
    return given.stream(asked.models[0], min(asked.questions, asked.limit or asked.questions))


def _thresholds(asked: Asked) -> list[Any]:
    if asked.threshold is None:
        return []
    cuts = [given.threshold(each.strip()) for each in asked.threshold.split(",")]
    # One for all, or one for each.
    return cuts * (len(asked.models) - 1) if len(cuts) == 1 else cuts


def _options(asked: Asked) -> dict[str, Any]:
    """Return what is not as in a cascade by default: a run begun without it goes on."""
    return {} if asked.admission == DEFAULT_ADMISSION else {"admission": asked.admission}


def _warm(path: Path | None) -> Path | None:
    if path is not None and not path.is_dir():
        msg = (
            f"--warm {path}: there is no such folder. Name the folder of a repository, such as one "
            "that `intercascade ask --path` made."
        )
        raise ConfigurationError(msg)
    return path


def _names(arms: str | None) -> list[str] | None:
    return None if arms is None else [each.strip() for each in arms.split(",") if each.strip()]


def _title(asked: Asked) -> str:
    where = asked.data.name if asked.data else f"{asked.models[0]} problems"
    return asked.title or f"{' -> '.join(asked.models)} on {where}"


def _check_place(path: Path | None) -> None:
    if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
        msg = f"--json {path}: name a file in a folder that exists, such as ./report.json."
        raise ConfigurationError(msg)


def _write(report: Report, path: Path) -> None:
    try:
        write_report(report, path)
    except OSError as error:
        msg = (
            f"{path} cannot be written ({error.strerror or type(error).__name__}). Make room for "
            "it, or name another place with --json FILE or --run DIR."
        )
        raise ConfigurationError(msg) from error


@contextmanager
def _ticking(total: int) -> Iterator[Callable[[], object]]:
    """Show how far it is: a bar on a terminal, else a few lines."""
    console = err()
    if not console.is_terminal:
        yield _Lines(total)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task("Questions", total=total)
        yield lambda: bar.advance(task)


class _Lines:
    """Says now and then how many questions are answered. Threads may share it."""

    def __init__(self, total: int) -> None:
        self._total, self._done = total, 0
        self._lock = threading.Lock()

    def __call__(self) -> None:
        """Count one more."""
        with self._lock:
            self._done += 1
            done = self._done
        if done % max(1, self._total // LINES) == 0:
            err().print(f"{done} of {how_many(self._total, 'question')} answered")
