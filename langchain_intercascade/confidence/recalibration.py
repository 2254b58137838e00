"""From scores to probabilities: how often were answers with such a score right?

A recalibration changes what scores mean and never turns their order round; it may
make ties.  It makes the scores of different functions comparable.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from statistics import fmean, pstdev
from typing import TYPE_CHECKING, Any, Self

from langchain_intercascade.confidence.base import Composite, Evidence, Score, score_of
from langchain_intercascade.confidence.custom import as_confidence
from langchain_intercascade.errors import ConfigurationError, how_many

if TYPE_CHECKING:
    from langchain_intercascade._steps import Steps
    from langchain_intercascade.confidence.base import ConfidenceFunction

STRAIGHT = 1e12
"""scikit-learn's inverse of the penalty: so weak that the curve is the likeliest one."""

SAME = 1e-9
"""Scores that differ by less, on average, are taken for one."""

GRID = 129
"""Points by which a curve is written down, at equal steps of probability: it is hit to 1/128."""


@dataclass(frozen=True, slots=True)
class Recalibration:
    """A map from scores to probabilities that never falls: points joined by straight lines.

    Left of the first point and right of the last it is level.

    Attributes:
        scores: Where the points lie, rising strictly, in [0, 1].
        probabilities: How high, never falling, in [0, 1].
        kind: How it was found, for people.
        fitted_on: On how many answers; 0 if it was given.

    Examples:
        >>> halved = Recalibration((0.0, 1.0), (0.0, 0.5))
        >>> halved(0.4)
        0.2
        >>> Recalibration.from_payload(halved.payload()) == halved
        True
    """

    scores: tuple[float, ...]
    probabilities: tuple[float, ...]
    kind: str = "given"
    fitted_on: int = 0

    def __post_init__(self) -> None:
        """Refuse what is no such map."""
        xs, ys = self.scores, self.probabilities
        rising = all(a < b for a, b in pairwise(xs))
        level = all(a <= b for a, b in pairwise(ys))
        inside = all(0 <= number <= 1 for number in (*xs, *ys))
        if not (xs and len(xs) == len(ys) and rising and level and inside):
            msg = (
                "A recalibration needs as many probabilities as scores, at least one, all in "
                f"[0, 1]; scores that rise and probabilities that do not fall, not {xs}, {ys}. "
                "`fit_isotonic` and `fit_platt` make one."
            )
            raise ConfigurationError(msg)

    def __call__(self, score: float) -> float:
        """Return the probability that belongs to `score`."""
        xs, ys = self.scores, self.probabilities
        at = bisect_right(xs, score)
        if at == 0 or at == len(xs):
            return ys[0] if at == 0 else ys[-1]
        way = (score - xs[at - 1]) / (xs[at] - xs[at - 1])
        return min(ys[at], ys[at - 1] + way * (ys[at] - ys[at - 1]))

    def payload(self) -> dict[str, Any]:
        """Return the map as JSON-like data."""
        return {
            "kind": self.kind,
            "fitted_on": self.fitted_on,
            "scores": list(self.scores),
            "probabilities": list(self.probabilities),
        }

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Self:
        """Read what `payload` wrote.

        Raises:
            ConfigurationError: It is no such map.
        """
        try:
            scores, probabilities = (
                tuple(map(float, payload[name])) for name in ("scores", "probabilities")
            )
            kind, fitted_on = str(payload["kind"]), int(payload["fitted_on"])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            msg = (
                f"This is not a recalibration ({type(error).__name__}): expected what `payload` "
                "returned, with scores, probabilities, kind and fitted_on. Fit it again."
            )
            raise ConfigurationError(msg) from error
        return cls(scores, probabilities, kind, fitted_on)


def recalibrated(function: Any, mapping: Recalibration) -> ConfidenceFunction:
    """Return `function` with its scores mapped by `mapping`; unavailable stays unavailable.

    Args:
        function: Anything that `as_confidence` takes.
        mapping: From `fit_isotonic` or `fit_platt`, or written by hand.
    """
    return _Recalibrated(as_confidence(function), mapping)


def fit_isotonic(scores: Sequence[float], correct: Sequence[bool]) -> Recalibration:
    """Fit the best map that never falls (isotonic regression; needs scikit-learn).

    It follows any shape, but wants many answers, some hundreds at least.

    Args:
        scores: The scores of answers, in [0, 1].
        correct: Whether each answer was right.

    Raises:
        ConfigurationError: There are no answers, or scores and labels do not match; or
            scikit-learn is missing.
    """
    xs, ys = _checked(scores, correct)
    regression = _sklearn("isotonic").IsotonicRegression(y_min=0, y_max=1)
    regression.fit(xs, ys)
    points = zip(regression.X_thresholds_, regression.y_thresholds_, strict=True)
    return _joined([(float(x), float(y)) for x, y in points], "isotonic", len(xs))


def fit_platt(scores: Sequence[float], correct: Sequence[bool]) -> Recalibration:
    """Fit a logistic curve (Platt scaling; needs scikit-learn); it makes do with few answers.

    Labels are drawn towards the middle as Platt (1999) advises, so that no finite
    number of right answers makes a certainty.  Where right answers have the lower
    scores the map is level: there is no order to keep.  Arguments and errors are
    those of `fit_isotonic`.
    """
    xs, ys = _checked(scores, correct)
    right, wrong = sum(ys), len(ys) - sum(ys)
    likely = [(right + 1) / (right + 2) if y else 1 / (wrong + 2) for y in ys]
    slope, offset = _slope_and_offset(xs, likely)
    if slope <= 0:
        return Recalibration((0.0,), (math.fsum(likely) / len(likely),), "platt", len(xs))
    return _joined(_curve(slope, offset), "platt", len(xs))


class _Recalibrated(Composite):
    """See `recalibrated`."""

    def __init__(self, function: ConfidenceFunction, mapping: Recalibration) -> None:
        super().__init__((function,), method=f"{mapping.kind}({function.method})")
        self._mapping = mapping

    def scoring(self, evidence: Evidence) -> Steps[Score]:
        """Score, and map the score."""
        score = yield from self.parts[0].scoring(evidence)
        return score if score.value is None else score_of(self._mapping(score.value))


def _checked(scores: Sequence[float], correct: Sequence[bool]) -> tuple[list[float], list[int]]:
    if not len(scores) == len(correct) > 0:
        msg = (
            f"{how_many(len(scores), 'score')} and {how_many(len(correct), 'label')}: there must "
            "be as many, and some. Give each answer one of both."
        )
        raise ConfigurationError(msg)
    outside = [at for at, score in enumerate(scores) if not 0 <= score <= 1]  # NaN is
    if outside:
        msg = (
            f"Score {outside[0]} is {scores[outside[0]]!r}; expected is a number in [0, 1]. Leave "
            "answers without a score out; if it is a log-probability, take its exponential."
        )
        raise ConfigurationError(msg)
    return [float(score) for score in scores], [int(bool(label)) for label in correct]


def _joined(points: Sequence[tuple[float, float]], kind: str, fitted_on: int) -> Recalibration:
    """Make a map of points; what rounding bent is bent back."""
    heights: dict[float, float] = {}
    highest = 0.0
    for x, y in sorted(points):
        highest = min(1.0, max(highest, y))
        heights[x] = highest
    return Recalibration(tuple(heights), tuple(heights.values()), kind, fitted_on)


def _slope_and_offset(xs: Sequence[float], likely: Sequence[float]) -> tuple[float, float]:
    """Fit p = 1 / (1 + exp(-(slope * x + offset))); the slope is 0 if all scores are one."""
    middle, width = fmean(xs), pstdev(xs)
    if width < SAME:
        return 0.0, 0.0
    # Scores that crowd near 1 are spread out first: the solver stops too early on them.
    spread = [[(x - middle) / width] for x in (*xs, *xs)]
    # Each answer counts as right with the weight p and as wrong with 1 - p.
    labels, weights = [1] * len(xs) + [0] * len(xs), [*likely, *(1 - p for p in likely)]
    curve = _sklearn("linear_model").LogisticRegression(C=STRAIGHT, max_iter=10_000)
    curve.fit(spread, labels, sample_weight=weights)
    slope = float(curve.coef_[0][0]) / width
    return slope, float(curve.intercept_[0]) - slope * middle


def _curve(slope: float, offset: float) -> list[tuple[float, float]]:
    """Return points of a rising logistic curve, from score 0 to 1."""
    low, high = _logistic(offset), _logistic(slope + offset)
    heights = [low + (high - low) * i / (GRID - 1) for i in range(1, GRID - 1)]
    inner = [((math.log(p / (1 - p)) - offset) / slope, p) for p in heights if 0 < p < 1]
    return [(0.0, low), *((x, p) for x, p in inner if 0 < x < 1), (1.0, high)]


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def _sklearn(module: str) -> Any:
    try:
        return import_module(f"sklearn.{module}")
    except ImportError as error:
        msg = "Fitting a recalibration needs scikit-learn: pip install scikit-learn."
        raise ConfigurationError(msg) from error
