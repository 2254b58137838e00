"""Query -> the strategies to show: search, floor and ranking put together, and why.

    own and shared strategies -> near enough? -> useful? -> different? -> at most k

The floor is either a number of the caller's, or measured from the repository
itself and kept there as a document, so that every process uses the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from langchain_intercascade._steps import Fault, Steps, attempt
from langchain_intercascade.repository.background import calibrating_floor
from langchain_intercascade.repository.choice import Choice
from langchain_intercascade.repository.embeddings import cosine
from langchain_intercascade.repository.floor import FEWEST, Floor
from langchain_intercascade.repository.ledger import usefulness
from langchain_intercascade.repository.lifecycle import was_in_use
from langchain_intercascade.repository.ranking import chosen, fetch_size
from langchain_intercascade.strategy import State, Strategy

if TYPE_CHECKING:
    from langchain_intercascade.repository.base import StrategyRepository
    from langchain_intercascade.repository.points import Hit

DEFAULT_FLOOR: Final = Floor.fixed(0.3)
"""Used until there are enough strategies to measure one.

With the built-in encoder the median similarity of two BIG-Bench-Hard questions
is .58 inside a family and .12 across.
"""

FLOOR_NOTE: Final = "floor"
_ONCE_IN_USE: Final = (State.ACTIVE, State.SUSPENDED, State.ARCHIVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to look for.

    Attributes:
        tenant: Whose strategies.
        k: How many at most.
        floor: What a strategy has to reach.
        shared: The tenant of the shared pool, if that is to be searched too.
        weak_model: Whose experience with a strategy counts.
        snapshot: Use the strategies that were in use then; `None` for the present.
        lexical: Whether the words of the query also decide about the order.
        text: What of a strategy will be shown, if not its advice.
    """

    tenant: str
    k: int
    floor: Floor
    shared: str | None = None
    weak_model: str = ""
    snapshot: str | None = None
    lexical: bool = False
    text: Callable[[Strategy], str] | None = None


def retrieving(repository: StrategyRepository, query: str, wanted: Wanted) -> Steps[Choice]:
    """Choose the strategies to show for `query`, and say of each one found why or why not."""
    hits = yield from _found(repository, query, wanted.tenant, wanted)
    if wanted.shared and wanted.shared != wanted.tenant:
        hits = [*hits, *(yield from _found(repository, query, wanted.shared, wanted))]
    misled = yield from _misled(repository, query, hits)
    options: dict[str, Any] = {"text": wanted.text} if wanted.text else {}
    return chosen(
        hits,
        k=wanted.k,
        floor=wanted.floor,
        usefulness=partial(usefulness, weak_model=wanted.weak_model),
        query=query if wanted.lexical else None,
        moment=wanted.snapshot,
        misled=misled,
        **options,
    )


def _misled(
    repository: StrategyRepository, query: str, hits: Sequence[Hit]
) -> Steps[dict[str, float]]:
    """Return how near `query` is to the nearest query on which each of `hits` has misled."""
    nearest: dict[str, float] = {}
    for hit in hits:
        if hit.strategy.misled:
            asked = yield from repository.encoder.encoding(query)
            past = []
            for each in hit.strategy.misled:
                past.append((yield from repository.encoder.encoding(each)))  # noqa: PERF401 - a step
            nearest[hit.strategy.id] = max(cosine(asked, vector) for vector in past)
    return nearest


def _found(
    repository: StrategyRepository, query: str, tenant: str, wanted: Wanted
) -> Steps[list[Hit]]:
    """Search without a floor: what lies below it shows how far the best is ahead."""
    fetched, past = fetch_size(wanted.k), wanted.snapshot
    if past is None:
        return (
            yield from repository.searching(query, tenant=tenant, k=fetched, min_similarity=-1.0)
        )
    # What has been in use since must not crowd out what was in use then.
    hits = yield from repository.searching(
        query, tenant=tenant, k=4 * fetched, min_similarity=-1.0, states=_ONCE_IN_USE
    )
    return [hit for hit in hits if was_in_use(hit.strategy, past)]


class Floors:
    """The floor of each tenant, as it was last measured; read once, then remembered."""

    def __init__(self, repository: StrategyRepository) -> None:
        """Keep the floors in `repository`."""
        self._repository = repository
        self._known: dict[str, Floor] = {}
        self._measured_at: dict[str, int] = {}

    def reading(self, tenant: str) -> Steps[Floor]:
        """Return the floor of `tenant`: the measured one, or the default."""
        if (known := self._known.get(tenant)) is not None:
            return known
        note = yield from self._repository.reading_note(FLOOR_NOTE, tenant=tenant)
        floor = DEFAULT_FLOOR if note is None else Floor.from_payload(note.data)
        if floor.encoder and floor.encoder != self._repository.encoder.label:
            floor = DEFAULT_FLOOR
        self._known[tenant] = floor
        return floor

    def refreshing(self, tenant: str) -> Steps[Floor | None]:
        """Measure the floor anew if the repository has doubled since; return it if so."""
        if not self._repository.lists:
            return None
        size = yield from self._repository.counting(tenant=tenant, states=(State.ACTIVE,))
        known = yield from self.reading(tenant)
        before = max(self._measured_at.get(tenant, 0), known.repository_size)
        if size < max(FEWEST, 2 * before):
            return None
        self._measured_at[tenant] = size
        return (yield from self.measuring(tenant))

    def measuring(self, tenant: str, **options: Any) -> Steps[Floor | None]:
        """Measure the floor now and keep it; `None` if there are too few strategies to tell."""
        floor = yield from calibrating_floor(self._repository, tenant=tenant, **options)
        if floor is None:
            return None
        note = yield from self._repository.reading_note(FLOOR_NOTE, tenant=tenant)
        # Whoever else measured it meanwhile measured the same.
        kept = yield from attempt(
            self._repository.writing_note(FLOOR_NOTE, floor.payload(), tenant=tenant, after=note)
        )
        if isinstance(kept, Fault):
            raise kept.error
        self._known[tenant] = floor
        return floor
