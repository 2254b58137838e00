"""Forgetting for good: everything that was learned from somebody, wherever it went.

It is looked for again until nothing is found, because a learner may be writing
meanwhile, and it follows copies into other tenants and into export files.  What
cannot be reached is said in the receipt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from langchain_intercascade._steps import Steps
from langchain_intercascade.repository.oblivion import Wanted
from langchain_intercascade.repository.pages import Page, turning
from langchain_intercascade.repository.points import point_id
from langchain_intercascade.repository.receipt import UNREADABLE, Receipt
from langchain_intercascade.repository.rewriting import Rewritten, rewritable, rewritten
from langchain_intercascade.repository.tombstones import (
    EVERYTHING,
    entombed,
    entombing,
    of_id,
    of_query,
    of_source,
)
from langchain_intercascade.strategy import Strategy, checked_tenant, now

if TYPE_CHECKING:
    from langchain_intercascade.repository.base import StrategyRepository

PASSES: Final = 20
"""How often it is looked again; each pass is for what was written during the one before."""


def forgetting(
    repository: StrategyRepository,
    *,
    tenant: str,
    source: str | None = None,
    query: str | None = None,
    shared: Sequence[str] = (),
    exports: Sequence[Path] = (),
    key: bytes | None = None,
    dry_run: bool = False,
) -> Steps[Receipt]:
    """Erase for good what `tenant` has learned from a source, or from a query, or at all.

    Strategies and pending lessons that come from it are removed, and so is what was
    made of them: copies that were promoted or imported into `shared`, and copies of
    those.  Strategies that it only confirmed lose that query and that support.  A
    mark without any text stays behind, so that importing an old export does not
    bring back what was learned before now.

    Args:
        repository: Where; its engine must be able to list what it holds.
        tenant: Whose.
        source: Everything that was learned on this source's behalf.
        query: Everything that was learned from this query, however it is spaced and spelt.
            Given with a source: from either.  Given without one: from this query alone.
            With neither, everything the tenant has is forgotten.
        shared: Tenants to which strategies of this one were promoted or imported.
        exports: Files written by `exporting` that shall forget it too.
        key: With which those files are signed, if they are.
        dry_run: Only say what would be done.

    Returns:
        The receipt.  `complete` is false if others wrote more of it faster than it
        could be removed: forget again.

    Raises:
        ConfigurationError: The source or the query is blank, a tenant is not one, or a file
            is not an export or is signed with another key.  Nothing was removed.
        RepositoryError: The engine cannot list, or failed on the way: forget again.
    """
    for each in (tenant, *shared):
        checked_tenant(each)
    wanted = Wanted(source, query)
    files = [rewritable(path, key=key) for path in exports]
    erasure = _Erasure(repository, tenant, wanted, tuple(shared), dry_run)
    complete = yield from erasure.carrying_out()
    changed = tuple(rewritten(each, erasure.left_of, key=key, dry_run=dry_run) for each in files)
    return erasure.receipt(complete=complete, exports=changed)


@dataclass(slots=True)
class _Erasure:
    """One forgetting on its way, and what it has done so far."""

    repository: StrategyRepository
    tenant: str
    wanted: Wanted
    shared: tuple[str, ...]
    dry_run: bool
    at: str = field(default_factory=now)
    gone: dict[str, dict[str, str]] = field(default_factory=dict)
    """Ids of removed strategies and their states, by tenant."""
    known: set[str] = field(default_factory=set)
    """The same ids, and those that only files had."""
    trimmed: dict[str, int] = field(default_factory=dict)
    """Queries taken out of strategies that stay, by their ids."""

    def carrying_out(self) -> Steps[bool]:
        """Look and remove until nothing is found; say whether it came to that."""
        if not self.dry_run:
            # First of all: from now on no import can bring anything back behind our back.
            yield from self._marking()
        for _ in range(PASSES):
            found = yield from self._emptying() if self.wanted.everything else self._passing()
            for each in self.shared:
                found += yield from self._following(each)
            if not found:
                return True
        return False

    def left_of(self, strategy: Strategy) -> Strategy | None:
        """Return what is left of a strategy in an export; `None` if nothing is."""
        ours = strategy.tenant == self.tenant
        derived = not self.known.isdisjoint((strategy.id, *strategy.origin.parents))
        if derived or (ours and self.wanted.is_origin_of(strategy)):
            self.known.add(strategy.id)
            return None
        return (self.wanted.removed_from(strategy) if ours else None) or strategy

    def receipt(self, *, complete: bool, exports: tuple[Rewritten, ...]) -> Receipt:
        states = Counter(state for ids in self.gone.values() for state in ids.values())
        return Receipt(
            tenant=self.tenant,
            source=self.wanted.source,
            by_query=self.wanted.query is not None,
            dry_run=self.dry_run,
            complete=complete,
            removed=dict(sorted(states.items())),
            keys_removed=sum(self.trimmed.values()),
            ids={tenant: tuple(sorted(ids)) for tenant, ids in sorted(self.gone.items()) if ids},
            exports=exports,
            at=self.at,
            engine=self.repository.engine,
            location=self.repository.location,
            kept_by_engine=self.repository.keeps_after_delete,
        )

    # The steps; each returns how much it found that was not known, or is still there.

    def _marking(self) -> Steps[None]:
        names = [EVERYTHING] if self.wanted.everything else []
        names += [of_source(self.wanted.source)] if self.wanted.source is not None else []
        names += [of_query(self.wanted.query)] if self.wanted.query is not None else []
        yield from entombing(self.repository, names, tenant=self.tenant, at=self.at)

    def _passing(self) -> Steps[int]:
        """Go once through what the tenant has."""
        found, after = 0, None
        while page := (yield from turning(self.repository, tenant=self.tenant, after=after)):
            whole = yield from self._going_whole(page)
            found += yield from self._removing(self.tenant, whole)
            for strategy in page.strategies:
                if strategy.id not in whole:
                    found += yield from self._trimming(strategy)
            after = page.last
        return found

    def _going_whole(self, page: Page) -> Steps[dict[str, str]]:
        """Return the ids and states of those on the page that are to be removed whole."""
        whole = {
            each.id: each.state.value for each in page.strategies if self.wanted.is_origin_of(each)
        }
        damaged = (each for each in page.damaged if self.wanted.mentioned_in(each))
        whole |= {each["id"]: UNREADABLE for each in damaged if isinstance(each.get("id"), str)}
        return whole | (yield from self._derived(page))

    def _following(self, tenant: str) -> Steps[int]:
        """Go once through another tenant, after copies of what was removed."""
        found, after = 0, None
        while page := (yield from turning(self.repository, tenant=tenant, after=after)):
            found += yield from self._removing(tenant, (yield from self._derived(page)))
            after = page.last
        return found

    def _derived(self, page: Page) -> Steps[dict[str, str]]:
        """Return those on the page that were made from something that is forgotten."""
        children = [each for each in page.strategies if each.origin.parents]
        parents = {parent for each in children for parent in each.origin.parents} - self.known
        # An earlier forgetting may have died between a strategy and its copies.
        self.known |= yield from self._forgotten_before(sorted(parents))
        return {
            each.id: each.state.value
            for each in children
            if not self.known.isdisjoint(each.origin.parents)
        }

    def _forgotten_before(self, ids: Sequence[str]) -> Steps[set[str]]:
        names = {of_id(each): each for each in ids}
        found: set[str] = set()
        for tenant in (self.tenant, *self.shared):
            marked = yield from entombed(self.repository, tuple(names), tenant=tenant)
            there = yield from self.repository.fetching(
                [point_id(tenant, names[name]) for name in marked]
            )
            learned_again = {point.payload.get("id") for point in there}
            found |= {names[name] for name in marked} - learned_again
        return found

    def _removing(self, tenant: str, whole: dict[str, str]) -> Steps[int]:
        """Remove strategies of `tenant`, marked as forgotten before they go."""
        known = self.gone.setdefault(tenant, {})
        fresh = [each for each in whole if each not in known]
        known.update(whole)
        self.known.update(whole)
        if self.dry_run or not whole:
            return len(fresh)
        names = [of_id(each) for each in whole]
        yield from entombing(self.repository, names, tenant=tenant, at=self.at)
        yield from self.repository.deleting([point_id(tenant, each) for each in whole])
        return len(whole)

    def _trimming(self, strategy: Strategy) -> Steps[int]:
        """Take what is to be forgotten out of a strategy that stays."""
        less = self.wanted.removed_from(strategy)
        if less is None or (self.dry_run and strategy.id in self.trimmed):
            return 0
        if not self.dry_run:
            less = yield from self.repository.updating(
                strategy.id, tenant=self.tenant, change=self.wanted.removed_from
            )
        lost = len(strategy.merged) - len(less.merged) if less else 0
        self.trimmed[strategy.id] = self.trimmed.get(strategy.id, 0) + lost
        return 1

    def _emptying(self) -> Steps[int]:
        """Go once through the whole repository: everything that bears the tenant's name goes.

        Not only strategies do, and what is damaged beyond recognition must go too.
        """
        found, after = 0, None
        known = self.gone.setdefault(self.tenant, {})
        while page := (yield from self.repository.dumping(after=after)):
            own = [each for each in page if each.payload.get("tenant") == self.tenant]
            after = page[-1].id
            for each in own:
                name = str(each.payload.get("id", each.id))
                found += name not in known or not self.dry_run
                known[name] = str(
                    each.payload.get("state") or each.payload.get("kind") or UNREADABLE
                )
                self.known.add(name)
            if not self.dry_run and own:
                yield from self.repository.deleting([each.id for each in own])
        return found
