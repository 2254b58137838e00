"""Keeping the books: what is found out about weak answers goes to the strategies they used.

Labels are written by compare-and-swap, so none is lost or counted twice however
many threads and processes keep books.  How often a strategy was shown, and what
it saved, is added up in memory and written along, so that an accepted answer
costs no write; a crash loses the uses since the last label, never a label.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING

from langchain_intercascade._steps import Fault, attempt
from langchain_intercascade.label import Label, Owned
from langchain_intercascade.repository.ledger import counted, saving, used
from langchain_intercascade.repository.lifecycle import kept_from

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_intercascade._steps import Steps
    from langchain_intercascade.record import DecisionRecord
    from langchain_intercascade.repository.base import StrategyRepository
    from langchain_intercascade.strategy import Strategy


class Books:
    """The ledger of one cascade."""

    def __init__(self, repository: StrategyRepository, *, weak_model: str) -> None:
        """Keep the books about `weak_model` in `repository`."""
        self._repository = repository
        self._weak_model = weak_model
        self._uses: dict[Owned, list[tuple[float, float]]] = defaultdict(list)
        self._lock = threading.Lock()

    def noting(self, label: Label) -> Steps[list[Strategy]]:
        """Count `label` for every strategy that was shown, or held out; return those changed.

        Of several in one prompt the first gets full credit, the second half, the
        third a third: nobody can tell whose merit it was.  A query goes to no strategy but its
        own tenant's: a shared one is read by others.
        """
        changed = []
        weight = 1.0 / label.probability
        for rank, owned in enumerate(label.shown, start=1):
            noted = yield from self._counting(
                owned,
                with_it=label.correct,
                without=label.without,
                weight=weight,
                share=1.0 / rank,
                accepted=label.accepted,
                query=label.query if owned.tenant == label.tenant else "",
            )
            changed += [noted] if noted else []
        for rank, owned in enumerate(label.held_out, start=1):
            noted = yield from self._counting(
                owned, without=label.correct, weight=weight, share=1.0 / rank
            )
            changed += [noted] if noted else []
        return changed

    def use(self, owned: tuple[Owned, ...], record: DecisionRecord) -> None:
        """Remember that an answer with these strategies was accepted, and at what cost."""
        strong, spent = record["always_strong_cost"], record["cost"]
        known = strong is not None and spent is not None
        costs = (strong or 0.0, spent or 0.0) if known else (0.0, 0.0)
        with self._lock:
            for each in owned:
                self._uses[each].append(costs)

    def settling(self) -> Steps[int]:
        """Write down all uses that are only in memory; return how many strategies that changed."""
        with self._lock:
            waiting = list(self._uses)
        for owned in waiting:
            yield from self._counting(owned)
        return len(waiting)

    def _counting(
        self,
        owned: Owned,
        *,
        with_it: bool | None = None,
        without: bool | None = None,
        weight: float = 1.0,
        share: float = 1.0,
        accepted: bool = False,
        query: str = "",
    ) -> Steps[Strategy | None]:
        with self._lock:
            uses = self._uses.pop(owned, [])
        if with_it is None and without is None and not uses:
            return None
        label: Callable[[Strategy], Strategy] = partial(
            counted,
            weak_model=self._weak_model,
            with_it=with_it,
            without=without,
            weight=weight,
            share=share,
            accepted=accepted,
        )
        if with_it is None and without is None:
            label = _unchanged
        misled = query if with_it is False and without is True else ""
        change = partial(self._counted, label=label, uses=uses, misled=misled)
        done = yield from attempt(
            self._repository.updating(owned.id, tenant=owned.tenant, change=change)
        )
        if isinstance(done, Fault):
            with self._lock:
                self._uses[owned] += uses
            raise done.error
        return done

    def _counted(
        self,
        strategy: Strategy,
        *,
        label: Callable[[Strategy], Strategy],
        uses: list[tuple[float, float]],
        misled: str,
    ) -> Strategy:
        if uses:
            saved = sum(
                saving(strategy, self._weak_model, always_strong=strong, spent=spent)
                for strong, spent in uses
            )
            strategy = used(strategy, self._weak_model, uses=len(uses), saved=saved)
        return label(kept_from(strategy, misled) if misled else strategy)


def _unchanged(strategy: Strategy) -> Strategy:
    return strategy
