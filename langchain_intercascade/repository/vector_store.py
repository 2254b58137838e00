"""The engine for those who have a vector store already: any that LangChain knows.

`VectorStore` promises little: add, search by vector, read and delete by id.
Filters and scores differ from store to store, and nothing can be listed.  So the
point travels whole inside one document, and what is near is computed here.
"""

from __future__ import annotations

import asyncio
import json
import math
import struct
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar, Final

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore

from langchain_intercascade._steps import Steps, arun, either, run
from langchain_intercascade.errors import (
    ConfigurationError,
    InterCascadeError,
    RepositoryCorruptError,
    RepositoryError,
    how_many,
)
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.repository.embeddings import PROBE, Vector, cosine
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
from langchain_intercascade.strategy import storable

OVERFETCH: Final = 10
"""Documents fetched for each strategy that is asked for; see `VectorStoreRepository`."""

_POINT: Final = "inter_cascade"


class VectorStoreRepository(StrategyRepository):
    """A repository in a LangChain vector store, one document a strategy.

    The store encodes the strategy's first key, which is the document's text, and
    finds documents by it.  The similarity is computed here, as the cosine between
    the query and the nearest of *all* keys, so it means the same for every store.
    A strategy whose first key is far from the query may therefore be missed,
    however near another of its keys is.

    Only documents written here are ever returned, and only the tenant's own: that
    is checked again on each of them, whatever the store did.  **Without
    `filter_for` the check comes after the search**: of the nearest
    `overfetch * k + 1` documents, those of other tenants, those not in use and
    those that are not strategies at all are dropped.  Where many tenants share a
    store, a tenant's best strategies are then crowded out by others', and fewer
    than `k` are found, or none.  Give `filter_for`, or each tenant a store.

    The store must read and delete by id, search by vector, and show what was
    written to the next read.  It can be asked for one strategy, but not for all:
    `scan`, `count` and recovering what an earlier process left unlearned are
    refused with a `RepositoryError`, so with background learning the lessons of a
    process that dies stay pending.  `learning="inline"` leaves none.

    Examples:
        >>> from langchain_core.vectorstores import InMemoryVectorStore
        >>> from langchain_intercascade import HashingEmbeddings
        >>> repository = VectorStoreRepository(InMemoryVectorStore(HashingEmbeddings()))
        >>> repository.search("How many apples are left?", tenant="default", k=1)
        []
    """

    engine: ClassVar[str] = "vector_store"
    lists: ClassVar[bool] = False
    swaps: ClassVar[bool] = False
    keeps_after_delete: ClassVar[str] = (
        "What the vector store keeps of a deleted document, only the store knows."
    )

    def __init__(
        self,
        store: VectorStore,
        *,
        embeddings: Embeddings | None = None,
        filter_for: Callable[[Scope], Any] | None = None,
        overfetch: int = OVERFETCH,
        overwrites: bool = True,
        one_at_a_time: bool = False,
    ) -> None:
        """Keep the strategies in `store`, which stays yours to close.

        Args:
            store: Any vector store.
            embeddings: What the store encodes with; `store.embeddings` if `None`. To be
                given for stores that do not tell theirs; any other finds nothing useful.
            filter_for: Makes the store's own filter, handed to it as `filter`, out of a
                tenant and the states that count. Every document has both in its
                metadata, as `tenant` and `state`.
            overfetch: Documents to fetch for each strategy that is asked for.
            overwrites: Whether adding a document writes over one with the same id, as
                LangChain asks of a store. FAISS refuses to, and some keep both. `False`
                deletes the old one first: for a moment there is none, and for good if
                the process dies in that moment.
            one_at_a_time: Let this object ask the store one thing at a time, in a thread
                if asynchronously. Needed for stores that are not thread-safe, such as FAISS
                and Qdrant's local mode, which a single race may break for good.

        Raises:
            ConfigurationError: The store does not tell its embeddings and none are given,
                or `overfetch` is less than 1.
        """
        if (encoder := embeddings or store.embeddings) is None:
            msg = (
                f"{type(store).__name__} does not say what it encodes with. Pass the embeddings "
                "it was made with: VectorStoreRepository(store, embeddings=...)."
            )
            raise ConfigurationError(msg)
        if overfetch < 1:
            msg = f"`overfetch` must be at least 1, not {overfetch}."
            raise ConfigurationError(msg)
        super().__init__(embeddings=encoder)
        self._store = store
        self._filter_for = filter_for
        self._overfetch = overfetch
        self._overwrites = overwrites
        self._one_at_a_time = one_at_a_time
        self._turn: AbstractContextManager[Any] = (
            threading.Lock() if one_at_a_time else nullcontext()
        )
        self._closed = False

    @property
    def location(self) -> str:
        """The kind of store; where it keeps its data, only the store knows."""
        return type(self._store).__name__

    def create(self, dimension: int) -> None:
        """Do nothing: whoever made the store chose the length of its vectors."""

    async def acreate(self, dimension: int) -> None:
        """Do as `create` does."""

    def execute(self, operation: Operation) -> Any:
        """Carry out one operation."""
        with self._turn:
            return run(self._executed(operation))

    async def aexecute(self, operation: Operation) -> Any:
        """Carry out one operation with the store's own asynchronous methods."""
        if self._one_at_a_time:  # a lock that threads share must not be held across an `await`
            return await asyncio.to_thread(self.execute, operation)
        return await arun(self._executed(operation))

    def close(self) -> None:
        """Refuse further use; the store itself is left as it is."""
        self._closed = True

    # The operations, once for both colours.

    def _executed(self, operation: Operation) -> Steps[Any]:
        match operation:
            case Search():
                return (yield from self._found(operation))
            case Write(points):
                return (yield from self._written(points))
            case Read(ids):
                return _points((yield from self._asking("get_by_ids", list(ids))))
            case Delete(ids):
                return (yield from self._deleted(ids))
            case Swap():
                return (yield from self._swapped(operation))
            case Scroll() | Count() | Dump():
                msg = (
                    f"{self!r} cannot list or count strategies, because a LangChain vector store "
                    "can only be searched and read by id. Use EdgeRepository or QdrantRepository "
                    "where that is needed, or ask the store itself."
                )
                raise RepositoryError(msg)

    def _found(self, search: Search) -> Steps[list[ScoredPayload]]:
        scope = search.scope
        filtered = {} if self._filter_for is None else {"filter": self._filter_for(scope)}
        # One more, because the document that describes the repository may be among the nearest.
        documents = yield from self._asking(
            "similarity_search_by_vector",
            list(search.vector),
            k=self._overfetch * search.limit + 1,
            **filtered,
        )
        points = _points(documents)
        if filtered:
            self._check_filter(points, scope)
        scored = [
            ScoredPayload(point.payload, _similarity(point, search.vector))
            for point in points
            if _is_in(point, scope)
        ]
        return sorted(scored, key=lambda found: found.similarity, reverse=True)[: search.limit]

    def _check_filter(self, points: Sequence[Point], scope: Scope) -> None:
        """Refuse what a filter ought to have kept out: some stores ignore what they do not know."""
        if any(point.payload.get("tenant") not in (scope.tenant, None) for point in points):
            msg = (
                f"{self!r} does not apply the filter of `filter_for`: it returned a strategy of "
                "another tenant, which was dropped. Make the filter fit this kind of store."
            )
            raise RepositoryError(msg)

    def _written(self, points: Sequence[Point]) -> Steps[None]:
        ids = [point.id for point in points]
        if not self._overwrites:
            yield from self._deleted(ids)
        yield from self._asking("add_documents", [_document(point) for point in points], ids=ids)

    def _swapped(self, swap: Swap) -> Steps[bool]:
        """Compare and write; the two are not one, so two processes may both succeed."""
        found = _points((yield from self._asking("get_by_ids", [swap.point.id])))
        if (found[0].payload.get("version") if found else None) != swap.version:
            return False
        yield from self._written([swap.point])
        return True

    def _deleted(self, ids: Sequence[str]) -> Steps[None]:
        # Some stores call it an error to delete what is not there.
        there = _points((yield from self._asking("get_by_ids", list(ids))))
        if there:
            done = yield from self._asking("delete", [point.id for point in there])
            if done is False:  # `None` says that the store does not say
                msg = (
                    f"{self!r} says that it could not delete {how_many(len(there), 'document')}, "
                    f"such as {there[0].id}. See whether this store may be written to, and try "
                    "again."
                )
                raise RepositoryError(msg)

    def _asking(self, method: str, *args: Any, **kwargs: Any) -> Steps[Any]:
        """Call a method of the store, or its twin, and raise whatever it raises as our error.

        Every call into the store passes through here.  The messages name the
        error's type only, because its text may quote what is stored.
        """
        if self._closed:
            msg = f"{self!r} is closed. Make another on the same store to go on."
            raise RepositoryError(msg)
        store = self._store
        try:
            return (
                yield from either(
                    lambda: getattr(store, method)(*args, **kwargs),
                    lambda: getattr(store, f"a{method}")(*args, **kwargs),
                )
            )
        except InterCascadeError:
            raise
        except NotImplementedError as error:
            msg = (
                f"{self.location} does not implement `{method}`, and no strategy repository can "
                "do without. Use a vector store that does, or EdgeRepository or QdrantRepository."
            )
            raise ConfigurationError(msg) from error
        except Exception as error:
            msg = (
                f"{self!r} cannot serve right now ({type(error).__name__} in `{method}`). See that "
                "the store is up and can be reached from here; what it said itself is this error's "
                "cause."
            )
            raise RepositoryError(msg) from error


# A point and its document.


def _document(point: Point) -> Document:
    """Return the document of `point`: its first key as text, all of it as one string beside it.

    A string, because many stores take nothing deeper.  The vectors are in it
    because most stores do not give back theirs, and encoding the keys of every
    document found, again for every query, would cost a remote encoder seconds.
    """
    whole = {
        "id": point.id,
        "vectors": [_packed(vector) for vector in point.vectors],
        "payload": point.payload,
    }
    return Document(
        id=point.id,
        page_content=storable(point.payload.get("keys", [PROBE])[0]),
        metadata={
            "tenant": point.payload.get("tenant", ""),
            "state": point.payload.get("state", ""),
            _POINT: json.dumps(whole),
        },
    )


def _points(documents: Iterable[Document]) -> list[Point]:
    """Return the points in `documents`, of which some may be somebody else's."""
    return [_point(document) for document in documents if _POINT in document.metadata]


def _point(document: Document) -> Point:
    try:
        whole = json.loads(document.metadata[_POINT])
        vectors = [_unpacked(text) for text in whole["vectors"]]
        point = Point(whole["id"], vectors, dict(whole["payload"]))
    except (KeyError, TypeError, ValueError, struct.error) as error:
        # The error may quote stored text, so it is chained, not repeated.
        msg = (
            f"Document {document.id!r} is marked as a strategy, but its data are damaged: expected "
            f"under {_POINT!r} is what was written there. Restore the document from a backup, or "
            "delete it from the store."
        )
        raise RepositoryCorruptError(msg) from error
    return point


def _is_in(point: Point, scope: Scope) -> bool:
    payload = point.payload
    return payload.get("tenant") == scope.tenant and payload.get("state") in scope.states


def _similarity(point: Point, vector: Vector) -> float:
    """Return how near the nearest key is; NaN, which is refused for any engine, without a key."""
    return max((cosine(key, vector) for key in point.vectors), default=math.nan)


def _packed(vector: Vector) -> str:
    """Return the numbers of a vector of length one as text.

    Half precision moves a cosine by less than 1e-4 and makes 3,072 numbers 8 KB of text.
    """
    return b64encode(struct.pack(f"<{len(vector)}e", *vector)).decode("ascii")


def _unpacked(text: str) -> Vector:
    data = b64decode(text, validate=True)
    return struct.unpack(f"<{len(data) // 2}e", data)
