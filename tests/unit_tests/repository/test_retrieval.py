"""Search, floor and ranking put together, in both colours, over a real engine."""

from __future__ import annotations

from typing import Any

import pytest

from langchain_intercascade import HashingEmbeddings, QdrantRepository
from langchain_intercascade._steps import arun, run
from langchain_intercascade.errors import RepositoryError
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.repository.choice import Choice, Outcome
from langchain_intercascade.repository.floor import FEWEST, Floor
from langchain_intercascade.repository.retrieval import DEFAULT_FLOOR, Floors, Wanted, retrieving
from langchain_intercascade.strategy import Advice, State, Strategy, Tally
from tests.cascades import FlakyRepository
from tests.conftest import Colour
from tests.unit_tests.repository.stock import QUERY, fill, strategy

NEAR = "How many plums do Anna and Ben have together?"


def memory() -> StrategyRepository:
    """An empty repository."""
    return QdrantRepository(":memory:", embeddings=HashingEmbeddings(256))


def look(
    repository: StrategyRepository, query: str = NEAR, *, colour: Colour | None = None, **how: Any
) -> Choice:
    """Choose for `query`."""
    options: dict[str, Any] = {"tenant": "acme", "k": 2, "floor": DEFAULT_FLOOR} | how
    wanted = Wanted(**options)
    if colour is None:
        return run(retrieving(repository, query, wanted))
    return colour.run(
        lambda: run(retrieving(repository, query, wanted)),
        lambda: arun(retrieving(repository, query, wanted)),
    )


def saying(step: str, query: str = QUERY, **fields: Any) -> Strategy:
    """A strategy that says something of its own."""
    advice = Advice(title=f"{step}ing", when_to_use=f"When {step} it is.", steps=(step,))
    made = strategy(query, advice=advice, **fields)
    return made.model_copy(update={"id": step})


def ids(choice: Choice) -> list[str]:
    """What is shown."""
    return [hit.strategy.id for hit in choice.hits]


def outcomes(choice: Choice) -> dict[str, Outcome]:
    """What became of everything that was found."""
    return {each.hit.strategy.id: each.outcome for each in choice.considered}


def test_nothing_found_is_said_so(colour: Colour) -> None:
    """An empty repository is no error."""
    choice = look(memory(), colour=colour)

    assert (choice.hits, choice.reason) == ((), "Nothing is shown: no strategy was found.")


def test_own_and_shared_ones_compete(colour: Colour) -> None:
    """By nearness, whoever they belong to; others' are never found."""
    repository = fill(
        memory(),
        saying("own"),
        saying("common", NEAR, tenant="pool"),
        saying("foreign", NEAR, tenant="globex"),
    )
    choice = look(repository, colour=colour, shared="pool")

    assert ids(choice) == ["common", "own"]
    assert set(outcomes(choice)) == {"common", "own"}


def test_the_pool_itself_is_not_searched_twice() -> None:
    """A tenant that is the pool sees each of its strategies once."""
    choice = look(fill(memory(), saying("one")), shared="acme", k=3)

    assert ids(choice) == ["one"]


def test_the_same_id_in_both_is_shown_once() -> None:
    """Two tenants may have been taught the same; the nearest is taken."""
    repository = fill(memory(), saying("one"), saying("one", NEAR, tenant="pool"))
    choice = look(repository, shared="pool", k=3)

    assert [hit.strategy.tenant for hit in choice.hits] == ["pool"]


def test_only_what_is_in_use_is_found() -> None:
    """Whatever else there is."""
    others = [saying(state, state=state) for state in State if state is not State.ACTIVE]
    choice = look(fill(memory(), *others), k=3)

    assert choice.considered == ()


def test_usefulness_decides_between_near_ones() -> None:
    """And only for the model that it was useful to."""
    ledger = {"weak": Tally(right_with=9, wrong_without=9, labels=9)}
    repository = fill(memory(), saying("a"), saying("z", ledger=ledger))

    assert ids(look(repository, k=1)) == ["a"]
    assert ids(look(repository, k=1, weak_model="weak")) == ["z"]
    assert ids(look(repository, k=1, weak_model="other")) == ["a"]


def test_a_query_like_one_it_misled_is_spared(colour: Colour) -> None:
    """If that is nearer than its own keys; elsewhere it is shown."""
    repository = fill(memory(), saying("one", misled=(NEAR,)))
    there, here = (look(repository, query, colour=colour) for query in (QUERY, NEAR))

    assert ids(there) == ["one"]
    assert (ids(here), outcomes(here)) == ([], {"one": Outcome.MISLEADING})
    assert "misleading here" in here.reason


def test_the_snapshot_shows_what_was_in_use_then() -> None:
    """Whatever state it is in now."""
    repository = fill(
        memory(),
        saying("new", activated_at="2026-03-01"),
        saying("gone", state=State.ARCHIVED, activated_at="2026-01-01", retired_at="2026-02-01"),
        saying("never", state=State.SUSPENDED),
        saying("expired", activated_at="2026-01-01", expires_at="2026-01-10"),
    )
    found = {
        at: set(ids(look(repository, k=3, snapshot=at))) for at in ("2026-01-15", "2026-03-02")
    }

    assert found == {"2026-01-15": {"gone"}, "2026-03-02": {"new"}}
    assert set(ids(look(repository, k=3, snapshot="2026-01-05"))) == {"gone", "expired"}


def test_newer_strategies_do_not_crowd_out_the_snapshot() -> None:
    """They are nearer, and were not there."""
    newer = [saying(f"n{at}", NEAR, activated_at="2026-06-01") for at in range(20)]
    repository = fill(memory(), saying("old", activated_at="2026-01-01"), *newer)

    assert ids(look(repository, snapshot="2026-02-01")) == ["old"]


def test_words_decide_the_order_if_asked() -> None:
    """For names and codes that an encoder blurs."""
    repository = fill(
        memory(),
        saying("first", "What does error 1042 of the printer mean here?"),
        saying("second", "What does error 7 of the printer mean here?"),
    )
    query = "What does error 7 of the printer mean here?"
    found = look(repository, query, lexical=True, k=1)

    assert ids(found) == ["second"]


def test_every_hit_says_what_became_of_it() -> None:
    """For people: nothing is left out silently."""
    repository = fill(
        memory(),
        saying("chosen"),
        saying("expired", expires_at="2020-01-01"),
        saying("far", "Which river flows through Vienna and Budapest?"),
    )
    payload = look(repository, k=1).payload()

    assert payload["shown"] == ["chosen"]
    assert {each["id"]: bool(each["why"]) for each in payload["considered"]} == dict.fromkeys(
        ("chosen", "expired", "far"), True
    )


def test_an_example_counts_towards_the_budget() -> None:
    """What is shown is what is measured."""
    long = saying("long")
    choice = look(fill(memory(), long), text=lambda _: "word " * 2000)

    assert outcomes(choice) == {"long": Outcome.OVER_BUDGET}


# The floor.

KINDS = (
    *("river boats", "prime numbers", "train tickets", "broken clocks", "apple pies", "old maps"),
    *("chess moves", "garden fences", "postal codes", "paint mixtures", "lost dogs", "moon phases"),
)


def many(repository: StrategyRepository, count: int = len(KINDS)) -> StrategyRepository:
    """Fill in strategies of different kinds."""
    return fill(
        repository,
        *(
            saying(f"k{at}", f"What is there to say about {kind}?").model_copy(
                update={"advice": Advice(title=kind, when_to_use=f"It is {kind}.", steps=(kind,))}
            )
            for at, kind in enumerate(KINDS[:count])
        ),
    )


def reading(floors: Floors) -> Floor:
    """The floor as it is used."""
    return run(floors.reading("acme"))


def test_too_few_strategies_leave_the_default() -> None:
    """A percentile of a few is chance."""
    floors = Floors(many(memory(), FEWEST - 1))

    assert run(floors.refreshing("acme")) is None
    assert run(floors.measuring("acme")) is None
    assert reading(floors) == DEFAULT_FLOOR


def test_the_floor_is_measured_and_kept_for_others() -> None:
    """Another process reads it from the repository."""
    repository = many(memory())
    measured = run(Floors(repository).refreshing("acme"))

    assert measured is not None
    assert (measured.repository_size, measured.encoder) == (len(KINDS), repository.encoder.label)
    assert reading(Floors(repository)) == measured
    assert run(Floors(repository).reading("globex")) == DEFAULT_FLOOR


def test_it_is_measured_again_when_there_are_twice_as_many() -> None:
    """Not before."""
    repository = many(memory(), FEWEST)
    floors = Floors(repository)
    assert run(floors.refreshing("acme")) is not None
    fill(repository, *(saying(f"x{at}", f"About item {at}?") for at in range(FEWEST - 1)))
    assert run(floors.refreshing("acme")) is None
    fill(repository, saying("last", "About the last item?"))

    assert run(floors.refreshing("acme")) is not None


def test_a_floor_of_another_encoder_is_not_used() -> None:
    """Its similarities mean nothing here."""
    repository = many(memory())
    measured = run(Floors(repository).measuring("acme"))
    assert measured is not None
    note = run(repository.reading_note("floor", tenant="acme"))
    foreign = measured.model_copy(update={"encoder": "another"}).payload()
    run(repository.writing_note("floor", foreign, tenant="acme", after=note))

    assert reading(Floors(repository)) == DEFAULT_FLOOR


def test_a_repository_that_fails_is_an_error_to_be_survived_elsewhere() -> None:
    """The node that retrieves goes on without strategies."""
    with FlakyRepository("search") as repository, pytest.raises(RepositoryError):
        look(repository)
