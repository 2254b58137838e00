"""Evidence as money: how rich would a gambler be who doubts a claim about the risk?

Betting against a claim that is true cannot be expected to win.  Wealth that starts at 1 and
is bet on each new answer therefore exceeds `1 / alpha` at *any* time with a probability of
at most `alpha` while the claim is true (Ville's inequality, 1939).  So it may be looked at
after every answer, and the first look at which it is that large refutes the claim.

The bets are those of Waudby-Smith and Ramdas 2023, "Estimating means of bounded random
variables by betting" (JRSS-B): against "the risk is at most m", an answer with loss l in
[0, 1] multiplies the wealth by `1 + c (l / m - 1)`; against "at least m" by
`1 + c ((1 - l) / (1 - m) - 1)`.  How bold to be, c, is not known beforehand, so the money is
divided among several gamblers.  An answer that was labelled with probability p counts in
proportion to `1 / p`, scaled to a weight v of at most 1: `1 + c v (l / m - 1)` (importance
weights; Karampatziakis, Mineiro and Ramdas 2021, "Off-policy confidence sequences";
Waudby-Smith et al. 2022, "Anytime-valid off-policy inference for contextual bandits").
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

BOLDNESS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 0.95)
"""How much of its money each gambler stakes on one answer; all start with equal parts.

Against a claim m the best stake is `(risk - m) / (1 - m)` if the risk is higher and
`1 - risk / m` if it is lower, so steps of about two leave none far from the best. None
stakes all, or one answer could ruin it.
"""


def log_gain(boldness: float, loss: float, claim: float, weight: float = 1.0) -> float:
    """Return the logarithm of what one answer multiplies the wealth by.

    Args:
        boldness: Share of the money at stake, in [0, 1).
        loss: How wrong the answer was, in [0, 1].
        claim: The claimed upper limit of the mean loss, in (0, 1].
        weight: Importance of the answer, in (0, 1].
    """
    return math.log1p(boldness * weight * (loss / claim - 1.0))


def log_sum(logs: Iterable[float]) -> float:
    """Return the logarithm of the sum of what `logs` are logarithms of.

    Examples:
        >>> round(log_sum([-1000.0, -1000.0]), 3)
        -999.307
    """
    given = list(logs)
    top = max(given)
    return top + math.log(math.fsum(math.exp(each - top) for each in given))


def log_mean(logs: Sequence[float]) -> float:
    """Return the logarithm of the mean wealth of gamblers that started with equal parts."""
    return log_sum(logs) - math.log(len(logs))
