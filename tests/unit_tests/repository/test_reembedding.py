"""A repository changes its encoder by being copied: everything, exactly, and resumably."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding
from qdrant_client import QdrantClient

from langchain_intercascade import EdgeRepository, HashingEmbeddings, QdrantRepository
from langchain_intercascade._steps import run
from langchain_intercascade.errors import ConfigurationError, EncoderMismatchError, RepositoryError
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.repository.custody import areembed, forget, import_strategies, reembed
from langchain_intercascade.repository.operations import Point
from langchain_intercascade.repository.points import point_id
from langchain_intercascade.repository.reembedding import Reembedded
from langchain_intercascade.strategy import Strategy
from tests.conftest import Colour
from tests.unit_tests.repository.stock import (
    QUERY,
    TENANT,
    confirmed,
    dumped,
    fill,
    pending,
    strategy,
)

OLD = DeterministicFakeEmbedding(size=64)
NEW = HashingEmbeddings(64)  # as long as the old ones


@pytest.fixture(params=["edge", "qdrant"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Make a repository with a name and an encoder; the same name is the same place."""
    if request.param == "edge":
        yield lambda name, encoder: EdgeRepository(tmp_path / name, embeddings=encoder)
        return
    with closing(QdrantClient(":memory:")) as client:
        yield lambda name, encoder: QdrantRepository(
            client=client, collection=name, embeddings=encoder
        )


@pytest.fixture
def colour(request: pytest.FixtureRequest, places: Any, colours: list[Colour]) -> Colour:
    """One colour for each engine: each is the same steps, run otherwise."""
    assert places
    engine: str = request.node.callspec.params["places"]
    return colours[engine == "edge"]


@pytest.fixture
def old(places: Any) -> list[Strategy]:
    """What the old repository holds, which is closed again."""
    made = [confirmed(strategy(), ("Another?", "b")), pending("p"), strategy(tenant="other")]
    with places("old", OLD) as repository:
        fill(repository, *made)
        run(repository.writing_note("floor", {"a": 1}, tenant=TENANT, after=None))
    return made


def copied(colour: Colour, places: Any, **how: Any) -> Reembedded:
    with places("old", NEW) as source, places("new", NEW) as target:
        return colour.run(
            lambda: reembed(source, target, **how), lambda: areembed(source, target, **how)
        )


def stored(places: Any, name: str, encoder: Any) -> tuple[str, StrategyRepository]:
    with places(name, encoder) as repository:
        repository.count(tenant=TENANT)
        return dumped(repository), repository


def test_everything_is_copied_exactly(colour: Colour, places: Any, old: list[Strategy]) -> None:
    """Of all tenants, notes too; the source's own encoder is not needed for that."""
    told: list[int] = []

    done = copied(colour, places, progress=lambda each: told.append(each.seen))

    assert (4, 0, 0) == (done.copied, done.present, done.damaged)
    assert [4] == told
    assert stored(places, "old", OLD)[0] == stored(places, "new", NEW)[0]
    with places("new", NEW) as target:
        for each in old:
            assert each == target.get(each.id, tenant=each.tenant)
        (hit,) = target.search("Another?", tenant=TENANT, k=1)
        assert pytest.approx(1.0, abs=1e-3) == hit.similarity
        note = run(target.reading_note("floor", tenant=TENANT))
        assert note is not None
        assert {"a": 1} == note.data


def test_the_wrong_encoder_is_refused_with_this_cure(places: Any, old: list[Strategy]) -> None:
    """Though its vectors are as long."""
    assert old
    with (
        places("old", NEW) as repository,
        pytest.raises(EncoderMismatchError, match="strategies reembed"),
    ):
        repository.count(tenant=TENANT)


def test_copying_goes_on_where_it_was_broken_off(
    colour: Colour, places: Any, old: list[Strategy]
) -> None:
    """What was changed in the new one meanwhile is kept; what is new in the old one is added."""
    with places("new", NEW) as target:
        fill(target, changed := old[0].changed(reason="changed here"), old[2])
    with places("old", OLD) as source:
        fill(source, strategy("late"), old[2].changed(reason="changed there"))

    done = copied(colour, places)

    assert (4, 1) == (done.copied, done.present)
    with places("new", NEW) as target:
        assert changed == target.get(changed.id, tenant=TENANT)
        other = target.get(old[2].id, tenant="other")
        assert other is not None
        assert "changed there" == other.reason
    assert 5 == copied(colour, places).present


def test_more_than_one_page_is_copied(places: Any) -> None:
    with places("old", OLD) as source:
        fill(source, *(strategy(f"{n}") for n in range(205)))
    told: list[int] = []  # the first page also has the point that describes the repository

    with places("old", OLD) as source, places("new", NEW) as target:
        done = reembed(source, target, progress=lambda each: told.append(each.seen))

        assert (205, [199, 205]) == (done.copied, told)
        assert 205 == target.count(tenant=TENANT)


def test_what_was_forgotten_stays_forgotten(colour: Colour, places: Any, tmp_path: Path) -> None:
    """The marks are copied too."""
    from langchain_intercascade.repository.custody import export_strategies  # noqa: PLC0415

    with places("old", OLD) as source:
        fill(source, strategy())
        export_strategies(source, tmp_path / "e", tenant=TENANT)
        forget(source, tenant=TENANT, query=QUERY)

    copied(colour, places)

    with places("new", NEW) as target:
        assert 1 == import_strategies(target, tmp_path / "e", tenant=TENANT).forgotten


def test_what_has_lost_its_keys_is_counted(colour: Colour, places: Any) -> None:
    damaged = {**strategy().payload(), "keys": None}
    with places("old", OLD) as source:
        run(source.loading([Point(point_id(TENANT, "x"), [[1.0] * 64], damaged)]))

    done = copied(colour, places)

    assert (0, 1) == (done.copied, done.damaged)


def test_there_must_be_something_to_copy(places: Any) -> None:
    with (
        places("nowhere", OLD) as source,
        places("new", NEW) as target,
        pytest.raises(ConfigurationError, match="nothing to copy"),
    ):
        reembed(source, target)


def test_a_temporary_repository_can_be_kept(tmp_path: Path) -> None:
    with EdgeRepository() as source, EdgeRepository(tmp_path / "kept") as target:
        fill(source, strategy())

        assert 1 == reembed(source, target).copied


def test_a_repository_is_not_copied_onto_itself(places: Any, old: list[Strategy]) -> None:
    assert old
    with (
        places("old", OLD) as source,
        places("old", NEW) as target,
        pytest.raises((ConfigurationError, RepositoryError)),
    ):
        reembed(source, target)
