"""Does the promise still hold? A watch over audited answers that may be read at any time.

The audited answers are a random share of the accepted ones.  The monitor bets against
"their risk is at most the target" and raises the alarm once it has become rich (`wealth`
says why that is proof).  It may run for ever and be read after every answer:
the probability that it *ever* raises a false alarm is at most `alpha`.

A risk that rises late has to be seen although much wealth was lost before.  So half of the
money is kept back and staked anew from later and later answers on, with ever smaller parts:
bets that begin at the right time need not first make good old losses (mixtures over the
time of change; Shin, Ramdas and Rinaldo 2022, "E-detectors").
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.threshold.bounds import checked_delta, checked_target
from langchain_intercascade.threshold.wealth import BOLDNESS, log_gain, log_mean, log_sum

EVERY: Final = 10
"""New bets are opened every so many answers; rarer, each gets more money."""

PRECISION: Final = 1e-6
"""To which the bounds are computed, always outwards."""


class RiskMonitor:
    """Holds anytime-valid bounds on the risk of accepted answers, and raises an alarm.

    Answers must be chosen for labelling by lot.  With one and the same probability for all,
    leave `weight` at 1.  With different ones give each answer `weight=1 / probability`, and
    the largest that can occur as `max_weight`; answers that were not chosen are not reported.

    The bounds are about the mean risk over all that was observed, each alone with confidence
    `1 - alpha` at all times at once.  The alarm is about the risk at any time.

    Examples:
        >>> monitor = RiskMonitor(target_risk=0.1, alpha=0.05)
        >>> for _ in range(30):
        ...     monitor.observe(0.0)
        >>> round(monitor.upper, 2), monitor.alarm
        (0.15, False)
        >>> for _ in range(10):
        ...     monitor.observe(1.0)
        >>> monitor.alarm, monitor.alarmed_at
        (True, 34)
    """

    def __init__(self, target_risk: float, alpha: float = 0.05, *, max_weight: float = 1.0) -> None:
        """Watch for a risk above `target_risk`.

        Args:
            target_risk: Share of accepted answers that may be wrong, in (0, 1).
            alpha: Probability of ever raising a false alarm, in (0, 0.5].
            max_weight: The largest weight that will be given; at least 1.

        Raises:
            ConfigurationError: An argument is out of range.
        """
        if not (math.isfinite(max_weight) and max_weight >= 1.0):
            msg = f"max_weight={max_weight!r} must be a finite number, 1 or more."
            raise ConfigurationError(msg)
        self._target, self._alpha = checked_target(target_risk), checked_delta(alpha)
        self._max_weight = float(max_weight)
        self._n = 0
        self._counts: dict[tuple[float, float], int] = {}
        self._opened = [-math.inf] * len(BOLDNESS)
        self._lower, self._upper = 0.0, 1.0
        self._alarmed_at: int | None = None

    @property
    def target_risk(self) -> float:
        """The risk above which the alarm is raised."""
        return self._target

    @property
    def alpha(self) -> float:
        """Probability of ever raising a false alarm."""
        return self._alpha

    @property
    def n(self) -> int:
        """Number of answers observed."""
        return self._n

    @property
    def alarm(self) -> bool:
        """Whether the risk was shown to exceed the target; once raised it stays."""
        return self._alarmed_at is not None

    @property
    def alarmed_at(self) -> int | None:
        """After how many answers the alarm was raised; `None` if it was not."""
        return self._alarmed_at

    @property
    def lower(self) -> float:
        """What the mean risk is not below; never falls."""
        pairs = [(loss, v, count) for (loss, v), count in self._counts.items()]
        self._lower = max(self._lower, self._refuted_up_to(pairs))
        return self._lower

    @property
    def upper(self) -> float:
        """What the mean risk does not exceed; never rises."""
        pairs = [(1.0 - loss, v, count) for (loss, v), count in self._counts.items()]
        self._upper = min(self._upper, 1.0 - self._refuted_up_to(pairs))
        return self._upper

    def observe(self, loss: float, weight: float = 1.0) -> None:
        """Take note of one labelled answer.

        Args:
            loss: How wrong it was, in [0, 1]; 1 for a wrong answer.
            weight: One over the probability with which it was chosen to be labelled, or 1
                for all if that is always the same.

        Raises:
            ConfigurationError: A number is out of range.
        """
        if not 0.0 <= loss <= 1.0:
            msg = f"loss={loss!r} must lie in [0, 1]: 0 for a right answer, 1 for a wrong one."
            raise ConfigurationError(msg)
        if not 0.0 < weight <= self._max_weight:
            msg = (
                f"weight={weight!r} must be above 0 and at most max_weight={self._max_weight:g}, "
                "which has to be known before the first answer."
            )
            raise ConfigurationError(msg)
        key = (float(loss), weight / self._max_weight)
        fresh = self._fresh_money()
        self._n += 1
        self._counts[key] = self._counts.get(key, 0) + 1
        self._opened = [
            _plus(money, fresh) + log_gain(boldness, key[0], self._target, key[1])
            for boldness, money in zip(BOLDNESS, self._opened, strict=True)
        ]
        if self._alarmed_at is None and self.log_wealth >= -math.log(self._alpha):
            self._alarmed_at = self._n

    @property
    def log_wealth(self) -> float:
        """Logarithm of the wealth won by betting against the promise, with what is kept back."""
        if not self._counts:
            return 0.0
        return log_sum([log_mean(self._opened), math.log(_kept_back(self._n))])

    def _fresh_money(self) -> float:
        """Return the logarithm of the money that the next answer's new bets are given."""
        n = self._n
        spent = _kept_back(n) - _kept_back(n + 1) if n else 1.0 - _kept_back(1)
        return math.log(spent) if spent > 0.0 else -math.inf

    def _refuted_up_to(self, pairs: list[tuple[float, float, int]]) -> float:
        """Return the largest claim "the mean is at most m" that the bets have refuted."""
        if not any(loss for loss, _, _ in pairs):
            return 0.0
        low, high = 0.0, 1.0
        # The wealth falls as the claim rises, so halving the interval finds the place.
        while high - low > PRECISION:
            claim = (low + high) / 2
            refuted = _log_wealth(pairs, claim) >= -math.log(self._alpha)
            low, high = (claim, high) if refuted else (low, claim)
        return low

    def state(self) -> dict[str, Any]:
        """Return all there is to remember, as JSON-like data."""
        return _State(
            version=1,
            target_risk=self._target,
            alpha=self._alpha,
            max_weight=self._max_weight,
            counts=[(loss, v, count) for (loss, v), count in self._counts.items()],
            opened=list(self._opened) if self._counts else [],
            bounds=(self._lower, self._upper),
            alarmed_at=self._alarmed_at,
        ).model_dump(mode="json")

    @classmethod
    def restored(cls, state: object) -> RiskMonitor:
        """Return the monitor whose `state` was saved.

        Raises:
            ConfigurationError: It is no such state, or one of another version.
        """
        try:
            saved = _State.model_validate(state)
        except ValidationError as error:
            wrong = error.errors()[0]
            where = ".".join(map(str, wrong["loc"]))
            msg = f"This is no saved monitor ({where}: {wrong['msg']}); start a new one."
            raise ConfigurationError(msg) from error
        monitor = cls(saved.target_risk, saved.alpha, max_weight=saved.max_weight)
        monitor._counts = {(loss, v): count for loss, v, count in saved.counts}
        monitor._n = sum(monitor._counts.values())
        monitor._opened = saved.opened or monitor._opened
        monitor._lower, monitor._upper = saved.bounds
        monitor._alarmed_at = saved.alarmed_at
        return monitor


_Share = Annotated[float, Field(ge=0, le=1)]


class _State(BaseModel):
    """A monitor as it is saved."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    version: Annotated[int, Field(ge=1, le=1)]
    target_risk: _Share
    alpha: _Share
    max_weight: Annotated[float, Field(ge=1)]
    counts: list[tuple[_Share, _Share, Annotated[int, Field(ge=1)]]]
    opened: list[float]
    bounds: tuple[_Share, _Share]
    alarmed_at: Annotated[int, Field(ge=1)] | None


def _kept_back(n: int) -> float:
    """Return the share of the money not yet staked after `n` answers.

    Half is staked from the start, the rest in parts of 1/(b (b + 1)) of it every `EVERY`
    answers, which add up to all of it in the end.
    """
    blocks = (n - 1) // EVERY
    return 0.5 / (blocks + 1)


def _plus(log: float, more: float) -> float:
    """Return the logarithm of a sum, of which either part may be nothing."""
    if more == -math.inf:
        return log
    return more if log == -math.inf else log_sum([log, more])


def _log_wealth(pairs: list[tuple[float, float, int]], claim: float) -> float:
    return log_mean(
        [
            math.fsum(count * log_gain(boldness, loss, claim, v) for loss, v, count in pairs)
            for boldness in BOLDNESS
        ]
    )
