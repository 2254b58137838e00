"""How high may the true risk be, after so many errors in so many answers? Exact, for a fixed n.

These are the one-sided Clopper-Pearson bounds (Clopper and Pearson 1934, "The use of
confidence or fiducial limits"; in cascades Jung et al. 2025, "Trust or Escalate"): the largest
risk under which so few errors would still have had probability `delta`.  They need
answers that are drawn independently from the traffic they speak about, and a number
of answers that was not chosen by looking at the errors; for looking again and again see
`monitor`.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langchain_intercascade.errors import ConfigurationError

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]


def upper_bound(errors: int, n: int, delta: float) -> float:
    """Return what the true risk does not exceed, with confidence `1 - delta`.

    Never below the empirical risk `errors / n`; falls as `n` grows, rises with `errors`.
    No answers at all, or nothing but errors, allow any risk: the bound is 1.

    Args:
        errors: How many of the answers were wrong.
        n: How many answers there were.
        delta: Probability with which the bound may be too low, in (0, 0.5].

    Raises:
        ConfigurationError: The counts or `delta` make no sense.

    Examples:
        >>> round(upper_bound(0, 22, 0.1), 4), round(upper_bound(10, 100, 0.05), 3)
        (0.0994, 0.164)
        >>> upper_bound(0, 0, 0.1), upper_bound(3, 3, 0.1)
        (1.0, 1.0)
    """
    return float(upper_bounds([_count("errors", errors)], [_count("n", n)], delta)[0])


def lower_bound(errors: int, n: int, delta: float) -> float:
    """Return what the true risk is not below, with confidence `1 - delta`.

    The mirror image of `upper_bound`: 0 without errors, never above the empirical risk.

    Raises:
        ConfigurationError: The counts or `delta` make no sense.

    Examples:
        >>> round(lower_bound(10, 100, 0.05), 4), lower_bound(0, 0, 0.05)
        (0.0553, 0.0)
    """
    right = _count("n", n) - _count("errors", errors)
    return 1.0 - float(upper_bounds([right], [n], delta)[0])


def upper_bounds(errors: ArrayLike, n: ArrayLike, delta: float) -> Floats:
    """Return `upper_bound` for many pairs of counts at once, in the shape of `n`.

    Raises:
        ConfigurationError: The counts or `delta` make no sense.
    """
    from scipy.stats import beta  # noqa: PLC0415 - slow to import, and needed only here

    wrong, total = np.asarray(errors, dtype=np.int64), np.asarray(n, dtype=np.int64)
    level = checked_delta(delta)
    if (bad := (wrong < 0) | (wrong > total)).any():
        first = [int(np.broadcast_to(each, bad.shape)[bad][0]) for each in (wrong, total)]
        msg = (
            "There must be no fewer than 0 errors and no more errors than answers, not "
            f"{first[0]} of {first[1]}. See whether they are the right way round."
        )
        raise ConfigurationError(msg)
    right = total - wrong
    # The quantile is undefined where nothing was right; there the bound is 1.
    quantiles = beta.ppf(1.0 - level, wrong + 1, np.maximum(right, 1))
    return np.where(right > 0, quantiles, 1.0).astype(np.float64)


def fewest_faultless(target_risk: float, delta: float) -> int:
    """Return the least number of answers, all right, whose bound is at most `target_risk`.

    About `log(delta) / log(1 - target_risk)`.

    Raises:
        ConfigurationError: `target_risk` or `delta` is out of range.

    Examples:
        >>> fewest_faultless(0.1, 0.1), fewest_faultless(0.05, 0.05)
        (22, 59)
    """
    target, level = checked_target(target_risk), checked_delta(delta)
    n = max(1, math.floor(math.log(level) / math.log1p(-target)))
    # The same bound decides here and in calibration, so rounding cannot set them at odds.
    while upper_bound(0, n, level) > target:
        n += 1
    return n


def checked_target(value: object) -> float:
    """Return `value` as a target risk.

    Raises:
        ConfigurationError: It is not a number between 0 and 1, both excluded.
    """
    if _is_number(value) and 0.0 < value < 1.0:  # type: ignore[operator]  # a number here
        return float(value)  # type: ignore[arg-type]  # as above
    msg = (
        f"target_risk={value!r} cannot be promised: it is the share of accepted answers that may "
        "be wrong, a number above 0 and below 1, such as 0.1."
    )
    raise ConfigurationError(msg)


def checked_delta(value: object) -> float:
    """Return `value` as a probability with which a promise may fail.

    Raises:
        ConfigurationError: It is not a number above 0 and at most 0.5.
    """
    if _is_number(value) and 0.0 < value <= 0.5:  # type: ignore[operator]  # noqa: PLR2004 - a number here; half
        return float(value)  # type: ignore[arg-type]  # as above
    msg = (
        f"delta={value!r} is no probability of failure that a promise could have: it must be above "
        "0 and at most 0.5, such as 0.1."
    )
    raise ConfigurationError(msg)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _count(name: str, value: int) -> int:
    if isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= 0:
        return int(value)
    msg = f"{name}={value!r} is no count: it must be a whole number, 0 or more."
    raise ConfigurationError(msg)
