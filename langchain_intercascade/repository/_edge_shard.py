"""What the embedded engine is asked, in its own words, and how its replies are read.

This is the only file that knows `qdrant_edge`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeAlias, cast
from uuid import UUID

from qdrant_edge import (
    CountRequest,
    Distance,
    EdgeConfig,
    EdgeShard,
    EdgeVectorParams,
    FieldCondition,
    Filter,
    KeywordIndexParams,
    MatchAny,
    MatchValue,
    MultiVectorComparator,
    MultiVectorConfig,
    Query,
    QueryRequest,
    Record,
    ScrollRequest,
    UpdateOperation,
)
from qdrant_edge import Point as EdgePoint

from langchain_intercascade.errors import RepositoryCorruptError
from langchain_intercascade.repository._edge_folder import KEYS, check_folder, fill, is_vacant
from langchain_intercascade.repository._edge_seal import Seal
from langchain_intercascade.repository._recent import Recent
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

__all__ = [
    "REMEMBERED",
    "EdgeShard",
    "Payloads",
    "changed_by",
    "compacted",
    "found_by",
    "opened_shard",
    "request_of",
    "swapped",
]

Payloads: TypeAlias = Recent[int, dict[str, Any]]
"""Payloads by the ids of their points, as numbers: the engine's own ids are slow to compare."""

REMEMBERED: Final = 1024
"""Payloads that need not be read again to be found again; a few megabytes."""


def opened_shard(folder: Path, dimension: int, seal: Seal) -> EdgeShard:
    """Open the repository in `folder`; make one if there is nothing in it at all."""
    if is_vacant(folder):
        fill(folder, lambda workshop: _make(workshop, dimension))
    check_folder(folder, dimension)
    seal.check()
    shard = EdgeShard.load(str(folder))
    _check_owner(shard, folder)
    return shard


def _make(folder: Path, dimension: int) -> None:
    keys = EdgeVectorParams(
        dimension,
        Distance.Cosine,
        multivector_config=MultiVectorConfig(MultiVectorComparator.MaxSim),
    )
    # One thread finds strategies with a quarter less processor time than a pool does.
    shard = EdgeShard.create(str(folder), EdgeConfig({KEYS: keys}, max_search_threads=1))
    for field in ("tenant", "state"):
        keyword = KeywordIndexParams(is_tenant=field == "tenant")
        shard.update(UpdateOperation.create_field_index(field, keyword))
    shard.close()


def _check_owner(shard: EdgeShard, folder: Path) -> None:
    """Refuse points without the one that says whose they are."""
    if shard.info().points_count and not shard.retrieve(
        [META_ID], with_payload=False, with_vector=False
    ):
        shard.close()
        msg = (
            f"{folder} holds points that langchain-intercascade did not write. They were left "
            "alone; use another path."
        )
        raise RepositoryCorruptError(msg)


def compacted(shard: EdgeShard) -> bool:
    """Build the search index and write everything to disk; say whether there was work to do."""
    changed = shard.optimize()
    shard.flush()
    return changed


@dataclass(frozen=True, slots=True)
class Request:
    """An operation in the engine's words: what to call, with what, and how to read the reply."""

    method: str
    arguments: tuple[Any, ...]
    converted: Callable[[Any], Any]

    def sent_to(self, shard: EdgeShard) -> Any:
        return self.converted(getattr(shard, self.method)(*self.arguments))


def swapped(shard: EdgeShard, swap: Swap) -> bool:
    """Write if the version is still the one that was read; whoever calls keeps others away."""
    found = _points(shard.retrieve([swap.point.id], with_payload=True, with_vector=False))
    stored = found[0].payload.get("version") if found else None
    if stored != swap.version:
        return False
    shard.update(UpdateOperation.upsert_points([_edge_point(swap.point)]))
    return True


def changed_by(operation: Operation) -> list[int]:
    """Return the ids of the points that `operation` may have changed, as numbers."""
    ids: Iterable[str] = ()
    match operation:
        case Write(points):
            ids = [point.id for point in points]
        case Swap(point, _):
            ids = [point.id]
        case Delete(deleted):
            ids = deleted
    return [UUID(each).int for each in ids]


def found_by(shard: EdgeShard, search: Search, known: Payloads) -> list[ScoredPayload]:
    """Search, and read the payloads of those found that were not read a moment ago.

    Reading one takes as long as a third of the search.  This process alone writes here, and
    forgets in `known` what it writes, so what is remembered is what is stored.
    """
    nearest = Query.Nearest([list(search.vector)], using=KEYS)
    query = QueryRequest(search.limit, query=nearest, filter=_filter(search.scope))
    since = known.drops
    found: list[Any] = shard.query(query)  # its ids are UUIDs here
    scores = [(point.id.int, point.score) for point in found]
    payloads = {name: known.get(name) for name, _ in scores}
    missing: list[Any] = [str(UUID(int=name)) for name, _ in scores if payloads[name] is None]
    for record in shard.retrieve(missing, with_payload=True, with_vector=False) if missing else ():
        name = cast("UUID", record.id)
        payloads[name.int] = payload = record.payload or {}
        known.put(name.int, payload, since=since)
    # One that was deleted in between is not there any more.
    both = [(payloads[name], score) for name, score in scores]
    return [ScoredPayload(payload, score) for payload, score in both if payload is not None]


def request_of(operation: Operation) -> Request:
    """Return `operation` in the engine's words; a search and a swap are more than one request."""
    match operation:
        case Write(points):
            upsert = UpdateOperation.upsert_points([_edge_point(point) for point in points])
            return Request("update", (upsert,), _nothing)
        case Read(ids):
            return Request("retrieve", (list(ids), True, True), _points)
        case Scroll(scope, limit):
            page = ScrollRequest(operation.first, limit, _filter(scope), with_payload=True)
            return Request("scroll", (page,), _payloads)
        case Dump(limit):
            page = ScrollRequest(operation.first, limit, None, with_payload=True, with_vector=True)
            return Request("scroll", (page,), _page_of_points)
        case Delete(ids):
            return Request("update", (UpdateOperation.delete_points(list(ids)),), _nothing)
        case Count(scope):
            return Request("count", (CountRequest(exact=True, filter=_filter(scope)),), int)
        case Search() | Swap():
            msg = f"A {type(operation).__name__} is more than one request."
            raise TypeError(msg)


@lru_cache(maxsize=256)
def _filter(scope: Scope) -> Filter:
    """Return the one filter there is; an empty one would mean everybody."""
    states = [state.value for state in scope.states]
    return Filter(
        must=[
            FieldCondition(key="tenant", match=MatchValue(scope.tenant)),
            FieldCondition(key="state", match=MatchAny(states)),
        ]
    )


def _edge_point(point: Point) -> EdgePoint:
    vectors = [list(vector) for vector in point.vectors]
    return EdgePoint(point.id, {KEYS: vectors}, point.payload)


def _points(found: list[Record]) -> list[Point]:
    return [Point(str(record.id), _vectors(record), record.payload or {}) for record in found]


def _vectors(record: Record) -> list[list[float]]:
    named = cast("dict[str, list[list[float]]]", record.vector or {})
    return named.get(KEYS, [])


def _payloads(page: tuple[list[Record], Any]) -> list[dict[str, Any]]:
    return [record.payload or {} for record in page[0]]


def _page_of_points(page: tuple[list[Record], Any]) -> list[Point]:
    return _points(page[0])


def _nothing(_: object) -> None:
    return None
