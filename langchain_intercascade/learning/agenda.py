"""What a learner has before it: lessons, other work, and what the repository still holds.

Nothing here is thread-safe; the learner's lock is held around all of it.
"""

from __future__ import annotations

import time
from collections import deque

from langchain_intercascade.learning.jobs import Job, Jobs, Task
from langchain_intercascade.strategy import Strategy


class Agenda:
    """Lessons and tasks, each with a bound of its own, so that neither keeps out the other.

    A lesson that finds no room stays in the repository, and its tenant is remembered:
    when the agenda has no lesson left, it says to look there.
    """

    def __init__(self, *, capacity: int, task_capacity: int, lists: bool) -> None:
        """Make room.

        Args:
            capacity: Lessons that may wait, at least 1.
            task_capacity: Tasks that may wait.
            lists: Whether the repository can be looked through.
        """
        self._jobs = Jobs(capacity)
        self._tasks: deque[Task] = deque()
        self._task_capacity = task_capacity
        self._lists = lists
        self._known_tenants: set[str] = set()
        # Tenants of which more is pending than there was room for, and where to read on.
        self._unread: dict[str, str | None] = {}

    @property
    def lessons(self) -> int:
        """How many lessons wait here that nobody else is at work on."""
        return self._jobs.own

    @property
    def left(self) -> int:
        """How many lessons would be left pending if everything were dropped now."""
        return self._jobs.lessons

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do but, perhaps, lessons that others are at work on."""
        return not (self._jobs.own or self._tasks or self._unread)

    @property
    def next_due(self) -> float | None:
        """When the next lesson is due, on the monotonic clock; `None` if there is none."""
        return self._jobs.next_due

    def add_first(self, pending: Strategy) -> bool:
        """Add a new lesson, and say whether there was room; a tenant's first adds a look."""
        tenant = pending.tenant
        is_known = tenant in self._known_tenants
        self._known_tenants.add(tenant)
        accepted = self.add(pending.id, tenant)
        if not accepted or not (is_known or self.add("", tenant)):
            self.look_later(tenant, None)
        return accepted

    def add(self, strategy_id: str, tenant: str, *, after: float = 0.0, tries: int = 0) -> bool:
        """Add a lesson, or without id a look, due in `after` seconds; say whether there is room."""
        if not strategy_id and not self._lists:
            return True  # there is nothing to look through
        return self._jobs.add(strategy_id, tenant, due=time.monotonic() + after, tries=tries)

    def watch(self, strategy_id: str, tenant: str, *, after: float, tries: int = 0) -> None:
        """Add a lesson that nobody waits for here, to be looked at in `after` seconds.

        Others are at work on it, or it could not be learned time and again.
        """
        due = time.monotonic() + after
        if not self._jobs.add(strategy_id, tenant, due=due, tries=tries, held=True):
            self.forget_tenant(tenant)

    def add_task(self, task: Task) -> bool:
        """Add other work, and say whether there was room."""
        if len(self._tasks) >= self._task_capacity:
            return False
        self._tasks.append(task)
        return True

    def look_later(self, tenant: str, after: str | None) -> None:
        """Remember that more of `tenant` is pending, behind the strategy `after`.

        If something was remembered already, the look starts from the beginning.
        """
        if self._lists:
            self._unread[tenant] = None if tenant in self._unread else after

    def begin_look(self, tenant: str) -> str | None:
        """Return where to read on, which is then forgotten."""
        return self._unread.pop(tenant, None)

    def forget_tenant(self, tenant: str) -> None:
        """Let the tenant's next lesson add a look."""
        self._known_tenants.discard(tenant)

    def take(self) -> Job | Task | None:
        """Remove and return what is to be done now: lessons that are due, tasks, a look."""
        if (job := self._jobs.take(time.monotonic())) is not None:
            return job
        if self._tasks:
            return self._tasks.popleft()
        if self._unread and not self._jobs.own:
            return Job(0.0, 0, "", next(iter(self._unread)))
        return None

    def clear(self) -> None:
        """Drop everything; lessons are still in the repository."""
        self._jobs.clear()
        self._tasks.clear()
        self._unread.clear()
        self._known_tenants.clear()
