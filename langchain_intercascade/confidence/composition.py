"""Confidence functions made of confidence functions: all of them, any, a mean, the cheap one first.

Wherever a part is expected, anything that `as_confidence` takes will do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from langchain_intercascade._steps import Steps, together
from langchain_intercascade.confidence.base import (
    Composite,
    Evidence,
    Score,
    score_of,
    unavailable,
)
from langchain_intercascade.confidence.custom import as_confidence
from langchain_intercascade.errors import ConfigurationError

if TYPE_CHECKING:
    from langchain_intercascade.confidence.base import ConfidenceFunction

Verdict: TypeAlias = Callable[[Sequence[Score]], Score]


def all_of(*parts: Any) -> ConfidenceFunction:
    """Return the confidence of the least sure part; unavailable if one of them is.

    Examples:
        >>> sure, unsure = as_confidence(lambda _: 0.9), as_confidence(lambda _: 0.2)
        >>> from langchain_core.messages import AIMessage
        >>> all_of(sure, unsure).invoke(Evidence("2 + 2?", [], AIMessage("4"))).value
        0.2
    """

    def least(scores: Sequence[Score]) -> Score:
        return score_of(min(score.value for score in scores if score.value is not None))

    return _Together(parts, least, name="all_of", needed=all)


def any_of(*parts: Any) -> ConfidenceFunction:
    """Return the confidence of the surest part that has one; unavailable if none has."""

    def greatest(scores: Sequence[Score]) -> Score:
        return score_of(max(score.value for score in scores if score.value is not None))

    return _Together(parts, greatest, name="any_of", needed=any)


def weighted(*pairs: tuple[Any, float]) -> ConfidenceFunction:
    """Return the weighted mean of the parts' scores; unavailable if one of them is.

    Args:
        pairs: Parts with their weights, which need not add up to 1.

    Raises:
        ConfigurationError: A weight is not a finite number above 0.
    """
    for _, weight in pairs:
        if not (isinstance(weight, int | float) and 0 < weight < math.inf):
            msg = (
                f"The weight {weight!r} must be a finite number above 0, such as 1: leave a part "
                "out that shall not count."
            )
            raise ConfigurationError(msg)
    weights = [weight for _, weight in pairs]
    total = math.fsum(weights)

    def mean(scores: Sequence[Score]) -> Score:
        pairs = zip(scores, weights, strict=True)
        parts = [score.value * (weight / total) for score, weight in pairs if score.value]
        return score_of(min(1.0, math.fsum(parts)))

    return _Together([part for part, _ in pairs], mean, name="weighted", needed=all)


def cheap_first(
    cheap: Any, costly: Any, *, grey: tuple[float, float] = (0.5, 0.95)
) -> ConfidenceFunction:
    """Ask `costly` only where `cheap` leaves the matter open: `low <= score < high`.

    Outside the grey zone the cheap score stands.  Inside, the costly score in [0, 1] is
    laid into the zone, low + (high - low) * score, so that the result orders all
    answers: below the zone, in it by `costly`, above it.  A threshold that should
    listen to `costly` lies inside the zone.  No cheap score counts as grey; no costly
    score makes a grey one unavailable.

    Raises:
        ConfigurationError: `grey` is not a low and a higher number in [0, 1].

    Examples:
        >>> from langchain_core.messages import AIMessage
        >>> gate = cheap_first(lambda _: 0.7, lambda _: 0.5, grey=(0.6, 0.8))
        >>> round(gate.invoke(Evidence("2 + 2?", [], AIMessage("4"))).value, 6)
        0.7
    """
    low, high = grey
    if not 0 <= low < high <= 1:  # true for NaN
        msg = f"grey={grey!r} must be a low and a higher number from 0 to 1."
        raise ConfigurationError(msg)
    return _CheapFirst(as_confidence(cheap), as_confidence(costly), low, high)


class _Together(Composite):
    """Asks all parts at once, and lets `verdict` make one score of theirs."""

    def __init__(
        self, parts: Sequence[Any], verdict: Verdict, *, name: str, needed: Callable[..., bool]
    ) -> None:
        if not parts:
            msg = f"{name}() was given nothing: it needs at least one confidence function."
            raise ConfigurationError(msg)
        several = [as_confidence(part) for part in parts]
        names = ", ".join(part.method for part in several)
        super().__init__(several, method=f"{name}({names})")
        self._verdict, self._needed = verdict, needed

    def scoring(self, evidence: Evidence) -> Steps[Score]:
        """Ask all parts."""
        scores = yield from together([part.scoring(evidence) for part in self.parts])
        if self._needed(score.value is not None for score in scores):
            return self._verdict(scores)
        named = zip(self.parts, scores, strict=True)
        missing = [f"{part.method}: {score.reason}" for part, score in named if score.reason]
        return unavailable("; ".join(missing))


class _CheapFirst(Composite):
    """See `cheap_first`."""

    def __init__(
        self, cheap: ConfidenceFunction, costly: ConfidenceFunction, low: float, high: float
    ) -> None:
        super().__init__((cheap, costly), method=f"cheap_first({cheap.method}, {costly.method})")
        self._low, self._high = low, high

    def scoring(self, evidence: Evidence) -> Steps[Score]:
        """Ask the cheap part, and the costly one if need be."""
        cheap, costly = self.parts
        first = yield from cheap.scoring(evidence)
        if first.value is not None and not self._low <= first.value < self._high:
            return score_of(first.value)
        second = yield from costly.scoring(evidence)
        if second.value is None:
            return unavailable(f"{costly.method}: {second.reason}")
        return score_of(min(self._high, self._low + (self._high - self._low) * second.value))
