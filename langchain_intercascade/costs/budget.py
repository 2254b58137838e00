"""How much may be spent, on one query and in an hour or a day, and what is left of that."""

from __future__ import annotations

import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Final, Literal, TypeAlias

from langchain_intercascade.errors import ConfigurationError

HOUR: Final = 3600
DAY: Final = 86400

OnExceeded: TypeAlias = Literal["weak", "raise"]

_EVERYBODY: Final = ""
"""Stands for all tenants together; no tenant has an empty name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What may be spent, in US dollars; a limit that is `None` is none.

    Before the strong model is asked, what it will cost is estimated and set aside.  If that
    goes beyond a limit, it is not asked.  Weak answers go on; they count too.

    Hours and days are those of the clock, in UTC.  What is counted is what this process spends.

    Attributes:
        per_call: On one query, until its answer is there.
        per_hour: In an hour.
        per_day: In a day.
        per_tenant_day: On one tenant in a day.
        on_exceeded: `"weak"` returns the weak answer that was deferred, flagged as degraded;
            where there is none, and with `"raise"`, a `BudgetExceededError` is raised.
        learning_share: Share of an hour's or a day's limit after which nothing is learned and
            audited any more until the next one, so that what is left goes to answers.

    Examples:
        >>> Budget(per_call=0.05, per_day=20).on_exceeded
        'weak'
    """

    per_call: float | None = None
    per_hour: float | None = None
    per_day: float | None = None
    per_tenant_day: float | None = None
    on_exceeded: OnExceeded = "weak"
    learning_share: float = 0.8

    def __post_init__(self) -> None:
        """Refuse what cannot be kept to."""
        limits = {f.name: getattr(self, f.name) for f in fields(self) if f.name.startswith("per_")}
        for name, limit in limits.items():
            if limit is not None and not (_is_number(limit) and limit > 0):
                msg = f"Budget({name}={limit!r}): a limit is a number of dollars above 0, or None."
                raise ConfigurationError(msg)
        if not any(limit is not None for limit in limits.values()):
            msg = f"A Budget needs a limit: give one of {', '.join(limits)}, in dollars."
            raise ConfigurationError(msg)
        if self.on_exceeded not in ("weak", "raise"):
            msg = f"Budget(on_exceeded={self.on_exceeded!r}) must be 'weak' or 'raise'."
            raise ConfigurationError(msg)
        if not (_is_number(self.learning_share) and 0 <= self.learning_share <= 1):
            msg = f"Budget(learning_share={self.learning_share!r}) must be a share, from 0 to 1."
            raise ConfigurationError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetState:
    """What has been spent of one limit.

    Attributes:
        limit: Its name, as in `Budget`.
        tenant: Whose it is; `None` if it is everybody's.
        allowed: What may be spent, in dollars.
        spent: What has been spent since the hour or the day began.
        learning: Whether lessons and audits go on.
    """

    limit: str
    tenant: str | None
    allowed: float
    spent: float
    learning: bool


class Allowance:
    """Keeps to a budget: counts what is spent, and sets aside what is about to be.

    Safe to share between threads and event loops: nothing here waits.
    """

    def __init__(self, budget: Budget, *, clock: Callable[[], float] = time.time) -> None:
        """Keep to `budget`; `clock` tells the seconds since 1970 and is replaceable for tests."""
        self.budget = budget
        self._clock = clock
        self._windows = tuple(
            _Window(name, seconds, limit, of_tenant=name == "per_tenant_day")
            for name, seconds in (("per_hour", HOUR), ("per_day", DAY), ("per_tenant_day", DAY))
            if (limit := getattr(budget, name)) is not None
        )
        self._lock = threading.Lock()

    @contextmanager
    def holding(self, tenant: str, *, spent: float, estimate: float) -> Iterator[str]:
        """Set `estimate` dollars aside for as long as the block takes.

        Args:
            tenant: On whose behalf.
            spent: What the query has cost before.
            estimate: What the next call will cost.

        Yields:
            Why there is not enough left, in words; empty if there is.
        """
        if short := self._taken(tenant, spent, estimate):
            yield short
            return
        try:
            yield ""
        finally:
            with self._lock:
                for window in self._windows:
                    window.release(tenant, estimate)

    def note(self, tenant: str, cost: float) -> None:
        """Count what was spent."""
        with self._lock:
            for window in self._windows:
                window.note(tenant, cost, self._clock())

    def pausing(self, tenant: str) -> str:
        """Say why nothing may be learned at present, in words; empty if it may."""
        share = self.budget.learning_share
        with self._lock:
            for window in self._windows:
                spent = window.spent(tenant, self._clock())
                if spent >= share * window.limit:
                    return (
                        f"learning pauses: {spent:.4f} of {window.words()} are spent, and beyond "
                        f"{share:.0%} what is left is kept for answers"
                    )
        return ""

    def state(self, tenant: str | None = None) -> list[BudgetState]:
        """Return what has been spent of each limit: of everybody's, and of those of `tenant`."""
        with self._lock:
            return [
                BudgetState(
                    limit=window.name,
                    tenant=tenant if window.of_tenant else None,
                    allowed=window.limit,
                    spent=(spent := window.spent(tenant or _EVERYBODY, self._clock())),
                    learning=spent < self.budget.learning_share * window.limit,
                )
                for window in self._windows
                if tenant is not None or not window.of_tenant
            ]

    def _taken(self, tenant: str, spent: float, estimate: float) -> str:
        """Set `estimate` aside and return nothing, or say why that is impossible."""
        per_call = self.budget.per_call
        if per_call is not None and _beyond(spent + estimate, per_call):
            return (
                f"The query has cost ${spent:.4f}, and the strong model would add about "
                f"${estimate:.4f}: more than the ${per_call:.4f} that one query may cost."
            )
        with self._lock:
            now = self._clock()
            for window in self._windows:
                if short := window.short_of(tenant, estimate, now):
                    return short
            for window in self._windows:
                window.hold(tenant, estimate)
        return ""


class _Window:
    """One limit: what is spent since the hour or day began, and what is set aside."""

    def __init__(self, name: str, seconds: int, limit: float, *, of_tenant: bool) -> None:
        self.name = name
        self.limit = limit
        self.of_tenant = of_tenant
        self._seconds = seconds
        self._began = -1
        self._spent: dict[str, float] = defaultdict(float)
        self._held: dict[str, float] = defaultdict(float)

    def words(self) -> str:
        """Return the limit in words."""
        period = {"per_hour": "an hour", "per_day": "a day", "per_tenant_day": "a day and tenant"}
        return f"${self.limit:.4f} {period[self.name]}"

    def spent(self, tenant: str, now: float) -> float:
        """Return what is spent since the hour or day began that `now` lies in."""
        self._turn(now)
        return self._spent.get(self._whose(tenant), 0.0)

    def note(self, tenant: str, cost: float, now: float) -> None:
        self._turn(now)
        self._spent[self._whose(tenant)] += cost

    def short_of(self, tenant: str, estimate: float, now: float) -> str:
        """Say why `estimate` is too much, in words; empty if it is not."""
        spent, held = self.spent(tenant, now), self._held.get(self._whose(tenant), 0.0)
        if spent < self.limit and not _beyond(spent + held + estimate, self.limit):
            return ""
        under_way = f" and ${held:.4f} under way" if held else ""
        return (
            f"The budget of {self.words()} does not allow for the strong model: ${spent:.4f} spent"
            f"{under_way}, and it would cost about ${estimate:.4f}."
        )

    def hold(self, tenant: str, estimate: float) -> None:
        self._held[self._whose(tenant)] += estimate

    def release(self, tenant: str, estimate: float) -> None:
        whose = self._whose(tenant)
        self._held[whose] -= estimate
        if abs(self._held[whose]) < _DUST:
            del self._held[whose]

    def _whose(self, tenant: str) -> str:
        return tenant if self.of_tenant else _EVERYBODY

    def _turn(self, now: float) -> None:
        """Forget what was spent before the hour or day that `now` lies in."""
        began = int(now // self._seconds)
        if began > self._began:  # a clock that is set back gives nothing back
            self._began = began
            self._spent.clear()


_DUST: Final = 1e-9
"""Dollars that are left over from adding and taking away."""


def _beyond(amount: float, limit: float) -> bool:
    return amount > limit + _DUST


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
