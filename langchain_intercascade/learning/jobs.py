"""What waits for the learner, in the order in which it is due.

Nothing here is thread-safe; the learner's lock is held around all of it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

from langchain_intercascade._steps import Steps
from langchain_intercascade.errors import ConfigurationError


@dataclass(order=True, slots=True)
class Job:
    """A lesson to learn, or (without an id) a look at what a tenant has pending.

    Attributes:
        due: When, on the monotonic clock.
        order: Keeps those that are due at once in the order of their arrival.
        strategy_id: Which lesson; empty for a look.
        tenant: Whose.
        tries: How often it has been tried before.
        held: Whether nobody here waits for it, mostly because somebody else is at work on it.
    """

    due: float
    order: int
    strategy_id: str = field(compare=False)
    tenant: str = field(compare=False)
    tries: int = field(compare=False, default=0)
    held: bool = field(compare=False, default=False)

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from others."""
        return self.tenant, self.strategy_id


@dataclass(frozen=True, slots=True)
class Task:
    """Work other than lessons.

    Attributes:
        what: What it is, in words without content.
        steps: Makes the steps that do it.
        run_id: The run that it is about; empty if it is about no one run.
    """

    what: str
    steps: Callable[[], Steps[object]]
    run_id: str = ""


class Jobs:
    """Jobs by the time they are due, each once, and so many at most.

    Those that are held, mostly by others, have as much room again, and so keep none out
    that are not.

    Examples:
        >>> jobs = Jobs(capacity=2)
        >>> jobs.add("one", "acme", due=1.0), jobs.add("two", "acme", due=0.5)
        (True, True)
        >>> jobs.add("two", "acme", due=0.1), jobs.add("three", "acme", due=0.0)
        (True, False)
        >>> jobs.take(at=0.7).strategy_id, jobs.take(at=0.7), jobs.next_due
        ('two', None, 1.0)
    """

    def __init__(self, capacity: int) -> None:
        """Make room for `capacity` jobs.

        Raises:
            ConfigurationError: There would be no room at all.
        """
        if capacity < 1:
            msg = f"capacity={capacity!r} must be at least 1: one lesson has to wait somewhere."
            raise ConfigurationError(msg)
        self._capacity = capacity
        self._heap: list[Job] = []
        self._known: dict[tuple[str, str], Job] = {}
        self._held = 0
        self._added = 0

    @property
    def lessons(self) -> int:
        """How many lessons are among them, without those that only others are at work on."""
        mine = (job for job in self._known.values() if job.strategy_id)
        return sum(not job.held or job.tries > 0 for job in mine)

    @property
    def own(self) -> int:
        """How many jobs wait that are not held by others."""
        return len(self._known) - self._held

    @property
    def next_due(self) -> float | None:
        """When the first job is due; `None` if there is none."""
        self._drop_replaced()
        return self._heap[0].due if self._heap else None

    def add(
        self, strategy_id: str, tenant: str, *, due: float, tries: int = 0, held: bool = False
    ) -> bool:
        """Add a job, and say whether it will be done: it was there already, or there was room.

        An own job takes the place of the same one held by others.
        """
        self._added += 1
        job = Job(due, self._added, strategy_id, tenant, tries, held)
        known = self._known.get(job.key)
        if known is not None and (held or not known.held):
            return True
        if (self._held if held else self.own) >= self._capacity:
            return False
        self._forget(known)
        self._known[job.key] = job
        self._held += held
        heapq.heappush(self._heap, job)
        return True

    def take(self, at: float) -> Job | None:
        """Remove and return the first job that is due at the moment `at`."""
        due = self.next_due
        if due is None or due > at:
            return None
        job = heapq.heappop(self._heap)
        self._forget(job)
        return job

    def clear(self) -> None:
        """Forget all jobs."""
        self._heap.clear()
        self._known.clear()
        self._held = 0

    def _forget(self, job: Job | None) -> None:
        if job is not None:
            del self._known[job.key]
            self._held -= job.held

    def _drop_replaced(self) -> None:
        """Drop what is at the front of the heap and no longer counts: it was replaced."""
        while self._heap and self._known.get(self._heap[0].key) is not self._heap[0]:
            heapq.heappop(self._heap)
