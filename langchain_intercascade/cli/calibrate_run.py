"""The running of `intercascade calibrate`: everything between its options and its report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from langchain_intercascade import prompts
from langchain_intercascade._steps import run
from langchain_intercascade.agreement import AnswerAgreement
from langchain_intercascade.assembly import build_parts
from langchain_intercascade.cli import given
from langchain_intercascade.cli.calibrate_report import Result, unfinished
from langchain_intercascade.cli.screen import err
from langchain_intercascade.confidence.custom import as_confidence
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.evaluation.calibration import calibrated, deferred, try_all
from langchain_intercascade.evaluation.curve import write_curve
from langchain_intercascade.evaluation.progress import Look
from langchain_intercascade.evaluation.progress import Progress as Book
from langchain_intercascade.evaluation.trial import Trial
from langchain_intercascade.models import name_of
from langchain_intercascade.parts import Parts
from langchain_intercascade.repository.fingerprint import fingerprinting
from langchain_intercascade.threshold.base import ALWAYS_DEFER
from langchain_intercascade.threshold.binding import Binding
from langchain_intercascade.threshold.file import save_thresholds
from langchain_intercascade.threshold.levels import save_levels

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable

    from langchain_intercascade.costs import Prices
    from langchain_intercascade.evaluation.calibration import Found, Outcome
    from langchain_intercascade.evaluation.questions import LabelledQuestion, Questions
    from langchain_intercascade.repository.base import StrategyRepository
    from langchain_intercascade.threshold.watch import OnAbstain

K: Final = 2
"""How many strategies are shown at most, as in a cascade that is not told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked for on the command line, checked."""

    questions: Questions
    weak: Sequence[Runnable[Any, AIMessage]]
    strong: Runnable[Any, AIMessage] | None
    confidence: str
    prices: Prices
    target_risk: float
    delta: float
    on_abstain: OnAbstain
    tenant: str
    out: Path
    plot: Path | None
    max_cost: float | None
    concurrency: int

    @property
    def levels(self) -> int:
        """How many gates there are in a row."""
        return len(self.weak)

    def beside(self, path: Path, level: int, suffix: str) -> Path:
        """Return the name of a file of one level: numbered from the second on."""
        number = f".{level + 1}" if level else ""
        return path.with_name(f"{path.stem}{number}{suffix}")


def run_calibration(
    asked: Asked, where: StrategyRepository, *, augmented: bool
) -> list[Result] | str:
    """Try every question, level by level; return what was found, or why it was not finished.

    With several levels each is calibrated on questions of its own, of which those count that
    the levels before defer: the thresholds of those levels were chosen by looking at theirs.
    """
    results: list[Result] = []
    rows, spent = asked.questions.rows, 0.0
    for level in range(asked.levels):
        own = {row.key for row in asked.questions.rows[level :: asked.levels]}
        if own.isdisjoint(row.key for row in rows):
            msg = (
                f"No question reaches level {level + 1}: the levels before it accept all of its "
                f"{len(own)}. Give more questions, or leave that model out."
            )
            raise ConfigurationError(msg)
        one = _Level(asked, level, rows, own, where, augmented=augmented)
        result = one.calibrated(None if asked.max_cost is None else asked.max_cost - spent)
        if isinstance(result, str):
            return result
        results.append(result)
        spent += result.outcome.spent or 0.0
        left = deferred(result.finished, result.found.reports) - own
        rows = tuple(row for row in rows if row.key in left)
    _save(asked.out, results)
    return results


def _save(out: Path, results: Sequence[Result]) -> None:
    found = [(each.found.reports, each.bound_to) for each in results]
    if len(found) == 1:
        save_thresholds(found[0][0], out, bound_to=found[0][1])
    else:
        save_levels(found, out)


class _Level:
    """One gate of those in a row, and the questions that reach it."""

    def __init__(
        self,
        asked: Asked,
        level: int,
        rows: Sequence[LabelledQuestion],
        own: AbstractSet[str],
        where: StrategyRepository,
        *,
        augmented: bool,
    ) -> None:
        """Take what reaches it; it is calibrated on its `own` questions among `rows`."""
        self._asked, self._level, self._rows, self._own = asked, level, tuple(rows), own
        weak = asked.weak[level]
        self._parts = build_parts(
            weak,
            asked.strong or weak,
            repository=where,
            confidence=asked.confidence,
            threshold=ALWAYS_DEFER,
            tenant=asked.tenant,
            k=K if augmented else 0,
            learning="off",
            prices=asked.prices,
        )
        self._bound_to = _binding(asked, self._parts, augmented=augmented)
        progress = asked.beside(asked.out, level, ".progress.jsonl")
        self._book = Book(progress, self._settings())

    def calibrated(self, max_cost: float | None) -> Result | str:
        """Try the questions and calibrate; return why, if it could not be finished."""
        asked, book = self._asked, self._book
        before = len(self._finished())
        outcome = self._tried(max_cost)
        finished = self._finished()
        if outcome.ending != "done":
            return unfinished(outcome, len(finished), len(self._rows), book.path)
        book.looked(Look(target_risk=asked.target_risk, delta=asked.delta))
        found = calibrated(
            [row for row in finished if row.key in self._own],
            target_risk=asked.target_risk,
            delta=asked.delta,
            levels=asked.levels,
            on_abstain=asked.on_abstain,
        )
        return Result(
            questions=replace(asked.questions, rows=self._rows),
            found=found,
            finished=tuple(finished),
            resumed=before,
            outcome=outcome,
            looks=book.looks,
            bound_to=self._bound_to,
            out=asked.out,
            plot=self._drawn(found),
            simulated=given.SIMULATED in self._bound_to.weak_model,
        )

    def _drawn(self, found: Found) -> Path | None:
        if self._asked.plot is None:
            return None
        plot = self._asked.beside(self._asked.plot, self._level, self._asked.plot.suffix)
        write_curve(found.reports, plot, self._bound_to.weak_model)
        return plot

    def _tried(self, max_cost: float | None) -> Outcome:
        asked = self._asked
        agreement = AnswerAgreement()
        trial = Trial(self._parts, agreement=agreement, prices=asked.prices, strong=asked.strong)
        with _ticking(len(self._rows) - len(self._finished())) as tick:
            return try_all(
                self._rows,
                # Of the questions for later levels it only counts whether this one accepts them.
                lambda row: trial.trying(row, judged=row.key in self._own),
                self._book,
                concurrency=asked.concurrency,
                max_cost=max_cost,
                tick=tick,
            )

    def _finished(self) -> list[Any]:
        """Return what came of the questions that are asked for now, in their order."""
        known = self._book.finished
        return [known[row.key] for row in self._rows if row.key in known]

    def _settings(self) -> dict[str, object]:
        """Return all that a finished question depends on, besides the question."""
        strong = None if self._asked.strong is None else name_of(self._asked.strong)
        told = {**self._bound_to.model_dump(), "strong_model": strong}
        told["tenant"] = self._asked.tenant
        # Which questions are judged at a level depends on how many levels there are.
        return told if self._asked.levels == 1 else {**told, "levels": self._asked.levels}


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
