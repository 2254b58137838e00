"""What a call has to keep to: so many at once, and so long.

The deadline covers the wait for a slot, too: what a caller means by "five seconds" is
how long it waits.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import aclosing, asynccontextmanager, closing, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from langchain_intercascade._steps import Call, Steps, relayed
from langchain_intercascade.errors import CallTimeoutError
from langchain_intercascade.resilience.deadline import finished_in, pieces_in

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager, AbstractContextManager

    from langchain_intercascade.resilience.slots import Slots

T = TypeVar("T")

_END: Final = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Makes calls within limits.

    Attributes:
        role: Who is asked, for errors.
        seconds: How long one call may take, the wait for a slot included; in a stream, how
            long each wait may take: for a slot, and for each piece.  For ever if `None`.
        slots: How many may be in flight at once; any number if `None`.
        background: Whether no answer waits for the call, so that it leaves a slot to others.
    """

    role: str
    seconds: float | None = None
    slots: Slots | None = None
    background: bool = False

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to keep to."""
        return self.seconds is None and self.slots is None

    def run(self, call: Callable[[], T]) -> T:
        """Return what `call` returns.

        Raises:
            CallTimeoutError: It took too long; it goes on in a thread for which nobody waits,
                and keeps its slot until it ends.
            NoSlotError: There was no slot in time.
        """
        if self.seconds is None:
            with self._held():
                return call()
        until = time.monotonic() + self.seconds
        self._take()
        left = max(0.0, until - time.monotonic())
        return finished_in(left, call, ended=self._give_back, late=self._late())

    async def arun(self, call: Callable[[], Awaitable[T]]) -> T:
        """Do as `run` does; a call that takes too long is cancelled."""
        has_slot = False
        async with self._in_time(lambda: self._late(has_slot=has_slot)), self._aheld():
            has_slot = True
            return await call()

    def stream(self, make: Callable[[], Iterator[T]]) -> Generator[T]:
        """Yield the pieces of the stream that `make` opens; raises as `run` does."""
        if self.seconds is None:
            with self._held():
                yield from make()
            return
        self._take()
        late = self._late()
        with closing(pieces_in(self.seconds, make, ended=self._give_back, late=late)) as pieces:
            yield from pieces

    async def astream(self, make: Callable[[], AsyncIterator[T]]) -> AsyncGenerator[T]:
        """Do as `stream` does, without blocking the event loop."""
        await self._atake()
        try:
            async with aclosing(cast("AsyncGenerator[T]", make())) as arriving:
                while True:
                    async with self._in_time(self._late):
                        piece: Any = await anext(arriving, _END)
                    if piece is _END:
                        return
                    yield piece
        finally:
            self._give_back()

    def steps(self, steps: Steps[T]) -> Steps[T]:
        """Run `steps` with each of their calls within the limits; nothing comes in pieces."""
        if self.is_idle:
            return (yield from steps)
        return (yield from relayed(steps, through=self._within))

    def _within(self, call: Call) -> Call:
        return Call(
            lambda base: self.run(partial(call.blocking, base)),
            lambda base: self.arun(partial(call.awaited, base)),
        )

    @asynccontextmanager
    async def _in_time(self, late: Callable[[], CallTimeoutError]) -> AsyncIterator[None]:
        """Cancel the block after `seconds`, and raise what `late` makes instead."""
        limit = asyncio.timeout(self.seconds)
        try:
            async with limit:
                yield
        except TimeoutError:
            if not limit.expired():
                raise
            raise late() from None

    def _held(self) -> AbstractContextManager[None]:
        if self.slots is None:
            return nullcontext()
        return self.slots.held(background=self.background)

    def _aheld(self) -> AbstractAsyncContextManager[None]:
        if self.slots is None:
            return nullcontext()
        return self.slots.aheld(background=self.background)

    def _take(self) -> None:
        if self.slots is not None:
            self.slots.take(background=self.background, seconds=self.seconds)

    async def _atake(self) -> None:
        if self.slots is None:
            return
        async with self._in_time(self.slots.refusal):
            await self.slots.atake(background=self.background)

    def _give_back(self) -> None:
        if self.slots is not None:
            self.slots.give_back()

    def _late(self, *, has_slot: bool = True) -> CallTimeoutError:
        if self.slots is not None and not has_slot:
            return self.slots.refusal()
        msg = (
            f"The call ({self.role}) took longer than {self.seconds:g} seconds and was given up. "
            "Give it more in `timeouts=`, or ask somebody quicker."
        )
        return CallTimeoutError(msg)


UNLIMITED: Final = Guard(role="any")
"""Makes calls as they are."""
