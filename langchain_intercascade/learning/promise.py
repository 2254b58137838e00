"""A threshold that calibrates itself, kept in the repository and shared by processes.

    label -> log -> every process reads the log in order -> the same threshold everywhere

It is told under which name each model answers.  Another name than before stops accepting at
once, here and now, and is written into the log, where certification starts anew for all.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from langchain_intercascade._steps import Fault, Steps, attempt
from langchain_intercascade.learning.label_log import Entry, LabelLog
from langchain_intercascade.learning.log_reading import LogReading, renamed
from langchain_intercascade.learning.pledge import giving
from langchain_intercascade.strategy import now
from langchain_intercascade.threshold.base import ALWAYS_DEFER, Cut, Threshold

if TYPE_CHECKING:
    from langchain_intercascade.label import Label
    from langchain_intercascade.learning.pledge import Pledge
    from langchain_intercascade.record import Regime
    from langchain_intercascade.repository.base import StrategyRepository
    from langchain_intercascade.threshold.base import ModelRole
    from langchain_intercascade.threshold.self_calibrating import SelfCalibrating

logger = logging.getLogger(__name__)

PATIENCE: Final = 30.0
"""Seconds between two looks at what other processes found out, and after a failed look."""


class Promise(Threshold):
    """Keeps a self-calibrating threshold in step with the log of labels in the repository."""

    def __init__(
        self,
        pledge: Pledge,
        repository: StrategyRepository,
        *,
        tenant: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start from nothing; the log is read before the first query is gated.

        Args:
            pledge: What is promised, and beside what; another pledge has another log.
            repository: Where the log is.
            tenant: In whose part of it.
            clock: Tells seconds; replaceable for tests.

        Raises:
            ConfigurationError: A number in the pledge is out of range.
        """
        self.pledge = pledge
        self._repository = repository
        self._tenant = tenant
        self._clock = clock
        name = f"{pledge.weak_model}:{pledge.digest}"
        self._log = LabelLog(repository, tenant=tenant, weak_model=name)
        self._reading = self._afresh()
        self._entries: list[Entry] = []
        self._waiting: list[Entry] = []
        self._held: list[Entry] = []
        self._corrected: dict[str, bool | None] = {}
        self._given = False
        self._next_look = -float("inf")
        self._lock = threading.RLock()

    @property
    def calibrating(self) -> SelfCalibrating:
        """The threshold as it stands now."""
        return self._reading.threshold

    def cut(self, regime: Regime) -> Cut:
        """Return what is served now; nothing while a new beginning waits to be written down."""
        with self._lock:
            if self._held:
                return Cut(ALWAYS_DEFER, f"{self._held[0].reason}; this is being written down")
            return self._reading.threshold.cut(regime)

    def preparing(self) -> Steps[None]:
        """Look, from time to time, at what was found out; a look that fails changes nothing."""
        with self._lock:
            if self._clock() < self._next_look:
                return
            self._next_look = self._clock() + PATIENCE
        looked = yield from attempt(self._looking())
        if isinstance(looked, Fault):
            logger.warning(
                "The log of labels is out of reach (%s); nothing new is known.",
                str(looked),
                extra={"event": "labels_out_of_reach", "error": str(looked)},
            )

    def meeting(self, role: ModelRole, name: str) -> Steps[None]:
        """Start certification anew if a model answers under another name than before.

        From here on nothing is accepted, until that is written down and read again.
        """
        with self._lock:
            known = self._reading.name(role)
            if not name or not known or name == known:
                return
            if any(getattr(each, role) == name for each in self._held):
                return
            told: dict[str, Any] = {role: name, "reason": renamed(role, known, name)}
            self._begin(Entry(kind="met", at=now(), **told))
        written = yield from attempt(self.syncing())
        if isinstance(written, Fault):
            logger.warning(
                "Another model answers, and that cannot be written down (%s); deferring.",
                str(written),
                extra={"event": "renaming_not_written", "role": role, "error": str(written)},
            )

    def observe(self, label: Label) -> None:
        """Remember a label for the next `syncing`."""
        entry = Entry(
            kind="correction" if label.source == "feedback" else "label",
            run_id=label.run_id,
            regime=label.regime,
            confidence=label.confidence,
            accepted=label.accepted,
            correct=label.correct,
            source=label.source,
            probability=label.probability,
            weak=label.weak_name,
            strong=label.strong_name,
            at=now(),
        )
        with self._lock:
            self._waiting.append(entry)

    def recertifying(self, reason: str) -> Steps[None]:
        """Let certification start anew, here at once, and wherever the log is read."""
        with self._lock:
            self._begin(Entry(kind="recertify", reason=reason, at=now()))
        yield from self.syncing()

    def words(self) -> list[str]:
        """Say what is promised now, on what grounds, and since when."""
        since = f"The first label is of {self.since()}." if self.since() else "No label yet."
        waiting = [f"Everything is deferred: {each.reason}." for each in self._held]
        return [*waiting, *self._reading.threshold.words(), since]

    def standings(self) -> Mapping[Regime, str]:
        """Return how the promise stands, by regime, as far as this process has read."""
        return self._reading.threshold.standings()

    def syncing(self) -> Steps[None]:
        """Write down what is waiting, then observe all that is new in the log, in its order."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        written = yield from attempt(self._log.appending(waiting))
        if isinstance(written, Fault):
            with self._lock:
                self._waiting = [*waiting, *self._waiting]
            raise written.error
        yield from self._log.reading(self._take)

    def since(self) -> str:
        """Return when the first label was written down; empty if there is none."""
        return next((each.at for each in self._entries if each.kind == "label"), "")

    def _begin(self, entry: Entry) -> None:
        """Let `entry` be written down, and accept nothing until it was read in the log."""
        self._held.append(entry)
        self._waiting.append(entry)

    def _looking(self) -> Steps[None]:
        # Read first: what is known holds also where nothing can be written.
        yield from self.syncing()
        if not self._given:
            yield from self._giving()

    def _giving(self) -> Steps[None]:
        """List the pledge in the repository, and say in a new log what came before it."""
        before = yield from giving(self._repository, self.pledge, tenant=self._tenant)
        with self._lock:
            self._given = True
            if before is None or self._entries:
                return
            reason = "; ".join(self.pledge.differences(before))
            self._begin(Entry(kind="recertify", reason=reason, at=now()))
        yield from self.syncing()

    def _take(self, news: list[Entry]) -> None:
        with self._lock:
            self._entries += news
            fresh = {each.run_id: each.correct for each in news if each.kind == "correction"}
            self._corrected.update(fresh)
            self._held = [each for each in self._held if each not in news]
            if any(map(self._reading.has_seen, fresh)):
                # Read everything from the beginning, as the corrections say that it was.
                self._reading, news = self._afresh(), self._entries
            for entry in news:
                self._reading.take(entry, self._corrected)

    def _afresh(self) -> LogReading:
        threshold = self.pledge.threshold()
        return LogReading(threshold, tenant=self._tenant, weak_model=self.pledge.weak_model)
