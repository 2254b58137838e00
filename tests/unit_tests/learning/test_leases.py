"""Of all that could learn a lesson, one does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.vectorstores import InMemoryVectorStore

from langchain_intercascade import (
    EdgeRepository,
    HashingEmbeddings,
    QdrantRepository,
    Strategy,
    VectorStoreRepository,
)
from langchain_intercascade._steps import arun, run
from langchain_intercascade.learning.leases import claimed, claiming, held_for, owner_name
from langchain_intercascade.learning.lesson import MAX_ATTEMPTS, set_back
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.strategy import Lease
from tests.conftest import Colour
from tests.lessons import TENANT, learned, lesson
from tests.qdrant_server import qdrant_server

ONE = lesson("one")


def in_memory() -> StrategyRepository:
    """A repository on which others may be at work."""
    return VectorStoreRepository(InMemoryVectorStore(HashingEmbeddings(16)))


@pytest.fixture(params=["edge", "memory", "server", "vector_store"])
def repository(request: pytest.FixtureRequest) -> Iterator[StrategyRepository]:
    """Each engine."""
    if request.param == "server":
        with qdrant_server() as (place, _), closing(QdrantRepository(**place)) as made:
            yield made
    else:
        make: dict[str, Callable[[], StrategyRepository]] = {
            "edge": EdgeRepository,
            "memory": lambda: QdrantRepository(":memory:"),
            "vector_store": in_memory,
        }
        with make[request.param]() as made:
            yield made


def claim(
    repository: StrategyRepository, owner: str = "here/1", seconds: float = 300.0
) -> Strategy | None:
    """Claim the one lesson."""
    return run(claiming(repository, ONE.id, tenant=TENANT, owner=owner, seconds=seconds))


def test_a_claim_is_written_down(repository: StrategyRepository, colour: Colour) -> None:
    """In either colour; the lesson is what it was."""
    repository.put(ONE)
    options: dict[str, Any] = {"tenant": TENANT, "owner": "here/1"}
    claimed = colour.run(
        lambda: run(claiming(repository, ONE.id, **options)),
        lambda: arun(claiming(repository, ONE.id, **options)),
    )

    assert claimed is not None
    assert claimed == repository.get(ONE.id, tenant=TENANT)
    assert claimed.lesson is not None
    assert claimed.lesson.lease is not None
    assert claimed.lesson.lease.owner == "here/1"
    assert claimed.lesson.model_copy(update={"lease": None}) == ONE.lesson


def test_a_second_learner_comes_too_late(repository: StrategyRepository) -> None:
    repository.put(ONE)

    assert claim(repository, "here/1")
    assert claim(repository, "here/2") is None
    assert claim(repository, "here/1")


def test_of_many_at_once_one_succeeds(repository: StrategyRepository) -> None:
    """At least one, where the engine cannot tell them apart."""
    repository.put(ONE)
    with ThreadPoolExecutor(8) as threads:
        claimed = list(threads.map(lambda n: claim(repository, f"here/{n}"), range(16)))

    successes = sum(each is not None for each in claimed)
    assert successes == 1 if repository.swaps else successes >= 1


def test_another_process_holds_on_unless_it_must_be_dead(repository: StrategyRepository) -> None:
    """Nobody else can be at work in a folder of one's own."""
    repository.put(ONE)
    claim(repository, "there/1")

    assert (claim(repository, "here/1") is not None) == repository.exclusive


def test_what_is_not_open_cannot_be_claimed(repository: StrategyRepository) -> None:
    """It is unknown, learned, or given up on."""
    parked = ONE
    for _ in range(MAX_ATTEMPTS):
        parked = set_back(parked, "refused")

    assert claim(repository) is None
    repository.put(learned(ONE))
    assert claim(repository) is None
    repository.put(parked)
    assert claim(repository) is None


def test_tenants_cannot_claim_from_each_other(repository: StrategyRepository) -> None:
    repository.put(ONE)

    assert run(claiming(repository, ONE.id, tenant="globex", owner="here/1")) is None


owners = st.sampled_from(["here/1", "here/2", "there/1"])


@given(st.lists(st.tuples(owners, st.sampled_from([-1.0, 300.0]))), st.booleans())
def test_a_lesson_has_one_holder(claims: list[tuple[str, float]], exclusive: bool) -> None:  # noqa: FBT001 - Hypothesis names it
    """The first that claims it, until that lease has run out."""
    repository: StrategyRepository = in_memory()
    repository.exclusive = exclusive  # type: ignore[misc]  # of this object, for this test
    repository.put(ONE)
    holder = ""
    for owner, seconds in claims:
        dead = exclusive and holder[:5] != owner[:5]
        free = holder in {"", owner} or dead

        assert (claim(repository, owner, seconds) is not None) == free
        if free:
            holder = owner if seconds > 0 else ""


NOON = datetime(2030, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("until", "seconds"),
    [
        ("", 0.0),
        ("tomorrow", 0.0),
        ("2020-01-01T00:00:00+00:00", 0.0),
        ("2030-06-01T12:00:00+00:00", 0.0),
        ("2030-06-01T12:00:00.500000+00:00", 0.5),
        ("2030-06-01T13:00:00+00:00", 3600.0),
        ("2030-06-01T13:00:00", 3600.0),  # somebody forgot the zone
        ("2030-06-01T13:00:00-01:00", 7200.0),
        ("2030-06-02", 43200.0),
    ],
)
def test_any_time_can_be_read(until: str, seconds: float) -> None:
    """What is no time is over."""
    assert ONE.lesson is not None
    lease = Lease(owner="there/1", until=until)
    held = ONE.changed(lesson=ONE.lesson.model_copy(update={"lease": lease}))

    assert held_for(held, in_memory(), "here/1", at=NOON) == seconds


def test_a_claim_counts_from_now() -> None:
    """Without a moment given: a claim of this year is over in the year 2999, and not before."""
    later = NOON.replace(year=2999)
    held = claimed(ONE, "there/1", seconds=3600.0)

    assert held_for(held, in_memory(), "here/1") > 0
    assert held_for(held, in_memory(), "here/1", at=later) == 0.0


def test_names_are_not_shared() -> None:
    assert len({owner_name(1), owner_name(2), owner_name(1)}) == 2
