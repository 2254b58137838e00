"""What custody can do with an engine that cannot list, and with damage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langchain_core.vectorstores import InMemoryVectorStore

from langchain_intercascade import HashingEmbeddings, VectorStoreRepository
from langchain_intercascade._steps import run
from langchain_intercascade.errors import RepositoryCorruptError, RepositoryError
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.repository.custody import (
    approve,
    export_strategies,
    import_strategies,
    promote,
    reembed,
    sweep,
)
from langchain_intercascade.repository.operations import Point
from langchain_intercascade.repository.pages import PAGE, turning
from langchain_intercascade.repository.points import point_id
from langchain_intercascade.strategy import SCHEMA_VERSION, State
from tests.unit_tests.repository.stock import (
    ENGINES,
    TENANT,
    confirmed,
    fill,
    opened,
    strategy,
)


def vector_store() -> StrategyRepository:
    return VectorStoreRepository(InMemoryVectorStore(HashingEmbeddings(64)))


def test_a_vector_store_can_be_shared_in_and_imported_into(tmp_path: Path) -> None:
    """That needs reading and writing by id only."""
    one = confirmed(strategy(source="ben"), ("Another?", "carl"))
    with ENGINES["qdrant"]() as elsewhere:
        fill(elsewhere, one)
        export_strategies(elsewhere, tmp_path / "e", tenant=TENANT)
    with vector_store() as repository:
        assert 1 == import_strategies(repository, tmp_path / "e", tenant=TENANT).written
        assert approve(repository, one.id, tenant=TENANT, reviewer="ines") is not None
        copy = promote(repository, one.id, tenant=TENANT, to="pool", reviewer="ines")
        assert State.CANDIDATE is copy.state
        assert approve(repository, copy.id, tenant="pool", reviewer="ines") is not None
        assert 1 == len(repository.search("Two amounts", tenant="pool", k=2))


def test_the_rest_says_what_it_cannot_do(tmp_path: Path) -> None:
    with vector_store() as repository, ENGINES["qdrant"]() as target:
        with pytest.raises(RepositoryError, match="cannot list"):
            export_strategies(repository, tmp_path / "e", tenant=TENANT)
        with pytest.raises(RepositoryError, match="cannot list"):
            sweep(repository, tenant=TENANT)
        with pytest.raises(RepositoryError):
            reembed(repository, target)
    assert not (tmp_path / "e").exists()


@pytest.fixture(scope="module")
def repository() -> Any:
    yield from opened("qdrant")


def load(repository: StrategyRepository, payload: dict[str, Any], name: str) -> None:
    run(repository.loading([Point(point_id(payload["tenant"], name), [[1.0] * 64], payload)]))


def test_a_page_full_of_damage_does_not_end_the_reading(repository: StrategyRepository) -> None:
    """Else everything behind it would be missed."""
    names = sorted((f"{n}" for n in range(PAGE + 50)), key=lambda name: point_id("full", name))
    for name in names[:-10]:
        load(repository, {"id": name, "tenant": "full", "state": "active"}, name)
    for name in names[-10:]:
        load(repository, strategy(name, tenant="full", id=name).payload(), name)

    first = run(turning(repository, tenant="full"))
    assert first is not None
    assert ((), PAGE) == (first.strategies, len(first.damaged))
    second = run(turning(repository, tenant="full", after=first.last))
    assert second is not None
    assert names[-10:] == [each.id for each in second.strategies]
    assert run(turning(repository, tenant="full", after=second.last)) is None


def test_damage_that_has_lost_its_id_does_not_hold_up_the_reading(
    repository: StrategyRepository,
) -> None:
    load(repository, {"tenant": "lost", "state": "active"}, "a")

    assert run(turning(repository, tenant="lost")) is None


def test_what_a_newer_version_wrote_is_not_damage(repository: StrategyRepository) -> None:
    """It must not be mistaken for rubbish: the message says what to do."""
    newer = {**strategy(tenant="newer").payload(), "schema_version": SCHEMA_VERSION + 1}
    load(repository, newer, newer["id"])

    with pytest.raises(RepositoryCorruptError, match="Upgrade"):
        run(turning(repository, tenant="newer"))
