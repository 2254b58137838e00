"""One pass over a stream with a threshold that calibrates itself, seeing what a cascade sees.

A deferred question shows whether the weak answer agrees with the strong one.  An accepted one
shows nothing, unless the lot falls on it to be audited.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final, NamedTuple

import numpy as np

from benchmarks.online_pair import (
    NOBODY,
    Flags,
    Floats,
    Ints,
    Said,
    Stock,
    Taught,
    lowest_safe,
)
from benchmarks.online_telling import Answer, Telling
from langchain_intercascade.label import lot
from langchain_intercascade.record import Regime
from langchain_intercascade.threshold.base import ALWAYS_DEFER, Threshold
from langchain_intercascade.threshold.self_calibrating import AUDIT_RATE, SelfCalibrating

REGIMES: Final[tuple[Regime, Regime]] = ("plain", "augmented")
EVERY: Final = 100
"""While the weak model learns, the true risk is looked up every so many questions."""

DELTA: Final = 0.1
"""Probability with which each promise may fail."""

ENOUGH: Final = 0.8
"""The share of the best possible coverage that is to be reached by the end."""

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
        labels_needed: See `labels_needed`; `None` if no number of them would do.
        risk_of_all: Share of all weak answers that disagree with the strong ones in the end.
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
    labels_needed: int | None
    risk_of_all: float
    strong_calls: float
    audits: float
    realised_risk: float
    alarms: int


def labels_needed(traffic: Said, target: float) -> int | None:
    """Return how many labels it takes to tell that `ENOUGH` of what is safe is safe.

    So many give the test of a single threshold, spared all the looks and walks, an even chance
    to pass at `DELTA`: z^2 R (1 - R) / (R - r)^2 accepted answers (normal approximation to the
    binomial test), where r is the risk at the threshold.  It is that of the
    thresholds with enough coverage that takes the fewest.

    Args:
        traffic: All there is; regimes are taken together.
        target: The target risk R.
    """
    ranked = np.argsort(-traffic.confidence, kind="stable")
    coverage = np.arange(1, len(ranked) + 1) / len(ranked)
    risk = np.cumsum(~traffic.agrees[ranked]) / (coverage * len(ranked))
    best = lowest_safe(traffic.confidence, ~traffic.agrees, target)
    wanted = ENOUGH * traffic.coverage((best, best))
    fit = (coverage >= wanted) & (risk < target) & (wanted > 0.0)
    if not fit.any():
        return None
    z = NormalDist().inv_cdf(1.0 - DELTA)
    accepted = z**2 * target * (1.0 - target) / (target - risk[fit]) ** 2
    return math.ceil(float((accepted / coverage[fit]).min()))


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
            labels_needed=labels_needed(traffic, self._target),
            risk_of_all=float(1.0 - traffic.agrees.mean()),
            strong_calls=(deferred + self._audits) / self._n,
            audits=self._audits / self._n,
            realised_risk=self._wrong / self._accepted if self._accepted else 0.0,
            alarms=alarms,
        )


def cuts_of(threshold: Threshold) -> Cuts:
    """Return what is served now in both regimes; infinity where nothing is."""
    plain, augmented = (_cut(threshold, regime) for regime in REGIMES)
    return plain, augmented


def _cut(threshold: Threshold, regime: Regime) -> float:
    if isinstance(threshold, SelfCalibrating):
        # `cut` also says why, after each label in other words, and that takes most of the time.
        serving = threshold.standing(regime) == "serving"
        found = threshold.certification(regime).threshold if serving else None
        return math.inf if found is None else found
    value = threshold.cut(regime).value
    return math.inf if value == ALWAYS_DEFER else value


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
    book, cuts, telling = Book(target), cuts_of(threshold), Telling(threshold)
    for at, run_id in zip(order, runs, strict=True):
        score, agrees = float(traffic.confidence[at]), bool(traffic.agrees[at])
        taken = score >= cuts[0]
        if accepted is not None:
            accepted.append(taken)
        answer = Answer("plain", score, agrees, taken, serving=cuts[0] < math.inf)
        if _answer(book, telling, answer, run_id).told and (after := cuts_of(threshold)) != cuts:
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
    cuts, telling = cuts_of(threshold), Telling(threshold)
    for number, (question, run_id) in enumerate(zip(order.tolist(), runs, strict=True), 1):
        shown = taught.shown_one(question)
        score, agrees = stock.one(question, shown)
        augmented = shown[0] != NOBODY
        taken = score >= cuts[augmented]
        serving = cuts[augmented] < math.inf
        answer = Answer(REGIMES[augmented], score, agrees, taken, serving=serving)
        strong, told = _answer(book, telling, answer, run_id)
        if strong and not (taken and agrees):
            taught.learn(question)
        after = cuts_of(threshold) if told else cuts
        if after != cuts or (number % EVERY == 0 and min(after) < math.inf):
            cuts = after
            book.looked(taught.said(everything), cuts)
    return book.closed(taught.said(everything), cuts, _alarms(threshold))


class Heard(NamedTuple):
    """Who heard of an answer: the strong model, if it was asked, and the threshold."""

    strong: bool
    told: bool


def _answer(book: Book, telling: Telling, answer: Answer, run_id: str) -> Heard:
    """Tell book and threshold of one answer."""
    audited = answer.accepted and lot(run_id, "audit") < AUDIT_RATE
    book.answered(accepted=answer.accepted, agrees=answer.agrees, audited=audited)
    if answer.accepted and not audited:
        return Heard(strong=False, told=False)
    return Heard(strong=True, told=telling.tell(answer, run_id))


def _alarms(threshold: Threshold) -> int:
    standing: Callable[[Regime], str] = getattr(threshold, "standing", lambda _: "")
    return sum(standing(regime) == "withdrawn" for regime in REGIMES)


def plain_said(confidence: Floats, agrees: Flags, right: Flags) -> Said:
    """Return recorded answers that were made without strategies."""
    return Said(np.zeros(len(confidence), dtype=bool), confidence, agrees, right)
