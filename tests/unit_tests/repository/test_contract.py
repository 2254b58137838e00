"""Every engine keeps every promise of the contract."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from qdrant_client import QdrantClient

from langchain_intercascade.errors import RepositoryError
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.repository.edge import EdgeRepository
from langchain_intercascade.repository.embeddings import HashingEmbeddings
from langchain_intercascade.repository.operations import (
    Count,
    Delete,
    Operation,
    Scroll,
    Search,
    Write,
)
from langchain_intercascade.repository.qdrant import QdrantRepository
from langchain_intercascade.testing.material import Factory
from langchain_intercascade.testing.repository_contract import check_repository
from tests.qdrant_server import qdrant_server

QDRANT_URL = os.environ.get("QDRANT_URL")
PROMISES = [check.name for check in check_repository(EdgeRepository, reopen=EdgeRepository)]


def about(words: str) -> list[str]:
    """Return the promises whose names match `words`."""
    return [name for name in PROMISES if re.search(words, name)]


# Each engine, and what is worth the time: a folder is made slowly, and what does not depend on the
# protocol or on where the folder lies need not be tried again.
SUITES = {
    "edge_folder": PROMISES,
    "edge_temporary": about(r"^(?!.*reopen).*(what|closed|concurrent).*-sync"),
    "qdrant_memory": PROMISES,
    "qdrant_grpc": about(r"what|only|pages|serves|nearest|tenants|concurrent"),
    "qdrant_rest": about(r"what|only|pages|serves"),
    "qdrant_at_url": PROMISES if QDRANT_URL else [],
}


@dataclass(frozen=True)
class Engine:
    """How to make a fresh repository, and how to open the last one again."""

    fresh: Factory
    again: Factory | None = None


@pytest.fixture(scope="module")
def stand_in() -> Iterator[dict[str, Any]]:
    with qdrant_server() as (place, _):
        yield place


@pytest.fixture
def edge_temporary() -> Engine:
    return Engine(EdgeRepository)


@pytest.fixture
def edge_folder(tmp_path: Path) -> Engine:
    return Engine(lambda: EdgeRepository(tmp_path / "a"), lambda: EdgeRepository(tmp_path / "a"))


@pytest.fixture
def qdrant_memory() -> Iterator[Engine]:
    with closing(QdrantClient(":memory:")) as client:
        yield in_collection(client=client)


@pytest.fixture
def qdrant_grpc(stand_in: dict[str, Any]) -> Engine:
    return in_collection(**stand_in, prefer_grpc=True)


@pytest.fixture
def qdrant_rest(stand_in: dict[str, Any]) -> Engine:
    return in_collection(**stand_in, prefer_grpc=False)


@pytest.fixture
def qdrant_at_url() -> Iterator[Engine]:
    """A real server, with a collection that is deleted afterwards."""
    collection = f"test-{uuid4()}"
    yield in_collection(url=QDRANT_URL, collection=collection)
    with closing(QdrantClient(url=QDRANT_URL, check_compatibility=False)) as client:
        client.delete_collection(collection)


def in_collection(*, collection: str = "", **place: Any) -> Engine:
    name = collection or f"test-{uuid4()}"

    def opened() -> StrategyRepository:
        # Short vectors: Python's share of the work on them is what costs the time here.
        return QdrantRepository(**place, collection=name, embeddings=HashingEmbeddings(64))

    return Engine(opened, opened)


def cases() -> Iterator[Any]:
    """Yield engine and promise; nothing is opened before the test itself runs."""
    for engine, promises in SUITES.items():
        yield from (pytest.param(engine, name, id=f"{engine}-{name}") for name in promises)
    if not QDRANT_URL:
        absent = pytest.mark.skip(reason="QDRANT_URL names no server")
        yield pytest.param("qdrant_at_url", "", marks=absent, id="qdrant_at_url")


@pytest.mark.parametrize(("engine", "promise"), list(cases()))
def test_the_engine_keeps_its_promise(
    request: pytest.FixtureRequest, engine: str, promise: str
) -> None:
    made: Engine = request.getfixturevalue(engine)
    checks = {check.name: check for check in check_repository(made.fresh, reopen=made.again)}

    checks[promise].run()


class Forgetful(EdgeRepository):
    """Says that it wrote."""

    def execute(self, operation: Operation) -> Any:
        if isinstance(operation, Write) and "tenant" in operation.points[0].payload:
            return None
        return super().execute(operation)


class Clinging(EdgeRepository):
    """Says that it deleted."""

    def execute(self, operation: Operation) -> Any:
        return None if isinstance(operation, Delete) else super().execute(operation)


class Circling(EdgeRepository):
    """Begins a page with the last strategy of the page before."""

    def execute(self, operation: Operation) -> Any:
        if isinstance(operation, Scroll) and operation.after is not None:
            before = str(UUID(int=UUID(operation.after).int - 1))
            operation = replace(operation, after=before)
        return super().execute(operation)


class Backward(EdgeRepository):
    """Finds the least similar first."""

    def execute(self, operation: Operation) -> Any:
        reply = super().execute(operation)
        return reply[::-1] if isinstance(operation, Search) else reply


class Indiscreet(EdgeRepository):
    """Mistakes a tenant for another that is written almost alike."""

    def execute(self, operation: Operation) -> Any:
        if isinstance(operation, Search | Scroll | Count):
            alike = replace(operation.scope, tenant=operation.scope.tenant.strip())
            operation = replace(operation, scope=alike)
        return super().execute(operation)


class Estimating(EdgeRepository):
    """Counts roughly."""

    def execute(self, operation: Operation) -> Any:
        reply = super().execute(operation)
        return round(reply, -1) if isinstance(operation, Count) else reply


class Undead(EdgeRepository):
    """Goes on after it was closed."""

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("broken", "promise"),
    [
        (Forgetful, "what_is_put_is_read_back_equal-sync"),
        (Forgetful, "what_is_put_is_read_back_equal-async"),
        (Clinging, "what_is_removed_is_gone-sync"),
        (Circling, "pages_hold_everything_once-async"),
        (Backward, "the_nearest_is_first-sync"),
        (Indiscreet, "tenants_never_meet-async"),
        (Estimating, "the_same_id_is_one_point-sync"),
        (Undead, "a_closed_repository_refuses-sync"),
    ],
)
def test_a_broken_engine_is_found_out(broken: Factory, promise: str) -> None:
    """The suite is worth something only if it fails where it should."""
    checks = {check.name: check for check in check_repository(broken)}

    with pytest.raises((AssertionError, RepositoryError)):
        checks[promise].run()
