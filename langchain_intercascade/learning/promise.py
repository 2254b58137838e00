"""A threshold that calibrates itself, kept in the repository and shared by processes.

    label -> log -> every process reads the log in order -> the same threshold everywhere

It also notices when a model answers under another name than before: what was
certified about one model says nothing about the next, so certification starts anew.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from langchain_intercascade._steps import Fault, Steps, attempt
from langchain_intercascade.learning.label_log import Entry, LabelLog
from langchain_intercascade.strategy import now
from langchain_intercascade.threshold.base import Cut, Threshold
from langchain_intercascade.threshold.self_calibrating import SelfCalibrating

if TYPE_CHECKING:
    from langchain_intercascade.label import Label
    from langchain_intercascade.record import Regime
    from langchain_intercascade.repository.base import StrategyRepository

logger = logging.getLogger(__name__)

PATIENCE: Final = 30.0
"""Seconds between two looks at what other processes found out, and after a failed look."""


class Promise(Threshold):
    """Keeps a self-calibrating threshold in step with the log of labels in the repository."""

    def __init__(
        self,
        make: Callable[[], SelfCalibrating],
        repository: StrategyRepository,
        *,
        tenant: str,
        weak_model: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start from nothing; the log is read before the first query is gated.

        Args:
            make: Makes the threshold as it is before any label.
            repository: Where the log is.
            tenant: In whose part of it.
            weak_model: Whose answers it is about.
            clock: Tells seconds; replaceable for tests.
        """
        self._make = make
        self._threshold = make()
        self._repository = repository
        self._tenant = tenant
        self._weak_model = weak_model
        self._clock = clock
        self._log = LabelLog(repository, tenant=tenant, weak_model=weak_model)
        self._entries: list[Entry] = []
        self._waiting: list[Entry] = []
        self._names: dict[str, str] = {}
        self._seen: set[str] = set()
        self._corrected: dict[str, bool | None] = {}
        self._next_look = -float("inf")
        self._lock = threading.RLock()

    @property
    def calibrating(self) -> SelfCalibrating:
        """The threshold as it stands now."""
        return self._threshold

    def cut(self, regime: Regime) -> Cut:
        """Return what is served now."""
        return self._threshold.cut(regime)

    def preparing(self) -> Steps[None]:
        """Look, from time to time, at what was found out; a look that fails changes nothing."""
        with self._lock:
            if self._clock() < self._next_look:
                return
            self._next_look = self._clock() + PATIENCE
        looked = yield from attempt(self.syncing())
        if isinstance(looked, Fault):
            logger.warning("The log of labels cannot be read (%s); deferring on.", looked)

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
            self._waiting.append(Entry(kind="recertify", reason=reason, at=now()))
        yield from self.syncing()

    def words(self) -> list[str]:
        """Say what is promised now, on what grounds, and since when."""
        since = f"The first label is of {self.since()}." if self.since() else "No label yet."
        return [*self._threshold.words(), since]

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
        return self._entries[0].at if self._entries else ""

    def _take(self, news: list[Entry]) -> None:
        with self._lock:
            self._entries += news
            fresh = {each.run_id: each.correct for each in news if each.kind == "correction"}
            self._corrected.update(fresh)
            if not self._seen.isdisjoint(fresh):
                # Read everything from the beginning, as the corrections say that it was.
                self._threshold, self._names, self._seen = self._make(), {}, set()
                news = self._entries
            for entry in news:
                self._observe(entry)

    def _observe(self, entry: Entry) -> None:
        if entry.kind == "recertify":
            self._threshold.recertify(entry.reason)
        if entry.kind != "label" or entry.run_id in self._seen:
            return
        # A label whose writing was not confirmed is written again.
        self._seen.add(entry.run_id)
        for role, name in (("weak", entry.weak), ("strong", entry.strong)):
            known = self._names.setdefault(role, name)
            if name and known and name != known:
                self._threshold.recertify(f"the {role} model was {known} and is now {name}")
            self._names[role] = name or known
        label = entry.label(tenant=self._tenant, weak_model=self._weak_model)
        if (verdict := self._corrected.get(entry.run_id)) is not None:
            label = replace(label, correct=verdict)
        # Another process may audit more rarely than was agreed on here.
        if label.source == "deferral" or label.probability >= self._threshold.audit_rate:
            self._threshold.observe(label)
