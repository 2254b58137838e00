"""What one tenant learned is shared with all only through a gate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from langchain_intercascade.errors import ConfigurationError, LessonRejectedError, TenantError
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.repository.custody import (
    aapprove,
    approve,
    apromote,
    forget,
    promote,
)
from langchain_intercascade.repository.lifecycle import archived
from langchain_intercascade.strategy import Advice, Example, State, Strategy, Tally
from tests.conftest import Colour
from tests.unit_tests.repository.stock import (
    QUERY,
    TENANT,
    confirmed,
    dumped,
    fill,
    ids,
    opened,
    pending,
    strategy,
)

POOL = "everybody"


@pytest.fixture(params=["edge", "qdrant"])
def repository(request: pytest.FixtureRequest) -> Iterator[StrategyRepository]:
    yield from opened(request.param)


@pytest.fixture
def colour(repository: StrategyRepository, colours: list[Colour]) -> Colour:
    """One colour for each engine: each is the same steps, run otherwise."""
    return colours[repository.engine == "edge"]


def proven(**changes: Any) -> Strategy:
    """A strategy that two sources have led to."""
    return confirmed(strategy(source="ben", **changes), ("Another one?", "carl"))


def promoted(colour: Colour, repository: StrategyRepository, one: Strategy, **how: Any) -> Strategy:
    how = {"tenant": TENANT, "to": POOL, "reviewer": "ines", **how}
    return colour.run(
        lambda: promote(repository, one.id, **how), lambda: apromote(repository, one.id, **how)
    )


def test_a_copy_waits_in_the_pool_for_a_person(
    colour: Colour, repository: StrategyRepository
) -> None:
    """It knows nothing of those who led to it, and the original stays as it is."""
    one = proven(ledger={"weak": Tally(labels=4)}, cost=0.5)
    fill(repository, one)

    copy = promoted(colour, repository, one)

    assert [copy] == repository.scan(tenant=POOL)
    assert (State.CANDIDATE, 2, {}, 0.0) == (copy.state, copy.support, copy.ledger, copy.cost)
    assert (one.id,) == copy.origin.parents
    assert ("Sums. Two amounts are given.",) == copy.keys
    assert "promoted by ines" == copy.history[-1].what
    assert one == repository.get(one.id, tenant=TENANT)
    for secret in (QUERY, "ben", "carl", TENANT, one.origin.run_id):
        assert secret not in copy.model_dump_json()
    assert [] == repository.search(QUERY, tenant=POOL, k=3)


def test_it_is_used_once_it_is_approved(colour: Colour, repository: StrategyRepository) -> None:
    fill(repository, proven())
    copy = promoted(colour, repository, proven())
    how: dict[str, Any] = {"tenant": POOL, "reviewer": "otto"}

    done = colour.run(
        lambda: approve(repository, copy.id, **how), lambda: aapprove(repository, copy.id, **how)
    )

    assert done is not None
    assert (State.ACTIVE, "activated: approved by otto") == (done.state, done.history[-1].what)
    assert [copy.id] == [
        hit.strategy.id for hit in repository.search("Two amounts", tenant=POOL, k=3)
    ]


def test_promoting_again_gives_the_same_copy(
    colour: Colour, repository: StrategyRepository
) -> None:
    """And does not take back what was decided about it."""
    fill(repository, proven())
    copy = promoted(colour, repository, proven())
    approve(repository, copy.id, tenant=POOL, reviewer="otto")

    again = promoted(colour, repository, proven())

    assert (copy.id, State.ACTIVE) == (again.id, again.state)
    assert 1 == repository.count(tenant=POOL)


ONE_SOURCE = "1 different named source led to it, and 2 are needed; let more.*`sources`"

REFUSED: dict[str, tuple[Strategy, str]] = {
    "one source": (confirmed(strategy(source="ben"), ("b", "ben"), ("c", "ben")), ONE_SOURCE),
    "nobody's name": (confirmed(strategy(), ("b", ""), ("c", "ben")), ONE_SOURCE),
    "not in use": (proven(state=State.CANDIDATE), "candidate, not in use; put it in use first"),
    "an example": (
        proven(example=Example(query="q", answer="a")),
        "solved example.*learned without keep_examples=",
    ),
    "a phrase of its query": (
        proven(advice=Advice(title="Pears", when_to_use="Always.", steps=(QUERY,))),
        "words in a row",
    ),
    "a phrase of a later query": (
        confirmed(
            strategy(
                source="ben",
                advice=Advice(
                    title="Sums",
                    when_to_use="one two three four five six seven eight",
                    steps=("Add.",),
                ),
            ),
            ("zero one two three four five six seven eight", "carl"),
        ),
        "words in a row",
    ),
    "a number of a later query": (
        confirmed(
            strategy(
                source="ben",
                advice=Advice(title="Sums", when_to_use="Add 123456.", steps=("Add.",)),
            ),
            ("What about 123456?", "carl"),
        ),
        "long number",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_the_gate_says_why_not(colour: Colour, repository: StrategyRepository, case: str) -> None:
    one, why = REFUSED[case]
    fill(repository, one)

    with pytest.raises(LessonRejectedError, match=why):
        promoted(colour, repository, one)
    assert set() == ids(repository, POOL)


def test_fewer_sources_can_be_asked_for(colour: Colour, repository: StrategyRepository) -> None:
    one = strategy(source="ben")
    fill(repository, one)

    assert POOL == promoted(colour, repository, one, sources=1).tenant


@pytest.mark.parametrize(
    ("how", "why"),
    [({"to": TENANT}, "same tenant"), ({"reviewer": " "}, "reviewer"), ({"to": ""}, "tenant")],
)
def test_a_request_that_makes_no_sense_is_refused(
    repository: StrategyRepository, colour: Colour, how: dict[str, Any], why: str
) -> None:
    fill(repository, proven())

    with pytest.raises((ConfigurationError, TenantError), match=why):
        promoted(colour, repository, proven(), **how)


def test_a_strategy_of_another_tenant_cannot_be_promoted(
    colour: Colour, repository: StrategyRepository
) -> None:
    fill(repository, proven())

    with pytest.raises(
        ConfigurationError, match=r"has no strategy .*strategies list` shows the ids"
    ):
        promoted(colour, repository, proven(), tenant="thief")


def test_what_the_pool_has_forgotten_is_not_put_back(
    colour: Colour, repository: StrategyRepository
) -> None:
    fill(repository, proven())
    promoted(colour, repository, proven())
    forget(repository, tenant=TENANT, source="ben", shared=(POOL,))
    fill(repository, proven())

    with pytest.raises(
        LessonRejectedError, match=f"forgotten in {POOL!r} before.*Name another pool"
    ):
        promoted(colour, repository, proven())
    assert POOL not in dumped(repository)


@pytest.mark.parametrize(
    "one", [strategy(), pending(), archived(strategy(), "over")], ids=["active", "pending", "over"]
)
def test_only_what_waits_can_be_approved(repository: StrategyRepository, one: Strategy) -> None:
    fill(repository, one)

    assert approve(repository, one.id, tenant=TENANT, reviewer="otto") is None
    assert one == repository.get(one.id, tenant=TENANT)


def test_nobody_cannot_approve(repository: StrategyRepository) -> None:
    with pytest.raises(ConfigurationError, match="reviewer"):
        approve(repository, "any", tenant=TENANT, reviewer="")
