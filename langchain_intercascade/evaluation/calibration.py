"""This is where a weak model is tried on many questions, and a threshold calibrated on them.

Trying costs money and time, so it goes side by side, below a ceiling, and what is
finished is written down at once; calibrating is a sum over what was written down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from langchain_intercascade._steps import Steps, run
from langchain_intercascade.costs import total
from langchain_intercascade.errors import ConfigurationError, InterCascadeError
from langchain_intercascade.evaluation.progress import Finished, Progress
from langchain_intercascade.evaluation.trial import Failed
from langchain_intercascade.record import Regime
from langchain_intercascade.threshold.calibrate import calibrate_regimes
from langchain_intercascade.threshold.calibrated import CalibratedThreshold

if TYPE_CHECKING:
    from langchain_intercascade.evaluation.questions import LabelledQuestion
    from langchain_intercascade.threshold.report import ThresholdReport
    from langchain_intercascade.threshold.watch import OnAbstain

REGIMES: Final[tuple[Regime, ...]] = ("plain", "augmented")

HOPELESS: Final = 5
"""After so many failures before anything was answered, the rest is not tried."""

Tick: TypeAlias = Callable[[], object]
Ending: TypeAlias = Literal["done", "ceiling", "interrupted"]


class CalibrationError(InterCascadeError):
    """The weak model could not be tried; the message says why."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run over the questions went.

    Attributes:
        ending: Whether all were tried, the ceiling was reached, or somebody interrupted it.
        spent: Dollars that this run spent; `None` if a part is unknown.
        failed: Questions that have to be asked again, with the reason.
    """

    ending: Ending
    spent: float | None
    failed: tuple[Failed, ...]


def try_all(
    rows: Iterable[LabelledQuestion],
    trying: Callable[[LabelledQuestion], Steps[Finished | Failed]],
    progress: Progress,
    *,
    concurrency: int = 4,
    max_cost: float | None = None,
    tick: Tick = lambda: None,
) -> Outcome:
    """Try every question that is not finished yet, and write down each at once.

    Sync only: it drives the steps in `concurrency` threads.  What is under way when it
    stops is waited for and written down, because it is paid for.

    Args:
        rows: The questions.
        trying: The steps of one question.
        progress: Knows what is finished, and is told.
        concurrency: How many questions are under way at once.
        max_cost: Dollars that this run may spend: no question is begun that, at the mean
            cost so far, would go beyond.
        tick: Called after each question.

    Raises:
        CalibrationError: The first few questions all failed.
        ConfigurationError: A model can never work as configured, or there is a ceiling
            and something has no known price.
    """
    left = iter([row for row in rows if row.key not in progress.finished])
    books = _Books(progress, max_cost, concurrency, tick)
    ending: Ending = "done"
    with ThreadPoolExecutor(concurrency, thread_name_prefix="calibrate") as threads:
        running: set[Future[Finished | Failed]] = set()
        try:
            while _filled(running, left, lambda row: threads.submit(run, trying(row)), books.room):
                for each in wait(running, return_when=FIRST_COMPLETED).done:
                    running.discard(each)
                    books.note(each.result())
        except KeyboardInterrupt:
            ending = "interrupted"
        finally:
            books.salvage(running)
    if ending == "done" and next(left, None) is not None:
        ending = "ceiling"
    return Outcome(ending, books.spent, tuple(books.failed))


def _filled(
    running: set[Future[Finished | Failed]],
    left: Iterator[LabelledQuestion],
    begin: Callable[[LabelledQuestion], Future[Finished | Failed]],
    room: Callable[[int], bool],
) -> bool:
    """Begin as many questions as there is room for; say whether any is under way."""
    while room(len(running)) and (row := next(left, None)) is not None:
        running.add(begin(row))
    return bool(running)


class _Books:
    """What was tried and spent in one run, and whether one more question may begin."""

    def __init__(
        self, progress: Progress, ceiling: float | None, concurrency: int, tick: Tick
    ) -> None:
        self._progress, self._ceiling = progress, ceiling
        self._concurrency, self._tick = concurrency, tick
        self._questions = 0
        self.spent: float | None = 0.0
        self.failed: list[Failed] = []

    def room(self, running: int) -> bool:
        """Say whether one more may begin beside those that are `running`."""
        if running >= self._concurrency:
            return False
        if self._ceiling is None:
            return True
        if not self._questions:  # nobody knows yet what one costs
            return running == 0 and self._ceiling > 0
        spent = self.spent or 0.0
        return spent + (running + 1) * spent / self._questions <= self._ceiling

    def note(self, result: Finished | Failed) -> None:
        """Write down what came of a question, unless it is hopeless to go on."""
        self._keep(result)
        self._tick()
        if self._ceiling is not None and self.spent is None:
            msg = (
                "--max-cost cannot be kept: something that was asked has no known price. Give "
                "prices with --price NAME=INPUT,OUTPUT, or leave the ceiling out."
            )
            raise ConfigurationError(msg)
        if len(self.failed) >= HOPELESS and not self._progress.finished:
            msg = (
                f"The first {len(self.failed)} questions all failed ({self.failed[-1].why}); the "
                "rest was not tried. See whether the model is up and takes its key, then give the "
                "same command again."
            )
            raise CalibrationError(msg)

    def salvage(self, running: set[Future[Finished | Failed]]) -> None:
        """Wait for what is under way and keep it; an error that is on its way goes on."""
        wait(running)
        for each in running:
            if each.exception() is None:
                self._keep(each.result())

    def _keep(self, result: Finished | Failed) -> None:
        if isinstance(result, Failed):
            self.failed.append(result)
        else:
            self._progress.add(result)
        self._questions += 1
        self.spent = total([self.spent, result.cost])


@dataclass(frozen=True, slots=True)
class Found:
    """What the finished questions come to.

    Attributes:
        reports: The report of each regime that occurred.
        judged: How many answers the reports are about, by regime, those without score included.
        unjudged: How many answers with a score nobody could judge, by regime.
        on_abstain: What those count for: they are `"wrong"`, or left out (`"skip"`).
        methods: What made the scores.
    """

    reports: Mapping[Regime, ThresholdReport]
    judged: Mapping[Regime, int]
    unjudged: Mapping[Regime, int]
    methods: tuple[str, ...]
    on_abstain: OnAbstain = "wrong"


def calibrated(
    rows: Sequence[Finished],
    *,
    target_risk: float,
    delta: float = 0.1,
    levels: int = 1,
    on_abstain: OnAbstain = "wrong",
) -> Found:
    """Calibrate each regime on what came of the questions.

    An answer without a score counts as a query that is deferred.

    Args:
        rows: What came of each question.
        target_risk: Share of accepted answers that may be wrong.
        delta: Probability with which the promise of all levels may fail.
        levels: How many gates in a row make the promise together.
        on_abstain: What an answer with a score counts for that nobody could judge: it is
            `"wrong"`, or left out (`"skip"`), and then nothing is promised about its like.

    Raises:
        ConfigurationError: Nothing could be judged, or a number is out of range.
    """
    judged: dict[Regime, list[Finished]] = {regime: [] for regime in REGIMES}
    unjudged: dict[Regime, int] = dict.fromkeys(REGIMES, 0)
    for row in rows:
        abstained = row.confidence is not None and row.correct is None
        unjudged[row.regime] += abstained
        if not abstained or on_abstain == "wrong":
            judged[row.regime].append(row)
    samples = {regime: found for regime, found in judged.items() if found}
    if sum(unjudged.values()) == len(rows):
        msg = (
            f"None of {len(rows)} answers could be judged. Answers are compared by what they "
            "conclude with: a number, a choice letter, JSON or a few words; free text cannot be."
        )
        raise ConfigurationError(msg)
    reports = calibrate_regimes(
        {
            regime: ([row.confidence for row in found], [bool(row.correct) for row in found])
            for regime, found in samples.items()
        },
        target_risk=target_risk,
        delta=delta,
        levels=levels,
    )
    methods = tuple(sorted({row.method for row in rows if row.confidence is not None}))
    counts = {key: len(found) for key, found in judged.items()}
    told = _disclosed(reports, unjudged) if on_abstain == "skip" else reports
    return Found(told, counts, unjudged, methods, on_abstain)


def _disclosed(
    reports: Mapping[Regime, ThresholdReport], unjudged: Mapping[Regime, int]
) -> dict[Regime, ThresholdReport]:
    """Return `reports` with how many answers were left out of each."""
    return {
        regime: report.model_copy(update={"unjudged": unjudged[regime]})
        for regime, report in reports.items()
    }


def deferred(rows: Sequence[Finished], reports: Mapping[Regime, ThresholdReport]) -> set[str]:
    """Return the keys of the questions that a gate with these thresholds would defer."""
    gate = CalibratedThreshold(reports)
    return {
        row.key
        for row in rows
        if row.confidence is None or not gate.cut(row.regime).accepts(row.confidence)
    }
