"""Strategies out of a file, into a repository.

What comes from a file is tried out before it is used, unless the file is signed by
somebody whose key is known and the caller says that this is enough.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from langchain_intercascade._steps import Steps
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.repository.import_file import Problem, Verified, verified
from langchain_intercascade.repository.oblivion import Wanted
from langchain_intercascade.repository.points import point_id
from langchain_intercascade.repository.tombstones import (
    entombed,
    names_of,
    of_query,
    of_source,
)
from langchain_intercascade.repository.transplant import transplanted_id
from langchain_intercascade.strategy import Change, Replays, State, Strategy, checked_tenant, now

if TYPE_CHECKING:
    from langchain_intercascade.repository.base import StrategyRepository

UNTRIED: Final = "imported, not tried out here"
"""Why an imported strategy is not in use yet."""

_UNUSED: Final = (State.SUSPENDED, State.ARCHIVED)


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of the strategies in a file.

    Attributes:
        path: The file.
        written: How many are in the repository now that were not before.
        present: How many it had already; they were left as they are.
        forgotten: How many were forgotten since they were made, and stay so.
        lessons: How many pending lessons were left out: they are taken from a trusted file only.
        trusted: Whether the signature was checked, and was enough.
        problems: What was wrong with lines that were skipped.
        dry_run: Whether this only says what would have been done.
    """

    path: str
    written: int
    present: int
    forgotten: int
    lessons: int
    trusted: bool
    problems: tuple[Problem, ...]
    dry_run: bool

    def payload(self) -> dict[str, Any]:
        """Return this as JSON-like data."""
        return asdict(self)


def importing(
    repository: StrategyRepository,
    path: Path,
    *,
    tenant: str,
    key: bytes | None = None,
    trust: bool = False,
    skip_bad: bool = False,
    dry_run: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Steps[Imported]:
    """Take the strategies from a file written by `exporting`; nothing is merged.

    The file is read from end to end first: if anything in it is wrong, nothing is
    written.  What is in the repository already is left as it is, and what was
    forgotten there since it was made stays forgotten.  In the file of another tenant
    each strategy gets an id of its own here, always the same, and solved examples
    stay behind.

    Args:
        repository: Where to.
        path: The file.
        tenant: Whose they shall be.
        key: Check the signature with it.
        trust: Take them as they are: in use if they were in use there, with what is known of
            them.  Otherwise those in use there are on probation here.  Needs a `key`.
        skip_bad: Take the good lines of a damaged file, and report the others.
        dry_run: Only say what would be done.
        progress: Told how many were looked at so far.

    Raises:
        ConfigurationError: It is no such file, it is not signed though there is a `key`, or
            `trust` was asked for without one.
        RepositoryCorruptError: Something in it is wrong; the message names the line.
    """
    checked_tenant(tenant)
    if trust and key is None:
        msg = (
            "Trusting a file needs the key that it is signed with, for anybody can write a file: "
            "give it as `key` (--key-file), or leave out `trust` (--trust)."
        )
        raise ConfigurationError(msg)
    file = verified(path, key=key, skip_bad=skip_bad)
    arrival = _Arrival(repository, tenant, file, trust=trust, dry_run=dry_run)
    for number, each in enumerate(file.strategies(), start=1):
        yield from arrival.taking(each)
        if progress is not None:
            progress(number)
    return arrival.report()


@dataclass(slots=True, kw_only=True)
class _Counts:
    written: int = 0
    present: int = 0
    forgotten: int = 0
    lessons: int = 0


@dataclass(slots=True)
class _Arrival:
    """An import on its way, and what it has done so far."""

    repository: StrategyRepository
    tenant: str
    file: Verified
    trust: bool = field(kw_only=True)
    dry_run: bool = field(kw_only=True)
    counts: _Counts = field(default_factory=_Counts, init=False)

    def taking(self, strategy: Strategy) -> Steps[None]:
        """Take one strategy, or count why not."""
        if strategy.state is State.PENDING and not self.trust:
            self.counts.lessons += 1
            return
        arriving = self._arriving(strategy)
        here = point_id(self.tenant, arriving.id)
        if (yield from self.repository.fetching((here,))):
            self.counts.present += 1
            return
        left = yield from self._remembered(arriving, strategy.id)
        if left is None:
            self.counts.forgotten += 1
            return
        # Somebody else may have been quicker: then it is present.
        done = self.dry_run or (yield from self.repository.swapping(left, version=None))
        self.counts.written += done
        self.counts.present += not done

    def report(self) -> Imported:
        """Return what was done."""
        return Imported(
            path=str(self.file.path),
            written=self.counts.written,
            present=self.counts.present,
            forgotten=self.counts.forgotten,
            lessons=self.counts.lessons,
            trusted=self.trust,
            problems=self.file.problems,
            dry_run=self.dry_run,
        )

    def _arriving(self, strategy: Strategy) -> Strategy:
        """Return what the strategy will be here."""
        moment = now()
        entry = Change(at=moment, version=1, what="imported")
        known = strategy.history if self.trust else ()
        news: dict[str, Any] = {"version": 1, "updated_at": moment, "history": (*known, entry)}
        if not self.trust:
            news |= _on_arrival(strategy)
        if strategy.tenant != self.tenant:
            news |= self._moved(strategy)
        # `changed` gives it stamps of its own, by which a write of it is told.
        return strategy.model_copy(update={"stamps": ()}).changed(**news)

    def _moved(self, strategy: Strategy) -> dict[str, Any]:
        """Return what is different for a strategy that comes from another tenant."""
        parents = (*strategy.origin.parents, strategy.id)
        return {
            "id": transplanted_id(strategy.id, tenant=self.tenant),
            "tenant": self.tenant,
            "example": None,
            "similar_to": (),
            "distinct_from": (),
            "origin": strategy.origin.model_copy(update={"parents": parents}),
        }

    def _remembered(self, strategy: Strategy, old_id: str) -> Steps[Strategy | None]:
        """Return what of the strategy was not forgotten here; `None` if it was, whole."""
        whole = names_of(strategy) | names_of(strategy.model_copy(update={"id": old_id}))
        sources = {each.source for each in strategy.merged if each.source}
        queries = {each.query for each in strategy.merged}
        parts = {of_source(each): Wanted(source=each) for each in sources}
        parts |= {of_query(each): Wanted(query=each) for each in queries}
        marked = yield from entombed(self.repository, (*whole, *parts), tenant=self.tenant)
        if any(strategy.created_at <= at for name, at in marked.items() if name in whole):
            return None
        for name in marked.keys() & parts.keys():
            if self.file.header.created_at <= marked[name]:
                strategy = parts[name].removed_from(strategy) or strategy
        return strategy.model_copy(update={"version": 1})


def _on_arrival(strategy: Strategy) -> dict[str, Any]:
    """Return what a strategy is that nobody vouches for: nothing is known of it here."""
    unused = strategy.state in _UNUSED
    return {
        "state": strategy.state if unused else State.CANDIDATE,
        "reason": strategy.reason if unused else UNTRIED,
        "lesson": None,
        "replays": Replays(),
        "ledger": {},
        "verified_by": "",
        "activated_at": "",
    }
