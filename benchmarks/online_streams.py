"""One pass over a stream with a threshold that calibrates itself, seeing what a cascade sees.

A deferred question shows whether the weak answer agrees with the strong one.  An accepted one
shows nothing, unless the lot falls on it to be audited.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from benchmarks.online_pair import NOBODY, Flags, Floats, Ints, Said, Stock, Taught
from langchain_intercascade.label import Label, lot
from langchain_intercascade.record import Regime
from langchain_intercascade.threshold.base import ALWAYS_DEFER, Threshold
from langchain_intercascade.threshold.self_calibrating import AUDIT_RATE

REGIMES: Final[tuple[Regime, Regime]] = ("plain", "augmented")
EVERY: Final = 50
"""While the weak model learns, the true risk is looked up every so many questions."""

Cuts = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What came of one stream.

    Attributes:
        served_at: Number of the question from which on something was accepted; `None` if never.
        broken: Whether the true risk of what would be accepted ever exceeded the target.
        broken_in_a_regime: The same of the answers of any one regime.
        highest_risk: The highest true risk at any time at which something would be accepted.
        broken_by_truth: As `broken`, if errors are counted by the truth and not by the
            strong model.
        coverage: Share of the traffic that is accepted in the end.
        oracle_coverage: Share that the best cuts would accept in the end.
        strong_calls: Strong calls per question over the whole stream, audits included.
        audits: Audits per question.
        realised_risk: Share of the accepted answers that disagreed with the strong model.
        alarms: How many regimes were withdrawn.
    """

    served_at: int | None
    broken: bool
    broken_in_a_regime: bool
    highest_risk: float
    broken_by_truth: bool
    coverage: float
    oracle_coverage: float
    strong_calls: float
    audits: float
    realised_risk: float
    alarms: int


class Book:
    """Keeps the books on one stream: what was accepted, and how risky that really was."""

    def __init__(self, target: float) -> None:
        """Begin with nothing."""
        self._target = target
        self._n = self._accepted = self._wrong = self._audits = 0
        self._served_at: int | None = None
        self._risks: list[float] = []
        self._split_risks: list[float] = []
        self._true_risks: list[float] = []

    def answered(self, *, accepted: bool, agrees: bool, audited: bool) -> None:
        """Note one question."""
        self._n += 1
        self._accepted += accepted
        self._wrong += accepted and not agrees
        self._audits += audited

    def looked(self, traffic: Said, cuts: Cuts) -> None:
        """Note what the cuts would accept of the whole traffic now."""
        if min(cuts) == math.inf:
            return
        if self._served_at is None:
            self._served_at = self._n
        self._risks.append(traffic.risk(cuts))
        self._true_risks.append(traffic.risk(cuts, truth=True))
        alone = ((cuts[0], math.inf), (math.inf, cuts[1]))
        self._split_risks.append(max(traffic.risk(each) for each in alone))

    def closed(self, traffic: Said, cuts: Cuts, alarms: int) -> Run:
        """Return what came of it."""
        deferred = self._n - self._accepted
        return Run(
            served_at=self._served_at,
            broken=any(risk > self._target for risk in self._risks),
            broken_in_a_regime=any(risk > self._target for risk in self._split_risks),
            highest_risk=max(self._risks, default=0.0),
            broken_by_truth=any(risk > self._target for risk in self._true_risks),
            coverage=traffic.coverage(cuts),
            oracle_coverage=traffic.coverage(traffic.oracle(self._target)),
            strong_calls=(deferred + self._audits) / self._n,
            audits=self._audits / self._n,
            realised_risk=self._wrong / self._accepted if self._accepted else 0.0,
            alarms=alarms,
        )


def cuts_of(threshold: Threshold) -> Cuts:
    """Return what is served now in both regimes; infinity where nothing is."""
    plain, augmented = (threshold.cut(regime).value for regime in REGIMES)
    return (
        math.inf if plain == ALWAYS_DEFER else plain,
        math.inf if augmented == ALWAYS_DEFER else augmented,
    )


def play_pack(
    traffic: Said,
    order: Sequence[int],
    threshold: Threshold,
    target: float,
    runs: Sequence[str],
    *,
    accepted: list[bool] | None = None,
) -> Run:
    """Play recorded answers, with the given run ids, in the given order.

    Args:
        traffic: All that is recorded; it counts as the whole traffic.
        order: Which of them are asked.
        threshold: It learns from them.
        target: Its target risk.
        runs: One id for each question; it decides which are audited.
        accepted: Which were accepted is noted here, if given.
    """
    book, cuts = Book(target), cuts_of(threshold)
    for at, run_id in zip(order, runs, strict=True):
        score, agrees = float(traffic.confidence[at]), bool(traffic.agrees[at])
        taken = score >= cuts[0]
        if accepted is not None:
            accepted.append(taken)
        if _answer(book, threshold, Answer("plain", score, agrees, taken), run_id):
            after = cuts_of(threshold)
            if after != cuts:
                cuts = after
                book.looked(traffic, cuts)
    return book.closed(traffic, cuts, _alarms(threshold))


def play_pair(
    stock: Stock, order: Ints, threshold: Threshold, target: float, runs: Sequence[str]
) -> Run:
    """Play a stream of questions out of the stock, teaching the weak model at every deferral.

    Wrong answers that an audit finds are taught, too.
    """
    book, taught, everything = Book(target), Taught(stock), np.arange(stock.size)
    cuts = cuts_of(threshold)
    for number, (question, run_id) in enumerate(zip(order.tolist(), runs, strict=True), 1):
        shown = taught.shown_one(question)
        score, agrees = stock.one(question, shown)
        augmented = shown[0] != NOBODY
        taken = score >= cuts[augmented]
        strong = _answer(book, threshold, Answer(REGIMES[augmented], score, agrees, taken), run_id)
        if strong and not (taken and agrees):
            taught.learn(question)
        after = cuts_of(threshold) if strong else cuts
        if after != cuts or (number % EVERY == 0 and min(after) < math.inf):
            cuts = after
            book.looked(taught.said(everything), cuts)
    return book.closed(taught.said(everything), cuts, _alarms(threshold))


class Answer(NamedTuple):
    """One weak answer.

    Attributes:
        regime: Whether strategies were shown.
        score: Its confidence; NaN if it has none.
        agrees: Whether the strong model says the same.
        accepted: What the gate did.
    """

    regime: Regime
    score: float
    agrees: bool
    accepted: bool


def _answer(book: Book, threshold: Threshold, answer: Answer, run_id: str) -> bool:
    """Tell book and threshold of one answer; return whether the strong model was asked."""
    audited = answer.accepted and lot(run_id, "audit") < AUDIT_RATE
    book.answered(accepted=answer.accepted, agrees=answer.agrees, audited=audited)
    if answer.accepted and not audited:
        return False
    threshold.observe(
        Label(
            run_id=run_id,
            tenant="",
            weak_model="",
            regime=answer.regime,
            confidence=answer.score if math.isfinite(answer.score) else None,
            accepted=answer.accepted,
            correct=answer.agrees,
            source="audit" if answer.accepted else "deferral",
            probability=AUDIT_RATE if answer.accepted else 1.0,
        )
    )
    return True


def _alarms(threshold: Threshold) -> int:
    standing: Callable[[Regime], str] = getattr(threshold, "standing", lambda _: "")
    return sum(standing(regime) == "withdrawn" for regime in REGIMES)


def plain_said(confidence: Floats, agrees: Flags, right: Flags) -> Said:
    """Return recorded answers that were made without strategies."""
    return Said(np.zeros(len(confidence), dtype=bool), confidence, agrees, right)
