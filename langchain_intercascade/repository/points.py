"""Strategies and points: how one is named, and what a search makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, NamedTuple
from uuid import UUID

from langchain_intercascade.strategy import Strategy

META_ID: Final = "00000000-0000-4000-8000-000000000001"
"""Id of the point that says who wrote this repository, and with which encoder."""


class Hit(NamedTuple):
    """A strategy that was found, and how near its nearest key is (cosine, in [-1, 1])."""

    strategy: Strategy
    similarity: float


@dataclass(frozen=True, slots=True)
class Note:
    """A document that the cascade keeps beside the strategies; see `Swap` for the rest."""

    data: dict[str, Any]
    version: int
    stamps: tuple[str, ...]


def point_id(tenant: str, strategy_id: str) -> str:
    """Return the id under which an engine stores a strategy: a UUID, whatever the two are.

    It depends on the tenant, so no strategy id, however crafted, can name, read or
    overwrite a point of another tenant, or the point that describes the repository.
    """
    name = f"{len(tenant)}:{tenant}{strategy_id}".encode("utf-8", "surrogatepass")
    return str(UUID(bytes=blake2b(name, digest_size=16).digest(), version=5))
