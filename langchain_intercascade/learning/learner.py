"""The background learner: one worker that turns pending lessons into strategies.

The queue holds ids only.  What is to be learned lies in the repository, written
before the answer was returned, so a full queue, a crash or a restart loses
nothing: the next learner of the tenant picks up what is still pending.  Any
number of learners, in any number of processes, may work on one repository; each
lesson is learned by the one that holds its lease (see `leases`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias

from langchain_intercascade._steps import Fault, Steps, run
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
from langchain_intercascade.learning.worker import Worker
from langchain_intercascade.strategy import State, Strategy

if TYPE_CHECKING:
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

_PAGE: Final = 200


class Learner(Worker):
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
        agenda = Agenda(capacity=capacity, task_capacity=task_capacity, lists=repository.lists)
        super().__init__(agenda)
        self._learn = learn
        self._repository = repository
        self._backoff = backoff
        self._lease = lease
        self._around = around
        self._number = next_number()
        self._stats = LearnerStats()

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

    def stats(self) -> LearnerStats:
        """Return what was done so far."""
        with self._changed:
            working = isinstance(self._busy, Job)
            return replace(self._stats, waiting=self._agenda.lessons + working)

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
        if isinstance(work, Task):
            self._count_task(work, outcome)
        elif isinstance(outcome, Fault):
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

    def _count_task(self, task: Task, outcome: object) -> None:
        if not isinstance(outcome, Fault):
            self._stats = self._stats.plus(tasks=1)
            return
        told = {"work": task.what, "run_id": task.run_id, "error": str(outcome)}
        logger.warning(
            "Background work failed (%s): %s.",
            task.what,
            told["error"],
            extra={"event": "background_work_failed", **told},
        )
        self._stats = self._stats.plus(task_errors=1)

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
