"""What an engine can be asked: eight operations as data, and what they are about.

An engine answers each with the reply stated at its class, and knows nothing of
models, prompts or strategies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from langchain_intercascade.repository.embeddings import Vector
from langchain_intercascade.strategy import State, checked_tenant


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose strategies, and in which states. There is no scope without a tenant."""

    tenant: str
    states: tuple[State, ...]

    def __post_init__(self) -> None:
        """Refuse a scope that would mean everybody."""
        checked_tenant(self.tenant)


@dataclass(frozen=True, slots=True)
class Point:
    """What an engine stores: an id, the vectors of the keys, and JSON-like data."""

    id: str
    vectors: Sequence[Vector]
    payload: dict[str, Any]


class ScoredPayload(NamedTuple):
    """What a search gives back: the data of a point and its cosine similarity."""

    payload: dict[str, Any]
    similarity: float


@dataclass(frozen=True, slots=True)
class Search:
    """Find the `limit` points of `scope` nearest to `vector`, best first.

    Reply: `list[ScoredPayload]`; a point's similarity is that of its nearest key.
    """

    vector: Vector
    scope: Scope
    limit: int


@dataclass(frozen=True, slots=True)
class Write:
    """Write points, each whole or not at all, over any with the same id. Reply: `None`."""

    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Swap:
    """Write `point` only if the stored one still has `version`. Reply: `bool`, whether it was.

    With `version` `None`, only if there is none.  Of several that swap the same
    version at once, in any process that the engine serves, exactly one succeeds.
    The last of the payload's `stamps` is unlike that of any other write.
    """

    point: Point
    version: int | None


@dataclass(frozen=True, slots=True)
class Read:
    """Read points by id. Reply: `list[Point]`, without those that do not exist."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scroll:
    """Read every point of `scope` in order of id. Reply: `list[dict]`, the payloads.

    `after` is the id to go on after, so that a caller may page; `limit` bounds the page.
    """

    scope: Scope
    limit: int
    after: str | None = None

    @property
    def first(self) -> str | None:
        """The least id of the page, for engines whose offset is inclusive."""
        return following(self.after)


@dataclass(frozen=True, slots=True)
class Dump:
    """Read every point there is, of all tenants, in order of id. Reply: `list[Point]`.

    For custody of the whole (copying, re-embedding), never for serving.
    """

    limit: int
    after: str | None = None

    @property
    def first(self) -> str | None:
        """The least id of the page, for engines whose offset is inclusive."""
        return following(self.after)


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete points by id; unknown ids are not an error. Reply: `None`."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Count:
    """Count the points of `scope` exactly. Reply: `int`."""

    scope: Scope


Operation: TypeAlias = Search | Write | Swap | Read | Scroll | Dump | Delete | Count


def following(after: str | None) -> str | None:
    """Return the id next to `after`, which need not exist; `None` for the very first."""
    return None if after is None else str(UUID(int=UUID(after).int + 1))
