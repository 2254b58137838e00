"""How many more labels would help? What later looks find if errors stay as rare as so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from langchain_intercascade.threshold.bounds import fewest_faultless, upper_bounds
from langchain_intercascade.threshold.certification import CHECKS, SIZES, lowest
from langchain_intercascade.threshold.fixed_sequence import Ladder, ladder, walk

if TYPE_CHECKING:
    from langchain_intercascade.threshold.certification import Certification, Check

SOME: Final = 25
"""With fewer labels than this nothing is said about the future: it would be a guess."""


def foreseen(certification: Certification) -> int | None:
    """Return the size of the sample at which a look would certify more than is certified now.

    It takes the labels so far for typical: the same share of answers at every confidence,
    and the same share of errors among them.  Nothing is promised on its grounds.

    Args:
        certification: One with at least `SOME` labels in its sample.

    Returns:
        One of `SIZES`; `None` if no look would, and with fewer labels than that.
    """
    if certification.size < SOME:
        return None
    coming = (size for size in SIZES if size > certification.size)
    return next((size for size in coming if _finds_more(certification, size)), None)


def _finds_more(certification: Certification, size: int) -> bool:
    before = lowest(certification.certified)
    # What came in since the look before is a sample like any other: foreseeing it adds nothing.
    return any(
        _threshold(certification, size, check) < before for check in CHECKS if not check.fresh
    )


def _threshold(certification: Certification, size: int, check: Check) -> float:
    """Return the threshold that `check` would find in so many labels; infinity for none."""
    scores, correct = certification.sample
    delta = certification.delta_of(size, check)
    target = certification.target_risk
    rungs = ladder(np.array(scores), np.array(correct, dtype=bool), delta)
    scaled = _scaled(rungs, size / len(scores), delta)
    least = max(fewest_faultless(target, delta), int(check.start * size))
    last = walk(scaled, target, least).last
    return float("inf") if last is None else float(scaled.thresholds[last])


def _scaled(rungs: Ladder, factor: float, delta: float) -> Ladder:
    """Return the ladder of a sample that is larger by `factor` and otherwise the same."""
    accepted = np.floor(rungs.accepted * factor).astype(np.int64)
    errors = np.minimum(np.ceil(rungs.errors * factor).astype(np.int64), accepted)
    return Ladder(rungs.thresholds, accepted, errors, upper_bounds(errors, accepted, delta))
