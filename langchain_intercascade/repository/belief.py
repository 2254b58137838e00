"""What labels make one believe of the effect that a strategy has on the answers of a weak model.

A label says whether a weak answer was right, with the strategy in the prompt or
without it.  For each of the two the share of right answers has a Beta posterior;
the strategy's *effect* is their difference.  Most queries are tried both ways, and on most
of them nothing changes: that makes the difference much surer than either share.

Whether a strategy is worth its place is another question: for that it begins with credit, as
much as its like have earned elsewhere, which labels use up.  Where hardly any answer changes,
few labels do; where many change back and forth, it takes many.

A label that was drawn with probability p stands for 1/p answers, and is one
observation all the same.  So weights decide what the shares are, and their
*effective number* (Kish, Survey Sampling, 1965: the squared sum over the sum of
squares) decides how sure one can be of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from langchain_intercascade.strategy import Tally

CREDIT: Final = (0.2, 0.115)
"""Effect that a strategy is expected to have before anything is known of it: mean and deviation.

The mean is what was recorded of worked examples and memories on two dozen families of problems
(`benchmarks.usefulness`, whose figures are therefore no independent test of it).  The deviation
decides how many labels the credit lasts, and was chosen there as well.
"""


@dataclass(frozen=True, slots=True)
class Effect:
    """What is believed of the gain in accuracy that a strategy brings: mean and deviation."""

    mean: float
    deviation: float

    def above(self, gain: float) -> float:
        """Return the probability that the gain is larger than `gain`.

        Examples:
            >>> Effect(0.2, 0.1).above(0.2)
            0.5
        """
        # Of two Beta posteriors the difference is close enough to normal from a few labels on.
        return 0.5 * math.erfc((gain - self.mean) / (self.deviation * math.sqrt(2.0)))


def effect(tally: Tally) -> Effect:
    """Return what `tally` says: with Beta(1, 1) priors on both shares of right answers.

    What was tried both ways says how the two go together; their joint prior, of which those
    two are the margins, is Dirichlet(1/2, 1/2, 1/2, 1/2).

    Examples:
        >>> from langchain_intercascade.strategy import Tally
        >>> effect(Tally()).mean
        0.0
        >>> round(effect(Tally(right_with=8, wrong_with=0, wrong_without=8)).mean, 2)
        0.8
        >>> apart = Tally(right_with=4, wrong_with=4, right_without=4, wrong_without=4)
        >>> paired = apart.model_copy(update={"alike": 8.0})
        >>> [round(effect(each).deviation, 2) for each in (apart, paired)]
        [0.21, 0.1]
    """
    with_it, without = share_with(tally), share_without(tally)
    spread = with_it.variance + without.variance - 2.0 * _covariance(tally, with_it, without)
    return Effect(with_it.mean - without.mean, math.sqrt(spread))


def prospect(found: Effect) -> Effect:
    """Return what to expect of a strategy: what was `found`, beside the `CREDIT` it began with.

    Both are taken for normal, and weigh by how sure they are.

    Examples:
        >>> round(prospect(Effect(0.0, 0.115)).mean, 2)
        0.1
    """
    mean, deviation = CREDIT
    old, new = deviation**-2, found.deviation**-2
    return Effect((old * mean + new * found.mean) / (old + new), (old + new) ** -0.5)


class Share(NamedTuple):
    """What is believed of a share of right answers, after so many effective labels."""

    mean: float
    variance: float
    labels: float


def share_with(tally: Tally) -> Share:
    """Return what is believed of the share of right answers with the strategy in the prompt."""
    return _posterior(tally.right_with, tally.wrong_with, tally.squared_with)


def share_without(tally: Tally) -> Share:
    """Return what is believed of the share of right answers without it."""
    return _posterior(tally.right_without, tally.wrong_without, tally.squared_without)


def _weight_with(tally: Tally) -> float:
    return tally.right_with + tally.wrong_with


def _weight_without(tally: Tally) -> float:
    return tally.right_without + tally.wrong_without


def _posterior(right: float, wrong: float, squared: float) -> Share:
    """Return Beta(1 + right, 1 + wrong), after taking both down to the effective number."""
    # No label stands for less than one answer; a tally without squares is taken at its word.
    per_label = max(1.0, squared / (right + wrong)) if right + wrong else 1.0
    a, b = 1.0 + right / per_label, 1.0 + wrong / per_label
    # Rounded, so that three labels of one weight are three.
    return Share(a / (a + b), a * b / ((a + b) ** 2 * (a + b + 1.0)), round(a + b - 2.0, 6))


def _covariance(tally: Tally, with_it: Share, without: Share) -> float:
    """Return how far the two shares of right answers go together, by what was tried both ways.

    The difference varies, over such queries, by how often one of the two is right alone.  Half
    of what that is less than the two shares vary by themselves is their covariance.
    """
    pairs = tally.mended + tally.spoilt + tally.alike
    few, many = sorted((with_it.labels, without.labels))
    if not pairs or not few:
        return 0.0
    # Both shares hold all pairs, so the pairs are worth as many labels as the smaller at most.
    known = few * min(1.0, pairs / min(_weight_with(tally), _weight_without(tally)))
    shrunk = known / pairs
    up, down = ((0.5 + shrunk * n) / (known + 2.0) for n in (tally.mended, tally.spoilt))
    alone = sum(share.mean * (1.0 - share.mean) for share in (with_it, without))
    together = up + down - (up - down) ** 2
    return 0.5 * (alone - together) * (known / few) / (many + 3.0)
