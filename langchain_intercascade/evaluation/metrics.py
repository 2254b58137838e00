"""This is where outcomes become numbers: accuracies, coverage and risk, with intervals.

Every interval is a bootstrap over *families* where the questions have them,
because questions of one family succeed and fail together; else over questions.
A number that cannot be had (risk when nothing was accepted, a cost with an
unknown part) is `None`, never 0.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from langchain_intercascade.costs import total
from langchain_intercascade.evaluation.arms import Outcome

DRAWS: Final = 400
"""Bootstrap draws: the ends of a 95 % interval then move by about a hundredth of its width."""

FIRST_WINDOW: Final = 25
"""Questions in the first of the windows in which early learning is shown; each next is as long
as all before it."""

Floats: TypeAlias = NDArray[np.float64]
Interval: TypeAlias = tuple[float, float]


class Ratio(NamedTuple):
    """A metric that is a share: per question, what counts, and out of how much (0 or 1)."""

    counted: Callable[[Outcome], bool]
    out_of: Callable[[Outcome], bool]


RATIOS: Final[Mapping[str, Ratio]] = {
    "weak_accuracy": Ratio(lambda o: bool(o.weak_correct), lambda o: o.weak_correct is not None),
    "system_accuracy": Ratio(lambda o: o.system_correct, lambda _: True),
    "coverage": Ratio(lambda o: o.accepted, lambda _: True),
    "strong_call_share": Ratio(lambda o: o.strong_called, lambda _: True),
    "selective_risk": Ratio(lambda o: not o.system_correct, lambda o: o.accepted),
}


def arm_metrics(outcomes: Sequence[Outcome], *, seed: int, draws: int = DRAWS) -> dict[str, Any]:
    """Return what one arm achieved, as JSON-like data.

    Args:
        outcomes: One per question, in the order of the stream; at least one.
        seed: Fixes the bootstrap.
        draws: How many bootstrap draws.

    Returns:
        `n`, the shares of `RATIOS`, `confidence_auroc` and `cost` (each `None` where
        undefined), `intervals` (95 %, by metric), `resampled` ("families" or
        "questions"), and the shares along the stream, by `tenths` and by `windows`.
    """
    units, resampled = _units(outcomes)
    weights = _draw(units, seed=seed, draws=draws)
    intervals = {
        name: _interval(_share(outcomes, ratio), _drawn_shares(outcomes, ratio, weights))
        for name, ratio in RATIOS.items()
    }
    area, around = _confidence_auroc(outcomes, weights)
    return {
        **shares(outcomes),
        "confidence_auroc": area,
        "cost": total([o.cost for o in outcomes]),
        "intervals": {**intervals, "confidence_auroc": around},
        "resampled": resampled,
        "tenths": tenths(outcomes),
        "windows": windows(outcomes),
    }


def shares(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return `n` and the shares of `RATIOS`, without intervals."""
    found = {name: _share(outcomes, ratio) for name, ratio in RATIOS.items()}
    return {"n": len(outcomes), **found}


def tenths(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return the shares in each tenth of the stream; fewer parts if there are fewer questions."""
    parts = np.array_split(np.arange(len(outcomes)), min(10, len(outcomes)))
    return [shares([outcomes[i] for i in part]) for part in parts]


def windows(outcomes: Sequence[Outcome], first: int = FIRST_WINDOW) -> list[dict[str, Any]]:
    """Return the shares in windows that double, for learning that is fast at first.

    Each also has `until`, the number of questions up to its end.
    """
    found, start = [], 0
    while start < len(outcomes):
        end = min(len(outcomes), max(first, 2 * start))
        found.append({"until": end, **shares(outcomes[start:end])})
        start = end
    return found


def pessimistic(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return the outcomes with every assumed weak answer counted as wrong."""
    return [_counted_as_wrong(o) if o.assumed else o for o in outcomes]


def other_gates(cascade: Sequence[Outcome], strong: Sequence[Outcome]) -> dict[str, float | None]:
    """Return the system accuracy of two gates that defer as many of the same weak answers.

    Args:
        cascade: The cascade's outcomes.
        strong: The strong model's, question by question the same.

    Returns:
        `random_gate` chooses by lot (its expectation); `perfect_gate` knows which
        answers are right.  `None` when weak answers are missing.
    """
    pairs = [
        (weak.weak_correct, alone.system_correct)
        for weak, alone in zip(cascade, strong, strict=True)
    ]
    if not pairs or any(weak is None for weak, _ in pairs):
        return {"random_gate": None, "perfect_gate": None}
    n, kinds = len(pairs), Counter(pairs)
    deferred = sum(not o.accepted for o in cascade)
    weak_right = sum(bool(weak) for weak, _ in pairs)
    strong_right = sum(right for _, right in pairs)
    gained = min(deferred, kinds[False, True])
    # Deferring more than that costs nothing until all that is left to defer are answers that
    # only the weak model gets right.
    lost = max(0, deferred - (n - kinds[True, False]))
    chosen = (n - deferred) * weak_right / n + deferred * strong_right / n
    return {"random_gate": chosen / n, "perfect_gate": (weak_right + gained - lost) / n}


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
    weights = np.ones((1, len(scores)))
    return float(_drawn_aurocs(scores, correct, weights)[0])


def suggested_thresholds(
    scores: Sequence[float | None], deferred: Sequence[float]
) -> list[tuple[float, float]]:
    """Return, for each share to be deferred, the threshold that comes nearest to it.

    Args:
        scores: Confidences; `None` where there is none, which is deferred anyway.
        deferred: Shares of questions to defer, from 0 to 1.

    Returns:
        Pairs of a threshold and the share of `scores` that it really defers;
        none when no answer has a score.
    """
    known = np.sort([score for score in scores if score is not None])
    if not known.size:
        return []
    # Rounded down, so that printing one does not lift it over the score it was taken from.
    cuts = np.unique(np.floor(known * 1e6) / 1e6)
    missing = len(scores) - len(known)
    real = (missing + np.searchsorted(known, cuts, side="left")) / len(scores)
    nearest = [int(np.abs(real - share).argmin()) for share in deferred]
    return [(float(cuts[i]), float(real[i])) for i in nearest]


def _counted_as_wrong(outcome: Outcome) -> Outcome:
    right = outcome.system_correct and outcome.route == "strong"
    return replace(outcome, weak_correct=False, system_correct=right)


def _units(outcomes: Sequence[Outcome]) -> tuple[NDArray[np.intp], str]:
    """Return the number of the unit that each question belongs to, and what the units are."""
    families = [o.family for o in outcomes]
    if None not in families and len(set(families)) > 1:
        return np.unique(np.array(families), return_inverse=True)[1], "families"
    return np.arange(len(outcomes)), "questions"


def _draw(units: NDArray[np.intp], *, seed: int, draws: int) -> Floats:
    """Return how often each question is in each bootstrap draw, as draws by questions."""
    count = int(units.max()) + 1
    times = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=draws)
    return times[:, units].astype(float)


def _share(outcomes: Sequence[Outcome], ratio: Ratio) -> float | None:
    population = [o for o in outcomes if ratio.out_of(o)]
    return sum(map(ratio.counted, population)) / len(population) if population else None


def _drawn_shares(outcomes: Sequence[Outcome], ratio: Ratio, weights: Floats) -> Floats:
    population = np.array([float(ratio.out_of(o)) for o in outcomes])
    counted = np.array([float(ratio.out_of(o) and ratio.counted(o)) for o in outcomes])
    size = weights @ population
    return _quotients(weights @ counted, size)


def _confidence_auroc(
    outcomes: Sequence[Outcome], weights: Floats
) -> tuple[float | None, Interval | None]:
    """Return how well the confidence ranks the weak answers, and the interval around that.

    An answer without a confidence ranks below every other, as at the gate.
    """
    graded = np.array([o.weak_correct is not None for o in outcomes])
    seen = [o for o in outcomes if o.weak_correct is not None]
    if all(o.confidence is None for o in seen):
        return None, None
    scores = np.array([-1.0 if o.confidence is None else o.confidence for o in seen])
    correct = np.array([bool(o.weak_correct) for o in seen])
    area = auroc(scores, correct)
    return area, _interval(area, _drawn_aurocs(scores, correct, weights[:, graded]))


def _drawn_aurocs(scores: Floats, correct: NDArray[np.bool_], weights: Floats) -> Floats:
    """Return the area under the ROC curve for each row of weights; NaN where it is undefined."""
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=-math.inf))
    right = np.add.reduceat((weights * correct)[:, order], starts, axis=1)
    wrong = np.add.reduceat((weights * ~correct)[:, order], starts, axis=1)
    below = np.cumsum(wrong, axis=1) - wrong
    ranked = (right * (below + wrong / 2)).sum(axis=1)
    return _quotients(ranked, right.sum(axis=1) * wrong.sum(axis=1))


def _quotients(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)


def _interval(value: float | None, drawn: Floats | None) -> Interval | None:
    """Return the 95 % percentile interval, widened where needed to hold the value itself."""
    if value is None or drawn is None:
        return None
    defined = drawn[~np.isnan(drawn)]
    if not defined.size:
        return value, value
    low, high = np.percentile(defined, [2.5, 97.5])
    return min(float(low), value), max(float(high), value)
