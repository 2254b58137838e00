"""Does a strategy help this weak model?  What is believed after so many labels, and what follows.

A label says whether a weak answer was right, with the strategy in the prompt or
without it.  For each of the two the share of right answers has a Beta posterior;
the strategy's *effect* is their difference.  Nothing is believed of a strategy
without labels: its usefulness is one half.

A label that was drawn with probability p stands for 1/p answers, and is one
observation all the same.  So weights decide what the shares are, and their
*effective number* (Kish, Survey Sampling, 1965: the squared sum over the sum of
squares) decides how sure one can be of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from langchain_intercascade.repository.lifecycle import suspended
from langchain_intercascade.strategy import State, Tally

if TYPE_CHECKING:
    from langchain_intercascade.strategy import Strategy

PROBATION: Final = 3
"""Effective labels with the strategy before which nobody is condemned.

The surveyed memories strike out after three, too.  However often it goes well without: that
alone says nothing about the strategy.
"""

SURE: Final = 0.9
"""Probability from which on a strategy counts as harmful."""

WORTH: Final = 0.05
"""Least gain in accuracy for which a strategy is worth its tokens."""

USELESS_AFTER: Final = 20.0
"""Effective labels before which a strategy that does nothing is not taken out of use for it.

Chosen together with `DOUBT` on the recordings of `benchmarks.usefulness`, whose figures are
therefore no independent test of the two.  Asking for more certainty after fewer labels does
worse twice: what does nothing stays in use, because an effect near 0 is never that certain, and
what helps is condemned by its first few labels.
"""

DOUBT: Final = 0.5
"""Probability from which on a strategy counts as useless: it is more likely so than not.

The price is that of the strategies that help one query in ten a good part is given up, too.
"""

COMPARED: Final = 2.0
"""Effective labels without the strategy before which nobody knows what it is compared with."""

Standing: TypeAlias = Literal["unknown", "helpful", "useless", "harmful"]


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

    Examples:
        >>> effect(Tally()).mean
        0.0
        >>> round(effect(Tally(right_with=8, wrong_with=0, wrong_without=8)).mean, 2)
        0.8
    """
    with_it, without = _with_it(tally), _without(tally)
    return Effect(with_it.mean - without.mean, math.sqrt(with_it.variance + without.variance))


def usefulness(strategy: Strategy, weak_model: str) -> float:
    """Return the probability that `strategy` helps `weak_model`, in [0, 1]; .5 if unknown."""
    tally = strategy.ledger.get(weak_model)
    return 0.5 if tally is None else effect(tally).above(0.0)


def standing(tally: Tally) -> Standing:
    """Say what `tally` makes of a strategy.

    As long as hardly anything is known of how it goes without, the strategy is compared
    with a model that is always wrong: then only one with which it is wrong, too, is useless.
    """
    with_it, without = _with_it(tally), _without(tally)
    if with_it.labels < PROBATION:
        return "unknown"
    believed, known = effect(tally), with_it.labels
    if compared := without.labels >= COMPARED:
        known = min(known, without.labels)
    else:
        believed = Effect(with_it.mean, math.sqrt(with_it.variance))
    if compared and 1.0 - believed.above(0.0) >= SURE:
        return "harmful"
    if known >= USELESS_AFTER and _representative(tally) and believed.above(WORTH) <= 1.0 - DOUBT:
        return "useless"
    return "helpful" if compared and believed.above(0.0) >= SURE else "unknown"


def counted(
    strategy: Strategy,
    weak_model: str,
    *,
    with_it: bool | None = None,
    without: bool | None = None,
    weight: float = 1.0,
    share: float = 1.0,
    accepted: bool = False,
) -> Strategy:
    """Return `strategy` with one more label; one that proves harmful or useless is suspended.

    Args:
        strategy: What was in the prompt, or would have been.
        weak_model: Who answered.
        with_it: Whether the answer with the strategy was right; `None` if there was none.
        without: Whether the answer without it was right; `None` if there was none.
        weight: What the label stands for: one over the probability that it was drawn.
        share: How much of it is this strategy's merit, where several were in the prompt.
        accepted: Whether the answer with the strategy was accepted.
    """
    marks = _marks(with_it, without, weight, share, accepted=accepted)
    old = strategy.ledger.get(weak_model, Tally())
    tally = old.model_copy(update={name: getattr(old, name) + n for name, n in marks.items()})
    noted = strategy.changed(ledger={**strategy.ledger, weak_model: tally})
    verdict = standing(tally)
    if strategy.state is State.ACTIVE and verdict in ("harmful", "useless"):
        return suspended(noted, _reason(verdict, weak_model, tally))
    return noted


def discounted(
    strategy: Strategy,
    weak_model: str,
    *,
    with_it: bool | None = None,
    without: bool | None = None,
    weight: float = 1.0,
    share: float = 1.0,
    accepted: bool = False,
) -> Strategy:
    """Return `strategy` without a label that had been `counted` with the same arguments.

    Its state stays what it is.
    """
    marks = _marks(with_it, without, weight, share, accepted=accepted)
    old = strategy.ledger.get(weak_model, Tally())
    # Below 0 there is only what sums of fractions leave over.
    less = {name: max(type(n)(0), getattr(old, name) - n) for name, n in marks.items()}
    tally = old.model_copy(update=less)
    return strategy.changed(ledger={**strategy.ledger, weak_model: tally})


def _marks(
    with_it: bool | None,  # noqa: FBT001 - a verdict, not a switch; likewise the next
    without: bool | None,  # noqa: FBT001
    weight: float,
    share: float,
    *,
    accepted: bool,
) -> dict[str, float]:
    """Return what one label adds to each number of a tally."""
    heft, square = weight * share, weight * weight * share
    return {
        "right_with": heft * (with_it is True),
        "wrong_with": heft * (with_it is False),
        "right_without": heft * (without is True),
        "wrong_without": heft * (without is False),
        "squared_with": square * (with_it is not None),
        "squared_without": square * (without is not None),
        "accepted": weight * (accepted and with_it is not None),
        "labels": 1,
    }


def used(strategy: Strategy, weak_model: str, *, uses: int, saved: float) -> Strategy:
    """Return `strategy` with what it did in use: how often it was shown, and dollars it saved."""
    old = strategy.ledger.get(weak_model, Tally())
    tally = old.model_copy(update={"uses": old.uses + uses, "saved": old.saved + saved})
    return strategy.changed(ledger={**strategy.ledger, weak_model: tally})


def saving(strategy: Strategy, weak_model: str, *, always_strong: float, spent: float) -> float:
    """Return the dollars that one accepted answer with `strategy` has saved.

    Without the strategy the query might have been accepted too, so only the share
    that the strategy is believed to have turned counts: its effect, from 0 to 1.
    """
    turned = min(1.0, max(0.0, effect(strategy.ledger.get(weak_model, Tally())).mean))
    return turned * (always_strong - spent)


def net_benefit(strategy: Strategy) -> float:
    """Return the dollars that `strategy` has saved, less what it cost to make (0 if unknown)."""
    return sum(tally.saved for tally in strategy.ledger.values()) - (strategy.cost or 0.0)


def worth_keeping(strategy: Strategy) -> tuple[float, float, float, int]:
    """Return what to order strategies by when some have to go: the least goes first.

    Net benefit counts first; then how useful it is believed to be to anybody, how
    often it was shown, and how many deferrals taught it.
    """
    uses = sum(tally.uses for tally in strategy.ledger.values())
    believed = max((effect(tally).above(0.0) for tally in strategy.ledger.values()), default=0.5)
    return net_benefit(strategy), believed, float(uses), strategy.support


def has_paid_off(strategy: Strategy) -> bool | None:
    """Say whether `strategy` has saved what it cost; `None` if its cost is unknown."""
    return None if strategy.cost is None else net_benefit(strategy) >= 0.0


class _Share(NamedTuple):
    """What is believed of a share of right answers, after so many effective labels."""

    mean: float
    variance: float
    labels: float


def _with_it(tally: Tally) -> _Share:
    return _posterior(tally.right_with, tally.wrong_with, tally.squared_with)


def _without(tally: Tally) -> _Share:
    return _posterior(tally.right_without, tally.wrong_without, tally.squared_without)


def _posterior(right: float, wrong: float, squared: float) -> _Share:
    """Return Beta(1 + right, 1 + wrong), after taking both down to the effective number."""
    # No label stands for less than one answer; a tally without squares is taken at its word.
    per_label = max(1.0, squared / (right + wrong)) if right + wrong else 1.0
    a, b = 1.0 + right / per_label, 1.0 + wrong / per_label
    # Rounded, so that three labels of one weight are three.
    return _Share(a / (a + b), a * b / ((a + b) ** 2 * (a + b + 1.0)), round(a + b - 2.0, 6))


def _representative(tally: Tally) -> bool:
    """Say whether the labels stand for the accepted answers, too, or nearly only for deferrals.

    An answer is deferred where the strategy did not help; who looks only there finds every
    strategy useless.
    """
    return 2.0 * tally.accepted >= tally.uses


def _reason(verdict: Standing, weak_model: str, tally: Tally) -> str:
    believed = effect(tally)
    return (
        f"{verdict} to {weak_model}: it is believed to change the share of right answers by "
        f"{believed.mean:+.2f} +- {believed.deviation:.2f}, after {tally.labels} labels"
    )
