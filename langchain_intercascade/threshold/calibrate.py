"""Labelled weak answers -> the lowest threshold that can be promised to be safe."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from langchain_intercascade.errors import ConfigurationError, how_many
from langchain_intercascade.record import Regime
from langchain_intercascade.threshold.base import ALWAYS_DEFER, checked_threshold
from langchain_intercascade.threshold.bounds import (
    Floats,
    checked_delta,
    checked_target,
    fewest_faultless,
)
from langchain_intercascade.threshold.fixed_sequence import Ladder, ladder, walk
from langchain_intercascade.threshold.report import CurvePoint, ThresholdReport

CURVE_POINTS: Final = 200
"""At most so many points of the curve are kept; a plot shows no more."""

TOP: Final = 10
"""The walk starts at about the surest tenth.

Where it starts must not depend on the labels, but may depend on their number.  Were it always
at the fewest answers that can pass, one error among the first few would end it, however
many labels there are: more of them would not help.  Much lower, it fails wherever
only a small part of the answers is safe.
"""

Scores: TypeAlias = Iterable[float | None]
Labels: TypeAlias = Iterable[bool]


def calibrate_threshold(
    scores: Scores,
    correct: Labels,
    *,
    target_risk: float,
    delta: float = 0.1,
    min_accepted: int | None = None,
    regime: Regime = "plain",
    levels: int = 1,
    grid: Sequence[float] | None = None,
    on: date | None = None,
) -> ThresholdReport:
    """Find the lowest threshold whose risk is at most `target_risk`, with confidence `1 - delta`.

    The confidence is over the draw of the calibration set, which must be answers of the
    same weak model with the same prompts to queries like those to come, made in the same
    regime: strategies shift confidence, so a threshold fitted without them is void with
    them.  Why trying all thresholds costs nothing is said in `fixed_sequence`.  The order of
    the answers does not matter; equal scores are accepted together or not at all.

    Args:
        scores: Confidence of each weak answer in [0, 1].  `None`, NaN and infinities mean
            that there is none: such an answer is never accepted, but counts as a query.
        correct: Whether each weak answer was right.
        target_risk: Share of accepted answers that may be wrong, in (0, 1).
        delta: Probability with which the promise may fail, in (0, 0.5].
        min_accepted: Thresholds that accept fewer answers are passed over.  The default is a
            tenth of the answers with a score, but no fewer than could pass without any
            error, which are 22 for 0.1 and 0.1.
        regime: Whether the answers were made with strategies.
        levels: Number of gates in a row that make this promise together.  Each is given
            `delta / levels`, so that all hold at once with confidence `1 - delta`.  A later
            level's calibration set is what the levels before it deferred.
        grid: The thresholds to choose from, fixed without looking at the labels; every
            number from 0 to 1 if `None`.
        on: The day to put on the report; today in UTC if `None`.

    Returns:
        The report; its `threshold` is `ALWAYS_DEFER` when none can be promised.

    Raises:
        ConfigurationError: An argument is out of range, there are no answers, scores and
            labels differ in number, a score is a number outside [0, 1], or a label is
            neither true nor false.

    Examples:
        >>> scores = [0.9] * 40 + [0.2] * 40
        >>> correct = [True] * 40 + [False] * 40
        >>> found = calibrate_threshold(scores, correct, target_risk=0.1)
        >>> found.threshold, found.coverage, round(found.bound, 3)
        (0.9, 0.5, 0.056)
        >>> calibrate_threshold(scores[:20], correct[:20], target_risk=0.1).threshold
        'always_defer'
    """
    target, promises = checked_target(target_risk), _whole("levels", levels)
    level = checked_delta(delta) / promises
    sample = _sample(scores, correct)
    least = min_accepted
    if least is None:
        least = max(fewest_faultless(target, level), len(sample.scores) // TOP)
    tried = None if grid is None else _checked_grid(grid)
    return _report(
        sample,
        ladder(sample.scores, sample.correct, level, tried),
        target_risk=target,
        delta=delta,
        promises=promises,
        min_accepted=_whole("min_accepted", least),
        regime=regime,
        on=on or datetime.now(tz=UTC).date(),
    )


def calibrate_regimes(
    samples: Mapping[Regime, tuple[Scores, Labels]],
    *,
    target_risk: float,
    delta: float = 0.1,
    min_accepted: int | None = None,
    levels: int = 1,
    on: date | None = None,
) -> dict[Regime, ThresholdReport]:
    """Find one threshold per regime, so that all their promises hold at once.

    `delta` is divided evenly among regimes and levels (Bonferroni): with confidence
    `1 - delta` no threshold is unsafe, and then the accepted answers together keep the
    target whatever share of queries finds strategies.

    Args:
        samples: Scores and labels by regime, `"plain"` and `"augmented"`.
        target_risk: As in `calibrate_threshold`.
        delta: Probability with which any of the promises may fail, in (0, 0.5].
        min_accepted: As in `calibrate_threshold`.
        levels: As in `calibrate_threshold`.
        on: As in `calibrate_threshold`.

    Raises:
        ConfigurationError: As in `calibrate_threshold`, or there is no regime.

    Examples:
        >>> easy = ([0.9] * 60, [True] * 60)
        >>> found = calibrate_regimes({"plain": easy, "augmented": easy}, target_risk=0.1)
        >>> found["plain"].tested_at
        0.05
    """
    if not samples:
        msg = "There is nothing to calibrate on: give scores and labels for at least one regime."
        raise ConfigurationError(msg)
    return {
        regime: calibrate_threshold(
            scores,
            correct,
            target_risk=target_risk,
            delta=delta,
            min_accepted=min_accepted,
            regime=regime,
            levels=_whole("levels", levels) * len(samples),
            on=on,
        )
        for regime, (scores, correct) in samples.items()
    }


class _Sample(NamedTuple):
    """A calibration set: what has a usable score, and how many answers there were in all."""

    scores: Floats
    correct: NDArray[np.bool_]
    n: int


def _sample(scores: Scores, correct: Labels) -> _Sample:
    given, labels = list(scores), list(correct)
    if len(given) != len(labels):
        msg = (
            f"There must be as many labels as scores, not {how_many(len(labels), 'label')} for "
            f"{how_many(len(given), 'score')}: each answer needs both."
        )
        raise ConfigurationError(msg)
    if not given:
        msg = "There is nothing to calibrate on: give at least one labelled answer."
        raise ConfigurationError(msg)
    usable = [_score(number, score) for number, score in enumerate(given)]
    right = [_label(number, label) for number, label in enumerate(labels)]
    kept = [(score, label) for score, label in zip(usable, right, strict=True) if score is not None]
    found = np.array([score for score, _ in kept], dtype=float)
    return _Sample(found, np.array([label for _, label in kept], dtype=bool), len(given))


def _score(number: int, score: object) -> float | None:
    if score is None:
        return None
    if isinstance(score, int | float | np.number) and not isinstance(score, bool):
        value = float(score)
        if not math.isfinite(value):
            return None
        if 0.0 <= value <= 1.0:
            return value
    msg = (
        f"Score {number} is {score!r}; a confidence lies in [0, 1], or is None where there is "
        "none. If it is a log-probability, take its exponential."
    )
    raise ConfigurationError(msg)


def _label(number: int, label: object) -> bool:
    if isinstance(label, bool | np.bool_ | int | np.integer) and label in (0, 1):
        return bool(label)
    msg = (
        f"Label {number} is {label!r}; it must be True or False. Leave out answers that nobody "
        "could judge."
    )
    raise ConfigurationError(msg)


def _checked_grid(grid: Sequence[float]) -> list[float]:
    found = [checked_threshold(value) for value in grid]
    numbers = [value for value in found if value != ALWAYS_DEFER]
    if not numbers:
        msg = "The grid has no threshold to choose from; leave it out to consider every number."
        raise ConfigurationError(msg)
    return numbers


def _whole(name: str, value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    msg = f"{name}={value!r} must be a whole number, 1 or more."
    raise ConfigurationError(msg)


def _report(
    sample: _Sample,
    rungs: Ladder,
    *,
    target_risk: float,
    delta: float,
    promises: int,
    min_accepted: int,
    regime: Regime,
    on: date,
) -> ThresholdReport:
    found = walk(rungs, target_risk, min_accepted)
    served = None if found.last is None else _point(rungs, found.last, sample.n)
    return ThresholdReport(
        regime=regime,
        threshold=served.threshold if served else ALWAYS_DEFER,
        target_risk=target_risk,
        delta=delta,
        promises=promises,
        min_accepted=min_accepted,
        n=sample.n,
        scored=len(sample.scores),
        accepted=served.accepted if served else 0,
        errors=served.errors if served else 0,
        bound=served.bound if served else None,
        first=None if found.first is None else _point(rungs, found.first, sample.n),
        failed=None if found.failed is None else _point(rungs, found.failed, sample.n),
        curve=_curve(rungs, sample.n, keep=found.last),
        on=on.isoformat(),
    )


def _point(rungs: Ladder, index: int, n: int) -> CurvePoint:
    accepted, errors = int(rungs.accepted[index]), int(rungs.errors[index])
    return CurvePoint(
        threshold=float(rungs.thresholds[index]),
        accepted=accepted,
        errors=errors,
        coverage=accepted / n,
        risk=errors / accepted,
        bound=float(rungs.bounds[index]),
    )


def _curve(rungs: Ladder, n: int, keep: int | None) -> tuple[CurvePoint, ...]:
    """Return points evenly along the ladder, among them the threshold that is used."""
    filled = np.flatnonzero(rungs.accepted > 0)
    places = np.linspace(0, len(filled) - 1, min(CURVE_POINTS, len(filled))).round().astype(int)
    chosen = set(filled[places].tolist()) | (set() if keep is None else {keep})
    return tuple(_point(rungs, index, n) for index in sorted(chosen))
