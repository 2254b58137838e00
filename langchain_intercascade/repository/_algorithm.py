"""What a repository does over any engine, written once: no engine can skip a step of it.

Encode, scope to the tenant, ask the engine, check every hit again.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias
from uuid import uuid4

from langchain_core.embeddings import Embeddings

from langchain_intercascade._steps import Steps, either, pausing
from langchain_intercascade.errors import RepositoryCorruptError, RepositoryError
from langchain_intercascade.repository._meta import check_meta, meta_point
from langchain_intercascade.repository._recent import Recent
from langchain_intercascade.repository.embeddings import Encoder, HashingEmbeddings
from langchain_intercascade.repository.engine import Engine
from langchain_intercascade.repository.operations import (
    Count,
    Delete,
    Dump,
    Point,
    Read,
    Scope,
    ScoredPayload,
    Scroll,
    Search,
    Swap,
    Write,
)
from langchain_intercascade.repository.points import META_ID, Hit, Note, point_id
from langchain_intercascade.strategy import STAMPS, State, Strategy, checked_tenant

logger = logging.getLogger(__name__)

_Read: TypeAlias = tuple[dict[str, Any], Strategy]

REMEMBERED: Final = 1024
"""Strategies that were found and need not be checked again while they are stored unchanged."""

TRIES: Final = 50
"""How often an update is tried again because somebody else was quicker."""


class RepositorySteps(Engine):
    """What a repository does, as steps; see `StrategyRepository`."""

    def __init__(self, *, embeddings: Embeddings | None = None) -> None:
        """Use `embeddings` to encode queries.

        Args:
            embeddings: Any LangChain embeddings; the built-in lexical hashing
                encoder if `None`, which needs no download and no key, and finds
                strategies by shared words, not by meaning.
        """
        self.encoder = Encoder(embeddings or HashingEmbeddings())
        self.unreadable = 0
        """How many damaged strategies were skipped while searching and scanning."""
        self._ready = False
        self._read: Recent[str, _Read] = Recent(room=REMEMBERED)

    def searching(
        self,
        query: str,
        *,
        tenant: str,
        k: int,
        min_similarity: float = 0.0,
        states: Sequence[State] = (State.ACTIVE,),
    ) -> Steps[list[Hit]]:
        """Find the strategies of `tenant` whose keys are most like `query`.

        Args:
            query: Text as a user would write it.
            tenant: Whose strategies.
            k: How many at most.
            min_similarity: Least cosine similarity; "nothing is near enough" is
                a normal result.
            states: In which states; those in use unless said otherwise.

        Returns:
            At most `k` hits, best first; ties keep the engine's order.
        """
        scope = Scope(tenant, tuple(states))
        if k < 1:
            return []
        yield from self.preparing()
        vector = yield from self.encoder.encoding(query)
        found: list[ScoredPayload] = yield from self._executing(Search(vector, scope, k))
        hits = [hit for each in found if (hit := self._hit(each, scope)) is not None]
        return [hit for hit in hits if hit.similarity >= min_similarity]

    def putting(self, strategy: Strategy) -> Steps[None]:
        """Write `strategy`, over any earlier state of it, whoever wrote that."""
        point = yield from self._pointing(strategy)
        yield from self._executing(Write((point,)))

    def swapping(self, strategy: Strategy, *, version: int | None) -> Steps[bool]:
        """Write `strategy` unless somebody else was quicker; say whether it was written.

        Args:
            strategy: What to write.
            version: The version that must still be stored; `None` if there must be none.
        """
        point = yield from self._pointing(strategy)
        written: bool = yield from self._executing(Swap(point, version))
        return written

    def updating(
        self, strategy_id: str, *, tenant: str, change: Callable[[Strategy], Strategy | None]
    ) -> Steps[Strategy | None]:
        """Change one strategy, whoever else is changing it at the same time.

        Args:
            strategy_id: Which.
            tenant: Whose.
            change: Returns what the strategy given shall become (by `changed`), or `None`
                to leave it as it is.  It is asked again whenever somebody was quicker, so
                it must only depend on what it is given.

        Returns:
            The strategy as written; `None` if there is none, or it was left as it is.

        Raises:
            RepositoryError: Others were quicker, again and again.
        """
        for lost in range(TRIES):
            stored = yield from self.getting(strategy_id, tenant=tenant)
            changed = None if stored is None else change(stored)
            if stored is None or changed is None:
                return None
            if (yield from self.swapping(changed, version=stored.version)):
                return changed
            # Those who lose step back for a moment of their own, or some would lose for ever.
            yield from pausing(random.uniform(0.0, min(0.1, 0.002 * (lost + 1))))
        msg = (
            f"{self!r} could not change strategy {strategy_id}: {TRIES} others were quicker. Try "
            "again, with fewer writers at once."
        )
        raise RepositoryError(msg)

    def getting(self, strategy_id: str, *, tenant: str) -> Steps[Strategy | None]:
        """Read one strategy in any state; `None` if `tenant` has no such strategy."""
        checked_tenant(tenant)
        yield from self.preparing()
        points: list[Point] = yield from self._executing(Read((point_id(tenant, strategy_id),)))
        owned = [point for point in points if point.payload.get("tenant") == tenant]
        return Strategy.from_payload(owned[0].payload) if owned else None

    def scanning(
        self,
        *,
        tenant: str,
        states: Sequence[State] = tuple(State),
        limit: int = 1000,
        after: str | None = None,
    ) -> Steps[list[Strategy]]:
        """Read a page of the strategies of `tenant` in `states`, in a fixed order.

        Args:
            tenant: Whose strategies.
            states: In which states.
            limit: How many at most.
            after: The id of the last strategy of the page before; `None` for the first page.
        """
        scope = Scope(tenant, tuple(states))
        if limit < 1:
            return []
        last = None if after is None else point_id(tenant, after)
        payloads = yield from self.leafing(scope, limit=limit, after=last)
        found = [self._readable(payload, scope) for payload in payloads]
        return [strategy for strategy in found if strategy is not None]

    def removing(self, strategy_id: str, *, tenant: str) -> Steps[bool]:
        """Delete one strategy for good; say whether `tenant` had it."""
        found = yield from self.getting(strategy_id, tenant=tenant)
        if found is None:
            return False
        yield from self._executing(Delete((point_id(tenant, strategy_id),)))
        return True

    def counting(self, *, tenant: str, states: Sequence[State] = tuple(State)) -> Steps[int]:
        """Count the strategies of `tenant` in `states`."""
        scope = Scope(tenant, tuple(states))
        yield from self.preparing()
        count: int = yield from self._executing(Count(scope))
        return count

    def reading_note(self, name: str, *, tenant: str) -> Steps[Note | None]:
        """Read a document that the cascade keeps for itself beside the strategies."""
        checked_tenant(tenant)
        yield from self.preparing()
        points: list[Point] = yield from self._executing(Read((point_id(tenant, f"note:{name}"),)))
        payload = points[0].payload if points else {}
        if payload.get("kind") != "note" or payload.get("tenant") != tenant:
            return None
        return Note(dict(payload["data"]), int(payload["version"]), tuple(payload["stamps"]))

    def writing_note(
        self, name: str, data: dict[str, Any], *, tenant: str, after: Note | None
    ) -> Steps[bool]:
        """Write a document unless somebody else was quicker; say whether it was written.

        Args:
            name: Its name; one document a name and tenant.
            data: JSON-like.
            tenant: Whose.
            after: The document that it replaces, as it was read; `None` if there is none.
        """
        checked_tenant(tenant)
        yield from self.preparing()
        probe = yield from self.encoder.probing()
        # No `state`, so no search or scan for strategies ever sees it.
        payload = {
            "kind": "note",
            "tenant": tenant,
            "version": (after.version if after else 0) + 1,
            "stamps": [*(after.stamps if after else ()), uuid4().hex][-STAMPS:],
            "data": data,
        }
        point = Point(point_id(tenant, f"note:{name}"), (probe,), payload)
        written: bool = yield from self._executing(Swap(point, after.version if after else None))
        return written

    def dumping(self, *, limit: int = 500, after: str | None = None) -> Steps[list[Point]]:
        """Read a page of everything, of every tenant, for copying it; nothing is checked or opened.

        Args:
            limit: How many points at most.
            after: The id of the last point of the page before.
        """
        size = self.stored_dimension()
        if not self._ready and size is not None:
            yield from either(lambda: self.create(size), lambda: self.acreate(size))
        points: list[Point] = yield from self._executing(Dump(limit, after))
        return [point for point in points if point.id != META_ID]

    # For custody: what is stored, as it is stored.

    def leafing(
        self, scope: Scope, *, limit: int, after: str | None = None
    ) -> Steps[list[dict[str, Any]]]:
        """Read a page of what is in `scope`, damaged or not; `after` is the id of a *point*."""
        yield from self.preparing()
        payloads: list[dict[str, Any]] = yield from self._executing(Scroll(scope, limit, after))
        return payloads

    def fetching(self, ids: Sequence[str]) -> Steps[list[Point]]:
        """Read points by their own ids, without those that do not exist."""
        yield from self.preparing()
        points: list[Point] = yield from self._executing(Read(tuple(ids)))
        return points

    def loading(self, points: Sequence[Point]) -> Steps[None]:
        """Write points as they are, over any with the same ids."""
        yield from self.preparing()
        yield from self._executing(Write(tuple(points)))

    def deleting(self, ids: Sequence[str]) -> Steps[None]:
        """Delete points by their own ids, except the one that describes the repository."""
        yield from self.preparing()
        yield from self._executing(Delete(tuple(each for each in ids if each != META_ID)))

    def preparing(self) -> Steps[None]:
        """Open the engine and make sure that its vectors are of this encoder.

        Runs once; later calls return at once.

        Raises:
            EncoderMismatchError: The stored vectors come from another encoder.
            RepositoryCorruptError: The stored data is foreign or from a newer version.
        """
        if self._ready:
            return
        probe = yield from self.encoder.probing()
        yield from either(lambda: self.create(len(probe)), lambda: self.acreate(len(probe)))
        points: list[Point] = yield from self._executing(Read((META_ID,)))
        if points:
            check_meta(points[0], probe, encoder=self.encoder.label, where=repr(self))
        else:
            yield from self._executing(Write((meta_point(probe, encoder=self.encoder.label),)))
        self._ready = True

    # Checks.

    def _pointing(self, strategy: Strategy) -> Steps[Point]:
        """Return the point that `strategy` is stored as."""
        checked_tenant(strategy.tenant)
        yield from self.preparing()
        vectors = []
        for key in strategy.keys:
            vectors.append((yield from self.encoder.encoding(key)))  # noqa: PERF401 - a step
        return Point(point_id(strategy.tenant, strategy.id), vectors, strategy.stored())

    def _hit(self, found: ScoredPayload, scope: Scope) -> Hit | None:
        # A damaged vector file opens without complaint and scores 1e38.
        if not -1 - 1e-3 <= found.similarity <= 1 + 1e-3:  # true for NaN
            msg = (
                f"{self!r} returned the impossible similarity {found.similarity}: its vectors are "
                "damaged. Restore the folder or collection from a backup."
            )
            raise RepositoryCorruptError(msg)
        strategy = self._readable(found.payload, scope, self._known)
        return None if strategy is None else Hit(strategy, found.similarity)

    def _known(self, payload: dict[str, Any]) -> Strategy:
        """Return `Strategy.from_payload(payload)`, or what that gave for an equal payload before.

        Checking one takes ten times as long as comparing it with one that was checked.
        """
        key = str(payload.get("id"))
        if (before := self._read.get(key)) is not None and before[0] == payload:
            return before[1]
        strategy = Strategy.from_payload(payload)
        self._read.put(key, (payload, strategy))
        return strategy

    def _readable(
        self,
        payload: dict[str, Any],
        scope: Scope,
        read: Callable[[dict[str, Any]], Strategy] = Strategy.from_payload,
    ) -> Strategy | None:
        """Return the strategy if it is one, and in `scope`; one that is damaged is skipped.

        One bad apple must not cost a tenant all its strategies, so it is counted and
        logged, not raised.  One that a newer version wrote is not damaged: there the
        message says what to do.
        """
        if payload.get("tenant") != scope.tenant:
            msg = (
                f"{self!r} returned a strategy of another tenant; it was dropped. The engine does "
                "not keep to the filter it is given: `check_repository` shows where."
            )
            raise RepositoryError(msg)
        try:
            strategy = read(payload)
        except RepositoryCorruptError as error:
            if error.__cause__ is None:
                raise
            self.unreadable += 1
            logger.warning(
                "Strategy %r was skipped: it cannot be read.",
                payload.get("id"),
                extra={"event": "strategy_unreadable", "strategy_id": str(payload.get("id"))},
            )
            return None
        return strategy if strategy.state in scope.states else None
