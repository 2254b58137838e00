"""Evidence from the cascade's own traffic that a threshold is safe, in one regime.

Everything is deferred at first, so every answer with a score is labelled, and the labelled
answers are a fair sample of the traffic.  When the sample has grown to one of the sizes of
`SIZES`, a threshold is calibrated on all of it, exactly as offline (`fixed_sequence`).

*Looking again and again* would sooner or later certify anything.  So each look is given a
part of `delta` that was fixed beforehand, and all parts add up to `delta`: the probability
of ever certifying an unsafe threshold is at most that (an error-spending schedule; Lan and
DeMets 1983, "Discrete sequential boundaries for clinical trials").  With looks this far
apart it certifies with fewer labels than bets that may be looked at after every answer.

*While strategies are learned* the weak model gets better, and old labels speak about a worse
one.  They stay evidence: if the risk at a threshold does not rise, then among old answers
there are no fewer errors to be expected than among new ones, so whatever passes on them is
safe now.  But they hide how good it has become.  So each look makes several tests: on the
whole sample, and on what came in since the look before, which is its later half.  And
because confidence then says little about which answers are wrong, a walk that starts
at the surest few is likely to end at once by one error among them; so other walks
start lower.  The look's part of `delta` is divided among the tests, in shares
that were fixed beforehand too, so whichever passes may be used (Bonferroni; several starts
of a fixed sequence as in Angelopoulos et al. 2021, "Learn then Test", section 2.3).

*Once a threshold is served*, answers that reach it are labelled only if audited, and those
below it always: taken as they come, labels would no longer be a fair sample.  So each is
taken in with a probability that makes up for how it came to be: an audited answer, labelled
with probability p, with probability q / p, and a deferred one with probability q, where q is the
least audit rate.  Each answer of the traffic then has the same chance q, whatever its score
(importance weighting by thinning; von Neumann 1951).  The deferred labels left out cost
nothing extra; taken in, they would make the threshold look worse than it is.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from datetime import date
from itertools import accumulate
from typing import Annotated, Any, Final, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.label import Label, lot
from langchain_intercascade.record import Regime
from langchain_intercascade.threshold.base import ALWAYS_DEFER
from langchain_intercascade.threshold.bounds import fewest_faultless
from langchain_intercascade.threshold.calibrate import calibrate_threshold
from langchain_intercascade.threshold.fixed_sequence import ladder, walk
from langchain_intercascade.threshold.report import ThresholdReport

SIZES: Final = (100, 200, 400, 800, 1600, 3200, 6400)
"""Sizes of the sample at which to look; at the last, sampling is hardly a matter any more."""

SHARES: Final = (0.05, 0.1, 0.1, 0.15, 0.25, 0.3, 0.05)
"""The part of delta that each look is given; most at `PATIENCE`, since what is found there stays,
and where thresholds are hard to find at all they are found there."""


class Check(NamedTuple):
    """One of the tests that a look makes.

    Attributes:
        fresh: Whether it uses only what came in since the look before.
        start: Share of the answers at which its walk down the thresholds starts.
        share: The part of the look's delta that it is given.
    """

    fresh: bool
    start: float
    share: float


CHECKS: Final = (
    Check(fresh=False, start=0.1, share=0.6),
    Check(fresh=False, start=0.6, share=0.1),
    Check(fresh=True, start=0.75, share=0.1),
    Check(fresh=True, start=0.95, share=0.2),
)
"""Most for the first, which is the best as long as the weak model stays as it is.

The last asks at once whether nearly everything may be accepted: where confidence says little,
each rung of a longer walk is one more chance to fail.
"""

READY: Final = 0.85
"""A certified threshold is served once it accepts this share of what looks possible."""

PATIENCE: Final = 3200
"""Size of the sample from which on whatever is certified is served: since serving stops most
of the labels, what is poor then stays poor for very long."""

_Share = Annotated[float, Field(ge=0, le=1)]
_Count = Annotated[int, Field(ge=0)]


class _State(BaseModel):
    """All that a certification remembers."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    version: Annotated[int, Field(ge=1, le=1)] = 1
    labels: _Count = 0
    audits: _Count = 0
    scores: list[_Share] = []
    correct: list[bool] = []
    certified: ThresholdReport | None = None
    serving: bool = False


class Certification:
    """One attempt to find out, from traffic, which threshold is safe in one regime.

    It assumes that queries come in no particular order and that the risk at a threshold
    does not rise while it goes on; where it might, a `RiskMonitor` has to watch.
    """

    def __init__(
        self,
        regime: Regime,
        target_risk: float,
        delta: float,
        *,
        audit_rate: float,
        ready: float = READY,
        patience: int = PATIENCE,
    ) -> None:
        """Start from nothing.

        Args:
            regime: Whose answers it is about.
            target_risk: Share of accepted answers that may be wrong, in (0, 1).
            delta: Probability of ever certifying an unsafe threshold, in (0, 0.5].
            audit_rate: The least probability with which an accepted answer is audited.
            ready: Share of the coverage that looks possible from which on to serve.
            patience: Size of the sample from which on to serve whatever is certified.
        """
        self._regime, self._target, self._delta = regime, target_risk, delta
        self._rate, self._ready, self._patience = audit_rate, ready, patience
        self._state = _State()

    @property
    def labels(self) -> int:
        """Number of labels that were offered and sound, sampled or not."""
        return self._state.labels

    @property
    def audits(self) -> int:
        """How many of those were audits."""
        return self._state.audits

    @property
    def size(self) -> int:
        """Size of the sample."""
        return len(self._state.scores)

    @property
    def target_risk(self) -> float:
        """Share of accepted answers that may be wrong."""
        return self._target

    @property
    def audit_rate(self) -> float:
        """The least audit rate; once it serves, the chance of each answer to enter the sample."""
        return self._rate

    @property
    def sample(self) -> tuple[Sequence[float], Sequence[bool]]:
        """Scores and verdicts of the sample, in the order in which they came."""
        return self._state.scores, self._state.correct

    @property
    def next_size(self) -> int | None:
        """Size of the sample at the next look; `None` after the last."""
        coming = bisect_right(SIZES, self.size)
        return SIZES[coming] if coming < len(SIZES) else None

    @property
    def certified(self) -> ThresholdReport | None:
        """The look that certified the lowest threshold, served or not; `None` if none did."""
        return self._state.certified

    @property
    def threshold(self) -> float | None:
        """The threshold to serve; `None` while there is none."""
        return lowest(self._state.certified) if self._state.serving else None

    def delta_of(self, size: int, check: Check) -> float:
        """Return the part of delta that `check` is given in the look at `size`."""
        return self._delta * SHARES[SIZES.index(size)] * check.share

    def observe(self, label: Label) -> None:
        """Take in one label; one from which nothing sound follows is passed over.

        That is feedback, since nobody knows who speaks up; an answer without a score or
        without a judgement; and one whose place is not where the threshold now served would
        have put it, because it was asked for earlier or on purpose.
        """
        if label.confidence is None or label.correct is None or not self._in_place(label):
            return
        state = self._state
        state.labels += 1
        state.audits += label.accepted
        if self.next_size is not None and self._drawn(label):
            state.scores.append(label.confidence)
            state.correct.append(label.correct)
            if self.size in SIZES:
                self._look(_day(label))

    def _in_place(self, label: Label) -> bool:
        """Say whether the threshold now served would have treated the answer as it was."""
        reaches = self.threshold is not None and (label.confidence or 0.0) >= self.threshold
        return label.accepted == reaches and label.source == ("audit" if reaches else "deferral")

    def _drawn(self, label: Label) -> bool:
        """Draw whether the answer enters the sample; the same in every process."""
        if not self._state.serving:
            return True
        return lot(label.run_id, "calibration") < self._rate / label.probability

    def _look(self, on: date | None) -> None:
        """Calibrate on the sample; keep the lowest threshold that ever passed."""
        state = self._state
        found = {check: self._tried(check) for check in CHECKS}
        best = min(found, key=found.__getitem__)
        if found[best] < lowest(state.certified):
            state.certified = self._checked(best, on)
        state.serving = state.serving or self._is_ready(lowest(state.certified))

    def _tried(self, check: Check) -> float:
        """Return the threshold that `check` certifies, as `_checked` would; infinity for none."""
        since, delta, least = self._terms_of(check)
        scores = np.array(self._state.scores[since:])
        correct = np.array(self._state.correct[since:], dtype=bool)
        # Most of the work are bounds, and those above the start of the walk are not needed.
        grid = np.sort(scores)[: max(0, len(scores) - least + 1)]
        rungs = ladder(scores, correct, delta, grid.tolist())
        last = walk(rungs, self._target, least).last
        return math.inf if last is None else float(rungs.thresholds[last])

    def _checked(self, check: Check, on: date | None) -> ThresholdReport:
        since, delta, least = self._terms_of(check)
        return calibrate_threshold(
            self._state.scores[since:],
            self._state.correct[since:],
            target_risk=self._target,
            delta=delta,
            min_accepted=least,
            regime=self._regime,
            on=on,
        )

    def _terms_of(self, check: Check) -> tuple[int, float, int]:
        """Return where the check's part of the sample begins, its delta, and its fewest answers."""
        look = SIZES.index(self.size)
        since = SIZES[look - 1] if check.fresh and look else 0
        delta = self.delta_of(self.size, check)
        start = int(check.start * (self.size - since))
        return since, delta, max(fewest_faultless(self._target, delta), start)

    def _is_ready(self, threshold: float) -> bool:
        reached = sum(score >= threshold for score in self._state.scores)
        enough = 0.0 if self.size >= self._patience else self._ready * self._hoped()
        return 0 < reached >= enough

    def _hoped(self) -> int:
        """Return how many would be accepted at the lowest threshold that looks safe."""
        ranked = sorted(zip(self._state.scores, self._state.correct, strict=True), reverse=True)
        errors = accumulate(not correct for _, correct in ranked)
        looks_safe = [n for n, wrong in enumerate(errors, 1) if wrong <= self._target * n]
        return max(looks_safe, default=0)

    def state(self) -> dict[str, Any]:
        """Return all there is to remember, as JSON-like data."""
        return self._state.model_dump(mode="json")

    def restore(self, state: object) -> None:
        """Go on from a saved `state`.

        Raises:
            ConfigurationError: It is no such state, or one of another version.
        """
        try:
            self._state = _State.model_validate(state)
        except ValidationError as error:
            wrong = error.errors()[0]
            where = ".".join(map(str, wrong["loc"]))
            msg = f"This is no saved certification ({where}: {wrong['msg']}); start a new one."
            raise ConfigurationError(msg) from error


def _day(label: Label) -> date | None:
    """Return the day on which the label came, which is not that on which a log is read again."""
    return date.fromisoformat(label.at[:10]) if label.at else None


def lowest(found: ThresholdReport | None) -> float:
    """Return a report's threshold as a number; infinity if it has none."""
    return math.inf if found is None or found.threshold == ALWAYS_DEFER else found.threshold
