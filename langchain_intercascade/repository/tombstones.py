"""What was forgotten stays forgotten: a mark that keeps an old export from bringing it back.

A tombstone is a point whose id is a hash of what was forgotten.  It holds a date and
nothing else, so nobody can read from it what it stands for, and it has no state, so no
search, scan or count ever returns it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from langchain_intercascade._steps import Steps
from langchain_intercascade.repository.operations import Point
from langchain_intercascade.repository.points import point_id
from langchain_intercascade.strategy import Strategy, normalised

if TYPE_CHECKING:
    from langchain_intercascade.repository.base import StrategyRepository

KIND: Final = "tombstone"
EVERYTHING: Final = "everything"
"""The name of all that a tenant had."""


def of_id(strategy_id: str) -> str:
    """Return the name of one strategy."""
    return f"id:{strategy_id}"


def of_source(source: str) -> str:
    """Return the name of all that came from `source`."""
    return f"source:{source}"


def of_query(query: str) -> str:
    """Return the name of all that came from `query`, however it is spaced and spelt."""
    return f"query:{normalised(query)}"


def names_of(strategy: Strategy) -> set[str]:
    """Return the names under which the whole of `strategy` may have been forgotten."""
    parents = (of_id(parent) for parent in strategy.origin.parents)
    names = {EVERYTHING, of_id(strategy.id), of_query(strategy.keys[0]), *parents}
    queries = [each.query for each in (strategy.lesson, strategy.example) if each is not None]
    sources = {of_source(strategy.origin.source)} if strategy.origin.source else set()
    return names | sources | set(map(of_query, queries))


def entombing(
    repository: StrategyRepository, names: Sequence[str], *, tenant: str, at: str
) -> Steps[None]:
    """Mark `names` as forgotten by `tenant` at the moment `at`, ISO 8601."""
    probe = yield from repository.encoder.probing()
    payload = {"kind": KIND, "at": at}
    points = [Point(_id(tenant, name), (probe,), payload) for name in names]
    if points:
        yield from repository.loading(points)


def entombed(
    repository: StrategyRepository, names: Sequence[str], *, tenant: str
) -> Steps[dict[str, str]]:
    """Return those of `names` that `tenant` has forgotten, and when."""
    name_of = {_id(tenant, name): name for name in names}
    points = yield from repository.fetching(tuple(name_of))
    return {
        name_of[point.id]: str(point.payload.get("at", ""))
        for point in points
        if point.payload.get("kind") == KIND
    }


def _id(tenant: str, name: str) -> str:
    return point_id(tenant, f"forgotten:{name}")
