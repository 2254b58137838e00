"""The background learner: one worker that turns pending lessons into strategies.

The queue holds ids only.  What is to be learned lies in the repository, written
before the answer was returned, so a full queue, a crash or a restart loses
nothing: the next learner of the tenant picks up what is still pending.  Any
number of learners, in any number of processes, may work on one repository; each
lesson is learned by the one that holds its lease (see `leases`).
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias

from langchain_intercascade._steps import Fault, Steps, attempt, run
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.learning.agenda import Agenda
from langchain_intercascade.learning.jobs import Job, Task
from langchain_intercascade.learning.leases import (
    LEASE_SECONDS,
    claiming,
    held_for,
    is_open,
    next_number,
    owner_name,
)
from langchain_intercascade.learning.lesson import MAX_ATTEMPTS, Learned
from langchain_intercascade.learning.stats import LearnerStats
from langchain_intercascade.strategy import State, Strategy

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

    from langchain_intercascade.repository.base import StrategyRepository

logger = logging.getLogger(__name__)

Around: TypeAlias = "Callable[[str, str, Steps[object]], Steps[object]]"
"""Makes of what a piece of work is, its run's id, and its steps the steps that are carried out."""

CAPACITY: Final = 1000
"""Lessons that may wait in memory; further ones wait in the repository."""

TASKS: Final = 1000
"""Other pieces of work that may wait in memory; further ones are not taken."""

BACKOFF: Final = 2.0
"""Seconds before the second try after an outage; each further try waits four times as long."""

LONGEST: Final = 3600.0
"""Seconds between two tries at most: for so long an outage may go unnoticed to have ended."""

IDLE: Final = 2.0
"""Seconds without work after which the thread ends; the next lesson starts another."""

EXIT_PATIENCE: Final = 5.0
"""Seconds that the interpreter's exit waits for a lesson that is being learned."""

_PAGE: Final = 200


class Learner:
    """Learns pending lessons in one daemon thread, which starts with the first lesson.

    The worker calls models and repository in the sync colour: an async client
    belongs to the event loop that used it first.  Each lesson is a trace of its
    own; its metadata names the strategy that it becomes.

    What fails for want of a model or a repository is tried again after 2 and
    8 seconds, and then without anybody waiting for it: after as long as a lease,
    and ever longer, up to an hour.  What was refused is tried again at once.  A
    lesson that another learner is at work on is looked at again when that one's
    lease ends.
    """

    def __init__(
        self,
        learn: Callable[[Strategy], Steps[Learned]],
        repository: StrategyRepository,
        *,
        capacity: int = CAPACITY,
        task_capacity: int = TASKS,
        backoff: float = BACKOFF,
        lease: float = LEASE_SECONDS,
        around: Around | None = None,
    ) -> None:
        """Learn with `learn`, which distils, admits and stores one pending lesson.

        Args:
            learn: The steps for one lesson, which is claimed already; returns what came of
                it.  It writes by `swapping` with the version that it was given, so that one
                that was overtaken writes nothing.
            repository: Where the pending lessons lie.
            capacity: Lessons that may wait in memory.
            task_capacity: Pieces of other work that may wait in memory.
            backoff: Seconds before a second try.
            lease: Seconds for which a lesson is claimed; longer than learning one can take.
            around: Stands around other work, if somebody watches; see `telemetry`.

        Raises:
            ConfigurationError: `capacity` is less than 1.
        """
        self._learn = learn
        self._repository = repository
        self._backoff = backoff
        self._lease = lease
        self._around = around
        self._number = next_number()
        self._agenda = Agenda(
            capacity=capacity, task_capacity=task_capacity, lists=repository.lists
        )
        self._busy: Job | Task | None = None
        self._closed = False
        self._draining = False
        self._set_back = 0
        self._stats = LearnerStats()
        self._changed = threading.Condition()
        self._worker: threading.Thread | None = None
        self._awaited_at_exit = False
        _LEARNERS.add(self)

    @property
    def owner(self) -> str:
        """The name under which lessons are claimed here; see `leases`."""
        return owner_name(self._number)

    def submit(self, pending: Strategy) -> bool:
        """Queue a lesson that is already written down; say whether there was room.

        The first lesson of a tenant also brings back what an earlier process
        left pending.
        """
        with self._changed:
            accepted = not self._draining and self._agenda.add_first(pending)
            if accepted:
                self._wake()
            else:
                self._stats = self._stats.plus(not_queued=1)
            return accepted

    def recover(self, tenant: str) -> int:
        """Queue the lessons of `tenant` that are pending, not parked and not being learned.

        What the queue has no room for is looked for when it is empty.

        Returns:
            How many were queued now.
        """
        return run(self._looking(tenant, after=None))

    def do(self, what: str, steps: Callable[[], Steps[object]], *, run_id: str = "") -> bool:
        """Run `steps` in the background, after the lessons; say whether there was room.

        For what nobody waits for and nothing depends on: it is not written down anywhere, it
        is done once, a failure is counted and logged, and `close` drops what has not begun.

        Args:
            what: What it is, for logs and traces; it must not quote content.
            steps: Makes the steps, in the worker.
            run_id: The run that it is about; empty if it is about no one run.
        """
        with self._changed:
            accepted = not self._draining and self._agenda.add_task(Task(what, steps, run_id))
            if accepted:
                self._wake()
            return accepted

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all lessons and all other work are done; say whether that came to pass.

        Lessons that other learners are at work on are not waited for.

        Args:
            timeout: Seconds to wait at most; for ever if `None`.
        """
        with self._changed:
            if not (self._closed or self._agenda.is_done):
                self._wake()  # there may have been no thread to be had
            return self._changed.wait_for(self._rests, timeout) and self._agenda.is_done

    def close(self, timeout: float | None = EXIT_PATIENCE, *, drain: float | None = 0.0) -> int:
        """Stop after the lesson in progress; the others stay pending in the repository.

        Args:
            timeout: Seconds to wait for the lesson in progress.
            drain: Seconds in which lessons that wait are still learned, until all are if `None`;
                new ones are not taken, and what fails meanwhile is not tried again.

        Returns:
            How many lessons that were queued here, or in progress, are left pending.  The
            repository may hold more that never were; see `LearnerStats.not_queued`.
        """
        with self._changed:
            self._draining = True
            self._changed.wait_for(self._rests, drain)
            self._closed = True
            left, self._set_back = self._agenda.left + self._set_back, 0
            self._agenda.clear()
            self._changed.notify_all()
            worker = self._worker
        if worker is not None and worker is not threading.current_thread():
            worker.join(timeout)
        with self._changed:
            left, self._set_back = left + self._set_back, 0
            return left + (isinstance(self._busy, Job) and bool(self._busy.strategy_id))

    def stats(self) -> LearnerStats:
        """Return what was done so far."""
        with self._changed:
            working = isinstance(self._busy, Job)
            return replace(self._stats, waiting=self._agenda.lessons + working)

    def after_fork(self) -> None:
        """Start afresh in a forked child: neither the thread nor the work is the child's."""
        self._changed = threading.Condition()
        self._worker = self._busy = None
        self._agenda.clear()

    # The worker.

    def _wake(self) -> None:
        """See to it that somebody works; called with the lock held."""
        if self._worker is None or not self._worker.is_alive():
            self._start()
        self._changed.notify_all()

    def _start(self) -> None:
        if not self._awaited_at_exit:
            # The process may end, but not in the middle of writing a lesson.  Registered only now
            # so that it runs before the repository, opened earlier, gives back its files.
            atexit.register(_close, weakref.ref(self))
            self._awaited_at_exit = True
        worker = threading.Thread(target=self._work, name="inter-cascade-learner", daemon=True)
        try:
            worker.start()
        except RuntimeError as error:  # there are too many threads, or the interpreter is going
            told = type(error).__name__
            logger.warning(
                "No thread could be started to learn in (%s). What waits goes on waiting, for the "
                "next lesson or `flush`.",
                told,
                extra={"event": "learning_not_started", "error": told},
            )
        else:
            self._worker = worker

    def _rests(self) -> bool:
        """Say whether nothing is done and nothing will be; called with the lock held."""
        return self._busy is None and (self._worker is None or self._agenda.is_done)

    def _work(self) -> None:
        try:
            while (work := self._take()) is not None:
                outcome = self._outcome(work)
                with self._changed:
                    self._count(work, outcome)
                    self._busy = None
                    self._changed.notify_all()
        finally:
            with self._changed:
                if self._busy is not None:  # somebody has ended the thread, and not by an error
                    self._worker = self._busy = None
                    self._changed.notify_all()

    def _outcome(self, work: Job | Task) -> object:
        """Carry out `work`; nobody is there to raise anything to, and a lesson stays pending."""
        try:
            return run(attempt(self._carrying_out(work)), _trace_of(work))
        except ConfigurationError as error:
            return Fault(error)
        except asyncio.CancelledError:  # a client has given up a call of its own accord
            return Fault(CancelledError())

    def _take(self) -> Job | Task | None:
        """Wait for something to do; `None` ends the worker, after some idle time or on close."""
        with self._changed:
            while not self._closed:
                if (work := self._agenda.take()) is not None:
                    self._busy = work
                    return work
                due = self._agenda.next_due
                notified = self._changed.wait(IDLE if due is None else due - time.monotonic())
                if not notified and self._agenda.is_done and self._agenda.next_due is None:
                    break
            self._worker = None
            return None

    def _carrying_out(self, work: Job | Task) -> Steps[object]:
        if isinstance(work, Task):
            steps = work.steps()
            if self._around is not None:
                steps = self._around(work.what, work.run_id, steps)
            return (yield from steps)
        if not work.strategy_id:
            with self._changed:
                after = self._agenda.begin_look(work.tenant)
            return (yield from self._looking(work.tenant, after=after))
        return (yield from self._learning(work))

    def _learning(self, job: Job) -> Steps[Learned | None]:
        claimed = yield from claiming(
            self._repository,
            job.strategy_id,
            tenant=job.tenant,
            owner=self.owner,
            seconds=self._lease,
        )
        if claimed is not None:
            return (yield from self._learn(claimed))
        found = yield from self._repository.getting(job.strategy_id, tenant=job.tenant)
        if found is not None and self._offer(found) is None:
            self._look_later(job.tenant, None)
        return None

    def _looking(self, tenant: str, *, after: str | None) -> Steps[int]:
        """Queue what is pending, until all is read or the queue is full; say how many."""
        queued = 0
        # An empty page is the end; a short one may only have lost what cannot be read.
        while page := (
            yield from self._repository.scanning(
                tenant=tenant, states=[State.PENDING], limit=_PAGE, after=after
            )
        ):
            for strategy in page:
                taken = self._offer(strategy)
                if taken is None:
                    self._look_later(tenant, after)
                    return queued
                queued += taken
                after = strategy.id
        return queued

    def _offer(self, strategy: Strategy) -> bool | None:
        """Queue what is found in the repository; say whether it was, `None` if there is no room."""
        if not is_open(strategy):
            return False
        held = held_for(strategy, self._repository, self.owner)
        with self._changed:
            if self._draining:
                return None
            if held > 0:
                self._stats = self._stats.plus(leased_elsewhere=1)
                self._agenda.watch(strategy.id, strategy.tenant, after=held)
            elif not self._agenda.add(strategy.id, strategy.tenant):
                return None
            self._wake()
            return held <= 0

    def _look_later(self, tenant: str, after: str | None) -> None:
        with self._changed:
            if not self._draining:
                self._agenda.look_later(tenant, after)
                self._wake()

    def _count(self, work: Job | Task, outcome: object) -> None:
        """Add `outcome` to the counters and queue another try; called with the lock held."""
        failed = isinstance(outcome, Fault)
        if isinstance(work, Task):
            if failed:
                told = {"work": work.what, "run_id": work.run_id, "error": str(outcome)}
                logger.warning(
                    "Background work failed (%s): %s.",
                    work.what,
                    told["error"],
                    extra={"event": "background_work_failed", **told},
                )
            self._stats = self._stats.plus(**{"task_errors" if failed else "tasks": 1})
        elif failed:
            logger.warning(
                "Learning strategy %s failed: %s.",
                work.strategy_id,
                str(outcome),  # not the fault itself, which quotes the error's message
                extra={
                    "event": "learning_failed",
                    "strategy_id": work.strategy_id,
                    "error": str(outcome),
                },
            )
            self._stats = self._stats.plus(errors=1)
            self._try_again(work, wait=True)
        elif isinstance(outcome, Learned):
            lesson = outcome.strategy.lesson
            self._stats = self._stats.with_learned(outcome)
            if outcome.verdict == "set_back" and not (lesson and lesson.parked):
                self._try_again(work, wait=outcome.outage)

    def _try_again(self, job: Job, *, wait: bool) -> None:
        """Queue another try; called with the lock held.

        After a few, a look waits for the tenant's next lesson, and a lesson for as long as
        a lease, then twice as long each time: only a lesson that is parked is given up on,
        and nobody waits for this one.  In a long outage they must not keep out other work.
        """
        tries = job.tries + 1
        if self._draining:
            self._set_back += bool(job.strategy_id)
            return
        if tries < MAX_ATTEMPTS:
            after = self._backoff * 4**job.tries if wait else 0.0
            if not self._agenda.add(job.strategy_id, job.tenant, after=after, tries=tries):
                self._agenda.look_later(job.tenant, None)
        elif job.strategy_id:
            after = patience(tries, lease=self._lease)
            self._agenda.watch(job.strategy_id, job.tenant, after=after, tries=tries)
        else:
            self._agenda.forget_tenant(job.tenant)


def patience(tries: int, *, lease: float) -> float:
    """Return the seconds until a lesson is tried again that has failed so often in a row.

    Examples:
        >>> [patience(tries, lease=300.0) for tries in (3, 4, 5, 99)]
        [300.0, 600.0, 1200.0, 3600.0]
    """
    doublings = min(tries - MAX_ATTEMPTS, 30)
    return min(lease * 2.0**doublings, max(lease, LONGEST))


_LEARNERS: Final[weakref.WeakSet[Learner]] = weakref.WeakSet()


def _start_afresh() -> None:
    for learner in list(_LEARNERS):
        learner.after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no forks
    os.register_at_fork(after_in_child=_start_afresh)


def _trace_of(work: Job | Task) -> RunnableConfig:
    if isinstance(work, Task):
        metadata = {"inter_cascade_work": work.what}
        if work.run_id:
            metadata["inter_cascade_run_id"] = work.run_id
        return {"run_name": "inter_cascade_background", "metadata": metadata}
    metadata = {"inter_cascade_strategy_id": work.strategy_id}
    return {"run_name": "inter_cascade_learning", "metadata": metadata}


def _close(learner: weakref.ref[Learner]) -> None:
    if (alive := learner()) is not None:
        alive.close()
