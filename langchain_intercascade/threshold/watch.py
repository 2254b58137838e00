"""One regime of a self-calibrating threshold: what it was certified on, and who watches over it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from langchain_intercascade.errors import how_many
from langchain_intercascade.label import Label
from langchain_intercascade.record import Regime
from langchain_intercascade.threshold.base import ALWAYS_DEFER, Cut
from langchain_intercascade.threshold.certification import Certification
from langchain_intercascade.threshold.monitor import RiskMonitor

Standing: TypeAlias = Literal["cold", "serving", "withdrawn"]

OnAbstain: TypeAlias = Literal["wrong", "skip"]
"""What a label counts for whose judge abstained, because it cannot be told whether it was right.

`"wrong"`: as a wrong answer, so that the promise covers every accepted answer.  `"skip"`: for
nothing, so that the promise is about the answers that can be judged, and no others.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a regime has to keep to.

    Attributes:
        target_risk: Share of accepted answers that may be wrong.
        delta: Probability that the promise fails in this regime, and that a false alarm is
            ever raised.
        audit_rate: The least probability with which accepted answers are audited.
        ready: Share of the coverage that looks possible from which on to serve.
        patience: Number of labels after which to serve whatever is certified.
        on_abstain: What an answer counts for that nobody could judge.
    """

    target_risk: float
    delta: float
    audit_rate: float
    ready: float
    patience: int
    on_abstain: OnAbstain = "wrong"


class WatchState(BaseModel):
    """All that one regime remembers."""

    model_config = ConfigDict(extra="forbid")

    epoch: Annotated[int, Field(ge=1)]
    reason: str
    unjudged: Annotated[int, Field(ge=0)] = 0
    certification: dict[str, Any]
    monitor: dict[str, Any]


class Watch:
    """One regime, from a cold start on."""

    def __init__(self, regime: Regime, terms: Terms, *, epoch: int = 1, reason: str = "") -> None:
        """Start cold.

        Args:
            regime: Whose answers it is about.
            terms: What it has to keep to.
            epoch: Counts the promises given one after the other.
            reason: Why a new one was begun; empty for the first.
        """
        self._regime, self._terms, self._epoch, self._reason = regime, terms, epoch, reason
        self._unjudged = 0
        self._certification = Certification(
            regime,
            terms.target_risk,
            terms.delta,
            audit_rate=terms.audit_rate,
            ready=terms.ready,
            patience=terms.patience,
        )
        self._monitor = RiskMonitor(
            terms.target_risk, terms.delta, max_weight=1.0 / terms.audit_rate
        )

    @property
    def monitor(self) -> RiskMonitor:
        """The monitor over the audits."""
        return self._monitor

    @property
    def certification(self) -> Certification:
        """What it was certified on, or will be."""
        return self._certification

    @property
    def unjudged(self) -> int:
        """Number of labels that nobody could judge."""
        return self._unjudged

    @property
    def standing(self) -> Standing:
        """Whether it is cold, serving or withdrawn."""
        if self._monitor.alarm:
            return "withdrawn"
        return "cold" if self._certification.threshold is None else "serving"

    def cut(self) -> Cut:
        """Return what is served now, and why."""
        threshold = self._certification.threshold
        if self._monitor.alarm or threshold is None:
            return Cut(ALWAYS_DEFER, self._why_nothing())
        return Cut(threshold, self._why())

    def observe(self, label: Label) -> None:
        """Learn from one label; once withdrawn, nothing is learnt any more."""
        if self._monitor.alarm:
            return
        label = self._ruled(label)
        if label.correct is not None and self._promised(label):
            self._monitor.observe(float(not label.correct), 1.0 / label.probability)
        self._certification.observe(label)

    def _ruled(self, label: Label) -> Label:
        """Return `label` as the policy for what nobody could judge has it."""
        if label.correct is not None or label.confidence is None or label.source == "feedback":
            return label
        self._unjudged += 1
        return label if self._terms.on_abstain == "skip" else replace(label, correct=False)

    def _promised(self, label: Label) -> bool:
        """Say whether it is an audit of what the promise is about, not of a forced answer."""
        served = self._certification.threshold
        if label.source != "audit" or served is None or label.confidence is None:
            return False
        return label.confidence >= served

    def renewed(self, reason: str) -> Watch:
        """Return the same regime, cold, with a new promise."""
        return Watch(self._regime, self._terms, epoch=self._epoch + 1, reason=reason)

    def _why(self) -> str:
        report = self._certification.certified
        told = f" on {how_many(report.n, 'label')}, {report.on}" if report else ""
        skipped = self._unjudged if self._terms.on_abstain == "skip" else 0
        but = f", leaving out {skipped} that nobody could judge" if skipped else ""
        return (
            f"self-calibrated: risk <= {self._terms.target_risk:g} with confidence "
            f"{1 - self._terms.delta:g}{told}{but}; {how_many(self._monitor.n, 'audit')} since"
        )

    def _why_nothing(self) -> str:
        if self._monitor.alarm:
            return (
                f"withdrawn: after {how_many(self._monitor.alarmed_at or 0, 'audit')} the risk of "
                f"accepted answers was shown to be above {self._terms.target_risk:g}; recertify to "
                "try again"
            )
        found = self._certification
        because = f" since {self._reason}" if self._reason else ""
        if found.certified is not None:
            return f"cold start{because}: certified, but more labels promise to allow much more"
        labels = how_many(found.size, "label")
        if found.next_size is None:
            return f"cold start{because}: no threshold is safe on {labels}"
        return f"cold start{because}: {labels}, the next look is at {found.next_size}"

    def state(self) -> dict[str, Any]:
        """Return all there is to remember, as JSON-like data."""
        return WatchState(
            epoch=self._epoch,
            reason=self._reason,
            unjudged=self._unjudged,
            certification=self._certification.state(),
            monitor=self._monitor.state(),
        ).model_dump(mode="json")

    @classmethod
    def restored(cls, regime: Regime, terms: Terms, state: WatchState) -> Watch:
        """Return the regime whose `state` was saved.

        Raises:
            ConfigurationError: It is no such state, or one of another version.
        """
        watch = cls(regime, terms, epoch=state.epoch, reason=state.reason)
        watch._certification.restore(state.certification)
        watch._monitor = RiskMonitor.restored(state.monitor)
        watch._unjudged = state.unjudged
        return watch
