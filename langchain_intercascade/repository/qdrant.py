"""The shared engine: a Qdrant server, cluster or cloud, that any number of processes may use.

It also runs in this process's memory, for tests and first steps.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from langchain_core.embeddings import Embeddings

from langchain_intercascade._steps import Fault, Steps, arun, attempt, either, run
from langchain_intercascade.errors import (
    EncoderMismatchError,
    InterCascadeError,
    RepositoryCorruptError,
    RepositoryError,
)
from langchain_intercascade.repository._connections import Connection, Request
from langchain_intercascade.repository._qdrant_client import (
    INDEXES,
    AsyncQdrantClient,
    QdrantClient,
    conditional,
    connection_through,
    connection_to,
    layout,
    length_of_keys,
    request_of,
)
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.repository.operations import Operation, Swap, Write
from langchain_intercascade.repository.points import META_ID
from langchain_intercascade.strategy import STAMPS


class QdrantRepository(StrategyRepository):
    """A repository in one collection of a Qdrant server, or in memory.

    Nothing is contacted before the first use; then the collection is created
    unless it is there.  It is never recreated.  Threads, event loops and
    processes may share a server; an object may be shared by threads and loops.

    Examples:
        >>> with QdrantRepository(":memory:") as repository:
        ...     repository.count(tenant="default")
        0
    """

    engine: ClassVar[str] = "qdrant"
    keeps_after_delete: ClassVar[str] = (
        "Deleted strategies are out of every search at once; the server keeps their bytes until "
        "its optimizer rewrites the segment, and in snapshots and backups."
    )

    def __init__(
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        collection: str = "inter_cascade",
        prefer_grpc: bool = True,
        grpc_port: int = 6334,
        timeout: int = 5,
        client: QdrantClient | None = None,
        async_client: AsyncQdrantClient | None = None,
        embeddings: Embeddings | None = None,
    ) -> None:
        """Keep the strategies in `collection` at `url`, or where `client` keeps its data.

        Args:
            url: `http://...` or `https://...` of a server, or `":memory:"`.
            api_key: For servers that ask for one.
            collection: Its name; one repository a collection.
            prefer_grpc: Use gRPC, at a third of the processor time of REST, unless it
                turns out at first contact that only REST gets through.
            grpc_port: Where the server speaks gRPC.
            timeout: Whole seconds after which a request is given up.
            client: A client to use in place of `url`.  It stays yours to close.
                One in local mode must not be used by anything else meanwhile,
                because local mode is not thread-safe.
            async_client: Its asynchronous twin, for use in one event loop.  Without
                it the asynchronous methods use `client` in a thread.
            embeddings: See `StrategyRepository`.

        Raises:
            ConfigurationError: There is no place, or two, or one that is not opened.
        """
        super().__init__(embeddings=embeddings)
        self._collection = collection
        if client is None and async_client is None:
            self._connection: Connection = connection_to(
                url,
                api_key=api_key,
                prefer_grpc=prefer_grpc,
                grpc_port=grpc_port,
                timeout=timeout,
            )
        else:
            self._connection = connection_through(client, async_client, url)
        self._closed = False
        self._swapping = threading.Lock()
        # Clients of local mode that nobody closed print a traceback at interpreter exit.
        weakref.finalize(self, self._connection.close)

    @property
    def location(self) -> str:
        """The URL of the server, or "memory", and the collection."""
        return f"{self._connection.place}, collection {self._collection}"

    def create(self, dimension: int) -> None:
        """Create the collection, unless it is there."""
        run(self._creating(dimension))

    async def acreate(self, dimension: int) -> None:
        """Do as `create` does, without blocking the event loop."""
        await arun(self._creating(dimension))

    def execute(self, operation: Operation) -> Any:
        """Carry out one operation."""
        if not self._takes_turns(operation):
            return run(self._executed(operation))
        with self._swapping:
            return run(self._executed(operation))

    async def aexecute(self, operation: Operation) -> Any:
        """Carry out one operation without blocking the event loop."""
        if self._takes_turns(operation):  # a task that waits for its turn may keep the loop from it
            return await asyncio.to_thread(self.execute, operation)
        return await arun(self._executed(operation))

    @property
    def exclusive(self) -> bool:  # type: ignore[override]  # memory is this process's, a server is not
        """Whether no other process can be at work on the same strategies."""
        return self._connection.local

    def close(self) -> None:
        """Close the connections, but not a client that was handed in; twice is harmless."""
        self._closed = True
        self._connection.close()

    async def aclose(self) -> None:
        """Do as `close` does, without blocking the event loop."""
        self._closed = True
        await self._connection.aclose()

    def _takes_turns(self, operation: Operation) -> bool:
        """Say whether `operation` must be kept apart from its like, as a server does by itself."""
        return self.exclusive and isinstance(operation, Swap)

    def _executed(self, operation: Operation) -> Steps[Any]:
        if isinstance(operation, Swap):
            swapping = self._swapped_here if self.exclusive else self._swapped_there
            return (yield from swapping(operation))
        return (
            yield from either(
                lambda: self._send(lambda: request_of(operation)),
                lambda: self._asend(lambda: request_of(operation)),
            )
        )

    def _swapped_here(self, operation: Swap) -> Steps[bool]:
        # Conditional writes in memory take what was deleted for what is there, up to 1.19 of the
        # client: a strategy that was forgotten would come back.
        found = yield from self._sending("retrieve", ids=[operation.point.id], with_payload=True)
        stored = (found[0].payload or {}).get("version") if found else None
        if stored != operation.version:
            return False
        yield from self._executed(Write((operation.point,)))
        return True

    def _swapped_there(self, operation: Swap) -> Steps[bool]:
        # A conditional write that was skipped is reported as done.  Our stamp tells, on reading
        # again, whether it was ours that was done, even if another came after it.
        point = operation.point
        yield from self._sending("upsert", **conditional(operation))
        told = ["stamps", "version"]
        found = yield from self._sending("retrieve", ids=[point.id], with_payload=told)
        stored = (found[0].payload or {}) if found else {}
        if point.payload["stamps"][-1] in stored.get("stamps", []):
            return True
        if stored.get("version", 0) >= point.payload["version"] + STAMPS:
            msg = (
                f"{self!r} answered so late that nobody can tell whether a write was done. Read "
                "the strategy before you write it again."
            )
            raise RepositoryError(msg)
        return False

    # Making the collection, once for both colours.

    def _creating(self, dimension: int) -> Steps[None]:
        if not (yield from self._reaching()):
            yield from self._making(dimension)
        info = yield from self._sending("get_collection")
        self._check_length(info, dimension)
        yield from self._checking_owner()
        # Local mode has no indexes, and says so with a warning.
        wanted = {} if self._connection.local else INDEXES
        for name, schema in wanted.items():
            if name not in info.payload_schema:
                yield from self._sending(
                    "create_payload_index", field_name=name, field_schema=schema
                )

    def _reaching(self) -> Steps[bool]:
        """Say whether the collection exists; if gRPC fails and REST does not, keep to REST."""
        first = yield from attempt(self._sending("collection_exists"))
        if not isinstance(first, Fault):
            return bool(first)
        if not self._connection.prefer_grpc(preferred=False):
            raise first.error
        second = yield from attempt(self._sending("collection_exists"))
        if isinstance(second, Fault):
            self._connection.prefer_grpc(preferred=True)
            raise first.error
        return bool(second)

    def _making(self, dimension: int) -> Steps[None]:
        making = self._sending("create_collection", vectors_config=layout(dimension))
        made = yield from attempt(making)
        # Of two that create at once the loser is told so in a different way by every version.
        if isinstance(made, Fault) and not (yield from self._sending("collection_exists")):
            raise made.error

    def _check_length(self, info: Any, dimension: int) -> None:
        if (size := self._length_in(info)) != dimension:
            msg = (
                f"{self!r} holds vectors of length {size}, and the encoder makes vectors of length "
                f"{dimension}. Use the encoder it was filled with, another collection, or "
                "`intercascade strategies reembed`."
            )
            raise EncoderMismatchError(msg)

    def _length_in(self, info: Any) -> int:
        if (length := length_of_keys(info)) is None:
            msg = (
                f"{self!r} holds vectors that are not those of a strategy repository. Nothing was "
                "changed; use another collection."
            )
            raise RepositoryCorruptError(msg)
        return length

    def _checking_owner(self) -> Steps[None]:
        """Refuse points without the one that says whose they are.

        Ours is written before any other, so counting first leaves no moment at
        which somebody else's first strategy could be mistaken for a foreign point.
        """
        counted = yield from self._sending("count", exact=True)
        if not counted.count:
            return
        if not (yield from self._sending("retrieve", ids=[META_ID], with_payload=False)):
            msg = (
                f"{self!r} holds points that langchain-intercascade did not write. They were left "
                "alone; use another collection."
            )
            raise RepositoryCorruptError(msg)

    def stored_dimension(self) -> int | None:
        """Return the length of the stored vectors; `None` where there is no collection yet."""
        return run(self._measuring())

    def _measuring(self) -> Steps[int | None]:
        if not (yield from self._reaching()):
            return None
        info = yield from self._sending("get_collection")
        return self._length_in(info)

    # One request, in both colours.

    def _sending(self, method: str, **arguments: Any) -> Steps[Any]:
        request = Request(method, arguments)
        return either(lambda: self._send(lambda: request), lambda: self._asend(lambda: request))

    def _send(self, build: Callable[[], Request]) -> Any:
        with self._translating():
            return self._connection.send(build(), self._collection)

    async def _asend(self, build: Callable[[], Request]) -> Any:
        with self._translating():
            return await self._connection.asend(build(), self._collection)

    @contextmanager
    def _translating(self) -> Iterator[None]:
        """Turn whatever the client raises into a `RepositoryError`.

        That is at least five unrelated families of errors.  The message names
        type and status only, because their texts may quote what is stored.
        """
        if self._closed:
            msg = f"{self!r} is closed. Make another for the same collection to go on."
            raise RepositoryError(msg)
        try:
            yield
        except InterCascadeError:
            raise
        except Exception as error:
            msg = (
                f"{self!r} cannot serve right now ({_kind(error)}). See that the server is up, can "
                "be reached from here, and takes this key."
            )
            raise RepositoryError(msg) from error


def _kind(error: Exception) -> str:
    """Name an error: its type, and the status that HTTP or gRPC gave it."""
    code = getattr(error, "code", None)
    status = getattr(error, "status_code", None) or (code() if callable(code) else None)
    return f"{type(error).__name__} {status}" if status else type(error).__name__
