"""This is where a confidence is judged: does it rank right answers above wrong ones, is it true?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from langchain_intercascade.evaluation.resampling import Floats, quotients

if TYPE_CHECKING:
    from langchain_intercascade.evaluation.arms import Outcome
    from langchain_intercascade.evaluation.report_arms import Bin, RiskPoint

BINS: Final = 10
POINTS: Final = 100
"""Points of a risk-coverage curve, at most: more cannot be told apart on a screen."""


@dataclass(frozen=True, slots=True)
class Scored:
    """The weak answers that were graded and had a confidence.

    Attributes:
        scores: Their confidences.
        correct: Whether each was right.
        at: Where each stands among the outcomes.
        graded: How many were graded, those without a confidence included.
    """

    scores: Floats
    correct: NDArray[np.bool_]
    at: NDArray[np.intp]
    graded: int


def scored(outcomes: Sequence[Outcome]) -> Scored:
    """Return what is known of the confidence in `outcomes`."""
    graded = [(i, o) for i, o in enumerate(outcomes) if o.weak_correct is not None]
    known = [(i, o) for i, o in graded if o.confidence is not None]
    return Scored(
        scores=np.array([o.confidence for _, o in known], dtype=float),
        correct=np.array([bool(o.weak_correct) for _, o in known], dtype=bool),
        at=np.array([i for i, _ in known], dtype=np.intp),
        graded=len(graded),
    )


def brier(found: Scored, weights: Floats) -> Floats:
    """Return the mean squared difference of confidence and correctness in each draw."""
    squared = (found.scores - found.correct) ** 2
    return quotients(weights @ squared, weights.sum(axis=1))


def ece(found: Scored, weights: Floats) -> Floats:
    """Return the expected calibration error over ten tenths of the scale in each draw.

    Naeini et al. 2015: the mean over the bins of |accuracy - mean confidence|, weighted
    by how many answers are in each.
    """
    gap = found.correct - found.scores
    tenth = _tenths(found.scores)
    off = np.zeros(len(weights))
    for each in range(BINS):
        inside = tenth == each
        off += np.abs(weights[:, inside] @ gap[inside])
    return quotients(off, weights.sum(axis=1))


def bins(found: Scored) -> list[Bin]:
    """Return the tenths of the scale that have answers in them."""
    tenth = _tenths(found.scores)
    return [
        {
            "low": each / BINS,
            "high": (each + 1) / BINS,
            "confidence": float(found.scores[tenth == each].mean()),
            "accuracy": float(found.correct[tenth == each].mean()),
            "count": int((tenth == each).sum()),
        }
        for each in sorted(set(tenth.tolist()))
    ]


def risk_coverage(found: Scored) -> list[RiskPoint]:
    """Return the share of wrong answers if the surest were accepted, for every threshold.

    Answers with the same confidence are accepted together; those without one never are.
    """
    if not found.scores.size:
        return []
    order = np.argsort(-found.scores, kind="stable")
    ranked = found.scores[order]
    ends = np.flatnonzero(np.append(np.diff(ranked) != 0, [True]))
    if len(ends) > POINTS:
        ends = ends[np.unique(np.linspace(0, len(ends) - 1, POINTS).round().astype(int))]
    wrong = np.cumsum(~found.correct[order])
    return [
        {"coverage": float((end + 1) / found.graded), "risk": float(wrong[end] / (end + 1))}
        for end in ends
    ]


def auroc(scores: Floats, correct: NDArray[np.bool_]) -> float | None:
    """Return how well `scores` rank right answers above wrong ones; ties count half.

    Returns:
        A number in [0, 1], .5 for a coin; `None` if all answers are right, or all
        are wrong.

    Examples:
        >>> auroc(np.array([0.9, 0.4, 0.4]), np.array([True, True, False]))
        0.75
    """
    if not len(correct) or correct.all() or not correct.any():
        return None
    return float(drawn_aurocs(scores, correct, np.ones((1, len(scores))))[0])


def drawn_aurocs(scores: Floats, correct: NDArray[np.bool_], weights: Floats) -> Floats:
    """Return the area under the ROC curve for each row of weights; NaN where it is undefined."""
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=-math.inf))
    right = np.add.reduceat((weights * correct)[:, order], starts, axis=1)
    wrong = np.add.reduceat((weights * ~correct)[:, order], starts, axis=1)
    below = np.cumsum(wrong, axis=1) - wrong
    ranked = (right * (below + wrong / 2)).sum(axis=1)
    return quotients(ranked, right.sum(axis=1) * wrong.sum(axis=1))


def _tenths(scores: Floats) -> NDArray[np.intp]:
    return np.minimum((scores * BINS).astype(np.intp), BINS - 1)
