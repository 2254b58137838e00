"""Canaries: answers that were good without a strategy must stay so with it.

A strategy may be right and still mislead where it does not belong: a story that
looks alike and is solved otherwise.  So before a strategy is relied upon it is
tried on the queries near it that the weak model was trusted with unaided.  Where
it changes the answer, it is kept from that query and its like; the strategy
itself stays.  This costs calls of the weak model only.
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from functools import partial
from typing import TYPE_CHECKING, Final

from langchain_intercascade.repository.embeddings import cosine
from langchain_intercascade.repository.lifecycle import kept_from
from langchain_intercascade.strategy import Lesson, Strategy

if TYPE_CHECKING:
    from langchain_intercascade._steps import Steps
    from langchain_intercascade.learning.admission import Admission
    from langchain_intercascade.repository.base import StrategyRepository

REMEMBERED: Final = 200
"""Trusted answers that are remembered for each tenant, in this process."""

TRIED: Final = 4
"""Answers that a strategy is tried on, at most: the nearest ones."""


class Canaries:
    """Remembers trusted answers, and tries strategies on them."""

    def __init__(self, repository: StrategyRepository, admission: Admission) -> None:
        """Try with the weak model of `admission` what is in `repository`."""
        self._repository = repository
        self._admission = admission
        self._trusted: dict[str, deque[Lesson]] = defaultdict(lambda: deque(maxlen=REMEMBERED))
        self._lock = threading.Lock()

    def remember(self, tenant: str, lesson: Lesson) -> None:
        """Remember an answer that was accepted without strategies: it is in `lesson`."""
        if self._admission.tries and lesson.query and lesson.answer:
            with self._lock:
                self._trusted[tenant].append(lesson)

    def guarding(self, strategy: Strategy, *, floor: float) -> Steps[Strategy]:
        """Keep `strategy` from the trusted queries that it would spoil; return it as it is then.

        Args:
            strategy: One that has just come into use.
            floor: Least similarity at which it might be shown.
        """
        for lesson in (yield from self._near(strategy, floor)):
            same = yield from self._admission.solving(lesson, strategy.advice)
            if same is False:
                guarded = yield from self._repository.updating(
                    strategy.id,
                    tenant=strategy.tenant,
                    change=partial(kept_from, query=lesson.query),
                )
                strategy = guarded or strategy
        return strategy

    def _near(self, strategy: Strategy, floor: float) -> Steps[list[Lesson]]:
        with self._lock:
            trusted = list(self._trusted[strategy.tenant])
        key = yield from self._repository.encoder.encoding(strategy.keys[0])
        near: list[tuple[float, int]] = []
        for number, each in enumerate(trusted):
            vector = yield from self._repository.encoder.encoding(each.query)
            if (similarity := cosine(key, vector)) >= floor:
                near.append((similarity, number))
        return [trusted[number] for _, number in sorted(near, reverse=True)[:TRIED]]
