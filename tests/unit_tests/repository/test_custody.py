"""The contract's own checks hold even where an engine does not do as it was told."""

from __future__ import annotations

from typing import Any

import pytest

from langchain_intercascade import EdgeRepository, RepositoryCorruptError, RepositoryError
from langchain_intercascade._steps import run
from langchain_intercascade.repository.operations import Operation, ScoredPayload, Scroll, Search
from langchain_intercascade.repository.pages import turning
from langchain_intercascade.strategy import Advice, Origin, State, Strategy, now, strategy_id
from tests.cascades import QUERY, cascade_of
from tests.conftest import Colour


class LeakyRepository(EdgeRepository):
    """An engine that lets its filter slip: it answers for the first tenant it ever saw."""

    similarity: float | None = None

    def execute(self, operation: Operation) -> Any:
        if isinstance(operation, Search | Scroll):
            object.__setattr__(operation.scope, "tenant", "victim")
            found = super().execute(operation)
            object.__setattr__(operation.scope, "tenant", "thief")
            if self.similarity is not None:
                return [ScoredPayload(each.payload, self.similarity) for each in found]
            return found
        return super().execute(operation)


def strategy(tenant: str) -> Strategy:
    """An active strategy of `tenant`."""
    return Strategy(
        id=strategy_id(tenant=tenant, query=QUERY, strong_model="s"),
        tenant=tenant,
        state=State.ACTIVE,
        keys=(QUERY,),
        advice=Advice(title="Sums", when_to_use="Adding.", steps=("Add.",)),
        origin=Origin(run_id="r", strong_model="s", prompt_version=1),
        created_at=now(),
        updated_at=now(),
    )


def test_a_page_with_a_strategy_of_another_tenant_is_refused() -> None:
    """And says whose engine it is, and what shows the fault."""
    with LeakyRepository() as repository:
        repository.put(strategy("victim"))

        with pytest.raises(
            RepositoryError, match=r"LeakyRepository.*`check_repository` shows where"
        ):
            run(turning(repository, tenant="thief"))


def test_a_strategy_of_another_tenant_is_never_handed_out(colour: Colour) -> None:
    """It means a bug or tampering, and is an error rather than an answer."""
    with LeakyRepository() as repository:
        repository.put(strategy("victim"))

        with pytest.raises(RepositoryError, match="another tenant"):
            colour.run(
                lambda: repository.search(QUERY, tenant="thief", k=2),
                lambda: repository.asearch(QUERY, tenant="thief", k=2),
            )
        with pytest.raises(RepositoryError, match="another tenant"):
            colour.run(
                lambda: repository.scan(tenant="thief"), lambda: repository.ascan(tenant="thief")
            )


def test_the_cascade_answers_without_strategies_rather_than_with_foreign_ones(
    colour: Colour,
) -> None:
    """The fault is in the record."""
    with LeakyRepository() as repository, cascade_of(repository=repository) as cascade:
        repository.put(strategy("victim"))
        answer = colour.invoke(cascade, QUERY, tenant="thief")

    record = answer.response_metadata["inter_cascade"]
    assert record["strategies"] == []
    assert record["faults"][0] == {"where": "retrieve_strategies", "error": "RepositoryError"}


@pytest.mark.parametrize("similarity", [float("nan"), float("inf"), 1e38, -2.0])
def test_an_impossible_similarity_is_damage(colour: Colour, similarity: float) -> None:
    """Overwritten vectors open without complaint and score anything."""
    with LeakyRepository() as repository:
        repository.similarity = similarity
        repository.put(strategy("victim"))

        with pytest.raises(RepositoryCorruptError, match="damaged"):
            colour.run(
                lambda: repository.search(QUERY, tenant="victim", k=2),
                lambda: repository.asearch(QUERY, tenant="victim", k=2),
            )
