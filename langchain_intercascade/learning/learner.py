"""The background learner: one worker that turns pending lessons into strategies.

The queue holds ids only.  What is to be learned lies in the repository, written
before the answer was returned, so a full queue, a crash or a restart loses
nothing: the next learner of the tenant picks up what is still pending.
"""

from __future__ import annotations

import atexit
import heapq
import logging
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from langchain_intercascade._steps import Fault, Steps, attempt, run
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.learning.lesson import MAX_ATTEMPTS
from langchain_intercascade.strategy import State, Strategy

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

    from langchain_intercascade.repository.base import StrategyRepository

logger = logging.getLogger(__name__)

CAPACITY: Final = 1000
"""Lessons that may wait in memory; further ones wait in the repository."""

BACKOFF: Final = 2.0
"""Seconds before the second try of a lesson; each further try waits four times as long."""

IDLE: Final = 2.0
"""Seconds without work after which the thread ends; the next lesson starts another."""

EXIT_PATIENCE: Final = 5.0
"""Seconds that the interpreter's exit waits for a lesson that is being learned."""


@dataclass(frozen=True, slots=True)
class LearnerStats:
    """What a learner has done since it was made.

    Attributes:
        waiting: Lessons queued, in progress, or waiting for another try.
        stored: Lessons that became strategies.
        set_back: Tries that failed or were refused.
        parked: Lessons given up on.
        not_queued: Lessons left in the repository because the queue was full.
        errors: Tries that ended in an error of a collaborator.
        cost: Dollars spent on lessons that were stored; `None` when any part is unknown.
    """

    waiting: int = 0
    stored: int = 0
    set_back: int = 0
    parked: int = 0
    not_queued: int = 0
    errors: int = 0
    cost: float | None = 0.0


@dataclass(order=True, slots=True)
class _Job:
    due: float
    order: int
    strategy_id: str = field(compare=False)
    tenant: str = field(compare=False)
    tries: int = field(compare=False, default=0)


class Learner:
    """Learns pending lessons in one daemon thread, which starts with the first lesson.

    The worker calls models and repository in the sync colour: an async client
    belongs to the event loop that used it first.  Each lesson is a trace of its
    own; its metadata names the run that it comes from.
    """

    def __init__(
        self,
        learn: Callable[[Strategy], Steps[Strategy]],
        repository: StrategyRepository,
        *,
        capacity: int = CAPACITY,
        backoff: float = BACKOFF,
    ) -> None:
        """Learn with `learn`, which distils and stores one pending lesson.

        Args:
            learn: The steps for one lesson; returns the strategy as it was written.
            repository: Where the pending lessons lie.
            capacity: Lessons that may wait in memory.
            backoff: Seconds before a second try.
        """
        self._learn = learn
        self._repository = repository
        self._capacity = capacity
        self._backoff = backoff
        self._jobs: list[_Job] = []
        self._submitted = 0
        self._working = 0
        self._closed = False
        self._stats = LearnerStats()
        self._known_tenants: set[str] = set()
        self._changed = threading.Condition()
        self._worker: threading.Thread | None = None
        self._awaited_at_exit = False

    def submit(self, pending: Strategy) -> bool:
        """Queue a lesson that is already written down; say whether there was room.

        The first lesson of a tenant also brings back what an earlier process
        left pending.
        """
        with self._changed:
            first = pending.tenant not in self._known_tenants
            self._known_tenants.add(pending.tenant)
            accepted = self._queue(pending.id, pending.tenant)
            if accepted and first and self._repository.lists:
                self._queue("", pending.tenant)
            if not accepted:
                self._stats = replace(self._stats, not_queued=self._stats.not_queued + 1)
            return accepted

    def recover(self, tenant: str) -> int:
        """Queue every lesson of `tenant` that is pending and not parked; say how many."""
        waiting = self._repository.scan(tenant=tenant, states=[State.PENDING])
        open_lessons = [each for each in waiting if each.lesson and not each.lesson.parked]
        with self._changed:
            self._known_tenants.add(tenant)
            return sum(self._queue(each.id, tenant) for each in open_lessons)

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until no lesson waits or is in progress; say whether that came to pass.

        Args:
            timeout: Seconds to wait at most; for ever if `None`.
        """
        with self._changed:
            return self._changed.wait_for(lambda: not self._jobs and not self._working, timeout)

    def close(self, timeout: float | None = EXIT_PATIENCE) -> None:
        """Stop after the lesson in progress; the others stay pending in the repository.

        Args:
            timeout: Seconds to wait for the lesson in progress.
        """
        with self._changed:
            self._closed = True
            self._jobs.clear()
            self._changed.notify_all()
            worker = self._worker
        if worker is not None and worker is not threading.current_thread():
            worker.join(timeout)

    def stats(self) -> LearnerStats:
        """Return what was done so far."""
        with self._changed:
            return replace(self._stats, waiting=len(self._jobs) + self._working)

    def _queue(self, strategy_id: str, tenant: str, *, after: float = 0.0, tries: int = 0) -> bool:
        """Add a job, and a worker if there is none; to be called with the lock held."""
        if self._closed or len(self._jobs) >= self._capacity:
            return False
        if any(job.strategy_id == strategy_id and job.tenant == tenant for job in self._jobs):
            return True
        self._submitted += 1
        job = _Job(time.monotonic() + after, self._submitted, strategy_id, tenant, tries)
        heapq.heappush(self._jobs, job)
        if self._worker is None:
            self._start()
        self._changed.notify_all()
        return True

    def _start(self) -> None:
        """Start the worker; to be called with the lock held."""
        if not self._awaited_at_exit:
            # The process may end, but not in the middle of writing a lesson.  Registered only now
            # so that it runs before the repository, opened earlier, gives back its files.
            atexit.register(_close, weakref.ref(self))
            self._awaited_at_exit = True
        self._worker = threading.Thread(
            target=self._work, name="inter-cascade-learner", daemon=True
        )
        self._worker.start()

    def _work(self) -> None:
        while (job := self._take()) is not None:
            try:
                outcome = run(attempt(self._carry_out(job)), _trace_of(job))
            except ConfigurationError as error:
                # Nobody is there to raise it to; the lesson stays pending.
                outcome = Fault(error)
            with self._changed:
                self._count(job, outcome)
                self._working -= 1
                self._changed.notify_all()

    def _take(self) -> _Job | None:
        """Wait for a job that is due; `None` ends the worker, after some idle time or on close."""
        with self._changed:
            while True:
                if self._closed:
                    return None
                wait = self._jobs[0].due - time.monotonic() if self._jobs else IDLE
                if self._jobs and wait <= 0:
                    self._working += 1
                    return heapq.heappop(self._jobs)
                notified = self._changed.wait(wait)
                if not notified and not self._jobs:
                    self._worker = None
                    return None

    def _carry_out(self, job: _Job) -> Steps[Strategy | None]:
        if not job.strategy_id:
            self.recover(job.tenant)
            return None
        found = yield from self._repository.getting(job.strategy_id, tenant=job.tenant)
        if found is None or found.state is not State.PENDING:
            return None
        return (yield from self._learn(found))

    def _count(self, job: _Job, outcome: Strategy | Fault | None) -> None:
        """Add `outcome` to the counters and queue another try; called with the lock held."""
        stats = self._stats
        if isinstance(outcome, Fault):
            logger.warning("Learning strategy %s failed: %s.", job.strategy_id, outcome)
            stats = replace(stats, errors=stats.errors + 1)
            self._try_again(job)
        elif outcome is not None and outcome.state is State.ACTIVE:
            known = stats.cost is not None and outcome.cost is not None
            cost = stats.cost + outcome.cost if known else None  # type: ignore[operator]  # both known
            stats = replace(stats, stored=stats.stored + 1, cost=cost)
        elif outcome is not None and outcome.lesson is not None:
            parked = int(outcome.lesson.parked)
            stats = replace(stats, set_back=stats.set_back + 1, parked=stats.parked + parked)
            if not parked:
                self._try_again(job)
        self._stats = stats

    def _try_again(self, job: _Job) -> None:
        if job.tries + 1 < MAX_ATTEMPTS:
            wait = self._backoff * 4**job.tries
            self._queue(job.strategy_id, job.tenant, after=wait, tries=job.tries + 1)


def _trace_of(job: _Job) -> RunnableConfig:
    return {
        "run_name": "inter_cascade_learning",
        "metadata": {"inter_cascade_strategy_id": job.strategy_id},
    }


def _close(learner: weakref.ref[Learner]) -> None:
    if (alive := learner()) is not None:
        alive.close()
