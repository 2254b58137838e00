"""The running of `intercascade calibrate`: everything between its options and its report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from langchain_intercascade import prompts
from langchain_intercascade._steps import run
from langchain_intercascade.agreement import AnswerAgreement
from langchain_intercascade.cli import given
from langchain_intercascade.cli.calibrate_report import Result, unfinished
from langchain_intercascade.cli.screen import err
from langchain_intercascade.confidence.custom import as_confidence
from langchain_intercascade.evaluation.calibration import calibrated, try_all
from langchain_intercascade.evaluation.curve import write_curve
from langchain_intercascade.evaluation.progress import Look
from langchain_intercascade.evaluation.progress import Progress as Book
from langchain_intercascade.evaluation.trial import Trial
from langchain_intercascade.parts import Parts, build_parts, name_of
from langchain_intercascade.repository.fingerprint import fingerprinting
from langchain_intercascade.threshold.base import ALWAYS_DEFER
from langchain_intercascade.threshold.file import Binding, save_thresholds

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable

    from langchain_intercascade.costs import Prices
    from langchain_intercascade.evaluation.calibration import Outcome
    from langchain_intercascade.evaluation.questions import Questions
    from langchain_intercascade.repository.base import StrategyRepository

K: Final = 2
"""How many strategies are shown at most, as in a cascade that is not told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked for on the command line, checked."""

    questions: Questions
    weak: Runnable[Any, AIMessage]
    strong: Runnable[Any, AIMessage] | None
    confidence: str
    prices: Prices
    target_risk: float
    delta: float
    tenant: str
    out: Path
    plot: Path | None
    max_cost: float | None
    concurrency: int

    @property
    def progress(self) -> Path:
        """Where it is written down how far it got."""
        return self.out.with_name(f"{self.out.stem}.progress.jsonl")


def run_calibration(asked: Asked, where: StrategyRepository, *, augmented: bool) -> Result | str:
    """Try every question; return what was found, or why it was not finished."""
    parts = build_parts(
        asked.weak,
        asked.strong or asked.weak,
        repository=where,
        confidence=asked.confidence,
        threshold=ALWAYS_DEFER,
        tenant=asked.tenant,
        k=K if augmented else 0,
        learning="off",
        prices=asked.prices,
    )
    bound_to = _binding(asked, parts, augmented=augmented)
    book = Book(asked.progress, _settings(asked, bound_to))
    before = len(_finished(asked, book))
    outcome = _tried(asked, parts, book)
    finished = _finished(asked, book)
    if outcome.ending != "done":
        return unfinished(outcome, len(finished), len(asked.questions.rows), asked.progress)
    book.looked(Look(target_risk=asked.target_risk, delta=asked.delta))
    found = calibrated(finished, target_risk=asked.target_risk, delta=asked.delta)
    save_thresholds(found.reports, asked.out, bound_to=bound_to)
    if asked.plot is not None:
        write_curve(found.reports, asked.plot, bound_to.weak_model)
    return Result(
        questions=asked.questions,
        found=found,
        finished=tuple(finished),
        resumed=before,
        outcome=outcome,
        looks=book.looks,
        bound_to=bound_to,
        out=asked.out,
        plot=asked.plot,
        simulated=given.SIMULATED in bound_to.weak_model,
    )


def _tried(asked: Asked, parts: Parts, book: Book) -> Outcome:
    trial = Trial(parts, agreement=AnswerAgreement(), prices=asked.prices, strong=asked.strong)
    left = len(asked.questions.rows) - len(_finished(asked, book))
    with _ticking(left) as tick:
        return try_all(
            asked.questions.rows,
            trial.trying,
            book,
            concurrency=asked.concurrency,
            max_cost=asked.max_cost,
            tick=tick,
        )


def _finished(asked: Asked, book: Book) -> list[Any]:
    """Return what came of the questions that are asked for now, in their order."""
    keys = (row.key for row in asked.questions.rows)
    return [book.finished[key] for key in keys if key in book.finished]


def _binding(asked: Asked, parts: Parts, *, augmented: bool) -> Binding:
    where = parts.repository
    strategies = fingerprinting(where, tenants=(asked.tenant,), k=K)
    return Binding(
        weak_model=parts.weak_model,
        confidence=as_confidence(asked.confidence).method,
        prompts=str(prompts.VERSION),
        repository=run(strategies) if augmented else None,
        encoder=where.encoder.label if augmented else None,
    )


def _settings(asked: Asked, bound_to: Binding) -> dict[str, object]:
    """Return all that a finished question depends on, besides the question."""
    strong = None if asked.strong is None else name_of(asked.strong)
    return {**bound_to.model_dump(), "strong_model": strong, "tenant": asked.tenant}


@contextmanager
def _ticking(total: int) -> Iterator[Callable[[], object]]:
    """Show on a terminal how far it is; quiet elsewhere, where a bar would leave lines behind."""
    console = err()
    if not console.is_terminal:
        yield lambda: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task("Trying", total=total)
        yield lambda: bar.advance(task)
