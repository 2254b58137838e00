"""A repository stays small: what is over, stale or least useful is put away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.repository.custody import asweep, sweep
from langchain_intercascade.repository.sweeping import Swept
from langchain_intercascade.strategy import State, Strategy, Tally
from tests.conftest import Colour
from tests.unit_tests.repository.stock import TENANT, fill, opened, pending, strategy

NOW = "2026-06-30T12:00:00+00:00"
LONG_AGO = "2026-01-01T00:00:00+00:00"
LATELY = "2026-06-29T00:00:00+00:00"


@pytest.fixture(params=["edge", "qdrant"])
def repository(request: pytest.FixtureRequest) -> Iterator[StrategyRepository]:
    yield from opened(request.param)


@pytest.fixture
def colour(repository: StrategyRepository, colours: list[Colour]) -> Colour:
    """One colour for each engine: each is the same steps, run otherwise."""
    return colours[repository.engine == "edge"]


def swept(colour: Colour, repository: StrategyRepository, **how: Any) -> Swept:
    how = {"tenant": TENANT, "now": NOW, **how}
    return colour.run(lambda: sweep(repository, **how), lambda: asweep(repository, **how))


def states(repository: StrategyRepository) -> dict[str, State]:
    return {each.keys[0]: each.state for each in repository.scan(tenant=TENANT)}


def worth(saved: float, query: str) -> Strategy:
    return strategy(query, ledger={"weak": Tally(saved=saved)})


def test_what_is_over_is_archived(colour: Colour, repository: StrategyRepository) -> None:
    """Whatever it was doing; what has no end, or ends later, stays."""
    over = strategy("over", expires_at="2026-06-30T12:00:00+00:00")
    later = strategy("later", expires_at="2026-06-30T12:00:01+00:00")
    tried = strategy("tried", expires_at=LONG_AGO, state=State.CANDIDATE, updated_at=LATELY)
    fill(repository, over, later, tried, strategy("endless"))

    done = swept(colour, repository)

    assert {over.id, tried.id} == set(done.expired)
    archived = State.ARCHIVED
    assert {"over": archived, "tried": archived, "later": "active", "endless": "active"} == states(
        repository
    )
    found = repository.get(over.id, tenant=TENANT)
    assert found is not None
    assert "its time was over" in found.reason
    assert State.ACTIVE == found.undone().state


def test_candidates_are_given_up_when_nothing_happens_to_them(
    colour: Colour, repository: StrategyRepository
) -> None:
    stale = strategy("stale", state=State.CANDIDATE, updated_at=LONG_AGO)
    fresh = strategy("fresh", state=State.CANDIDATE, updated_at=LATELY)
    fill(repository, stale, fresh, strategy("in use", updated_at=LONG_AGO), pending("p"))

    done = swept(colour, repository)

    assert ([stale.id], []) == (done.stale, done.unused)
    assert State.CANDIDATE == states(repository)["fresh"]
    assert [] == swept(colour, repository, candidate_days=None).stale


def test_what_is_not_used_goes_if_that_is_asked_for(
    colour: Colour, repository: StrategyRepository
) -> None:
    old = strategy("old", updated_at=LONG_AGO)
    fill(repository, old, strategy("new", updated_at=LATELY))

    assert [old.id] == swept(colour, repository, unused_days=90).unused


def test_of_too_many_the_least_worth_go(colour: Colour, repository: StrategyRepository) -> None:
    """In the order of their worth; those that are not in use are not counted."""
    made = [worth(saved, f"{saved}") for saved in (0.3, 0.1, 0.5, 0.2, 0.4)]
    fill(repository, *made, strategy("suspended", state=State.SUSPENDED))

    done = swept(colour, repository, max_active=2)

    assert [made[1].id, made[3].id, made[0].id] == done.evicted
    left = {query for query, state in states(repository).items() if state is State.ACTIVE}
    assert {"0.5", "0.4"} == left
    assert [] == swept(colour, repository, max_active=2).evicted


def test_worth_can_be_measured_otherwise(repository: StrategyRepository) -> None:
    made = [worth(saved, f"{saved}") for saved in (0.3, 0.1)]
    fill(repository, *made)

    done = sweep(repository, tenant=TENANT, max_active=1, value=lambda one: -float(one.keys[0]))

    assert [made[0].id] == done.evicted


def test_none_may_be_in_use(repository: StrategyRepository) -> None:
    fill(repository, strategy())

    assert 1 == len(sweep(repository, tenant=TENANT, max_active=0).evicted)


def test_what_was_archived_long_ago_is_deleted_if_that_is_asked_for(
    colour: Colour, repository: StrategyRepository
) -> None:
    old = strategy("old", state=State.ARCHIVED, retired_at=LONG_AGO)
    fill(repository, old, strategy("new", state=State.ARCHIVED, retired_at=LATELY))

    assert [] == swept(colour, repository).purged
    assert [old.id] == swept(colour, repository, purge_days=90).purged
    assert {"new"} == set(states(repository))


def test_a_strategy_that_was_put_away_meanwhile_is_left_alone(
    repository: StrategyRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is done is decided on what is stored, not on what was read."""
    one = strategy("x", expires_at=LONG_AGO)
    fill(repository, one)
    update = repository.updating

    def slow(*args: Any, **kwargs: Any) -> Any:
        yield from repository.putting(one.changed(expires_at=""))
        return (yield from update(*args, **kwargs))

    monkeypatch.setattr(repository, "updating", slow)

    assert [] == sweep(repository, tenant=TENANT, now=NOW).expired
    assert {"x": State.ACTIVE} == states(repository)


def test_other_tenants_are_left_alone(repository: StrategyRepository) -> None:
    fill(repository, strategy(tenant="other", expires_at=LONG_AGO))

    assert [] == sweep(repository, tenant=TENANT, max_active=0).expired
    assert 1 == repository.count(tenant="other", states=(State.ACTIVE,))


@pytest.mark.parametrize(
    "how", [{"max_active": -1}, {"unused_days": float("nan")}, {"now": "yesterday"}]
)
def test_what_makes_no_sense_is_refused(
    repository: StrategyRepository, how: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError):
        sweep(repository, tenant=TENANT, **how)
