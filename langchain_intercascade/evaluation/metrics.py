"""This is where outcomes become numbers: accuracies, coverage and risk, with intervals.

A number that cannot be had (risk when nothing was accepted, a cost with an
unknown part) is `None`, never 0.  See `resampling` for the intervals.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

import numpy as np

from langchain_intercascade.costs import total
from langchain_intercascade.evaluation.arms import Outcome
from langchain_intercascade.evaluation.reliability import (
    auroc,
    bins,
    brier,
    drawn_aurocs,
    ece,
    risk_coverage,
    scored,
)
from langchain_intercascade.evaluation.resampling import (
    DRAWS,
    Floats,
    Interval,
    Resampling,
    interval,
    quotients,
)

FIRST_WINDOW: Final = 25
"""Questions in the first of the windows in which early learning is shown; each next is as long
as all before it."""


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
    """Return what one arm achieved, as JSON-like data; see `report.ArmReport`.

    Args:
        outcomes: One per question, in the order of the stream; at least one.
        seed: Fixes the bootstrap.
        draws: How many bootstrap draws.
    """
    drawn = Resampling(outcomes, seed=seed, draws=draws)
    intervals = {name: _share_interval(outcomes, ratio, drawn) for name, ratio in RATIOS.items()}
    told, around = _told_of_confidence(outcomes, drawn)
    cost = total([o.cost for o in outcomes])
    each = None if cost is None else cost / len(outcomes)
    spent = None if cost is None else _mean_draws(np.array([o.cost for o in outcomes]), drawn)
    found = scored(outcomes)
    return {
        **shares(outcomes),
        **told,
        "cost": cost,
        "cost_per_question": each,
        "intervals": {**intervals, **around, "cost_per_question": interval(each, spent)},
        "resampled": drawn.resampled,
        "tenths": tenths(outcomes),
        "windows": windows(outcomes),
        "risk_coverage": risk_coverage(found),
        "reliability": bins(found),
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


def _share(outcomes: Sequence[Outcome], ratio: Ratio) -> float | None:
    population = [o for o in outcomes if ratio.out_of(o)]
    return sum(map(ratio.counted, population)) / len(population) if population else None


def _share_interval(
    outcomes: Sequence[Outcome], ratio: Ratio, drawn: Resampling
) -> Interval | None:
    population = np.array([float(ratio.out_of(o)) for o in outcomes])
    counted = np.array([float(ratio.out_of(o) and ratio.counted(o)) for o in outcomes])
    found = quotients(drawn.sums(counted), drawn.sums(population))
    return interval(_share(outcomes, ratio), found)


def _mean_draws(values: Floats, drawn: Resampling) -> Floats:
    return quotients(drawn.sums(values), drawn.sums(np.ones(len(values))))


def _told_of_confidence(
    outcomes: Sequence[Outcome], drawn: Resampling
) -> tuple[dict[str, float | None], dict[str, Interval | None]]:
    """Return AUROC, calibration error and Brier score, and the intervals around them."""
    area, around = _confidence_auroc(outcomes, drawn)
    told: dict[str, float | None] = {"confidence_auroc": area, "ece": None, "brier": None}
    intervals: dict[str, Interval | None] = {"confidence_auroc": around, "ece": None, "brier": None}
    found = scored(outcomes)
    if found.scores.size:
        whole, weights = np.ones((1, found.scores.size)), drawn.weights[:, found.at]
        for name, measure in (("ece", ece), ("brier", brier)):
            told[name] = float(measure(found, whole)[0])
            intervals[name] = interval(told[name], measure(found, weights))
    return told, intervals


def _confidence_auroc(
    outcomes: Sequence[Outcome], drawn: Resampling
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
    return area, interval(area, drawn_aurocs(scores, correct, drawn.weights[:, graded]))
