"""What a cascade has done, in numbers that cost next to nothing to keep."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from langchain_intercascade.errors import StrongModelError

if TYPE_CHECKING:
    from langchain_intercascade._steps import Steps
    from langchain_intercascade.learning.stats import LearnerStats
    from langchain_intercascade.record import DecisionRecord, Regime
    from langchain_intercascade.resilience.breaker import BreakerState
    from langchain_intercascade.resilience.slots import SlotsState
    from langchain_intercascade.state import Body, CascadeState, Run, Update

logger = logging.getLogger(__name__)

FIRST: Final = "retrieve_strategies"
"""The node that a run begins with."""

LAST: Final = "store"
"""The node that a deferred query ends with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeStats:
    """What a cascade has done since it was built, and how it stands.

    Each number is exact; a run that goes on meanwhile may be in one and not yet in another.

    Attributes:
        runs: Runs that have begun.
        accepted: Runs that ended with a weak answer that the gate accepted, perhaps with guidance.
        deferred: Runs that ended with a strong answer, or with one in its place.
        degraded: Of these, weak answers that stood in for strong ones.
        failed: Runs that ended with an error, or were given up by the caller. One that was given
            up in the moment between two nodes is in `runs` only.
        in_flight: Runs at work in a node at this moment.
        reasons: How often each reason of a decision record was given.
        faults: Faults that were survived, and errors that were not: by node, and by the type of
            the error; of the strong model, what it raised itself.
        breakers: How the circuit breakers stand, by whom they guard.
        slots: How busy each model is that has a limit.
        lessons: What the background learner has done; `lessons.waiting` is its queue.
        promise: How the promise of `target_risk` stands, by regime: `"cold"`, `"serving"`, or
            `"withdrawn"` after audits contradicted it; empty where nothing is promised.
    """

    runs: int
    accepted: int
    deferred: int
    degraded: int
    failed: int
    in_flight: int
    reasons: Mapping[str, int]
    faults: Mapping[str, Mapping[str, int]]
    breakers: Mapping[str, BreakerState]
    slots: Mapping[str, SlotsState]
    lessons: LearnerStats
    promise: Mapping[Regime, str]


class Tally:
    """Counts runs. Safe to share between threads."""

    def __init__(self) -> None:
        """Begin with nothing counted."""
        self._lock = threading.Lock()
        self._runs: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._faults: dict[str, Counter[str]] = {}

    def counted(self, name: str, body: Body) -> Body:
        """Return `body`, the node `name`, with what goes through it counted."""

        def counting(state: CascadeState, run: Run) -> Steps[Update]:
            self._begin(name)
            update: Update | None = None
            error: Exception | None = None
            try:
                update = yield from body(state, run)
            except Exception as failed:
                error = failed
                raise
            finally:  # also when nobody waits any more
                self._end(name, state, update, error)
            return update

        return counting

    def stats(
        self,
        *,
        breakers: Mapping[str, BreakerState],
        slots: Mapping[str, SlotsState],
        lessons: LearnerStats,
        promise: Mapping[Regime, str],
    ) -> CascadeStats:
        """Return what was counted, beside how others stand."""
        with self._lock:
            counts = {name: self._runs[name] for name in _COUNTS}
            reasons = dict(self._reasons)
            faults = {where: dict(kinds) for where, kinds in self._faults.items()}
        return CascadeStats(
            **counts,
            reasons=reasons,
            faults=faults,
            breakers=breakers,
            slots=slots,
            lessons=lessons,
            promise=promise,
        )

    def _begin(self, name: str) -> None:
        with self._lock:
            self._runs["runs"] += name == FIRST
            self._runs["in_flight"] += 1

    def _end(
        self, name: str, state: CascadeState, update: Update | None, error: Exception | None
    ) -> None:
        # What a thread still holds of its turn before is no part of this run.
        before = len(state["record"]["faults"]) if "record" in state and name != FIRST else 0
        with self._lock:
            self._runs["in_flight"] -= 1
            if update is None:
                self._runs["failed"] += 1
                self._fault(name, _cause(error))
            else:
                record: DecisionRecord = update.get("record") or state["record"]
                for each in record["faults"][before:]:
                    self._fault(each["where"], each["error"])
                if not is_last(name, record):
                    return
                self._answered(record)
        if update is None:
            _log_failed(name, state, _cause(error))
        else:
            _log_answered(record)

    def _answered(self, record: DecisionRecord) -> None:
        accepted = record["route"] == "weak" and not record["degraded"]
        self._runs["accepted" if accepted else "deferred"] += 1
        self._runs["degraded"] += record["degraded"]
        self._reasons[record["reason"] or ""] += 1

    def _fault(self, where: str, kind: str | None) -> None:
        if kind is not None:
            self._faults.setdefault(where, Counter())[kind] += 1


def _log_answered(record: DecisionRecord) -> None:
    if not logger.isEnabledFor(logging.INFO):
        return
    logger.info(
        "Run %s was answered by the %s model (%s).",
        record["run_id"],
        record["route"],
        record["reason"],
        extra={
            "event": "run_answered",
            "run_id": record["run_id"],
            "route": record["route"],
            "reason": record["reason"],
        },
    )


def _log_failed(name: str, state: CascadeState, kind: str | None) -> None:
    run_id = state["record"]["run_id"] if "record" in state and name != FIRST else ""
    error = kind or "abandoned"
    logger.info(
        "Run %s ended in %s without an answer (%s).",
        run_id,
        name,
        error,
        extra={"event": "run_failed", "run_id": run_id, "node": name, "error": error},
    )


def is_last(name: str, record: DecisionRecord) -> bool:
    """Say whether a run with this `record` ends with the node `name`."""
    return name == LAST or (name == "confidence_gate" and record["route"] == "weak")


_COUNTS: Final = ("runs", "accepted", "deferred", "degraded", "failed", "in_flight")


def _cause(error: Exception | None) -> str | None:
    """Name the type of what went wrong: of a strong fault, what the model itself raised."""
    if isinstance(error, StrongModelError) and error.__cause__ is not None:
        error = error.__cause__ if isinstance(error.__cause__, Exception) else error
    return None if error is None else type(error).__name__
