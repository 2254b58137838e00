"""An answer on its way, for as long as somebody is there to read it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import aclosing
from typing import Any, Final, Generic, TypeVar, cast

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

T = TypeVar("T")

AHEAD: Final = 32
"""Pieces that are held for a reader who is slower than the model."""


class ClientGoneError(Exception):
    """The client has left, so there is nobody to answer."""


async def while_connected(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` returns; it is cancelled as soon as the client leaves.

    Raises:
        ClientGoneError: The client has left.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientGoneError
    finally:
        leaving.cancel()
        await _stopped(working)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _stopped(task: asyncio.Future[Any]) -> None:
    """Cancel `task`, and wait until it has let go of what it held."""
    if not task.done():
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


class Relay(Generic[T]):
    """Hands on what a stream brings, from a task of its own.

    The stream is begun, read and closed by one task, as some clients' streams demand; whoever
    reads it here may be cancelled anywhere.
    """

    def __init__(self, pieces: AsyncIterator[T]) -> None:
        """Begin to read `pieces`."""
        self._queue: asyncio.Queue[tuple[T] | Exception | None] = asyncio.Queue(AHEAD)
        self._task = asyncio.create_task(self._read(cast("AsyncGenerator[T]", pieces)))

    async def _read(self, pieces: AsyncGenerator[T]) -> None:
        end: Exception | None = None
        try:
            async with aclosing(pieces):
                async for piece in pieces:
                    await self._queue.put((piece,))
        except Exception as error:  # noqa: BLE001 - raised again where it is read
            end = error
        await self._queue.put(end)

    async def some(self) -> list[T]:
        """Return what has arrived, waiting for one piece at least; nothing at the end.

        Raises:
            Exception: What the stream raised, once all that came before it was returned.
        """
        arrived: list[T] = []
        found = await self._queue.get()
        while isinstance(found, tuple):
            arrived.append(found[0])
            if self._queue.empty():
                return arrived
            found = self._queue.get_nowait()
        if arrived:  # the end is for the next time; there is room for it, since this was taken out
            self._queue.put_nowait(found)
            return arrived
        if found is not None:
            raise found
        return []

    def close(self) -> None:
        """Stop reading; the stream is closed by its own task."""
        self._task.cancel()


class RelayedResponse(StreamingResponse):
    """A response in pieces that closes its relay, whatever becomes of it."""

    def __init__(self, content: AsyncIterator[bytes], relay: Relay[Any], **how: Any) -> None:
        """Send `content`, which is made of what `relay` hands on."""
        super().__init__(content, **how)
        self._relay = relay

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, until the client leaves."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._relay.close()
