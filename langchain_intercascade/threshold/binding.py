"""What a threshold was calibrated with: beside anything else it promises nothing.

A calibrated threshold speaks about one weak model, one confidence function, one set of
prompts and one state of the repository.  It would be served beside others all the same,
so it names what it belongs to, and is refused beside something else with each difference.
What strategies are in use can change later: then the answers made with strategies are
deferred again, and the record says why.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from pydantic import BaseModel, ConfigDict

from langchain_intercascade._steps import Fault, Steps, attempt
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.record import Regime
from langchain_intercascade.threshold.base import ALWAYS_DEFER, Cut
from langchain_intercascade.threshold.calibrated import CalibratedThreshold
from langchain_intercascade.threshold.report import ThresholdReport

PATIENCE: Final = 60.0
"""Seconds between two looks at whether the strategies are still those of the calibration."""

Fingerprint: TypeAlias = Callable[[], Steps[str]]
"""Steps that tell which strategies are in use now."""


class Binding(BaseModel):
    """What a threshold was calibrated with.

    Attributes:
        weak_model: The weak model's name, with its version if it has one.
        confidence: The confidence function's method.
        prompts: Version of the prompts.
        repository: What tells one state of the repository from another; `None` without one.
        encoder: The encoder's label; `None` without one.

    What was not there when a threshold was calibrated binds it to nothing.

    Examples:
        >>> then = Binding(weak_model="small-1", confidence="top2", prompts="3")
        >>> then.differences(then.model_copy(update={"weak_model": "small-2"}))
        ["weak model: 'small-1' then, 'small-2' now"]
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    weak_model: str
    confidence: str
    prompts: str
    repository: str | None = None
    encoder: str | None = None

    def differences(self, now: Binding) -> list[str]:
        """Return a phrase for each thing that is not as it was."""
        return [
            f"{name.replace('_', ' ')}: {then!r} then, {getattr(now, name)!r} now"
            for name, then in self
            if then not in (None, getattr(now, name))
        ]


class BoundThreshold(CalibratedThreshold):
    """A calibrated threshold that knows what it belongs to; beside anything else it is refused.

    Until it was told what it serves beside (`check`), it defers everything.
    """

    def __init__(
        self,
        reports: ThresholdReport | Mapping[Regime, ThresholdReport],
        bound_to: Binding,
        *,
        name: str = "The threshold",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Serve `reports`, beside what `bound_to` says and nothing else.

        Args:
            reports: One report, or one per regime.
            bound_to: What they were calibrated with.
            name: What it is called in messages, such as the file's name.
            clock: Tells seconds; replaceable for tests.

        Raises:
            ConfigurationError: There is no report, or one is filed under another regime.
        """
        super().__init__(reports)
        self.bound_to = bound_to
        self._name, self._clock = name, clock
        self._checked = False
        self._fingerprint: Fingerprint | None = None
        self._next_look = -float("inf")
        self._changed = ""

    def check(self, here: Binding, fingerprint: Fingerprint | None = None) -> None:
        """Accept `here` as what it serves beside; the strategies are looked at later.

        Args:
            here: What there is; its `repository` may be left open if `fingerprint` is given.
            fingerprint: Tells which strategies are in use.

        Raises:
            ConfigurationError: It belongs to something else; each difference is named.
        """
        known = self.bound_to
        if fingerprint is not None:
            known = known.model_copy(update={"repository": None})
        if differences := known.differences(here):
            msg = (
                f"{self._name} was calibrated with something else: {'; '.join(differences)}. Its "
                "thresholds promise nothing here; calibrate again."
            )
            raise ConfigurationError(msg)
        self._checked, self._fingerprint = True, fingerprint

    def preparing(self) -> Steps[None]:
        """Look, from time to time, whether the strategies are still the same ones.

        Once they were seen to differ, it stays like that; a look that fails counts as
        different until the next one.
        """
        then = self.bound_to.repository
        # The repository is asked only if a promise hangs on the answer.
        if self._fingerprint is None or then is None or "augmented" not in self.reports:
            return
        if self._clock() < self._next_look:
            return
        self._next_look = self._clock() + PATIENCE
        now = yield from attempt(self._fingerprint())
        if isinstance(now, Fault):
            self._changed = f"nobody can tell which strategies are in use ({now})"
        elif now != then:
            self._changed = f"calibrated with {then}, and now there are {now}"
            self._fingerprint = None
        else:
            self._changed = ""

    def cut(self, regime: Regime) -> Cut:
        """Return the regime's calibrated cut; `ALWAYS_DEFER` where it promises nothing."""
        if not self._checked:
            return Cut(ALWAYS_DEFER, "calibrated, but not checked against the cascade it is in")
        if regime == "augmented" and self._changed:
            return Cut(ALWAYS_DEFER, self._changed)
        return super().cut(regime)

    def words(self) -> list[str]:
        """Return sentences for people, about the promises that hold now."""
        told = [
            sentence
            for regime, report in self.reports.items()
            if not (regime == "augmented" and self._changed)
            for sentence in report.words()
        ]
        if not self._changed:
            return told
        return [*told, f"Every augmented answer is deferred ({self._changed}). Calibrate again."]
