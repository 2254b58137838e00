"""What was read a moment ago is found again, and never after it was changed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_intercascade import EdgeRepository, HashingEmbeddings
from langchain_intercascade.repository._recent import Recent
from langchain_intercascade.strategy import State, Strategy
from tests.unit_tests.repository.stock import ENGINES, QUERY, TENANT, strategy

KEYS = st.sampled_from("abcde")


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(["get", "put", "drop"]), KEYS), max_size=40))
def test_it_remembers_what_was_used_last(steps: list[tuple[str, str]]) -> None:
    recent: Recent[str, int] = Recent(room=3)
    model: OrderedDict[str, int] = OrderedDict()
    for number, (what, key) in enumerate(steps):
        if what == "put":
            recent.put(key, number)
            model[key] = number
            model.move_to_end(key)
            while len(model) > 3:
                model.popitem(last=False)
        elif what == "drop":
            recent.drop([key])
            model.pop(key, None)
        else:
            if key in model:
                model.move_to_end(key)

            assert model.get(key) == recent.get(key)


def test_what_was_read_before_a_change_is_not_remembered_after_it() -> None:
    recent: Recent[str, str] = Recent(room=3)
    since = recent.drops
    recent.drop(["a"])
    recent.put("a", "old", since=since)

    assert recent.get("a") is None


def found(repository: Any) -> list[Strategy]:
    hits = repository.search(QUERY, tenant=TENANT, k=3, min_similarity=-1.0)
    return [hit.strategy for hit in hits]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_search_shows_what_was_written_since_the_last(engine: str) -> None:
    with ENGINES[engine]() as repository:
        first = strategy()
        repository.put(first)
        assert [first] == found(repository) == found(repository)

        second = first.changed(reason="another")
        assert repository.swap(second, version=first.version)
        assert [second] == found(repository)

        repository.put(second.changed(state=State.SUSPENDED))
        assert [] == found(repository)

        repository.put(first)
        assert [first] == found(repository)
        assert repository.remove(first.id, tenant=TENANT)
        assert [] == found(repository)


def test_a_search_never_shows_less_than_was_acknowledged_before_it() -> None:
    """One writes on while another searches: what is found is never older than what was written."""
    repository = EdgeRepository(embeddings=HashingEmbeddings(16))
    repository.put(strategy())
    written, stale = [1], []
    ended = threading.Event()

    def searching() -> None:
        while not ended.is_set():
            acknowledged = written[0]
            (seen,) = found(repository)
            if seen.version < acknowledged:
                stale.append((seen.version, acknowledged))

    reader = threading.Thread(target=searching)
    reader.start()
    for version in range(2, 60):
        repository.put(strategy(version=version))
        written[0] = version
    ended.set()
    reader.join()
    repository.close()

    assert not stale


def test_equal_ids_of_two_tenants_are_two_strategies() -> None:
    with EdgeRepository(embeddings=HashingEmbeddings(16)) as repository:
        ours, theirs = (strategy(id="same", tenant=tenant) for tenant in (TENANT, "other"))
        repository.put(ours)
        repository.put(theirs)
        for _ in range(2):
            assert [ours] == found(repository)
            (hit,) = repository.search(QUERY, tenant="other", k=1, min_similarity=-1.0)
            assert theirs == hit.strategy


def test_what_is_stored_leaves_out_what_is_usual_and_loses_nothing() -> None:
    plain = strategy(support=3, misled=("a query",))

    assert "merged" not in plain.stored()
    assert plain.version == plain.stored()["version"]
    assert plain == Strategy.from_payload(plain.stored()) == Strategy.from_payload(plain.payload())
