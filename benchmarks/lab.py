"""What does learning save with the lab's trained pair, and on what does that depend?

    python -m benchmarks.lab [--jobs N] [--out FILE] [--seeds N] [--questions N] [--run DIR]
                             [--sensitivity-seeds N] [--sensitivity-questions N]

The weak model is the small network that this package ships, the strong one an exact solver that
errs on a twentieth of the questions and writes the strategies.  Every arm answers the same
streams, question by question, each stream with families, rules and wording that training never
used beside some that the weak model knows by heart.  What is written down:

headline      the figures that a goal was set for, and what explains them, with two intervals:
              by drawing families anew, and over the seeds
arms          every arm, and each of its seeds
sensitivity   the same figures for other ratios of the prices (out of the tokens that were
              counted), shorter streams, other repetition of families, families that never come
              again, and the other way to admit strategies

Goals are those of the paper's abstract, as reductions relative to the cascade that does not
learn; "reached" says whether the figure itself is there.  Streams and threshold are the demo's,
admission is the cascade's default; others were tried on seeds from 1000 on, which are not among
those reported, and were better in one figure and worse in another.  With `--run` every reply
is kept in a folder, and a run that was stopped goes on from there.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console

from benchmarks.lab_report import (
    FEES_ONLY,
    HEADLINE,
    SENSITIVE,
    cut,
    measured,
    repriced,
    show,
    trimmed,
)
from langchain_intercascade.cli.bench_report import printed
from langchain_intercascade.costs import Prices
from langchain_intercascade.evaluation.arms import Grade, Question
from langchain_intercascade.evaluation.contest import ARMS
from langchain_intercascade.evaluation.experiment import Experiment
from langchain_intercascade.evaluation.journal import Journal
from langchain_intercascade.evaluation.outcome_report import make_report
from langchain_intercascade.evaluation.played import Played, Ran
from langchain_intercascade.evaluation.purse import Purse
from langchain_intercascade.evaluation.running import run_experiment
from langchain_intercascade.evaluation.streams import Stream, drawn_stream, question_of
from langchain_intercascade.lab import LabStrong, LabWeak, grade, problems
from langchain_intercascade.lab.strong import PRICES

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage

OUT: Final = Path(__file__).parent / "results" / "lab.json"
ERROR_RATE: Final = 0.05
THRESHOLD: Final = 0.92
"""Between what the weak model is sure of when it follows a rule (.99) and when it guesses (.75)."""
ADMISSION: Final = "always"
FAMILIES: Final = 40
KNOWN: Final = 0.3

WEAK, STRONG = "lab-weak", "lab-strong"
RATIOS: Final = (2, 5, 10, 30, 100)
"""How many times as dear a token of the strong model is, beside what is declared."""

LENGTHS: Final = (1 / 3, 2 / 3)
"""Shares of the whole stream after which it is looked at, too."""

FEW_ARMS: Final = ("strong_only", "cascade_plain", "cascade")


@dataclass(frozen=True, slots=True)
class Setting:
    """How problems are drawn, and strategies admitted."""

    repetition: float = 1.0
    one_off: float = 0.0
    admission: str = ADMISSION


BASE: Final = Setting()

SETTINGS: Final[Mapping[str, Setting]] = {
    "zipf_0": Setting(repetition=0.0),
    "zipf_1_5": Setting(repetition=1.5),
    "one_off_30": Setting(one_off=0.3),
    "one_off_60": Setting(one_off=0.6),
    "admission_replay": Setting(admission="replay"),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One seed under one setting, run by one process.

    Attributes:
        name: Which setting.
        seed: Which stream.
        questions: How long it is.
        arms: What answers it.
        folder: Where its replies are kept; `None` for nowhere.
    """

    name: str
    seed: int
    questions: int
    arms: tuple[str, ...]
    folder: Path | None = None


def main(arguments: list[str] | None = None) -> int:
    """Run every cell, write the file, and print the tables."""
    given = _given(arguments)
    cells = list(cells_of(given))
    done = dict(_done(cells, given.jobs))
    whole = together(ran for cell, ran in done.items() if cell.name == "base")
    experiment = experiment_of(BASE, range(given.seeds), given.questions)
    title = "The lab's trained pair"
    full = make_report(experiment, whole, title=title, command="python -m benchmarks.lab")
    printed(full, Console(width=110))
    report = {
        **trimmed(full),
        "error_rate": ERROR_RATE,
        "admission": ADMISSION,
        "families": FAMILIES,
        "known_by_heart": KNOWN,
        "price_ratio": price_ratio(),
        "headline": measured(whole, HEADLINE),
        "sensitivity": sensitivity(whole, done, given),
    }
    show(report)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    return 0


def cells_of(given: argparse.Namespace) -> Iterator[Cell]:
    """Yield what has to be run, what takes longest first."""
    for seed in range(given.seeds):
        yield Cell("base", seed, given.questions, tuple(ARMS), given.run)
    for name in SETTINGS:
        for seed in range(given.sensitivity_seeds):
            yield Cell(name, seed, given.sensitivity_questions, FEW_ARMS, given.run)


def played(cell: Cell) -> Ran:
    """Run a cell; what its folder holds is not asked again."""
    setting = SETTINGS.get(cell.name, BASE)
    experiment = experiment_of(setting, [cell.seed], cell.questions)
    folder = cell.folder and cell.folder / f"{cell.name}-{cell.seed}"
    journal = Journal(folder, experiment.settings(), purse=Purse(experiment.prices))
    ran = run_experiment(experiment, journal, cell.arms)
    if ran.missing:
        msg = f"{cell.name}, seed {cell.seed}: {ran.why}; what was answered is kept with --run."
        raise SystemExit(msg)
    return ran


def experiment_of(setting: Setting, seeds: Sequence[int], questions: int) -> Experiment:
    """Return the experiment on a setting's streams."""
    return Experiment(
        stream=stream_of(setting, questions),
        models=[LabWeak(), LabStrong(error_rate=ERROR_RATE)],
        grader=lab_grade,
        seeds=list(seeds),
        thresholds=[THRESHOLD],
        prices=Prices(PRICES),
        options={"admission": setting.admission},
        kind="trained",
    )


def stream_of(setting: Setting, questions: int) -> Stream:
    """Return the lab's problems as a stream."""

    def draw(seed: int, n: int) -> list[Question]:
        drawn = problems(
            seed,
            n,
            families=FAMILIES,
            known=KNOWN,
            repetition=setting.repetition,
            one_off=setting.one_off,
        )
        return [question_of(each.text, each.answer, family=each.family.title) for each in drawn]

    name = f"the lab's problems (Zipf {setting.repetition:g}, {setting.one_off:.0%} one-off)"
    return drawn_stream(name, draw, questions)


def lab_grade(question: Question, answer: AIMessage) -> Grade:
    """Say whether the answer gives the right code."""
    return Grade(grade(answer.text, question.answer or ""))


def together(parts: Iterator[Ran]) -> Ran:
    """Return the seeds of several runs as one."""
    arms: dict[str, dict[int, Played]] = {}
    spent = 0.0
    for ran in parts:
        spent += ran.spent or 0.0
        for name, cells in ran.arms.items():
            arms.setdefault(name, {}).update(cells)
    return Ran({name: dict(sorted(arms[name].items())) for name in arms}, spent=spent)


def sensitivity(whole: Ran, done: Mapping[Cell, Ran], given: argparse.Namespace) -> dict[str, Any]:
    """Return what the figures depend on.

    Price ratios and lengths are told of the whole run; the settings of fewer and shorter
    streams, and "base" is the same for as many and as long ones of the whole run.
    """
    seeds, questions = given.sensitivity_seeds, given.sensitivity_questions
    found = {"base": measured(cut(whole, range(seeds), questions), SENSITIVE)}
    for name in SETTINGS:
        ran = together(each for cell, each in done.items() if cell.name == name)
        found[name] = measured(ran, SENSITIVE)
    for share in LENGTHS:
        length = max(1, round(share * given.questions))
        shorter = cut(whole, range(given.seeds), length)
        found[f"questions_{length}"] = measured(shorter, SENSITIVE)
    for ratio in RATIOS:
        found[f"price_ratio_{ratio}"] = measured(at_ratio(whole, ratio), FEES_ONLY)
    return {"seeds": seeds, "questions": questions, "cells": found}


def at_ratio(ran: Ran, ratio: float) -> Ran:
    """Return the same run where a strong token costs `ratio` times what a weak one does."""
    read, written = PRICES[WEAK]
    prices = Prices({WEAK: (read, written), STRONG: (ratio * read, ratio * written)})
    return repriced(ran, prices, WEAK, STRONG)


def price_ratio() -> float:
    """Return how many times as dear the strong model's tokens are, of either kind."""
    read, written = (dear / cheap for dear, cheap in zip(PRICES[STRONG], PRICES[WEAK], strict=True))
    if abs(read / written - 1) > 1e-9:  # noqa: PLR2004 - rounding
        msg = f"The strong model is {read} times as dear in reading, {written} in writing."
        raise ValueError(msg)
    return read


def _done(cells: Sequence[Cell], jobs: int) -> Iterator[tuple[Cell, Ran]]:
    """Yield each cell with what came of it, several at once if `jobs` says so."""
    # Several threads in each process would only be in each other's way.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if jobs == 1:
        for number, cell in enumerate(cells, 1):
            yield cell, played(cell)
            _progress(number, cells, cell)
        return
    with ProcessPoolExecutor(jobs) as pool:
        futures = {pool.submit(played, cell): cell for cell in cells}
        for number, future in enumerate(as_completed(futures), 1):
            yield futures[future], future.result()
            _progress(number, cells, futures[future])


def _progress(number: int, cells: Sequence[Cell], cell: Cell) -> None:
    sys.stderr.write(f"{number} of {len(cells)} parts done ({cell.name}, seed {cell.seed})\n")


def _given(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.lab", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--out", type=Path, default=OUT, help="the file to write")
    parser.add_argument("--jobs", type=int, default=1, help="how many processes")
    parser.add_argument("--seeds", type=int, default=5, help="how many streams")
    parser.add_argument("--questions", type=int, default=300, help="how long each of them is")
    parser.add_argument("--sensitivity-seeds", type=int, default=3, help="of each other setting")
    parser.add_argument("--sensitivity-questions", type=int, default=200, help="of each of these")
    parser.add_argument("--run", type=Path, help="folder to keep replies in, and to go on from")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
