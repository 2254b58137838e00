"""The contract of a strategy repository: what every engine must do, and what none can skip.

The algorithm (encode, scope to the tenant, ask the engine, check every hit
again) is written here once.  An engine answers six small operations in two
colours, `execute` and `aexecute`, and knows nothing of models or prompts.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, ClassVar, Final, Self
from uuid import UUID

from langchain_core.embeddings import Embeddings

from langchain_intercascade._steps import Steps, arun, either, run
from langchain_intercascade.errors import (
    ConfigurationError,
    EncoderMismatchError,
    RepositoryCorruptError,
    RepositoryError,
)
from langchain_intercascade.repository.embeddings import Encoder, HashingEmbeddings, Vector
from langchain_intercascade.repository.operations import (
    Count,
    Delete,
    Operation,
    Point,
    Read,
    Scope,
    ScoredPayload,
    Scroll,
    Search,
    Write,
)
from langchain_intercascade.strategy import SCHEMA_VERSION, State, Strategy, checked_tenant

META_ID: Final = "00000000-0000-4000-8000-000000000001"
"""Id of the point that says who wrote this repository, and with which encoder."""

PROBE_AGREEMENT: Final = 0.999
"""Least cosine between the stored and the present encoding of the probe text.

Remote encoders repeat themselves to within 1e-4; another engine for the same
weights (int8 against float32) was measured at 0.94 to 0.98, and mixing those
moves neighbours about.
"""


@dataclass(frozen=True, slots=True)
class Hit:
    """A strategy that was found, and how near its nearest key is (cosine, in [-1, 1])."""

    strategy: Strategy
    similarity: float


class StrategyRepository(ABC):
    """Where the strategies live.

    Every method takes the tenant by keyword and has no default for it: the
    filter that keeps tenants apart is built here and checked again on each hit.
    Each public method exists in both colours (`search` and `asearch`); the
    `...ing` methods are the same as steps, for use inside a body.

    Engines raise `RepositoryError` (or a subclass) for whatever their client
    raises, and nothing else.
    """

    engine: ClassVar[str]
    """Short name of the engine, for records and messages."""

    lists: ClassVar[bool] = True
    """Whether the engine can list what it holds; if not, `scan` and `count` raise."""

    def __init__(self, *, embeddings: Embeddings | None = None) -> None:
        """Use `embeddings` to encode queries.

        Args:
            embeddings: Any LangChain embeddings; the built-in lexical hashing
                encoder if `None`, which needs no download and no key, and finds
                strategies by shared words, not by meaning.
        """
        self.encoder = Encoder(embeddings or HashingEmbeddings())
        self._ready = False

    # What an engine provides.

    @abstractmethod
    def create(self, dimension: int) -> None:
        """Make room for vectors of `dimension`, unless there is room already.

        Raises:
            EncoderMismatchError: There is room, but for vectors of another length.
            RepositoryCorruptError: What is there is not a strategy repository.
        """

    @abstractmethod
    async def acreate(self, dimension: int) -> None:
        """Do as `create` does, without blocking the event loop."""

    @abstractmethod
    def execute(self, operation: Operation) -> Any:
        """Carry out one operation; the reply is stated at the operation's class."""

    @abstractmethod
    async def aexecute(self, operation: Operation) -> Any:
        """Carry out one operation without blocking the event loop."""

    @property
    @abstractmethod
    def location(self) -> str:
        """Where the strategies lie, for people: a folder, a URL, or "memory"."""

    def close(self) -> None:  # noqa: B027 - not every engine holds something
        """Give back what the engine holds; closing twice is harmless."""

    async def aclose(self) -> None:
        """Do as `close` does, without blocking the event loop."""
        self.close()

    # The algorithm, once.

    def searching(
        self, query: str, *, tenant: str, k: int, min_similarity: float = 0.0
    ) -> Steps[list[Hit]]:
        """Find the active strategies of `tenant` whose keys are most like `query`.

        Args:
            query: Text as a user would write it.
            tenant: Whose strategies.
            k: How many at most.
            min_similarity: Least cosine similarity; "nothing is near enough" is
                a normal result.

        Returns:
            At most `k` hits, best first; ties keep the engine's order.
        """
        scope = Scope(tenant, (State.ACTIVE,))
        if k < 1:
            return []
        yield from self.preparing()
        vector = yield from self.encoder.encoding(query)
        found: list[ScoredPayload] = yield from self._executing(Search(vector, scope, k))
        hits = [hit for hit in map(self._hit, found) if self._belongs(hit.strategy, scope)]
        return [hit for hit in hits if hit.similarity >= min_similarity]

    def putting(self, strategy: Strategy) -> Steps[None]:
        """Write `strategy`, over any earlier state of it."""
        checked_tenant(strategy.tenant)
        yield from self.preparing()
        vectors = []
        for key in strategy.keys:
            vectors.append((yield from self.encoder.encoding(key)))  # noqa: PERF401 - a step
        point = Point(point_id(strategy.tenant, strategy.id), vectors, strategy.payload())
        yield from self._executing(Write((point,)))

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
        yield from self.preparing()
        last = None if after is None else point_id(tenant, after)
        payloads: list[dict[str, Any]] = yield from self._executing(Scroll(scope, limit, last))
        found = map(Strategy.from_payload, payloads)
        return [strategy for strategy in found if self._belongs(strategy, scope)]

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
            self._check_meta(points[0], probe)
        else:
            meta = {
                "kind": "meta",
                "schema_version": SCHEMA_VERSION,
                "encoder": self.encoder.label,
            }
            yield from self._executing(Write((Point(META_ID, (probe,), meta),)))
        self._ready = True

    # The two colours.

    def search(self, query: str, *, tenant: str, k: int, min_similarity: float = 0.0) -> list[Hit]:
        """See `searching`."""
        return run(self.searching(query, tenant=tenant, k=k, min_similarity=min_similarity))

    async def asearch(
        self, query: str, *, tenant: str, k: int, min_similarity: float = 0.0
    ) -> list[Hit]:
        """See `searching`."""
        return await arun(self.searching(query, tenant=tenant, k=k, min_similarity=min_similarity))

    def put(self, strategy: Strategy) -> None:
        """See `putting`."""
        run(self.putting(strategy))

    async def aput(self, strategy: Strategy) -> None:
        """See `putting`."""
        await arun(self.putting(strategy))

    def get(self, strategy_id: str, *, tenant: str) -> Strategy | None:
        """See `getting`."""
        return run(self.getting(strategy_id, tenant=tenant))

    async def aget(self, strategy_id: str, *, tenant: str) -> Strategy | None:
        """See `getting`."""
        return await arun(self.getting(strategy_id, tenant=tenant))

    def scan(
        self,
        *,
        tenant: str,
        states: Sequence[State] = tuple(State),
        limit: int = 1000,
        after: str | None = None,
    ) -> list[Strategy]:
        """See `scanning`."""
        return run(self.scanning(tenant=tenant, states=states, limit=limit, after=after))

    async def ascan(
        self,
        *,
        tenant: str,
        states: Sequence[State] = tuple(State),
        limit: int = 1000,
        after: str | None = None,
    ) -> list[Strategy]:
        """See `scanning`."""
        return await arun(self.scanning(tenant=tenant, states=states, limit=limit, after=after))

    def remove(self, strategy_id: str, *, tenant: str) -> bool:
        """See `removing`."""
        return run(self.removing(strategy_id, tenant=tenant))

    async def aremove(self, strategy_id: str, *, tenant: str) -> bool:
        """See `removing`."""
        return await arun(self.removing(strategy_id, tenant=tenant))

    def count(self, *, tenant: str, states: Sequence[State] = tuple(State)) -> int:
        """See `counting`."""
        return run(self.counting(tenant=tenant, states=states))

    async def acount(self, *, tenant: str, states: Sequence[State] = tuple(State)) -> int:
        """See `counting`."""
        return await arun(self.counting(tenant=tenant, states=states))

    def __enter__(self) -> Self:
        """Return the repository, to be closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the repository."""
        self.close()

    def __repr__(self) -> str:
        """Name the engine and the place."""
        return f"{type(self).__name__}({self.location!r})"

    # Checks.

    def _executing(self, operation: Operation) -> Steps[Any]:
        return either(lambda: self.execute(operation), lambda: self.aexecute(operation))

    def _hit(self, found: ScoredPayload) -> Hit:
        # A damaged vector file opens without complaint and scores 1e38.
        if not math.isfinite(found.similarity) or abs(found.similarity) > 1 + 1e-3:
            msg = (
                f"{self!r} returned the impossible similarity {found.similarity}: its vectors are "
                "damaged. Restore the folder or collection from a backup."
            )
            raise RepositoryCorruptError(msg)
        return Hit(Strategy.from_payload(found.payload), found.similarity)

    def _belongs(self, strategy: Strategy, scope: Scope) -> bool:
        if strategy.tenant != scope.tenant:
            msg = f"{self!r} returned a strategy of another tenant; it was dropped."
            raise RepositoryError(msg)
        return strategy.state in scope.states

    def _check_meta(self, meta: Point, probe: Vector) -> None:
        written = meta.payload.get("schema_version")
        if meta.payload.get("kind") != "meta" or not isinstance(written, int):
            msg = (
                f"{self!r} does not hold strategies of langchain-intercascade; nothing was changed."
            )
            raise RepositoryCorruptError(msg)
        if written > SCHEMA_VERSION:
            msg = (
                f"{self!r} was written with schema version {written}, and this version of "
                f"langchain-intercascade reads up to {SCHEMA_VERSION}. Upgrade the package."
            )
            raise RepositoryCorruptError(msg)
        # Zeroed and overwritten vector files open without complaint, as zeros and NaN.
        if not meta.vectors or not math.hypot(*meta.vectors[0]) > 0.0:
            msg = f"{self!r} has lost its encoder probe; restore it from a backup."
            raise RepositoryCorruptError(msg)
        stored = meta.vectors[0]
        agreement = cosine(stored, probe) if len(stored) == len(probe) else 0.0
        if agreement < PROBE_AGREEMENT:
            msg = (
                f"{self!r} was filled with the encoder {meta.payload.get('encoder')!r}, and the "
                f"present one is {self.encoder.label!r} (they agree to {agreement:.3f} on a probe "
                f"text, {PROBE_AGREEMENT} is needed). Similarities between the two mean nothing. "
                "Use the old encoder, or a new path or collection."
            )
            raise EncoderMismatchError(msg)


def point_id(tenant: str, strategy_id: str) -> str:
    """Return the id under which an engine stores a strategy: a UUID, whatever the two are.

    It depends on the tenant, so no strategy id, however crafted, can name, read or
    overwrite a point of another tenant, or the point that describes the repository.
    """
    name = f"{len(tenant)}:{tenant}{strategy_id}".encode("utf-8", "surrogatepass")
    return str(UUID(bytes=blake2b(name, digest_size=16).digest(), version=5))


def cosine(one: Vector, other: Vector) -> float:
    """Return the cosine of the angle between two vectors of the same length.

    Raises:
        ConfigurationError: The lengths differ.
    """
    if len(one) != len(other):
        msg = f"Vectors of length {len(one)} and {len(other)} cannot be compared."
        raise ConfigurationError(msg)
    dot = math.fsum(a * b for a, b in zip(one, other, strict=True))
    norms = math.sqrt(math.fsum(a * a for a in one) * math.fsum(b * b for b in other))
    return dot / norms if norms else 0.0
