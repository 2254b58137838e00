"""The shared engine: a Qdrant server, cluster or cloud, that any number of processes may use.

It also runs in this process's memory, for tests and first steps.  This is the
only file that knows `qdrant_client`.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Final, cast

from langchain_core.embeddings import Embeddings
from qdrant_client import AsyncQdrantClient, QdrantClient, models

from langchain_intercascade._steps import Fault, Steps, arun, attempt, either, run
from langchain_intercascade.errors import (
    ConfigurationError,
    EncoderMismatchError,
    InterCascadeError,
    RepositoryCorruptError,
    RepositoryError,
)
from langchain_intercascade.repository._connections import Connection, Held, Request, Server
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.repository.operations import (
    Count,
    Delete,
    Dump,
    Operation,
    Point,
    Read,
    Scope,
    ScoredPayload,
    Scroll,
    Search,
    Swap,
    Write,
)
from langchain_intercascade.repository.points import META_ID
from langchain_intercascade.strategy import STAMPS

MEMORY: Final = ":memory:"
_KEYS: Final = "keys"
_COSINE: Final = models.Distance.COSINE
_INDEXES: Final = {
    "tenant": models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True),
    "state": models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD),
    "version": models.IntegerIndexParams(
        type=models.IntegerIndexType.INTEGER, lookup=True, range=False
    ),
}


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
            self._connection: Connection = _to(
                url,
                api_key=api_key,
                prefer_grpc=prefer_grpc,
                grpc_port=grpc_port,
                timeout=timeout,
            )
        else:
            self._connection = _through(client, async_client, url)
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
        if not (self.exclusive and isinstance(operation, Swap)):
            return run(self._executed(operation))
        # In memory it costs nothing to take turns; a thread that waits for its turn to be computed
        # could be overtaken, between writing and reading again, by more than can be told apart.
        with self._swapping:
            return run(self._executed(operation))

    async def aexecute(self, operation: Operation) -> Any:
        """Carry out one operation without blocking the event loop."""
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

    def _executed(self, operation: Operation) -> Steps[Any]:
        if not isinstance(operation, Swap):
            return (
                yield from either(
                    lambda: self._send(lambda: _request(operation)),
                    lambda: self._asend(lambda: _request(operation)),
                )
            )
        # A conditional write that was skipped is reported as done.  Our stamp tells, on reading
        # again, whether it was ours that was done, even if another came after it.
        point = operation.point
        yield from self._sending("upsert", **_conditional(operation))
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
        info: models.CollectionInfo = yield from self._sending("get_collection")
        self._check_vectors(info, dimension)
        yield from self._checking_owner()
        # Local mode has no indexes, and says so with a warning.
        wanted = {} if self._connection.local else _INDEXES
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
        keys = models.VectorParams(
            size=dimension,
            distance=_COSINE,
            multivector_config=models.MultiVectorConfig(
                comparator=models.MultiVectorComparator.MAX_SIM
            ),
        )
        made = yield from attempt(self._sending("create_collection", vectors_config={_KEYS: keys}))
        # Of two that create at once the loser is told so in a different way by every version.
        if isinstance(made, Fault) and not (yield from self._sending("collection_exists")):
            raise made.error

    def _check_vectors(self, info: models.CollectionInfo, dimension: int) -> None:
        if (size := self._keys_in(info).size) != dimension:
            msg = (
                f"{self!r} holds vectors of length {size}, and the encoder makes vectors of length "
                f"{dimension}. Use the encoder it was filled with, another collection, or "
                "`intercascade strategies reembed`."
            )
            raise EncoderMismatchError(msg)

    def _keys_in(self, info: models.CollectionInfo) -> models.VectorParams:
        vectors = info.config.params.vectors
        keys = vectors.get(_KEYS) if isinstance(vectors, dict) else None
        if keys is None or keys.multivector_config is None or keys.distance != _COSINE:
            msg = (
                f"{self!r} holds vectors that are not those of a strategy repository. Nothing was "
                "changed; use another collection."
            )
            raise RepositoryCorruptError(msg)
        return keys

    def _checking_owner(self) -> Steps[None]:
        """Refuse points without the one that says whose they are.

        Ours is written before any other, so counting first leaves no moment at
        which somebody else's first strategy could be mistaken for a foreign point.
        """
        counted: models.CountResult = yield from self._sending("count", exact=True)
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
        info: models.CollectionInfo = yield from self._sending("get_collection")
        return self._keys_in(info).size

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


def _conditional(swap: Swap) -> dict[str, Any]:
    """Return the arguments of an upsert that happens only if nobody was quicker."""
    wanted: dict[str, Any] = {"points": [_struct(swap.point)], "wait": True}
    if swap.version is None:
        return {**wanted, "update_mode": models.UpdateMode.INSERT_ONLY}
    same = models.FieldCondition(key="version", match=models.MatchValue(value=swap.version))
    # Without the mode, a strategy that was forgotten meanwhile would come back.
    return {
        **wanted,
        "update_mode": models.UpdateMode.UPDATE_ONLY,
        "update_filter": models.Filter(must=[same]),
    }


def _request(operation: Operation) -> Request:  # noqa: PLR0911 - one for each operation
    match operation:
        case Search(vector, scope, limit):
            wanted = {"query": [list(vector)], "using": _KEYS, "query_filter": _filter(scope)}
            return Request("query_points", {**wanted, "limit": limit}, _scored)
        case Write(points):
            structs = [_struct(point) for point in points]
            return Request("upsert", {"points": structs, "wait": True}, _nothing)
        case Read(ids):
            wanted = {"ids": list(ids), "with_payload": True, "with_vectors": [_KEYS]}
            return Request("retrieve", wanted, _points)
        case Scroll(scope, limit):
            page = {"scroll_filter": _filter(scope), "limit": limit, "offset": operation.first}
            return Request("scroll", page, _payloads)
        case Dump(limit):
            page = {"limit": limit, "offset": operation.first, "with_vectors": [_KEYS]}
            return Request("scroll", page, _page_of_points)
        case Delete(ids):
            selected = models.PointIdsList(points=list(ids))
            return Request("delete", {"points_selector": selected, "wait": True}, _nothing)
        case Count(scope):
            return Request("count", {"count_filter": _filter(scope), "exact": True}, _counted)
        case Swap():
            msg = "A swap is more than one request."
            raise TypeError(msg)


def _filter(scope: Scope) -> models.Filter:
    """Return the one filter there is; an empty one would mean everybody."""
    states = [state.value for state in scope.states]
    return models.Filter(
        must=[
            models.FieldCondition(key="tenant", match=models.MatchValue(value=scope.tenant)),
            models.FieldCondition(key="state", match=models.MatchAny(any=states)),
        ]
    )


def _struct(point: Point) -> models.PointStruct:
    vectors = [list(vector) for vector in point.vectors]
    return models.PointStruct(id=point.id, vector={_KEYS: vectors}, payload=point.payload)


def _scored(reply: models.QueryResponse) -> list[ScoredPayload]:
    return [ScoredPayload(point.payload or {}, point.score) for point in reply.points]


def _points(reply: list[models.Record]) -> list[Point]:
    return [Point(str(record.id), _vectors(record), record.payload or {}) for record in reply]


def _vectors(record: models.Record) -> list[list[float]]:
    named = cast("dict[str, list[list[float]]]", record.vector or {})
    return named.get(_KEYS, [])


def _payloads(reply: tuple[list[models.Record], Any]) -> list[dict[str, Any]]:
    return [record.payload or {} for record in reply[0]]


def _page_of_points(reply: tuple[list[models.Record], Any]) -> list[Point]:
    return _points(reply[0])


def _counted(reply: models.CountResult) -> int:
    return reply.count


def _nothing(_: object) -> None:
    return None


def _kind(error: Exception) -> str:
    """Name an error: its type, and the status that HTTP or gRPC gave it."""
    code = getattr(error, "code", None)
    status = getattr(error, "status_code", None) or (code() if callable(code) else None)
    return f"{type(error).__name__} {status}" if status else type(error).__name__


def _to(url: str | None, **options: Any) -> Connection:
    """Connect to `url`, or say what it may be."""
    if url == MEMORY:
        return Held(QdrantClient(MEMORY), place="memory", local=True, ours=True)
    if url is not None and url.startswith(("http://", "https://")):
        # The check for compatible versions would cost a request, and a warning if that fails.
        options |= {"url": url, "check_compatibility": False}
        return Server(QdrantClient, AsyncQdrantClient, place=url, options=options)
    msg = (
        f"QdrantRepository needs the URL of a server ('http://...' or 'https://...'), ':memory:', "
        f"or a client, not {url!r}. For a folder on this machine use EdgeRepository(path): the "
        "on-disk form of qdrant-client's local mode is made of pickles, which run code when read."
    )
    raise ConfigurationError(msg)


def _through(
    client: QdrantClient | None, twin: AsyncQdrantClient | None, url: str | None
) -> Connection:
    """Use the caller's clients, or say what is wrong with them."""
    if url is not None:
        msg = "QdrantRepository needs either a URL or a client, not both."
        raise ConfigurationError(msg)
    if not isinstance(client, QdrantClient):
        msg = (
            "The client of a QdrantRepository must be a QdrantClient, not "
            f"{type(client).__name__}: an AsyncQdrantClient goes into `async_client`, beside it."
        )
        raise ConfigurationError(msg)
    options = client.init_options
    if options["path"] is not None:
        msg = (
            f"The client keeps its data in the folder {options['path']!r}, whose rows are pickles: "
            "reading them would run whatever code is in them. For a folder on this machine use "
            "EdgeRepository(path)."
        )
        raise ConfigurationError(msg)
    local = options["location"] == MEMORY
    if twin is not None and (local or twin.init_options["location"] == MEMORY):
        msg = (
            "An asynchronous client in local mode blocks the event loop and shares no data with "
            "the blocking one; pass the blocking client alone."
        )
        raise ConfigurationError(msg)
    place = "memory" if local else str(options["url"] or options["host"] or options["location"])
    return Held(client, twin, place=place, local=local, ours=False)
