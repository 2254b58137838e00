"""Keeping the books: what is found out about weak answers goes to the strategies they used.

Labels are written by compare-and-swap, so none is lost or counted twice however
many threads and processes keep books.  How often a strategy was shown, and what
it saved, is added up in memory and written along, so that an accepted answer
costs no write; a crash loses the uses since the last label, never a label.

A run counts once: a later label of it takes the place of the earlier one.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from langchain_intercascade._steps import Fault, attempt
from langchain_intercascade.label import Label, Owned
from langchain_intercascade.repository.ledger import counted, discounted, proven, saving, used
from langchain_intercascade.repository.lifecycle import kept_from, let_near
from langchain_intercascade.strategy import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langchain_intercascade._steps import Steps
    from langchain_intercascade.record import DecisionRecord
    from langchain_intercascade.repository.base import StrategyRepository
    from langchain_intercascade.strategy import Strategy


OPEN: Final = 200
"""Accepted answers with a strategy after which it is taken as it is, though nothing be proven.

Long enough for one that mends as many answers as it spoils, a quarter each: it takes eighty
labels in the mean to use up its credit (see `belief`), and by chance twice as many.  Labels that
are drawn later stand for more answers each, and at first make the ledger less sure, not surer.
Where nothing shows even so, little is at stake either way.  Counted in uses, not in labels, so
that answers which nobody can judge are not audited eagerly for ever.  Chosen on recorded
families of problems (`benchmarks.usefulness`, whose figures are no independent test of it).
"""

KNOWN: Final = 10_000
"""Strategies of which this process remembers how they stand; the worth of others is open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mark:
    """What one label says of one strategy; see `ledger.counted`."""

    with_it: bool | None = None
    without: bool | None = None
    weight: float = 1.0
    share: float = 1.0
    accepted: bool = False
    query: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing."""
        return self.with_it is None and self.without is None

    @property
    def misled(self) -> bool:
        """Whether the strategy has spoilt a right answer to a query that may be named."""
        return bool(self.query) and self.with_it is False and self.without is True

    def entered(self, strategy: Strategy, weak_model: str) -> Strategy:
        """Return `strategy` with this."""
        near = kept_from(strategy, self.query) if self.misled else strategy
        return near if self.is_empty else counted(near, weak_model, **self._arguments())

    def struck(self, strategy: Strategy, weak_model: str) -> Strategy:
        """Return `strategy` without this."""
        near = let_near(strategy, self.query) if self.misled else strategy
        return near if self.is_empty else discounted(near, weak_model, **self._arguments())

    def _arguments(self) -> dict[str, Any]:
        names = ("with_it", "without", "weight", "share", "accepted")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class _Uses:
    """Accepted answers with one strategy that are not written down yet.

    Only their sum: where nothing is ever labelled nothing is written before the cascade is
    closed, which may be months away.
    """

    number: int = 0
    cheaper: float = 0.0
    """Dollars by which they were cheaper than strong answers, all together."""

    def plus(self, other: _Uses) -> _Uses:
        return _Uses(self.number + other.number, self.cheaper + other.cheaper)


_NOTHING: Final = _Mark()
_UNKNOWN: Final = Tally()
_UNUSED: Final = _Uses()


class Books:
    """The ledger of one cascade."""

    def __init__(self, repository: StrategyRepository, *, weak_model: str) -> None:
        """Keep the books about `weak_model` in `repository`."""
        self._repository = repository
        self._weak_model = weak_model
        self._uses: dict[Owned, _Uses] = defaultdict(_Uses)
        self._written: OrderedDict[Owned, Tally] = OrderedDict()
        self._lock = threading.Lock()

    def noting(self, label: Label, *, instead_of: Label | None = None) -> Steps[list[Strategy]]:
        """Count `label` for every strategy that was shown, or held out; return those changed.

        Of several in one prompt the first gets full credit, the second half, the
        third a third: nobody can tell whose merit it was.  A query goes to no strategy but its
        own tenant's: a shared one is read by others.

        Args:
            label: What was found out.
            instead_of: What had been counted of the same run before; it counts no longer.
        """
        changed = []
        before = dict(_marks(instead_of)) if instead_of else {}
        for owned, mark in _marks(label):
            noted = yield from self._counting(owned, mark, before.get(owned, _NOTHING))
            changed += [noted] if noted else []
        return changed

    def use(self, owned: tuple[Owned, ...], record: DecisionRecord) -> None:
        """Remember that an answer with these strategies was accepted, and at what cost."""
        strong, spent = record["always_strong_cost"], record["cost"]
        known = strong is not None and spent is not None
        one = _Uses(1, (strong or 0.0) - (spent or 0.0) if known else 0.0)
        with self._lock:
            for each in owned:
                self._uses[each] = self._uses[each].plus(one)

    def is_open(self, owned: Owned) -> bool:
        """Say whether the worth of a strategy is still to be found out, as far as is known here.

        It is until the ledger finds it proven, or it has been used more than `OPEN` times.  What
        others did with it is known from the first label on that is written here.
        """
        with self._lock:
            tally = self._written.get(owned, _UNKNOWN)
            uses = tally.uses + self._uses.get(owned, _UNUSED).number
        return uses <= OPEN and not proven(tally)

    def settling(self) -> Steps[int]:
        """Write down all uses that are only in memory; return how many strategies that changed."""
        with self._lock:
            waiting = list(self._uses)
        for owned in waiting:
            yield from self._counting(owned, _NOTHING, _NOTHING)
        return len(waiting)

    def _counting(self, owned: Owned, mark: _Mark, before: _Mark) -> Steps[Strategy | None]:
        with self._lock:
            uses = self._uses.pop(owned, _UNUSED)
        if mark.is_empty and before.is_empty and not uses.number:
            return None
        change = partial(self._counted, mark=mark, before=before, uses=uses)
        done = yield from attempt(
            self._repository.updating(owned.id, tenant=owned.tenant, change=change)
        )
        if isinstance(done, Fault):
            with self._lock:
                self._uses[owned] = self._uses[owned].plus(uses)
            raise done.error
        if done is not None:
            self._remember(owned, done.ledger.get(self._weak_model, _UNKNOWN))
        return done

    def _counted(self, strategy: Strategy, *, mark: _Mark, before: _Mark, uses: _Uses) -> Strategy:
        if uses.number:
            saved = saving(strategy, self._weak_model, always_strong=uses.cheaper, spent=0.0)
            strategy = used(strategy, self._weak_model, uses=uses.number, saved=saved)
        return mark.entered(before.struck(strategy, self._weak_model), self._weak_model)

    def _remember(self, owned: Owned, tally: Tally) -> None:
        with self._lock:
            self._written[owned] = tally
            self._written.move_to_end(owned)
            if len(self._written) > KNOWN:
                self._written.popitem(last=False)


def _marks(label: Label) -> Iterator[tuple[Owned, _Mark]]:
    """Yield what `label` says of each strategy that was shown, or held out."""
    weight = 1.0 / label.probability
    for rank, owned in enumerate(label.shown, start=1):
        yield (
            owned,
            _Mark(
                with_it=label.correct,
                without=label.without,
                weight=weight,
                share=1.0 / rank,
                accepted=label.accepted,
                query=label.query if owned.tenant == label.tenant else "",
            ),
        )
    for rank, owned in enumerate(label.held_out, start=1):
        yield owned, _Mark(without=label.correct, weight=weight, share=1.0 / rank)
