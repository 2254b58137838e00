"""What the tests of custody share: engines that can list, and strategies to put in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from langchain_intercascade import EdgeRepository, HashingEmbeddings, QdrantRepository
from langchain_intercascade._steps import run
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.strategy import (
    Advice,
    Lesson,
    Merged,
    Origin,
    State,
    Strategy,
    now,
    strategy_id,
)

ENGINES: dict[str, Callable[[], StrategyRepository]] = {
    "edge": lambda: EdgeRepository(embeddings=HashingEmbeddings(64)),
    "qdrant": lambda: QdrantRepository(":memory:", embeddings=HashingEmbeddings(64)),
}
TENANT = "acme"
QUERY = "How many pears do Anna and Ben have together?"
ADVICE = Advice(title="Sums", when_to_use="Two amounts are given.", steps=("Add both.",))


def strategy(query: str = QUERY, **changes: Any) -> Strategy:
    """An active strategy that was learned from `query`, with whatever is different."""
    tenant = changes.get("tenant", TENANT)
    source = changes.pop("source", "")
    return Strategy.model_validate(
        {
            "id": strategy_id(tenant=tenant, query=query, strong_model="m"),
            "tenant": tenant,
            "state": State.ACTIVE,
            "keys": (query,),
            "advice": ADVICE,
            "origin": Origin(
                run_id=f"r-{query}", strong_model="m", prompt_version=1, source=source
            ),
            "created_at": now(),
            "updated_at": now(),
            **changes,
        }
    )


def pending(query: str = QUERY, **changes: Any) -> Strategy:
    """A lesson that nobody has distilled yet."""
    lesson = Lesson(query=query, answer="five")
    return strategy(query, **{"state": State.PENDING, "advice": None, "lesson": lesson, **changes})


def confirmed(one: Strategy, *others: tuple[str, str]) -> Strategy:
    """Let `others`, each a query and its source, have taught the same."""
    merged = [Merged(query=query, run_id=f"r-{query}", source=source) for query, source in others]
    keys = (*one.keys, *(each.query for each in merged))
    support = one.support + len(merged)
    return one.model_copy(update={"merged": tuple(merged), "keys": keys, "support": support})


def dumped(repository: StrategyRepository) -> str:
    """Everything that is stored, of all tenants, as one text."""
    return json.dumps([point.payload for point in run(repository.dumping())])


def fill(repository: StrategyRepository, *strategies: Strategy) -> StrategyRepository:
    """Put `strategies` into `repository`."""
    for each in strategies:
        repository.put(each)
    return repository


def ids(repository: StrategyRepository, tenant: str = TENANT) -> set[str]:
    """The ids of all that a tenant has."""
    return {each.id for each in repository.scan(tenant=tenant)}


def opened(engine: str) -> Iterator[StrategyRepository]:
    """Open an empty repository, and close it."""
    with ENGINES[engine]() as repository:
        yield repository
