"""The contract of a threshold: what a score is compared with, and where that comes from.

A threshold is asked once per query for its `Cut`, and later told what was found out.
A fixed number never listens; a threshold that calibrates itself does.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from langchain_intercascade._steps import Steps, nothing
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.label import Label
from langchain_intercascade.record import Regime

if TYPE_CHECKING:
    from langchain_intercascade.threshold.binding import Binding

ALWAYS_DEFER: Final = "always_defer"
"""The threshold that accepts nothing: what calibration says when nothing is safe."""

ThresholdValue: TypeAlias = float | Literal["always_defer"]

ModelRole: TypeAlias = Literal["weak", "strong"]


@dataclass(frozen=True, slots=True)
class Cut:
    """A threshold's value for one query.

    Attributes:
        value: Lowest score that is still accepted, or `ALWAYS_DEFER`.
        origin: Where the value comes from, in words.
    """

    value: ThresholdValue
    origin: str

    def accepts(self, confidence: float) -> bool:
        """Say whether an answer of this confidence is accepted; ties are.

        Examples:
            >>> Cut(0.8, "fixed").accepts(0.8), Cut(ALWAYS_DEFER, "").accepts(1.0)
            (True, False)
        """
        # Written so that NaN is not accepted.
        return self.value != ALWAYS_DEFER and confidence >= self.value


class Threshold(ABC):
    """Decides the cut.

    Strategies shift the weak model's confidence, so the cut may differ between
    the plain and the augmented regime.
    """

    def check(  # noqa: B027 - most thresholds were made for any cascade
        self, here: Binding, fingerprint: Callable[[], Steps[str]] | None = None
    ) -> None:
        """Be told what it serves beside; only what was calibrated elsewhere minds.

        Args:
            here: The weak model, confidence function, prompts and encoder there are.
            fingerprint: Steps that tell which strategies are in use.

        Raises:
            ConfigurationError: It promises nothing beside these.
        """

    def preparing(self) -> Steps[None]:
        """Do, before a cut is asked for, what needs the outside world; most do nothing."""
        return nothing()

    def meeting(self, role: ModelRole, name: str) -> Steps[None]:
        """Be told under which name a model has just answered, before the next cut is asked for.

        Most do nothing: only what was certified about a model minds that it is another.

        Args:
            role: Which model.
            name: What it called itself; empty if it did not say.
        """
        del role, name
        return nothing()

    @abstractmethod
    def cut(self, regime: Regime) -> Cut:
        """Return what to compare the next score with."""

    def words(self) -> list[str]:
        """Say in sentences what is accepted now, and on what grounds."""
        regimes: tuple[Regime, ...] = ("plain", "augmented")
        return [_in_words(regime, self.cut(regime)) for regime in regimes]

    def standings(self) -> Mapping[Regime, str]:
        """Return how a promise stands, by regime; nothing where none is kept."""
        return {}

    def recertifying(self, reason: str) -> Steps[None]:
        """Start certification anew, where there is any.

        Raises:
            ConfigurationError: There is none.
        """
        del reason
        msg = f"{type(self).__name__} certifies nothing; only what `target_risk` makes does."
        raise ConfigurationError(msg)

    def observe(self, label: Label) -> None:  # noqa: B027 - most thresholds learn nothing
        """Be told how a weak answer was; a threshold that learns nothing ignores it."""


def _in_words(regime: Regime, cut: Cut) -> str:
    if cut.value == ALWAYS_DEFER:
        return f"Every {regime} answer is deferred ({cut.origin})."
    answers = f"{regime.capitalize()} answers"
    return f"{answers} are accepted from a confidence of {cut.value:g} on ({cut.origin})."


class FixedThreshold(Threshold):
    """The same number for every query."""

    def __init__(self, value: ThresholdValue, *, origin: str = "fixed") -> None:
        """Use `value`.

        Raises:
            ConfigurationError: It is neither in [0, 1] nor `ALWAYS_DEFER`.
        """
        self._cut = Cut(checked_threshold(value), origin)

    def cut(self, regime: Regime) -> Cut:  # noqa: ARG002 - the contract's argument
        """Return the number."""
        return self._cut


def checked_threshold(value: object) -> ThresholdValue:
    """Return `value` if a score can be compared with it.

    Raises:
        ConfigurationError: It is neither a number in [0, 1] nor `ALWAYS_DEFER`.
    """
    if value == ALWAYS_DEFER:
        return ALWAYS_DEFER
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and math.isfinite(value) and 0.0 <= value <= 1.0:  # type: ignore[arg-type,operator]  # a number here
        return float(value)  # type: ignore[arg-type]  # a number here
    msg = (
        f"threshold={value!r} cannot be compared with a confidence: it must be a number from 0 "
        "(accept every scored answer) to 1, or ALWAYS_DEFER."
    )
    raise ConfigurationError(msg)


def as_threshold(given: Threshold | ThresholdValue) -> Threshold:
    """Return `given` as a threshold."""
    return given if isinstance(given, Threshold) else FixedThreshold(given)
