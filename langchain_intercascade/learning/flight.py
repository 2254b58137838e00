"""Single flight: of several equal lessons at once, one is distilled and stands for all.

A burst of near-equal queries is deferred before any of them has taught anything.
Each gets its own strong answer, but paying for the same strategy again and again
would be waste: whoever comes later waits for the first and is merged with it.

Between processes the older claim goes first.  That leaves a gap: one may have looked
round before another, whose claim is older, was written down.  Inside a process there is
none, because a lesson enters a register before it looks round: of two, the later one
sees the earlier in the repository and knows that it was earlier.
"""

from __future__ import annotations

import itertools
import os
import threading
from typing import TYPE_CHECKING, Final

from langchain_intercascade.learning.leases import (
    held_for,
    is_of_this_process,
    owner_name,
    seconds_until,
)
from langchain_intercascade.repository.dedup import SAME_QUERY, same_question
from langchain_intercascade.strategy import State, Strategy, normalised

if TYPE_CHECKING:
    from langchain_intercascade._steps import Steps
    from langchain_intercascade.repository.base import StrategyRepository

_NEAR: Final = 4
_BURST: Final = 64
"""Equal lessons at once among which the one that is being learned is looked for."""
# Not those that were suspended: one that was wrong must not keep a right one from being learned.
_TAUGHT: Final = (State.ACTIVE, State.CANDIDATE)


class Departures:
    """The lessons that this process has set out to learn, in that order.

    Each is known by its id and the name it was claimed under, which is unlike that of any
    other cascade.  An entry is good for as long as the claim is.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.start_afresh()

    def start_afresh(self) -> None:
        """Forget all; a forked child has set out for nothing, and another thread holds the lock."""
        self._numbers = itertools.count(1)
        self._entries: dict[tuple[str, str], tuple[int, str]] = {}
        self._lock = threading.Lock()

    def add(self, pending: Strategy) -> None:
        """Enter `pending` as the last one."""
        key, until = _claim(pending)
        with self._lock:
            self._entries.pop(key, None)
            self._entries[key] = next(self._numbers), until
            self._drop_overdue()

    def drop(self, pending: Strategy) -> None:
        """Take `pending` out: it waits."""
        with self._lock:
            self._entries.pop(_claim(pending)[0], None)

    def precedes(self, other: Strategy, pending: Strategy) -> bool:
        """Say whether `other` set out before `pending`; not if it has not set out at all."""
        with self._lock:
            there, here = (self._entries.get(_claim(each)[0]) for each in (other, pending))
        return there is not None and (here is None or there < here)

    def _drop_overdue(self) -> None:
        """Drop the oldest ones whose claim has run out; nobody asks for them any more."""
        for key, (_, until) in list(itertools.islice(self._entries.items(), 2)):
            if seconds_until(until) <= 0:
                del self._entries[key]


_DEPARTED: Final = Departures()
if hasattr(os, "register_at_fork"):  # not on Windows, which has no forks
    os.register_at_fork(after_in_child=_DEPARTED.start_afresh)


def flying(repository: StrategyRepository, pending: Strategy) -> Steps[bool]:
    """Say whether an equal lesson is being learned, here or elsewhere, that goes first.

    If not, `pending` goes first from now on, before all that set out later in this process.
    """
    waits = True
    _DEPARTED.add(pending)
    try:
        hits = yield from repository.searching(
            pending.keys[0],
            tenant=pending.tenant,
            k=_BURST,
            min_similarity=SAME_QUERY,
            states=(State.PENDING,),
        )
        others = [hit.strategy for hit in hits if hit.strategy.id != pending.id]
        # Nobody has number 0, so a lease of this very process counts as one of somebody else.
        held = [each for each in others if held_for(each, repository, owner_name(0)) > 0]
        waits = any(
            _goes_first(each, pending) and same_question(each.keys[0], pending.keys[0])
            for each in held
        )
        return waits
    finally:
        if waits:
            _DEPARTED.drop(pending)


def equal_taught(
    repository: StrategyRepository, pending: Strategy, *, exactly: bool
) -> Steps[Strategy | None]:
    """Return the strategy that an equal query has taught, if there is one.

    One that the weak model has just failed with is no answer to this lesson, unless it
    was this very query that has taught it.  One that is suspended is none but for the
    very same query, and not if somebody vouches for this lesson: it may contradict it.

    Args:
        repository: Where to look.
        pending: The lesson.
        exactly: Whether only the very same query counts, not one with other names and numbers.
    """
    query, shown = pending.keys[0], pending.lesson.shown if pending.lesson else ()
    hits = yield from repository.searching(
        query, tenant=pending.tenant, k=_NEAR, min_similarity=SAME_QUERY, states=_TAUGHT
    )
    others = [hit.strategy for hit in hits if hit.strategy.id != pending.id]
    in_use = [each for each in others if each.state is not State.SUSPENDED]
    able = in_use if pending.verified_by else others
    same = [each for each in able if normalised(query) in map(normalised, each.keys)]
    if same or exactly:
        return next(iter(same), None)
    fresh = (each for each in in_use if each.id not in shown)
    return next((each for each in fresh if same_question(each.keys[0], query)), None)


def _goes_first(other: Strategy, pending: Strategy) -> bool:
    """Say whether `other`, which is claimed, is to be learned before `pending`."""
    if is_of_this_process(_claim(other)[0][0]):
        return _DEPARTED.precedes(other, pending)
    return _turn(other) < _turn(pending)


def _claim(strategy: Strategy) -> tuple[tuple[str, str], str]:
    """Return what a claimed lesson is known by, and until when it is claimed."""
    lease = strategy.lesson.lease if strategy.lesson else None
    return ((lease.owner, strategy.id), lease.until) if lease else (("", strategy.id), "")


def _turn(strategy: Strategy) -> tuple[str, str]:
    """Return what decides between processes: the older claim, then the id."""
    return _claim(strategy)[1] or "9999", strategy.id
