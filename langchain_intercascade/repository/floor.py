"""How near is near enough?  The floor under similarities, measured from the repository itself.

A fixed number is not an answer: what two unrelated queries score depends on the
encoder, on the wording of the trade, and on how much is stored.  So stored keys
are asked as if their own strategy were absent.  How near the nearest *other* one
comes then, and how far it leads the next, is what "nothing suitable" looks like
here: the background.  The floor is a high percentile of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Annotated, Any, Final, NamedTuple, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from langchain_intercascade.errors import ConfigurationError, RepositoryCorruptError
from langchain_intercascade.repository.lexical import overlap
from langchain_intercascade.strategy import Advice, Strategy, normalised, now

T = TypeVar("T")

PERCENTILE: Final = 0.9
"""Share of the background that the floor turns away by itself.

Stricter is not better: advice that does not fit costs less than a wrong answer
would, and at .95 and above many of the useful, re-worded queries are lost.
"""

LEADING: Final = 0.75
"""The percentile for a hit that lies below the floor and yet clearly leads the rest.

Similarity alone fails where a few stored kinds of problem resemble each other
closely: they push the floor up for all.  A hit is therefore also near enough if
both its similarity and its lead over the next different strategy pass this
percentile of theirs.  On families left out of BIG-Bench-Hard and Reasoning-Gym
(`benchmarks.retrieval`, `nothing_suitable_overall`) the F1 of "nothing suitable" is .83
on average and .76 in the worst case, and .95 of the right hits are kept.  The 90th
percentile alone makes .78 and .62 and keeps .81; the best fixed number, .5, makes .83
and .60 and keeps .86; .3 makes .68 and .42.
"""

FEWEST: Final = 10
"""Different kinds of problem that are needed to tell: a percentile of fewer is chance.

With ten stored, F1 is .78 on BIG-Bench-Hard and .88 on Reasoning-Gym, where a fixed .3
makes .86 and .73: about equal, so fewer would not pay.
"""

KIN: Final = 0.4
"""Share of common words in title and `when_to_use` that makes two strategies be of one kind.

Those two say what a strategy is for; the steps of quite different ones may be the same words.
A judgement: no recording has several strategies for one kind of problem.  Among the 24
simulated families, which are short and worded alike, 19 in 20 pairs have less.
"""

ONE_QUERY: Final = 0.95
"""Cosine from which on the encoder cannot tell two queries apart, up to names and numbers.

What is nearer to a key than this is no background: no floor could turn it away
and let the key's own kind pass.  It also takes the edge off a repository in which
equal strategies were not merged (`benchmarks.retrieval`, `calibrated_unmerged`).
"""

_Cosine = Annotated[float, Field(ge=-1.001, le=1.001, allow_inf_nan=False)]
_Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Lead(NamedTuple):
    """How near the nearest one is, and how far it leads the next one that is different."""

    similarity: float
    margin: float


class Floor(BaseModel):
    """What a hit has to reach, and where the numbers come from.

    Attributes:
        similarity: Reaching it is enough.
        least: Below it nothing passes; from here on, a hit that leads by `margin` does.
        margin: How far ahead of the next different strategy that hit must be.
        percentile: Of the background, that `similarity` is; 0 if somebody chose the number.
        sample_size: Keys that the background was measured with.
        repository_size: Strategies that were in use when it was measured.
        encoder: Label of the encoder that the similarities belong to.
        made_at: When it was measured, ISO 8601; empty if somebody chose the number.

    Examples:
        >>> floor = Floor(similarity=0.6, least=0.4, margin=0.15)
        >>> floor.passes(0.6, 0.0), floor.passes(0.5, 0.2), floor.passes(0.5, 0.1)
        (True, True, False)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    similarity: _Cosine
    least: _Cosine
    margin: Annotated[float, Field(ge=0.0, le=2.1)]
    percentile: _Share = 0.0
    sample_size: Annotated[int, Field(ge=0)] = 0
    repository_size: Annotated[int, Field(ge=0)] = 0
    encoder: str = ""
    made_at: str = ""

    @classmethod
    def fixed(cls, similarity: float) -> Self:
        """Return the floor that is just this number, whatever leads.

        Raises:
            ConfigurationError: It is not a cosine similarity.
        """
        try:
            return cls(similarity=similarity, least=similarity, margin=0.0)
        except ValidationError as error:
            msg = f"The floor {similarity!r} must be a cosine similarity, from -1 to 1."
            raise ConfigurationError(msg) from error

    def passes(self, similarity: float, margin: float) -> bool:
        """Say whether a hit is near enough; NaN never is.

        Args:
            similarity: Of the hit.
            margin: How far it leads the next different strategy; 0 if it does not lead.
        """
        leads = similarity >= self.least and margin >= self.margin
        return similarity >= self.similarity or leads

    def payload(self) -> dict[str, Any]:
        """Return the floor as JSON-like data."""
        return self.model_dump(mode="json")

    @classmethod
    def from_payload(cls, payload: object) -> Self:
        """Read a floor back.

        Raises:
            RepositoryCorruptError: The data is not a floor.
        """
        try:
            return cls.model_validate(payload)
        except ValidationError as error:
            msg = (
                "The stored floor cannot be read: it is damaged, or a newer version wrote it. "
                "Calibrate it again with `intercascade strategies floor`, or upgrade the package."
            )
            raise RepositoryCorruptError(msg) from error


def floor_above(
    found: Sequence[Lead],
    *,
    percentile: float = PERCENTILE,
    repository_size: int = 0,
    encoder: str = "",
) -> Floor | None:
    """Return the floor above a measured background; `None` if that is too small to tell.

    Examples:
        >>> found = [Lead(n / 100, n / 1000) for n in range(101)]
        >>> floor = floor_above(found)
        >>> floor.similarity, floor.least, round(floor.margin, 6)
        (0.9, 0.75, 0.075)
    """
    if len(found) < FEWEST:
        return None
    similarities = [each.similarity for each in found]
    margins = [each.margin for each in found]
    return Floor(
        similarity=quantile(similarities, percentile),
        least=quantile(similarities, min(LEADING, percentile)),
        margin=quantile(margins, LEADING),
        percentile=percentile,
        sample_size=len(found),
        repository_size=repository_size,
        encoder=encoder,
        made_at=now(),
    )


def leading(found: Sequence[tuple[T, float]], same: Callable[[T, T], bool]) -> Lead:
    """Return how near the first is, and how far ahead of the next that is not the `same`.

    Args:
        found: What was found, and how near it is: at least one, best first.
        same: Whether two of them are of one kind, so that one need not lead the other.

    Returns:
        Where none is different, the margin to the last one: what was not fetched
        is no nearer than that, so the true margin is at least this.
    """
    (first, best), *rest = found
    others = (near for each, near in rest if not same(first, each))
    return Lead(best, best - next(others, found[-1][1]))


def alike(one: Strategy, other: Strategy) -> bool:
    """Say whether two strategies are about one kind of problem.

    They are if they have a key in common or say nearly in the same words when to use
    them.  Finding one instead of the other is then no mistake.
    """
    if one.id == other.id or _common_key(one.keys, other.keys):
        return True
    if one.advice is None or other.advice is None:
        return False
    return overlap(_purpose(one.advice), _purpose(other.advice)) >= KIN


def is_stale(floor: Floor, size: int, *, encoder: str | None = None) -> bool:
    """Say whether a calibrated floor should be measured again.

    Args:
        floor: What is in use; a number that somebody chose is never stale.
        size: Strategies in use now. The background rises with it, so the floor is
            stale when the size has doubled.
        encoder: Label of the encoder in use; similarities of another one mean nothing.

    Examples:
        >>> floor = Floor(similarity=0.6, least=0.4, margin=0.1, made_at="now", repository_size=50)
        >>> is_stale(floor, 99), is_stale(floor, 100), is_stale(Floor.fixed(0.3), 100)
        (False, True, False)
    """
    if not floor.made_at:
        return False
    return size >= 2 * floor.repository_size or encoder not in {None, floor.encoder}


def quantile(values: Iterable[float], share: float) -> float:
    """Return the value below which `share` of `values` lie, drawing a line between neighbours.

    Examples:
        >>> quantile([3.0, 1.0, 2.0], 0.5), quantile([1.0, 2.0], 0.75)
        (2.0, 1.75)
    """
    ordered = sorted(values)
    at = share * (len(ordered) - 1)
    low, high = ordered[math.floor(at)], ordered[math.ceil(at)]
    # Never beyond the two, which the shorter formula can be, by rounding.
    return min(high, low + (high - low) * (at - math.floor(at)))


def _purpose(advice: Advice) -> str:
    return f"{advice.title}\n{advice.when_to_use}"


def _common_key(ones: Sequence[str], others: Sequence[str]) -> bool:
    return not set(map(_plain, ones)).isdisjoint(map(_plain, others))


@lru_cache(maxsize=2048)
def _plain(key: str) -> str:
    """Return `key` normalised; the same keys are compared again and again."""
    return normalised(key)
