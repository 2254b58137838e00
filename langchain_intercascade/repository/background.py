"""Measuring what "nothing suitable" looks like in a repository, to put the floor above it.

Stored keys are asked as if their own strategy were absent: how near does the nearest
*other* one come, and how far does it lead the next?  See `floor` for what is made of it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from langchain_intercascade._steps import Steps
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.repository.floor import (
    FEWEST,
    ONE_QUERY,
    PERCENTILE,
    Floor,
    Lead,
    alike,
    floor_above,
    leading,
)
from langchain_intercascade.strategy import State, Strategy

if TYPE_CHECKING:
    from langchain_intercascade.repository.base import StrategyRepository
    from langchain_intercascade.repository.points import Hit

_FIRST_LOOK: Final = 16
_LAST_LOOK: Final = 256


def calibrating_floor(
    repository: StrategyRepository,
    *,
    tenant: str,
    percentile: float = PERCENTILE,
    sample: int = 500,
    seed: int = 0,
) -> Steps[Floor | None]:
    """Measure the background of the strategies in use, and put the floor above it.

    One key of each sampled strategy is searched for, and what is `alike` its own
    strategy is left out.  The search covers the whole repository, not the sample,
    because the background rises with what is stored.  It costs one encoding and
    one search for each sampled strategy.

    Args:
        repository: Whose keys, and with which encoder.
        tenant: Whose strategies; other tenants' say nothing about these.
        percentile: Share of the background that the floor turns away by itself.
        sample: How many strategies to try at most.
        seed: Which ones; the same seed on the same repository gives the same floor.

    Returns:
        The floor, or `None` if there are fewer than `FEWEST` different kinds of
        problem: too few to tell, so keep the floor that you have.

    Raises:
        ConfigurationError: `percentile` is not within 0 and 1, or `sample` is too small to tell.
        RepositoryError: The engine cannot list what it holds.
    """
    _check(percentile, sample)
    size = yield from repository.counting(tenant=tenant, states=(State.ACTIVE,))
    drawn = yield from _drawing(repository, tenant, sample, seed)
    if not _enough_kinds(drawn):
        return None
    chance = random.Random(seed)
    found = []
    for strategy in drawn:
        key = chance.choice(strategy.keys)
        if others := (yield from _searching_others(repository, strategy, key)):
            found.append(leading(others, alike))
    return floor_above(
        found, percentile=percentile, repository_size=size, encoder=repository.encoder.label
    )


def background(similarities: Sequence[Sequence[float]], groups: Sequence[object]) -> list[Lead]:
    """Return, for each stored key, how things look when its own group is absent.

    Args:
        similarities: Of each key to each key; the diagonal does not matter.
        groups: Of each key; strategies whose advice says the same are one group, since
            finding the other one would be no mistake.

    Returns:
        One `Lead` for each key that has a key of another group to be compared with.

    Examples:
        >>> near = [[1.0, 0.9, 0.5, 0.25], [0.9, 1.0, 0.5, 0.25], [0.5, 0.5, 1.0, 0.25]]
        >>> background([*near, [0.25] * 4], ["sums", "sums", "dates", "names"])[:3]
        [Lead(similarity=0.5, margin=0.25), Lead(similarity=0.5, margin=0.25),
         Lead(similarity=0.5, margin=0.25)]
    """
    found = []
    for own, row in zip(groups, similarities, strict=True):
        pairs = zip(groups, map(float, row), strict=True)
        others = [(group, near) for group, near in pairs if group != own and near < ONE_QUERY]
        if others:
            ordered = sorted(others, key=lambda other: -other[1])
            found.append(leading(ordered, lambda one, other: one == other))
    return found


def _drawing(
    repository: StrategyRepository, tenant: str, sample: int, seed: int
) -> Steps[list[Strategy]]:
    """Read `sample` strategies at random: ids are hashes, so any stretch of them is a sample."""
    active = (State.ACTIVE,)
    start = f"floor {seed}"
    drawn = yield from repository.scanning(tenant=tenant, states=active, limit=sample, after=start)
    if len(drawn) < sample:  # round the corner; what was read already is not read twice
        more = yield from repository.scanning(tenant=tenant, states=active, limit=sample)
        known = {strategy.id for strategy in drawn}
        drawn += [strategy for strategy in more if strategy.id not in known]
    return drawn[:sample]


def _searching_others(
    repository: StrategyRepository, own: Strategy, key: str
) -> Steps[list[tuple[Strategy, float]]]:
    """Search for `key` as if `own` and all that is like it were absent."""
    look = _FIRST_LOOK
    while True:
        hits = yield from repository.searching(key, tenant=own.tenant, k=look, min_similarity=-1.0)
        others = [(hit.strategy, hit.similarity) for hit in hits if not _of_one_kind(own, hit)]
        if _two_kinds(others) or len(hits) < look or look >= _LAST_LOOK:
            return others
        look *= 4


def _of_one_kind(own: Strategy, hit: Hit) -> bool:
    return hit.similarity >= ONE_QUERY or alike(own, hit.strategy)


def _two_kinds(found: Sequence[tuple[Strategy, float]]) -> bool:
    return any(not alike(found[0][0], each) for each, _ in found[1:])


def _enough_kinds(strategies: Sequence[Strategy]) -> bool:
    kinds: list[Strategy] = []
    for strategy in strategies:
        if not any(alike(strategy, kind) for kind in kinds):
            kinds.append(strategy)
        if len(kinds) >= FEWEST:
            return True
    return False


def _check(percentile: float, sample: int) -> None:
    if not 0.0 <= percentile <= 1.0:  # also true of NaN
        msg = f"The percentile {percentile!r} must be within 0 and 1, such as {PERCENTILE}."
        raise ConfigurationError(msg)
    if sample < FEWEST:
        msg = f"A sample of {sample} strategies is too small to tell; take at least {FEWEST}."
        raise ConfigurationError(msg)
