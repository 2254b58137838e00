"""Keeping a repository small: what is over, was never of use, or has the least to show goes.

Going means being archived, with the reason, so that it can be looked at and undone.
Only what has been archived for long is deleted.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from langchain_intercascade._steps import Steps
from langchain_intercascade.errors import ConfigurationError, how_many
from langchain_intercascade.repository.ledger import worth_keeping
from langchain_intercascade.repository.lifecycle import archived, is_expired
from langchain_intercascade.repository.pages import Page, turning
from langchain_intercascade.strategy import State, Strategy, checked_tenant

if TYPE_CHECKING:
    from langchain_intercascade.repository.base import StrategyRepository

CANDIDATE_DAYS: Final = 30
"""Days after which a candidate that nothing happened to is given up."""

_LIVING: Final = (State.CANDIDATE, State.ACTIVE, State.SUSPENDED)


@dataclass(slots=True)
class Swept:
    """The ids of what was put away, by the reason for it.

    Attributes:
        expired: Their time was over.
        stale: Candidates that nothing happened to.
        unused: In use, and nothing happened to them either.
        evicted: They had the least to show when there were too many.
        purged: Archived long ago, and deleted for good.
    """

    expired: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    evicted: list[str] = field(default_factory=list)
    purged: list[str] = field(default_factory=list)

    def payload(self) -> dict[str, Any]:
        """Return this as JSON-like data."""
        return asdict(self)


def sweeping(
    repository: StrategyRepository,
    *,
    tenant: str,
    max_active: int | None = None,
    candidate_days: float | None = CANDIDATE_DAYS,
    unused_days: float | None = None,
    purge_days: float | None = None,
    value: Callable[[Strategy], Any] = worth_keeping,
    now: str | None = None,
) -> Steps[Swept]:
    """Archive what is over, stale or superfluous, and delete what was archived long ago.

    Args:
        repository: Where; its engine must be able to list what it holds.
        tenant: Whose.
        max_active: How many may be in use; `None` for any number.
        candidate_days: Give up candidates to which nothing happened for so long: no trial, no
            confirmation; `None` for never.
        unused_days: The same for those in use: not shown, not labelled; `None` for never.
        purge_days: Delete for good what was archived so long ago; `None` for never.
        value: What to keep; of too many, those with the least go.
        now: The moment to judge by, ISO 8601 in UTC; the present if `None`.

    Raises:
        ConfigurationError: A number is negative, or `now` is not a time.
        RepositoryError: The engine cannot list what it holds.
    """
    checked_tenant(tenant)
    _check(max_active, candidate_days, unused_days, purge_days)
    clock = _Clock(_moment(now), candidate_days, unused_days, purge_days)
    broom = _Broom(repository, tenant, clock, value)
    yield from broom.archiving()
    if max_active is not None:
        yield from broom.evicting(max_active)
    if purge_days is not None:
        yield from broom.purging()
    return broom.swept


@dataclass(frozen=True, slots=True)
class _Clock:
    """What is over at one moment."""

    now: datetime
    candidate_days: float | None
    unused_days: float | None
    purge_days: float | None

    def over(self, strategy: Strategy) -> tuple[str, str] | None:
        """Return under which heading it goes and why in words; `None` if it stays."""
        if is_expired(strategy, at=self.now.isoformat()):
            return "expired", f"its time was over on {strategy.expires_at}"
        quiet = strategy.updated_at
        if strategy.state is State.CANDIDATE and self._before(quiet, self.candidate_days):
            return "stale", f"nothing came of it within {how_many(self.candidate_days or 0, 'day')}"
        if strategy.state is State.ACTIVE and self._before(quiet, self.unused_days):
            return "unused", f"it was not used for {how_many(self.unused_days or 0, 'day')}"
        return None

    def long_archived(self, strategy: Strategy) -> bool:
        """Say whether it was archived long enough ago to be deleted."""
        since = strategy.retired_at or strategy.updated_at
        return strategy.state is State.ARCHIVED and self._before(since, self.purge_days)

    def _before(self, at: str, days: float | None) -> bool:
        return days is not None and at < (self.now - timedelta(days=days)).isoformat()


@dataclass(slots=True)
class _Broom:
    repository: StrategyRepository
    tenant: str
    clock: _Clock
    value: Callable[[Strategy], Any]
    swept: Swept = field(default_factory=Swept)

    def archiving(self) -> Steps[None]:
        """Archive what is over."""
        after = None
        while page := (yield from self._page(_LIVING, after)):
            for each in page.strategies:
                if verdict := self.clock.over(each):
                    heading, _ = verdict
                    gone = yield from self._away(each.id, self._if_over)
                    getattr(self.swept, heading).extend(gone)
            after = page.last

    def evicting(self, most: int) -> Steps[None]:
        """Archive those in use that have the least to show, until only `most` are left."""
        count = yield from self.repository.counting(tenant=self.tenant, states=(State.ACTIVE,))
        least: list[_Ranked] = []
        after = None
        while count > most and (page := (yield from self._page((State.ACTIVE,), after))):
            for each in page.strategies:
                heapq.heappush(least, _Ranked(self.value(each), each.id))
                if len(least) > count - most:
                    heapq.heappop(least)
            after = page.last
        why = f"there were more than {most}, and this one had the least to show"
        for ranked in sorted(least, reverse=True):
            gone = yield from self._away(
                ranked.id, lambda each: why if each.state is State.ACTIVE else None
            )
            self.swept.evicted.extend(gone)

    def purging(self) -> Steps[None]:
        """Delete what was archived long ago."""
        after = None
        while page := (yield from self._page((State.ARCHIVED,), after)):
            for each in filter(self.clock.long_archived, page.strategies):
                if (yield from self.repository.removing(each.id, tenant=self.tenant)):
                    self.swept.purged.append(each.id)
            after = page.last

    def _page(self, states: Sequence[State], after: str | None) -> Steps[Page | None]:
        return turning(self.repository, tenant=self.tenant, states=states, after=after)

    def _away(self, name: str, reason: Callable[[Strategy], str | None]) -> Steps[list[str]]:
        """Archive one, if there is still a reason to; return its id if it was archived."""

        def change(strategy: Strategy) -> Strategy | None:
            why = reason(strategy)
            return None if why is None else archived(strategy, why)

        done = yield from self.repository.updating(name, tenant=self.tenant, change=change)
        return [] if done is None else [done.id]

    def _if_over(self, strategy: Strategy) -> str | None:
        if strategy.state not in _LIVING or (verdict := self.clock.over(strategy)) is None:
            return None
        return verdict[1]


@dataclass(frozen=True, slots=True)
class _Ranked:
    """Ordered so that a heap has what is worth most at its top; equal ones by their ids."""

    value: Any
    id: str

    def __lt__(self, other: _Ranked) -> bool:
        return bool((self.value, self.id) > (other.value, other.id))


def _check(*numbers: float | None) -> None:
    for number in numbers:
        if number is not None and not number >= 0:  # also refuses NaN
            msg = f"A number of days or of strategies must be 0 or more, not {number!r}."
            raise ConfigurationError(msg)


def _moment(at: str | None) -> datetime:
    try:
        found = datetime.now(UTC) if at is None else datetime.fromisoformat(at)
    except ValueError:
        msg = f"{at!r} is not a time; write it like 2026-01-31 or 2026-01-31T12:00:00+00:00."
        raise ConfigurationError(msg) from None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
