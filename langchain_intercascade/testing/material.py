"""Texts and strategies that the checks of repositories are made with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from langchain_core.embeddings import Embeddings

from langchain_intercascade._steps import Steps, either
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.strategy import Advice, Origin, State, Strategy, now, strategy_id

Factory: TypeAlias = Callable[[], StrategyRepository]
Promise: TypeAlias = Callable[[StrategyRepository], Steps[None]]

# Four texts with hardly a word in common, so that any encoder tells them apart.
APPLES: Final = "How many apples remain if Mira gives five away?"
TRAINS: Final = "When do the two trains meet each other on their journey?"
WORDS: Final = "Which word of this sentence is longest?"
ROOTS: Final = "Prove that the square root of two cannot be rational."
TEXTS: Final = (APPLES, TRAINS, WORDS, ROOTS)

ALICE: Final = "alice"
BOB: Final = "bob"


def ask(repository: StrategyRepository, method: str, *args: Any, **kwargs: Any) -> Steps[Any]:
    """Call a public method of `repository`, or its asynchronous twin."""
    return either(
        lambda: getattr(repository, method)(*args, **kwargs),
        lambda: getattr(repository, f"a{method}")(*args, **kwargs),
    )


def strategy_of(
    query: str,
    *,
    tenant: str = ALICE,
    state: State = State.ACTIVE,
    keys: tuple[str, ...] = (),
    name: str = "",
) -> Strategy:
    """Return a strategy that `query` has taught; `name` is its id, if not the usual one."""
    return Strategy(
        id=name or strategy_id(tenant=tenant, query=query, strong_model="contract"),
        tenant=tenant,
        state=state,
        keys=keys or (query,),
        advice=Advice(title="A title", when_to_use="Always.", steps=("Think.", "Answer.")),
        origin=Origin(run_id="contract", strong_model="contract", prompt_version=1),
        created_at=now(),
        updated_at=now(),
    )


def put(repository: StrategyRepository, *strategies: Strategy) -> Steps[None]:
    """Write `strategies`, one after the other."""
    for strategy in strategies:
        yield from ask(repository, "put", strategy)


def found_by(repository: StrategyRepository, query: str, **changes: Any) -> Steps[list[str]]:
    """Return the ids of what a search finds, best first."""
    options = {"tenant": ALICE, "k": 10, "min_similarity": -1.0, **changes}
    hits = yield from ask(repository, "search", query, **options)
    return [hit.strategy.id for hit in hits]


def counted(repository: StrategyRepository, names: Sequence[str]) -> Steps[int]:
    """Count what Alice has, or, of an engine that cannot, how many of `names` can be read."""
    if repository.lists:
        number: int = yield from ask(repository, "count", tenant=ALICE)
        return number
    missing = 0
    for name in names:
        missing += (yield from ask(repository, "get", name, tenant=ALICE)) is None
    return len(names) - missing


class Turning(Embeddings):
    """An encoder that works as the wrapped one does until it is given an `answer` of its own."""

    def __init__(self, wrapped: Embeddings) -> None:
        self.wrapped = wrapped
        self.answer: list[float] | None = None

    def embed_query(self, text: str) -> list[float]:
        """Return the answer, or what the wrapped encoder says."""
        return self.wrapped.embed_query(text) if self.answer is None else self.answer

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Do so for each."""
        return [self.embed_query(text) for text in texts]


class Negated(Turning):
    """Another encoder of the same dimension."""

    def embed_query(self, text: str) -> list[float]:
        """Return the opposite of what the wrapped encoder says."""
        return [-x for x in self.wrapped.embed_query(text)]
