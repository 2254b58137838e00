"""Which of the strategies that were found are shown to the weak model, and why not the others.

Near is necessary and not enough: a second strategy that lies far behind the first,
says the same again, or would make the prompt long does more harm than good.
*Showing nothing* is a normal result.  Every hit that was considered keeps the
reason for what became of it, so that nobody has to guess.

    hits -> usable? -> near enough? -> near the best? -> new? -> room? -> shown

Nothing in here calls anything: hits in, choice out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.repository.choice import Choice, Considered, Outcome
from langchain_intercascade.repository.dedup import contradict
from langchain_intercascade.repository.floor import Floor, Lead, alike, leading
from langchain_intercascade.repository.lexical import SAME, bm25, fused, overlap
from langchain_intercascade.repository.lifecycle import is_expired
from langchain_intercascade.strategy import Kind, Strategy

if TYPE_CHECKING:
    from langchain_intercascade.repository.points import Hit

RELATIVE_FLOOR: Final = 0.7
"""Least similarity of a further strategy, as a share of the best one's.

Measured with the built-in encoder and one strategy a family, where a second one is
nearly always of another family (`benchmarks.retrieval`, `second`): on BIG-Bench-Hard it shows
a wrong second in 17 % of the queries (.4 would in 47 %, .6 in 23 %), on Reasoning-Gym in
17 % (59 %, 25 %), and keeps .82 and 1.0 of the seconds that make up for a wrong first.
"""

BUDGET: Final = 700
"""Tokens that all the advice in one prompt may take, at `CHARACTERS_PER_TOKEN`."""

CHARACTERS_PER_TOKEN: Final = 4
"""The usual rule of thumb for English; a tokenizer of the weak model is not at hand."""

USEFULNESS_WEIGHT: Final = 0.15
"""What usefulness counts where similarity counts 1.

Surveyed memories that began with .4 went down to .15: what was useful elsewhere
must not be shown where it does not fit.
"""

UNKNOWN: Final = 0.5
"""Usefulness of a strategy that nothing is known of: the mean of a flat posterior."""

DIVERSITY: Final = 0.2
"""What a further strategy loses for each share of words that an earlier one has said already.

Small, because of two strategies that fit the same query the one that is more
different is also more often the one that does not fit.
"""

PITFALLS: Final = 1
"""How many of the shown strategies may be mistakes to avoid."""


_Reason: TypeAlias = tuple[Outcome, str]


def fetch_size(k: int) -> int:
    """Return how many hits to fetch so that `chosen` can choose `k`: 0 for none.

    More than `k`, since some will repeat others; and the first few different ones
    show how far the best is ahead.
    """
    return 4 * k + 4 if k > 0 else 0


def advice_text(strategy: Strategy) -> str:
    """Return every word of the advice; empty if it has none yet."""
    return strategy.advice.text() if strategy.advice else ""


def tokens_of(text: str) -> int:
    """Return about how many tokens `text` takes, rounded up.

    Examples:
        >>> tokens_of("Count the legs."), tokens_of("")
        (4, 0)
    """
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


def chosen(
    hits: Sequence[Hit],
    *,
    k: int,
    floor: Floor | float = 0.0,
    relative_floor: float = RELATIVE_FLOOR,
    budget: int = BUDGET,
    usefulness: Mapping[str, float] | None = None,
    usefulness_weight: float = USEFULNESS_WEIGHT,
    query: str | None = None,
    moment: str | None = None,
    misled: Mapping[str, float] | None = None,
    text: Callable[[Strategy], str] = advice_text,
) -> Choice:
    """Choose at most `k` of `hits`, and say of each why it was chosen or not.

    The order of `hits` does not matter; equal ones are ordered by id.

    Args:
        hits: What a search for `fetch_size(k)` found, without a floor of its own: hits
            below the floor show how far the best one is ahead.
        k: How many at most.
        floor: What a hit has to reach: a calibrated floor, or just a similarity.
        relative_floor: What a further one has to reach, as a share of the best similarity.
        budget: Tokens that the chosen ones may take together. One that is too long is
            passed over, and shorter ones after it still fit.
        usefulness: By strategy id, how often it helped, in [0, 1]; `UNKNOWN` for others. It
            changes the order of those near enough, never who is near enough.
        usefulness_weight: What it counts where similarity counts 1.
        query: If given, the order also follows the words of the query, by BM25 over keys and
            advice. For names, codes and error messages that an encoder blurs.
        misled: By strategy id, the similarity of the nearest query on which it has misled the
            weak model; it is not shown where that is at least as near as its nearest key.
        moment: The time to judge expiry by, ISO 8601; the present if `None`.
        text: What of a strategy will be shown, if not its advice.

    Raises:
        ConfigurationError: A number is not in its range.
    """
    _check(relative_floor, usefulness_weight, usefulness or {})
    bar = floor if isinstance(floor, Floor) else Floor.fixed(floor)
    found = sorted(
        {hit.strategy.id: hit for hit in sorted(hits, key=_far_first)}.values(), key=_near_first
    )
    sieve = _Sieve(found)
    sieve.rule_out(partial(_unusable, moment=moment, text=text))
    sieve.rule_out(partial(_misleading, misled=misled or {}))
    if sieve.left:
        sieve.rule_out(partial(_too_far, floor=bar, lead=_lead(sieve.left)))
    if sieve.left:
        sieve.rule_out(partial(_far_behind, share=relative_floor, best=sieve.left[0].similarity))
    scores = _scores(sieve.left, query, usefulness or {}, usefulness_weight)
    shown = _picked(sieve, scores, k=k, budget=budget, text=text)
    considered = tuple(sieve.fates[hit.strategy.id] for hit in found)
    return Choice(tuple(shown), considered, bar, sum(tokens_of(text(h.strategy)) for h in shown))


class _Sieve:
    """The hits that are still in the running, and what became of the others."""

    def __init__(self, hits: Sequence[Hit]) -> None:
        self.left = list(hits)
        self.fates: dict[str, Considered] = {}

    def rule_out(self, reason: Callable[[Hit], _Reason | None]) -> None:
        """Take out every hit that there is a `reason` against."""
        still, self.left = self.left, []
        for hit in still:
            against = reason(hit)
            if against is None:
                self.left.append(hit)
            else:
                self.settle(Considered(hit, *against))

    def settle(self, considered: Considered) -> None:
        """Note what became of a hit."""
        self.fates[considered.hit.strategy.id] = considered


def _unusable(hit: Hit, *, moment: str | None, text: Callable[[Strategy], str]) -> _Reason | None:
    if is_expired(hit.strategy, at=moment):
        return Outcome.EXPIRED, f"expired since {hit.strategy.expires_at}"
    return None if text(hit.strategy) else (Outcome.EMPTY, "without advice")


def _misleading(hit: Hit, *, misled: Mapping[str, float]) -> _Reason | None:
    nearest = misled.get(hit.strategy.id, -math.inf)
    if nearest < hit.similarity:
        return None
    why = f"misleading here ({nearest:.2f} like a query it got wrong, {hit.similarity:.2f} its own)"
    return Outcome.MISLEADING, why


def _lead(hits: Sequence[Hit]) -> Lead:
    return leading([(hit.strategy, hit.similarity) for hit in hits], alike)


def _too_far(hit: Hit, *, floor: Floor, lead: Lead) -> _Reason | None:
    """Hold `hit` against the floor; what is of one kind with the first shares its lead."""
    margin = hit.similarity - (lead.similarity - lead.margin)
    if floor.passes(hit.similarity, margin):
        return None
    why = f"below the floor ({hit.similarity:.2f}, {floor.similarity:.2f} is needed"
    if hit.similarity >= floor.least:
        why += f", or a lead of {floor.margin:.2f} over the next different one, not {margin:.2f}"
    return Outcome.BELOW_FLOOR, f"{why})"


def _far_behind(hit: Hit, *, share: float, best: float) -> _Reason | None:
    # Written so that it also holds for a best similarity below 0.
    needed = best - (1.0 - share) * abs(best)
    if hit.similarity >= needed:
        return None
    return Outcome.FAR_BEHIND, f"far behind the best ({hit.similarity:.2f} against {best:.2f})"


def _scores(
    hits: Sequence[Hit], query: str | None, usefulness: Mapping[str, float], weight: float
) -> dict[str, float]:
    nearness = [hit.similarity for hit in hits]
    if query is not None:
        texts = ["\n".join((*hit.strategy.keys, advice_text(hit.strategy))) for hit in hits]
        nearness = fused(nearness, bm25(query, texts))
    return {
        hit.strategy.id: near + weight * (usefulness.get(hit.strategy.id, UNKNOWN) - UNKNOWN)
        for hit, near in zip(hits, nearness, strict=True)
    }


def _picked(
    sieve: _Sieve,
    scores: Mapping[str, float],
    *,
    k: int,
    budget: int,
    text: Callable[[Strategy], str],
) -> list[Hit]:
    """Take the hits one by one, the best of those left first, and settle each of them.

    This is maximal marginal relevance (Carbonell and Goldstein, 1998) with the
    words that two pieces of advice share in the place of their similarity.
    """
    shown: list[Hit] = []
    said = dict.fromkeys(scores, 0.0)
    spent = 0
    while sieve.left:
        hit = min(sieve.left, key=lambda each: _rank(each, scores, said))
        sieve.left.remove(hit)
        size = tokens_of(text(hit.strategy))
        maybe_repeated = shown if said[hit.strategy.id] >= SAME else ()
        against = (
            _repeats(hit, maybe_repeated, text)
            or _superfluous(hit, shown, k)
            or _too_long(size, budget - spent)
        )
        if against is None:
            shown.append(hit)
            spent += size
            _note_said(said, text(hit.strategy), sieve.left, text)
        outcome, why = against or (Outcome.CHOSEN, f"shown as number {len(shown)}")
        sieve.settle(Considered(hit, outcome, why, scores[hit.strategy.id]))
    return sorted(shown, key=lambda each: each.strategy.kind is Kind.PITFALL)


def _rank(
    hit: Hit, scores: Mapping[str, float], said: Mapping[str, float]
) -> tuple[float, float, str]:
    name = hit.strategy.id
    return DIVERSITY * said[name] - scores[name], -hit.similarity, name


def _note_said(
    said: dict[str, float], new: str, left: Sequence[Hit], text: Callable[[Strategy], str]
) -> None:
    for hit in left:
        shared = overlap(new, text(hit.strategy))
        said[hit.strategy.id] = max(said[hit.strategy.id], shared)


def _repeats(hit: Hit, shown: Sequence[Hit], text: Callable[[Strategy], str]) -> _Reason | None:
    """Say whether `hit` adds nothing; one that adds where another subtracts does."""
    told = text(hit.strategy)
    for earlier in (text(each.strategy) for each in shown):
        if overlap(earlier, told) >= SAME and not contradict(earlier, told):
            return Outcome.REPEATS, "nearly in the words of an earlier one"
    return None


def _superfluous(hit: Hit, shown: Sequence[Hit], k: int) -> _Reason | None:
    pitfalls = sum(each.strategy.kind is Kind.PITFALL for each in shown)
    if hit.strategy.kind is Kind.PITFALL and pitfalls >= PITFALLS:
        return Outcome.PITFALL_QUOTA, "a further pitfall, and one is enough"
    if len(shown) >= k:
        return Outcome.BEYOND_K, f"beyond the first {k}"
    return None


def _too_long(size: int, room: int) -> _Reason | None:
    if size <= room:
        return None
    return Outcome.OVER_BUDGET, f"too long (about {size} tokens, and there is room for {room})"


def _near_first(hit: Hit) -> tuple[float, str]:
    return -hit.similarity, hit.strategy.id


def _far_first(hit: Hit) -> float:
    """Order hits so that of a strategy found twice, the nearer one is kept."""
    return hit.similarity


def _check(relative_floor: float, weight: float, usefulness: Mapping[str, float]) -> None:
    given = {"relative_floor": relative_floor, "usefulness_weight": weight}
    given |= {f"the usefulness of {name!r}": value for name, value in usefulness.items()}
    for name, value in given.items():
        if not 0.0 <= value <= 1.0:  # also true of NaN
            msg = f"{name} is {value!r} and must be within 0 and 1."
            raise ConfigurationError(msg)
