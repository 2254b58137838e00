"""One promise out of many thresholds: tried from the highest down, until one does not pass.

Why the promise holds.  Call a threshold *unsafe* if more than `target_risk` of the answers
that it accepts are wrong, in the whole traffic and not just in the sample.  The order in
which thresholds are tried, from the highest down, is fixed before any label is seen, and
the walk stops at the first that does not pass.  So an unsafe threshold can only be
certified if the *highest* unsafe one passes its own test, and that happens with a
probability of at most `delta`: there is nothing to pay for trying many (fixed-sequence
testing; Bauer 1991, "Multiple testing in clinical trials"; in this use Angelopoulos
et al. 2021, "Learn then Test", and Jung et al. 2025, "Trust or Escalate").

All thresholds are tried, every real number.  The counts change only at scores that occur,
so going through these from the highest down, equal ones together, is the same walk.

Where the walk starts.  The highest thresholds accept so few answers that their test is
likely to fail and would end the walk at once.  Those with fewer than `min_accepted` are
passed over; this looks at scores and never at labels.  The probability stays at most
`delta` whenever risk does not fall as the threshold falls, that is, for every score worth
having, and also whenever no unsafe threshold is among those passed over.  If the surest few
answers were the *worst* and all others much better, theory only says less than twice
`delta`; a search over such scores (tests/unit_tests/threshold/test_promise.py) found none
above `delta`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from langchain_intercascade.threshold.bounds import Floats, Ints, upper_bounds


class Ladder(NamedTuple):
    """What each threshold would have meant on a sample, the highest first; arrays of one length.

    Attributes:
        thresholds: Strictly falling.
        accepted: How many answers reach it.
        errors: How many of those were wrong.
        bounds: Upper bound on the true risk of each, taken alone.
    """

    thresholds: Floats
    accepted: Ints
    errors: Ints
    bounds: Floats


def ladder(
    scores: Floats,
    correct: NDArray[np.bool_],
    delta: float,
    grid: Sequence[float] | None = None,
) -> Ladder:
    """Return what every threshold would have meant.

    Answers are accepted when `score >= threshold`, so equal scores enter together.

    Args:
        scores: Numbers in [0, 1]; in any order.
        correct: Whether each answer was right.
        delta: Of the bounds.
        grid: The thresholds to consider; every score that occurs if `None`.
    """
    rising = np.sort(scores)
    wrong = np.sort(scores[~correct])
    thresholds = np.unique(rising if grid is None else np.asarray(grid, dtype=float))[::-1]
    accepted = len(rising) - np.searchsorted(rising, thresholds, side="left")
    errors = len(wrong) - np.searchsorted(wrong, thresholds, side="left")
    return Ladder(thresholds, accepted, errors, upper_bounds(errors, accepted, delta))


class Walk(NamedTuple):
    """Where a walk down a ladder began and ended, as indices; `None` where there is no such rung.

    Attributes:
        first: The first threshold tried.
        last: The last that passed, which is the one to use.
        failed: The first that did not pass.
    """

    first: int | None
    last: int | None
    failed: int | None


def walk(rungs: Ladder, target_risk: float, min_accepted: int) -> Walk:
    """Try the thresholds from the highest down until one does not pass."""
    tried = np.flatnonzero(rungs.accepted >= min_accepted)
    if not tried.size:
        return Walk(None, None, None)
    first = int(tried[0])
    over = np.flatnonzero(rungs.bounds[tried] > target_risk)
    if not over.size:
        return Walk(first, int(tried[-1]), None)
    failed = int(tried[over[0]])
    return Walk(first, failed - 1 if failed > first else None, failed)
