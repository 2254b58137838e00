"""This is where a 95 % interval comes from: a bootstrap over families, or over questions.

Questions of one family succeed and fail together, and a question that was asked under
three seeds is one piece of evidence, not three; so what is drawn is families, or else
questions, with everything that belongs to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from langchain_intercascade.evaluation.arms import Outcome

DRAWS: Final = 400
"""Bootstrap draws: the ends of a 95 % interval then move by about a hundredth of its width."""

Floats: TypeAlias = NDArray[np.float64]
Interval: TypeAlias = tuple[float, float]


class Resampling:
    """Draws of the units of some outcomes, the same for everything that is asked of them.

    Attributes:
        resampled: What is drawn: "families" or "questions".
    """

    def __init__(self, outcomes: Sequence[Outcome], *, seed: int, draws: int = DRAWS) -> None:
        """Draw with `seed`, `draws` times."""
        self._units, self.resampled = _units(outcomes)
        count = int(self._units.max()) + 1
        chances = np.full(count, 1 / count)
        drawn = np.random.default_rng(seed).multinomial(count, chances, size=draws)
        self._times = drawn.astype(float)

    def sums(self, values: Floats) -> Floats:
        """Return the sum of `values`, one for each outcome, in each draw."""
        by_unit = np.bincount(self._units, weights=values, minlength=self._times.shape[1])
        summed: Floats = self._times @ by_unit
        return summed

    @cached_property
    def weights(self) -> Floats:
        """How often each outcome is in each draw, as draws by outcomes."""
        weights: Floats = self._times[:, self._units]
        return weights


def quotients(above: Floats, below: Floats) -> Floats:
    """Divide; NaN where there is nothing to divide by."""
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)


def interval(value: float | None, drawn: Floats | None) -> Interval | None:
    """Return the 95 % percentile interval, widened where needed to hold the value itself."""
    if value is None or drawn is None:
        return None
    defined = drawn[~np.isnan(drawn)]
    if not defined.size:
        return value, value
    low, high = np.percentile(defined, [2.5, 97.5])
    return min(float(low), value), max(float(high), value)


def _units(outcomes: Sequence[Outcome]) -> tuple[NDArray[np.intp], str]:
    """Return the number of the unit that each outcome belongs to, and what the units are."""
    families = [o.family for o in outcomes]
    if None not in families and len(set(families)) > 1:
        return np.unique(np.array(families), return_inverse=True)[1], "families"
    if all(o.key for o in outcomes):
        keys = np.array([o.key for o in outcomes])
        return np.unique(keys, return_inverse=True)[1], "questions"
    return np.arange(len(outcomes)), "questions"
