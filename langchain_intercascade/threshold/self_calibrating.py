"""A threshold that finds itself in the cascade's own traffic, and watches over its promise.

In each regime it goes through three standings:

    cold ──certified──> serving ──alarm──> withdrawn ──recertify()──> cold

Cold, it defers everything, and every deferral shows whether the weak answer was right.
Serving, it accepts, and a random share of what it accepts has to be audited.  Withdrawn, it
defers everything again, because the audits have shown more errors than promised; it does
not drift back by itself, since what was certified before speaks about another world.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.label import Label
from langchain_intercascade.record import Regime
from langchain_intercascade.threshold.base import ALWAYS_DEFER, Cut, Threshold
from langchain_intercascade.threshold.bounds import checked_delta, checked_target
from langchain_intercascade.threshold.certification import PATIENCE, READY, Certification
from langchain_intercascade.threshold.monitor import RiskMonitor
from langchain_intercascade.threshold.outlook import outlook
from langchain_intercascade.threshold.watch import OnAbstain, Standing, Terms, Watch, WatchState

AUDIT_RATE: Final = 0.05
"""Share of accepted answers to audit: one strong call in twenty accepted answers."""

REGIMES: Final[tuple[Regime, ...]] = ("plain", "augmented")


class _State(BaseModel):
    """All that a self-calibrating threshold remembers, and under which terms it learnt it."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    version: Annotated[int, Field(ge=1, le=1)] = 1
    target_risk: float
    delta: float
    audit_rate: float
    on_abstain: OnAbstain
    regimes: dict[Regime, WatchState]


class SelfCalibrating(Threshold):
    """Certifies its own cut in each regime, and withdraws it when audits contradict it.

    The promise, for each time between two calls of `recertify`: with probability
    `1 - delta` no cut is ever served, in any regime, at which more than `target_risk` of the
    accepted answers would be wrong, as long as the traffic, the models and what the
    strategies do to them do not get worse.  If they do, the audits notice, the sooner the
    worse it is; with probability `1 - delta` they never raise a false alarm.

    It is told of weak answers through `observe`: of all deferred ones, and of accepted ones
    that were audited by lot, with a probability of at least `audit_rate`.  Where nobody can
    judge one, it counts as `on_abstain` says.  It may be used from several threads.

    Examples:
        >>> threshold = SelfCalibrating(0.1)
        >>> threshold.cut("plain").value
        'always_defer'
        >>> told = {"tenant": "", "weak_model": "", "regime": "plain", "confidence": 0.9}
        >>> for run in range(100):
        ...     threshold.observe(Label(run_id=str(run), correct=True, **told))
        >>> threshold.cut("plain").value, threshold.standing("plain")
        (0.9, 'serving')
        >>> threshold.standing("augmented")
        'cold'
    """

    def __init__(
        self,
        target_risk: float,
        *,
        delta: float = 0.1,
        audit_rate: float = AUDIT_RATE,
        regimes: Sequence[Regime] = REGIMES,
        ready: float = READY,
        patience: int = PATIENCE,
        on_abstain: OnAbstain = "wrong",
    ) -> None:
        """Start cold in every regime.

        Args:
            target_risk: Share of accepted answers that may be wrong, in (0, 1).
            delta: Probability that the promise fails, and also that a false alarm is ever
                raised, in (0, 0.5]; divided evenly among the regimes.
            audit_rate: The least probability with which accepted answers are audited, in
                (0, 1].
            regimes: The regimes that occur; in any other everything is deferred, and no part
                of `delta` is spent on it.
            ready: A certified threshold is served once it accepts this share of what looks
                possible; the larger, the later it begins and the more it accepts.
            patience: Number of labels after which whatever is certified is served.
            on_abstain: What an answer counts for that nobody could judge: as a `"wrong"` one,
                so that the promise covers every accepted answer, or for nothing (`"skip"`),
                so that it is about those that can be judged and no others.

        Raises:
            ConfigurationError: An argument is out of range.
        """
        if not regimes:
            msg = "regimes is empty: name at least one, such as 'plain'."
            raise ConfigurationError(msg)
        for name, share in (("audit_rate", audit_rate), ("ready", ready)):
            if not 0.0 < share <= 1.0:
                msg = f"{name}={share!r} must be above 0 and at most 1."
                raise ConfigurationError(msg)
        if patience < 1:
            msg = f"patience={patience!r} must be 1 or more."
            raise ConfigurationError(msg)
        self._delta = checked_delta(delta)
        self._terms = Terms(
            target_risk=checked_target(target_risk),
            delta=self._delta / len(regimes),
            audit_rate=audit_rate,
            ready=ready,
            patience=patience,
            on_abstain=checked_abstain(on_abstain),
        )
        self._lock = Lock()
        self._watches = {regime: Watch(regime, self._terms) for regime in regimes}

    @property
    def target_risk(self) -> float:
        """Share of accepted answers that may be wrong."""
        return self._terms.target_risk

    @property
    def audit_rate(self) -> float:
        """The least probability with which accepted answers have to be audited."""
        return self._terms.audit_rate

    @property
    def on_abstain(self) -> OnAbstain:
        """What an answer counts for that nobody could judge."""
        return self._terms.on_abstain

    def cut(self, regime: Regime) -> Cut:
        """Return what is served now; `ALWAYS_DEFER` while nothing is certified."""
        watch = self._watches.get(regime)
        if watch is None:
            return Cut(ALWAYS_DEFER, f"{regime} answers are not among the regimes that occur")
        return watch.cut()

    def standing(self, regime: Regime) -> Standing:
        """Return whether a regime is cold, serving or withdrawn."""
        watch = self._watches.get(regime)
        return "cold" if watch is None else watch.standing

    def standings(self) -> Mapping[Regime, str]:
        """Return the standing of each regime that occurs."""
        return {regime: watch.standing for regime, watch in self._watches.items()}

    def monitor(self, regime: Regime) -> RiskMonitor:
        """Return the monitor over the audits of a regime.

        Raises:
            ConfigurationError: The regime is not among those that occur.
        """
        return self._known(regime).monitor

    def certification(self, regime: Regime) -> Certification:
        """Return what a regime was certified on, or will be.

        Raises:
            ConfigurationError: The regime is not among those that occur.
        """
        return self._known(regime).certification

    def unjudged(self, regime: Regime) -> int:
        """Return how many labels of a regime nobody could judge.

        Raises:
            ConfigurationError: The regime is not among those that occur.
        """
        return self._known(regime).unjudged

    def observe(self, label: Label) -> None:
        """Learn from one label.

        Feedback is passed over: nobody knows who speaks up, so nothing sound follows.

        Raises:
            ConfigurationError: An audit was rarer than `audit_rate`.
        """
        watch = self._watches.get(label.regime)
        if watch is None:
            return
        if label.source == "audit" and label.probability < self.audit_rate:
            msg = (
                f"An audit had a probability of {label.probability!r}, below audit_rate="
                f"{self.audit_rate:g}: make the threshold with a rate that no audit falls below."
            )
            raise ConfigurationError(msg)
        with self._lock:
            watch.observe(label)

    def recertify(self, reason: str, regime: Regime | None = None) -> None:
        """Withdraw what is served and start cold, with a new promise.

        To be called when a model, a prompt or the confidence function has changed, and to
        recover after an alarm.

        Args:
            reason: Why, in a few words; it is shown as the threshold's origin.
            regime: In which regime; in all if `None`.

        Raises:
            ConfigurationError: The regime is not among those that occur.
        """
        chosen = list(self._watches) if regime is None else [regime]
        with self._lock:
            for each in chosen:
                self._watches[each] = self._known(each).renewed(reason)

    def words(self) -> list[str]:
        """Return sentences for people: what is promised now, on what data, what would loosen it."""
        return [sentence for regime in self._watches for sentence in outlook(self, regime)]

    def state(self) -> dict[str, Any]:
        """Return all there is to remember, as JSON-like data."""
        with self._lock:
            watches = {
                regime: WatchState.model_validate(watch.state())
                for regime, watch in self._watches.items()
            }
        return _State(
            target_risk=self.target_risk,
            delta=self._delta,
            audit_rate=self.audit_rate,
            on_abstain=self.on_abstain,
            regimes=watches,
        ).model_dump(mode="json")

    def restore(self, state: object) -> None:
        """Go on from a saved `state`; nothing changes if it is refused.

        Raises:
            ConfigurationError: It is no such state, or it was saved with another target
                risk, delta, audit rate, policy for what nobody could judge, or other regimes.
        """
        try:
            saved = _State.model_validate(state)
        except ValidationError as error:
            wrong = error.errors()[0]
            where = ".".join(map(str, wrong["loc"]))
            msg = f"This is no saved threshold ({where}: {wrong['msg']}); start without it."
            raise ConfigurationError(msg) from error
        self._check_same(saved)
        watches = {
            regime: Watch.restored(regime, self._terms, watch)
            for regime, watch in saved.regimes.items()
        }
        with self._lock:
            self._watches = watches

    def _check_same(self, saved: _State) -> None:
        now = {
            "target_risk": self.target_risk,
            "delta": self._delta,
            "audit_rate": self.audit_rate,
            "on_abstain": self.on_abstain,
        }
        then = saved.model_dump(include=set(now))
        found = [
            f"{name} was {then[name]!r} and is now {now[name]!r}"
            for name in now
            if then[name] != now[name]
        ]
        if set(saved.regimes) != set(self._watches):
            found.append(f"the regimes were {', '.join(sorted(saved.regimes))}")
        if found:
            msg = f"The saved threshold promises something else: {'; '.join(found)}. Recertify."
            raise ConfigurationError(msg)

    def _known(self, regime: Regime) -> Watch:
        if regime in self._watches:
            return self._watches[regime]
        msg = f"The regime {regime!r} is not among those that occur: {', '.join(self._watches)}."
        raise ConfigurationError(msg)


def checked_abstain(value: object) -> OnAbstain:
    """Return `value` as a policy for what nobody could judge.

    Raises:
        ConfigurationError: It is neither `"wrong"` nor `"skip"`.
    """
    if value == "wrong" or value == "skip":  # noqa: PLR1714 - so that the type is known
        return value
    msg = (
        f"on_abstain={value!r} must be 'wrong', so that an answer that nobody could judge counts "
        "against the promise, or 'skip', so that the promise does not speak about such answers."
    )
    raise ConfigurationError(msg)
