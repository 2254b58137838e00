"""How many calls of one model are in flight at once.

One count for threads and for tasks of any event loop, because both colours ask the
same service.  Who waits is served in order of arrival; a slot is handed on by whoever
gives it back, so nobody polls, and an event loop is never blocked.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final

from langchain_intercascade.errors import NoSlotError

PATIENCE: Final = 30.0
"""Seconds that background work waits for a slot; then its lesson is put off.

Well below the lease of a lesson, or another learner would take it over and pay for it again.
"""


@dataclass(frozen=True, slots=True)
class SlotsState:
    """How busy a model is.

    Attributes:
        limit: Calls that may be in flight at once.
        in_flight: Calls in flight, those included for which nobody waits any more.
        waiting: Calls that wait for a slot, background work included.
        most: Most calls that were ever in flight at once.
    """

    limit: int
    in_flight: int
    waiting: int
    most: int


class Slots:
    """At most `limit` calls at once; background work never takes the last slot.

    Serving goes first: background work gets a slot only if another one stays free and no
    answer is waiting.  With a limit of 1 there is no other one, and background work takes
    the slot while nobody else wants it.
    """

    def __init__(self, limit: int, *, of: str = "model") -> None:
        """Allow for `limit` calls, 1 or more; `of` names what they go to, for errors."""
        self.limit = limit
        self._of = of
        self._lock = threading.Lock()
        self._in_flight = 0
        self._most = 0
        self._serving: OrderedDict[Future[None], None] = OrderedDict()
        self._background: OrderedDict[Future[None], None] = OrderedDict()

    @contextmanager
    def held(self, *, background: bool = False, seconds: float | None = None) -> Iterator[None]:
        """Hold a slot, as `take` gives it, while the block runs."""
        self.take(background=background, seconds=seconds)
        try:
            yield
        finally:
            self.give_back()

    @asynccontextmanager
    async def aheld(self, *, background: bool = False) -> AsyncIterator[None]:
        """Hold a slot, as `atake` gives it, while the block runs."""
        await self.atake(background=background)
        try:
            yield
        finally:
            self.give_back()

    def take(self, *, background: bool = False, seconds: float | None = None) -> None:
        """Take a slot, and block until there is one.

        Args:
            background: Whether no answer waits for this call.
            seconds: How long to wait at most; for ever if `None`.

        Raises:
            NoSlotError: There was none in `seconds`.
        """
        if (waiter := self._entered(background=background)) is None:
            return
        try:
            waiter.result(_patience(seconds, background=background))
        except TimeoutError:
            self._leave(waiter)
            raise self.refusal() from None
        except BaseException:
            self._leave(waiter)
            raise

    async def atake(self, *, background: bool = False) -> None:
        """Take a slot, and wait until there is one; a task that is cancelled takes none.

        Raises:
            NoSlotError: It is for background work, and there was none in `PATIENCE`.
        """
        if (waiter := self._entered(background=background)) is None:
            return
        try:
            async with asyncio.timeout(_patience(None, background=background)) as limit:
                await asyncio.wrap_future(waiter)
        except BaseException as error:
            # The slot may have been handed over in the very moment of the cancellation.
            self._leave(waiter)
            if isinstance(error, TimeoutError) and limit.expired():
                raise self.refusal() from None
            raise

    def give_back(self) -> None:
        """Give a slot back, to whoever is next."""
        with self._lock:
            self._in_flight -= 1
            granted = self._granted()
        _tell(granted)

    def state(self) -> SlotsState:
        """Return how busy it is."""
        with self._lock:
            waiting = len(self._serving) + len(self._background)
            return SlotsState(self.limit, self._in_flight, waiting, self._most)

    def refusal(self) -> NoSlotError:
        """Return the error that says that there was no slot."""
        msg = (
            f"All {self.limit} slots of the {self._of} were taken for longer than this call may "
            f"wait. Raise its limit in `max_concurrency=`, or give it more time in `timeouts=`."
        )
        return NoSlotError(msg)

    def _entered(self, *, background: bool) -> Future[None] | None:
        """Take a slot if there is one; else join the queue and return the place in it."""
        with self._lock:
            queue = self._background if background else self._serving
            if not queue and self._free(background=background):
                self._occupy()
                return None
            waiter: Future[None] = Future()
            queue[waiter] = None
            return waiter

    def _leave(self, waiter: Future[None]) -> None:
        """Stop waiting; a slot that was handed over meanwhile is given back."""
        with self._lock:
            self._serving.pop(waiter, None)
            self._background.pop(waiter, None)
            self._in_flight -= not waiter.cancel()
            granted = self._granted()
        _tell(granted)

    def _granted(self) -> list[Future[None]]:
        """Hand free slots over and return the places to tell; called with the lock held."""
        granted: list[Future[None]] = []
        for queue, background in ((self._serving, False), (self._background, True)):
            while queue and self._free(background=background):
                waiter, _ = queue.popitem(last=False)
                if waiter.set_running_or_notify_cancel():
                    self._occupy()
                    granted.append(waiter)
        return granted

    def _free(self, *, background: bool) -> bool:
        if not background:
            return self._in_flight < self.limit
        return not self._serving and self._in_flight < max(1, self.limit - 1)

    def _occupy(self) -> None:
        self._in_flight += 1
        self._most = max(self._most, self._in_flight)


def _tell(granted: list[Future[None]]) -> None:
    # Outside the lock: this runs callbacks of event loops.
    for waiter in granted:
        waiter.set_result(None)


def _patience(seconds: float | None, *, background: bool) -> float | None:
    if not background:
        return seconds
    return PATIENCE if seconds is None else min(seconds, PATIENCE)
