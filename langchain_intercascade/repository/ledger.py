"""Does a strategy help this weak model?  What is believed after so many labels, and what follows.

Labels are counted by strategy and weak model, and `belief` says what they make of its effect.
One that proves harmful, or not worth its tokens, is taken out of use.  Nothing is believed of
a strategy without labels: its usefulness is one half.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from langchain_intercascade.errors import how_many
from langchain_intercascade.repository.belief import (
    Effect,
    effect,
    prospect,
    share_with,
    share_without,
)
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

WORTH: Final = 0.08
"""Least gain in accuracy for which a strategy is worth its tokens, and the labels it takes to know.

A lower bar keeps more of those that help one query in ten, and with them families whose answers
only change back and forth (decision 0016).
"""

DOUBT: Final = 0.5
"""Probability from which on a strategy is not worth its tokens: it is more likely so than not."""

PROVEN: Final = 0.9
"""Probability of being worth its tokens from which on a strategy needs no closer look."""

COMPARED: Final = 2.0
"""Effective labels without the strategy before which nobody knows what it is compared with."""

Standing: TypeAlias = Literal["unknown", "helpful", "useless", "harmful"]


def usefulness(strategy: Strategy, weak_model: str) -> float:
    """Return the probability that `strategy` helps `weak_model`, in [0, 1]; .5 if unknown."""
    tally = strategy.ledger.get(weak_model)
    return 0.5 if tally is None else effect(tally).above(0.0)


def standing(tally: Tally) -> Standing:
    """Say what `tally` makes of a strategy.

    It is condemned once its `prospect` is not worth its tokens: as harmful, if the labels
    alone say so, and else as useless.  As long as hardly anything is known of how it goes
    without, the strategy is compared with a model that is always wrong: then only one with
    which it is wrong, too, is useless.
    """
    with_it, without = share_with(tally), share_without(tally)
    if with_it.labels < PROBATION:
        return "unknown"
    compared = without.labels >= COMPARED
    found = effect(tally) if compared else Effect(with_it.mean, math.sqrt(with_it.variance))
    if prospect(found).above(WORTH) <= 1.0 - DOUBT:
        if compared and 1.0 - found.above(0.0) >= SURE:
            return "harmful"
        return "useless" if _representative(tally) else "unknown"
    return "helpful" if compared and found.above(0.0) >= SURE else "unknown"


def proven(tally: Tally) -> bool:
    """Say whether a strategy is known to be worth its tokens, so that no closer look is needed.

    Examples:
        >>> one = {"right_with": 1.0, "wrong_without": 1.0, "mended": 1.0, "labels": 1}
        >>> [proven(Tally(**{name: n * many for name, n in one.items()})) for many in (1, 3)]
        [False, True]
    """
    known = share_with(tally).labels >= PROBATION and share_without(tally).labels >= COMPARED
    return known and prospect(effect(tally)).above(WORTH) >= PROVEN


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
    both = heft * (with_it is not None and without is not None)
    return {
        "right_with": heft * (with_it is True),
        "wrong_with": heft * (with_it is False),
        "right_without": heft * (without is True),
        "wrong_without": heft * (without is False),
        "squared_with": square * (with_it is not None),
        "squared_without": square * (without is not None),
        "mended": both * (with_it is True and without is False),
        "spoilt": both * (with_it is False and without is True),
        "alike": both * (with_it is without),
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
        f"{believed.mean:+.2f} +- {believed.deviation:.2f}, after {how_many(tally.labels, 'label')}"
    )
