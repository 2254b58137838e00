"""What `qdrant_client` calls things; this is the only file that knows it.

Which client a place needs, how a collection is laid out, and each operation in the
client's words, with what becomes of the reply.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from qdrant_client import AsyncQdrantClient, QdrantClient, models

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.repository._connections import Connection, Held, Request, Server
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

__all__ = [
    "INDEXES",
    "AsyncQdrantClient",
    "QdrantClient",
    "conditional",
    "connection_through",
    "connection_to",
    "layout",
    "length_of_keys",
    "request_of",
]

MEMORY: Final = ":memory:"
_KEYS: Final = "keys"
_COSINE: Final = models.Distance.COSINE

INDEXES: Final[Mapping[str, object]] = {
    "tenant": models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True),
    "state": models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD),
    "version": models.IntegerIndexParams(
        type=models.IntegerIndexType.INTEGER, lookup=True, range=False
    ),
}
"""The fields of a payload that a server looks up, and how."""


# The place.


def connection_to(url: str | None, **options: Any) -> Connection:
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


def connection_through(
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


# The collection.


def layout(dimension: int) -> dict[str, models.VectorParams]:
    """Return what vectors a collection has: those of the keys, of which the nearest counts."""
    nearest = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)
    return {
        _KEYS: models.VectorParams(size=dimension, distance=_COSINE, multivector_config=nearest)
    }


def length_of_keys(info: models.CollectionInfo) -> int | None:
    """Return the length of a collection's vectors; `None` if it is not laid out as above."""
    vectors = info.config.params.vectors
    keys = vectors.get(_KEYS) if isinstance(vectors, dict) else None
    if keys is None or keys.multivector_config is None or keys.distance != _COSINE:
        return None
    return keys.size


# The operations.


def request_of(operation: Operation) -> Request:  # noqa: PLR0911 - one for each operation
    """Return the request that carries out `operation`, and reads the reply stated at its class."""
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


def conditional(swap: Swap) -> dict[str, Any]:
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
