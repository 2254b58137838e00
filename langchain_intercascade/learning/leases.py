"""Leases: of all that could learn a lesson, one does.

Any number of processes may learn from one repository.  Whoever is about to pay
for a lesson first writes its own name on it, by compare-and-swap, so that of two
only one succeeds.  The name is good for a while only: its owner may have died.

The time is the wall clock, in UTC, because it is all that processes on different
machines share.  Clocks that differ by less than what is left of a lease when its
lesson is done change nothing.  With a larger difference a lesson is taken over
while its owner is still at work: it is paid for twice, and whoever writes second
finds that the version has moved on.  The other way round a dead owner's lesson
waits longer, by the difference.

Where the engine cannot tell two writers apart (`swaps` is false, as with vector
stores) the same is done as well as it can be: two processes that claim one lesson
in the same moment may then both learn it.
"""

from __future__ import annotations

import itertools
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from langchain_intercascade._steps import Steps
from langchain_intercascade.strategy import Lease, State, Strategy

if TYPE_CHECKING:
    from langchain_intercascade.repository.base import StrategyRepository

LEASE_SECONDS: Final = 300.0
"""How long a claim is good for.

A lesson takes about half a dozen model calls, and clients give one up after a minute
or so; a lease that ran out before would have lessons paid for twice.  A longer one
would only keep those of a process that died waiting.
"""

_RANDOM: Final = uuid4().hex[:12]
_NUMBERS: Final = itertools.count(1)


def next_number() -> int:
    """Return a number that no other learner of this process has."""
    return next(_NUMBERS)


def owner_name(number: int) -> str:
    """Return the name of a learner, unlike that of any other in any process.

    A forked child has its parent's random part, but not its process id; two containers
    may both have process id 1, but not the same random part.

    Examples:
        >>> owner_name(1) == owner_name(1), owner_name(1) == owner_name(2)
        (True, False)
    """
    return f"{os.getpid()}.{_RANDOM}/{number}"


def claiming(
    repository: StrategyRepository,
    strategy_id: str,
    *,
    tenant: str,
    owner: str,
    seconds: float = LEASE_SECONDS,
) -> Steps[Strategy | None]:
    """Claim one pending lesson, unless somebody else is at work on it.

    Claiming again what is one's own makes the lease good for another `seconds`.

    Args:
        repository: Where the lesson lies.
        strategy_id: Which lesson.
        tenant: Whose.
        owner: Who claims it; see `owner_name`.
        seconds: For how long.

    Returns:
        The lesson as written, with the lease on it; `None` if there is nothing to learn
        under this id (any more), it is parked, or somebody else holds it.
    """

    def taken(stored: Strategy) -> Strategy | None:
        if not is_open(stored) or held_for(stored, repository, owner) > 0:
            return None
        return claimed(stored, owner, seconds=seconds)

    return (yield from repository.updating(strategy_id, tenant=tenant, change=taken))


def claimed(pending: Strategy, owner: str, *, seconds: float = LEASE_SECONDS) -> Strategy:
    """Return the lesson `pending` with the name of `owner` on it, for `seconds` from now."""
    if pending.lesson is None:
        return pending
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    lease = Lease(owner=owner, until=until.isoformat())
    return pending.changed(lesson=pending.lesson.model_copy(update={"lease": lease}))


def releasing(repository: StrategyRepository, pending: Strategy) -> Steps[Strategy]:
    """Take the name off a lesson that waits, so that nobody waits for it; return the lesson."""

    def released(stored: Strategy) -> Strategy | None:
        if stored.lesson is None or stored.lesson.lease is None:
            return None
        return stored.changed(lesson=stored.lesson.model_copy(update={"lease": None}))

    free = yield from repository.updating(pending.id, tenant=pending.tenant, change=released)
    return free or pending


def is_open(strategy: Strategy) -> bool:
    """Say whether there is a lesson to learn: pending, and not given up on."""
    lesson = strategy.lesson
    return strategy.state is State.PENDING and lesson is not None and not lesson.parked


def held_for(
    strategy: Strategy, repository: StrategyRepository, owner: str, *, at: datetime | None = None
) -> float:
    """Return for how many more seconds somebody other than `owner` holds the lesson.

    0 if nobody does: there is no lease, it has run out, or its owner must be dead, because
    no other process can be at work on the same repository.

    Args:
        strategy: The lesson.
        repository: Where it lies.
        owner: Who asks.
        at: The moment to count from, in UTC; the present if `None`.
    """
    lease = strategy.lesson.lease if strategy.lesson else None
    if lease is None or lease.owner == owner:
        return 0.0
    if repository.exclusive and _process_of(lease.owner) != _process_of(owner):
        return 0.0
    return max(0.0, seconds_until(lease.until, at=at))


def is_of_this_process(owner: str) -> bool:
    """Say whether the name `owner` belongs to a learner of this process.

    Examples:
        >>> is_of_this_process(owner_name(7)), is_of_this_process("1.elsewhere/7")
        (True, False)
    """
    return _process_of(owner) == _process_of(owner_name(0))


def _process_of(owner: str) -> str:
    return owner.rpartition("/")[0]


def seconds_until(moment: str, *, at: datetime | None = None) -> float:
    """Return how far off `moment` is from `at`, or from now; what is no time is over.

    Examples:
        >>> noon = datetime(2030, 1, 1, 12, tzinfo=UTC)
        >>> seconds_until("2030-01-01T13:00:00+01:00", at=noon), seconds_until("never")
        (0.0, 0.0)
    """
    try:
        until = datetime.fromisoformat(moment)
    except ValueError:
        return 0.0
    known = until if until.tzinfo else until.replace(tzinfo=UTC)
    return (known - (at or datetime.now(UTC))).total_seconds()
