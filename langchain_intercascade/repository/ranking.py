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
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from operator import attrgetter
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

_SIMILARITY: Final = attrgetter("similarity")
_ID: Final = attrgetter("strategy.id")


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
    usefulness: Mapping[str, float] | Callable[[Strategy], float] | None = None,
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
        usefulness: By strategy id, how often it helped, in [0, 1]; `UNKNOWN` for others. Or a
            function of the strategy, which is asked only of those near enough: it changes their
            order, never who is near enough.
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
    known = {} if usefulness is None or callable(usefulness) else usefulness
    _check(relative_floor, usefulness_weight, known)
    bar = floor if isinstance(floor, Floor) else Floor.fixed(floor)
    nearest = {hit.strategy.id: hit for hit in sorted(hits, key=_SIMILARITY)}
    found = sorted(sorted(nearest.values(), key=_ID), key=_SIMILARITY, reverse=True)
    sieve = _Sieve(
        found, floor=bar, share=relative_floor, moment=moment, misled=misled or {}, text=text
    )
    sieve.sift()
    helping = usefulness if callable(usefulness) else _looked_up(known)
    scores = _scores(sieve.left, query, helping, usefulness_weight)
    picking = _picking(sieve, scores, k=k, budget=budget)
    shown = sorted(islice(picking, k), key=_pitfalls_last)

    def fates() -> tuple[Considered, ...]:
        # Of what is not shown, it costs more to say why than to choose, and few ask.
        deque(picking, maxlen=0)
        sieve.settle_all()
        return tuple(sieve.fates[hit.strategy.id] for hit in found)

    tokens = sum(tokens_of(sieve.told[hit.strategy.id]) for hit in shown)
    return Choice(tuple(shown), tuple(found), fates, bar, tokens)


class _Sieve:
    """Holds hits against every reason there may be, the nearest first, and only as far as need be.

    Attributes:
        left: The hits that are still in the running, the nearest first.
        fates: What became of the others.
        told: What would be shown, by id, of each hit that was looked at.
    """

    def __init__(
        self,
        found: Sequence[Hit],
        *,
        floor: Floor,
        share: float,
        moment: str | None,
        misled: Mapping[str, float],
        text: Callable[[Strategy], str],
    ) -> None:
        self.left: list[Hit] = []
        self.fates: dict[str, Considered] = {}
        self.told: dict[str, str] = {}
        self._found, self._waiting = found, deque(found)
        self._floor, self._share, self._misled = floor, share, misled
        self._moment, self._text = moment, text
        self._lead: Lead | None = None
        self._needed = -math.inf

    def sift(self) -> None:
        """Look at the hits until all that follow are too far behind the first that is left."""
        while self._waiting and self._waiting[0].similarity >= self._needed:
            self._look(self._waiting.popleft())

    def settle_all(self) -> None:
        """Look at the others too, for why they are not shown."""
        while self._waiting:
            self._look(self._waiting.popleft())

    def settle(self, considered: Considered) -> None:
        """Note what became of a hit."""
        self.fates[considered.hit.strategy.id] = considered

    def _look(self, hit: Hit) -> None:
        against = self._useless(hit) or self._too_far(hit) or self._far_behind(hit)
        if against is not None:
            self.settle(Considered(hit, *against))
            return
        if not self.left:
            # Written so that it also holds for a best similarity below 0.
            self._needed = hit.similarity - (1.0 - self._share) * abs(hit.similarity)
        self.left.append(hit)

    def _useless(self, hit: Hit) -> _Reason | None:
        strategy = hit.strategy
        if strategy.expires_at and is_expired(strategy, at=self._moment):
            return Outcome.EXPIRED, f"expired since {strategy.expires_at}"
        if (told := self.told.get(strategy.id)) is None:
            told = self.told[strategy.id] = self._text(strategy)
        if not told:
            return Outcome.EMPTY, "without advice"
        return _misleading(hit, self._misled) if self._misled else None

    def _too_far(self, hit: Hit) -> _Reason | None:
        """Hold `hit` against the floor; what is of one kind with the first shares its lead."""
        floor = self._floor
        if hit.similarity >= floor.similarity:
            return None
        lead = self._leading()
        margin = hit.similarity - (lead.similarity - lead.margin)
        if floor.passes(hit.similarity, margin):
            return None
        why = f"below the floor ({hit.similarity:.2f}, {floor.similarity:.2f} is needed"
        if hit.similarity >= floor.least:
            why += f", or a lead of {floor.margin:.2f} over the next different one, not "
            why += f"{margin:.2f}"
        return Outcome.BELOW_FLOOR, f"{why})"

    def _far_behind(self, hit: Hit) -> _Reason | None:
        if hit.similarity >= self._needed:
            return None
        best = self.left[0].similarity
        return Outcome.FAR_BEHIND, f"far behind the best ({hit.similarity:.2f} against {best:.2f})"

    def _leading(self) -> Lead:
        """Return the lead of the first hit that is of any use; one that is not leads nobody."""
        if self._lead is None:
            useful = [hit for hit in self._found if self._useless(hit) is None]
            self._lead = leading([(hit.strategy, hit.similarity) for hit in useful], alike)
        return self._lead


def _misleading(hit: Hit, misled: Mapping[str, float]) -> _Reason | None:
    nearest = misled.get(hit.strategy.id, -math.inf)
    if nearest < hit.similarity:
        return None
    why = f"misleading here ({nearest:.2f} like a query it got wrong, {hit.similarity:.2f} its own)"
    return Outcome.MISLEADING, why


def _looked_up(usefulness: Mapping[str, float]) -> Callable[[Strategy], float]:
    return lambda strategy: usefulness.get(strategy.id, UNKNOWN)


def _scores(
    hits: Sequence[Hit], query: str | None, helping: Callable[[Strategy], float], weight: float
) -> dict[str, float]:
    nearness = [hit.similarity for hit in hits]
    if query is not None:
        texts = ["\n".join((*hit.strategy.keys, advice_text(hit.strategy))) for hit in hits]
        nearness = fused(nearness, bm25(query, texts))
    return {
        hit.strategy.id: near + weight * (helping(hit.strategy) - UNKNOWN)
        for hit, near in zip(hits, nearness, strict=True)
    }


def _picking(sieve: _Sieve, scores: Mapping[str, float], *, k: int, budget: int) -> Iterator[Hit]:
    """Take the hits one by one, the best of those left first, settle each, and yield the chosen.

    This is maximal marginal relevance (Carbonell and Goldstein, 1998) with the
    words that two pieces of advice share in the place of their similarity.
    """
    shown: list[Hit] = []
    said = dict.fromkeys(scores, 0.0)
    spent = 0
    ranked = partial(_rank, scores=scores, said=said)
    left, told = sorted(sieve.left, key=ranked), sieve.told
    while left:
        hit = left.pop(0)
        text = told[hit.strategy.id]
        size = tokens_of(text)
        earlier = (
            [told[each.strategy.id] for each in shown] if said[hit.strategy.id] >= SAME else ()
        )
        against = (
            _repeats(text, earlier)
            or _superfluous(hit, shown, k)
            or _too_long(size, budget - spent)
        )
        fate = against or (Outcome.CHOSEN, f"shown as number {len(shown) + 1}")
        sieve.settle(Considered(hit, *fate, scores[hit.strategy.id]))
        if against is None:
            shown.append(hit)
            spent += size
            yield hit
            for each in left:
                name = each.strategy.id
                said[name] = max(said[name], overlap(text, told[name]))
            left.sort(key=ranked)


def _pitfalls_last(hit: Hit) -> bool:
    return hit.strategy.kind is Kind.PITFALL


def _rank(
    hit: Hit, scores: Mapping[str, float], said: Mapping[str, float]
) -> tuple[float, float, str]:
    name = hit.strategy.id
    return DIVERSITY * said[name] - scores[name], -hit.similarity, name


def _repeats(text: str, earlier: Sequence[str]) -> _Reason | None:
    """Say whether `text` adds nothing; one that adds where another subtracts does."""
    for said in earlier:
        if overlap(said, text) >= SAME and not contradict(said, text):
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


def _check(relative_floor: float, weight: float, usefulness: Mapping[str, float]) -> None:
    given = {"relative_floor": relative_floor, "usefulness_weight": weight}
    given |= {f"the usefulness of {name!r}": value for name, value in usefulness.items()}
    for name, value in given.items():
        if not 0.0 <= value <= 1.0:  # also true of NaN
            msg = f"{name} is {value!r} and must be within 0 and 1."
            raise ConfigurationError(msg)
