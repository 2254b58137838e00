"""How a request reaches a database client, in both colours.

Nothing here knows which client it is: it is given one, or the way to make one.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol
from weakref import WeakKeyDictionary


@dataclass(frozen=True, slots=True)
class Request:
    """A method of the client, its arguments, and how to read the reply."""

    method: str
    arguments: Mapping[str, Any]
    converted: Callable[[Any], Any] = lambda reply: reply

    def sent_to(self, client: Any, collection: str) -> Any:
        """Call the method of a blocking client."""
        return self.converted(getattr(client, self.method)(collection, **self.arguments))

    async def asent_to(self, client: Any, collection: str) -> Any:
        """Call the method of an asynchronous client."""
        return self.converted(await getattr(client, self.method)(collection, **self.arguments))


class Connection(Protocol):
    """Sends requests, and is closed at the end; closing twice is harmless.

    Attributes:
        place: Where the requests go, for people.
        local: Whether that is this process's own memory.
    """

    place: str
    local: bool

    def send(self, request: Request, collection: str) -> Any:
        """Make the request and return the reply."""

    async def asend(self, request: Request, collection: str) -> Any:
        """Do as `send` does, without blocking the event loop."""

    def prefer_grpc(self, *, preferred: bool) -> bool:
        """Use gRPC or REST from now on; say whether there is a choice."""

    def close(self) -> None:
        """Close what was opened here."""

    async def aclose(self) -> None:
        """Do as `close` does, without blocking the event loop."""


class Held:
    """One client, and perhaps its asynchronous twin, used as they are."""

    def __init__(
        self, client: Any, twin: Any = None, *, place: str, local: bool, ours: bool
    ) -> None:
        """Hold `client`, and close it at the end if it is `ours`."""
        self.place = place
        self.local = local
        self._client = client
        self._twin = twin
        self._ours = ours
        # Local mode is not thread-safe: one race leaves it broken for good (qdrant-client #1193).
        self._lock: AbstractContextManager[Any] = threading.RLock() if local else nullcontext()

    def send(self, request: Request, collection: str) -> Any:
        """Make the request; one at a time in local mode."""
        with self._lock:
            return request.sent_to(self._client, collection)

    async def asend(self, request: Request, collection: str) -> Any:
        """Ask the twin, or the client in a thread."""
        if self._twin is None:
            return await asyncio.to_thread(self.send, request, collection)
        return await request.asent_to(self._twin, collection)

    def prefer_grpc(self, *, preferred: bool) -> bool:  # noqa: ARG002 - chosen by whoever made it
        """Change nothing."""
        return False

    def close(self) -> None:
        """Close the client if it is ours."""
        if self._ours:
            with self._lock:
                self._client.close()

    async def aclose(self) -> None:
        """Do as `close` does, in a thread."""
        await asyncio.to_thread(self.close)


class Server:
    """Clients made when they are needed: one blocking, and one for each event loop."""

    local = False

    def __init__(
        self,
        make: Callable[..., Any],
        make_twin: Callable[..., Any],
        *,
        place: str,
        options: Mapping[str, Any],
    ) -> None:
        """Remember how to make clients; nothing is contacted yet."""
        self.place = place
        self._make = make
        self._make_twin = make_twin
        self._options: Mapping[str, Any] = dict(options)
        self._may_use_grpc: bool = options["prefer_grpc"]
        self._lock = threading.Lock()
        self._client: Any = None
        # An asynchronous client that was used in one loop may fail in the next.
        self._twins: WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = WeakKeyDictionary()

    def send(self, request: Request, collection: str) -> Any:
        """Make the request."""
        return request.sent_to(self._blocking(), collection)

    async def asend(self, request: Request, collection: str) -> Any:
        """Make the request with the client of this event loop."""
        return await request.asent_to(await self._awaited(), collection)

    def prefer_grpc(self, *, preferred: bool) -> bool:
        """Use gRPC or REST from now on, if gRPC was asked for; say whether it was."""
        with self._lock:
            if self._may_use_grpc and self._options["prefer_grpc"] is not preferred:
                self._options = {**self._options, "prefer_grpc": preferred}
                self._client = None
                self._twins.clear()
        return self._may_use_grpc

    def close(self) -> None:
        """Close the blocking client; let go of the others, which only their loops can close."""
        with self._lock:
            client, self._client = self._client, None
            self._twins.clear()
        if client is not None:
            client.close()

    async def aclose(self) -> None:
        """Close the client of this event loop, and then as `close` does."""
        with self._lock:
            twin = self._twins.pop(asyncio.get_running_loop(), None)
        if twin is not None:
            await twin.close()
        self.close()

    def _blocking(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = self._make(**self._options)
            return self._client

    async def _awaited(self) -> Any:
        loop = asyncio.get_running_loop()
        while (twin := self._twins.get(loop)) is None:
            options = self._options
            # Reading the certificates takes 50 ms, in which the loop would stand still.
            made = await asyncio.to_thread(self._make_twin, **options)
            with self._lock:
                self._forget_closed_loops()
                if options is self._options:  # nobody fell back to REST meanwhile
                    self._twins.setdefault(loop, made)
        return twin

    def _forget_closed_loops(self) -> None:
        # A client may hold its loop, and then the weak key alone would keep both for ever.
        for loop in [loop for loop in self._twins if loop.is_closed()]:
            del self._twins[loop]
