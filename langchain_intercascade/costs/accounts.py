"""The accounts of a cascade: every dollar and token that it spends, by role and by tenant."""

from __future__ import annotations

import logging
import math
import threading
import weakref
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

from langchain_intercascade.costs.embedding import Meter, nothing_spent
from langchain_intercascade.costs.prices import UNKNOWN
from langchain_intercascade.costs.usage import added, news, total, use_of
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.record import DecisionRecord, Role, RoleUse

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage

    from langchain_intercascade.costs.budget import Allowance, BudgetState
    from langchain_intercascade.costs.prices import Prices

logger = logging.getLogger(__name__)

CURE: Final = (
    "give its price, `prices={{{model!r}: (dollars per million tokens read, written)}}`, or "
    "(0, 0) if it costs nothing"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What was spent since a cascade was built; money in US dollars.

    Attributes:
        answers: Runs that came to an answer.
        degraded: Of these, weak answers that stood in for strong ones: the saving on them is none.
        by_role: What each role has spent, on answers and in the background.
        background: The part that was spent where no answer was waiting: on lessons, replays,
            audits.  The rest is in the decision records, but for `unanswered`.
        by_tenant: What was spent on behalf of each tenant; `None` if a part of it is unknown.
        cost: All of it; `None` if a part of it is unknown.
        unanswered: The part spent by runs that ended in an error and so gave no record.
        always_strong_cost: What the strong model alone would have cost for the same answers.
        prices: Where the price of each model came from.
        uncounted: What costs money and does not say how much, in words.
        budget: What is left of the budget.

    `cost` is the sum over the decision records of all answers, and `background`, and `unanswered`.
    """

    answers: int
    degraded: int
    by_role: Mapping[str, RoleUse]
    background: Mapping[str, RoleUse]
    by_tenant: Mapping[str, float | None]
    cost: float | None
    unanswered: float | None
    always_strong_cost: float | None
    prices: Mapping[str, str]
    uncounted: Sequence[str]
    budget: Sequence[BudgetState]

    @property
    def net_saving(self) -> float | None:
        """What was saved against the strong model alone, net of all that learning has cost.

        It may be negative; it is `None` if either side is unknown.  It says nothing of how good
        the answers were, so read it next to `degraded`, and to a measured accuracy.
        """
        if self.cost is None or self.always_strong_cost is None:
            return None
        return self.always_strong_cost - self.cost

    @property
    def unpriced(self) -> list[str]:
        """Models whose cost is unknown, which makes the sums unknown too."""
        return sorted(model for model, origin in self.prices.items() if UNKNOWN in origin)


@dataclass(slots=True)
class _Page:
    """The accounts of one tenant."""

    answers: int = 0
    degraded: int = 0
    always_strong: float | None = 0.0
    unanswered: float | None = 0.0
    foreground: dict[str, RoleUse] = field(default_factory=dict)
    background: dict[str, RoleUse] = field(default_factory=dict)

    @property
    def cost(self) -> float | None:
        return _cost([*self.foreground.values(), *self.background.values()])


class Accounts:
    """Counts what a cascade spends, and keeps to its budget. Safe to share between threads."""

    def __init__(
        self,
        prices: Prices,
        *,
        allowance: Allowance | None = None,
        beneath: Sequence[Accounts] = (),
        embedding: Meter = nothing_spent,
        uncounted: Sequence[str] = (),
    ) -> None:
        """Begin with nothing spent.

        Args:
            prices: What models cost.
            allowance: Keeps to the budget, if there is one.
            beneath: The accounts of cascades inside this one.  What they spend on answers is
                in their answers; what they spend in the background is counted here too.
            embedding: Says what the encoder has spent so far; `None` if that costs nothing, or
                is not known, and is then among `uncounted`.
            uncounted: What costs money and does not say how much, in words.
        """
        self.prices = prices
        self.allowance = allowance
        self._embedding = embedding
        self._uncounted = tuple(uncounted)
        self._above: weakref.WeakSet[Accounts] = weakref.WeakSet()
        self._beneath = tuple(beneath)  # or nothing would keep them, and this one, informed
        self._pages: dict[str, _Page] = {}
        self._unpriced = ""
        self._lock = threading.Lock()
        for each in self._beneath:
            each.tell(self)

    def tell(self, above: Accounts) -> None:
        """Tell `above` too what is spent in the background."""
        self._above.add(above)

    def charge(self, before: Mapping[str, RoleUse], record: DecisionRecord) -> None:
        """Count what a node has spent: what is new in `record` since its usage was `before`.

        Raises:
            ConfigurationError: There is a budget, and the price of a model is unknown.
        """
        spent = news(before, record["usage"])
        if not spent:
            return
        with self._lock:
            page = self._page(record["tenant"])
            for role, use in spent.items():
                page.foreground = added(page.foreground, role, use)
        unknown = [role for role, use in spent.items() if not self._counted(record["tenant"], use)]
        if unknown:
            raise ConfigurationError(_unknown(unknown[0], self._culprit()))

    def answered(self, record: DecisionRecord) -> None:
        """Count an answer, and what the strong model alone would have cost for it."""
        with self._lock:
            page = self._page(record["tenant"])
            page.answers += 1
            page.degraded += record["degraded"]
            page.always_strong = total([page.always_strong, record["always_strong_cost"]])

    def lost(
        self,
        record: DecisionRecord,
        role: Role = "strong",
        replies: Sequence[AIMessage] = (),
    ) -> None:
        """Count a run that ended without an answer; what is in its record is charged already.

        Args:
            record: Its record, as it was when the run had come to its last node.
            role: What calls in that node were for.
            replies: What came of them.
        """
        uses = [use_of(reply, prices=self.prices) for reply in replies]
        with self._lock:
            page = self._page(record["tenant"])
            for use in uses:
                page.foreground = added(page.foreground, role, use)
            spent = [*record["usage"].values(), *uses]
            page.unanswered = total([page.unanswered, _cost(spent)])
        for use in uses:
            self._counted(record["tenant"], use)

    def add(self, role: Role, messages: Sequence[AIMessage], *, tenant: str) -> float | None:
        """Count calls that no answer waited for, by their replies; return their cost in dollars."""
        uses = [use_of(message, prices=self.prices) for message in messages]
        for use in uses:
            self._book(role, use, tenant)
        return _cost(uses)

    def pausing(self, tenant: str) -> str:
        """Say why nothing may be learned at present, in words; empty if it may."""
        if self.allowance is None:
            return ""
        if self._unpriced:
            return self._unpriced
        return self.allowance.pausing(tenant)

    def report(self, tenant: str | None = None) -> Spending:
        """Return what was spent so far, by everybody or by `tenant`."""
        with self._lock:
            # A page's parts are replaced, never changed, so copying the page is enough.
            pages = {n: copy(page) for n, page in self._pages.items() if tenant in (None, n)}
        background = _together(page.background for page in pages.values())
        if tenant is None and (embedding := self._embedding()) is not None:
            background["embedding"] = embedding
        by_role = _together([background, *(page.foreground for page in pages.values())])
        return Spending(
            answers=sum(page.answers for page in pages.values()),
            degraded=sum(page.degraded for page in pages.values()),
            by_role=by_role,
            background=background,
            by_tenant={name: page.cost for name, page in pages.items()},
            cost=_cost(by_role.values()),
            unanswered=_sum_of(page.unanswered for page in pages.values()),
            always_strong_cost=_sum_of(page.always_strong for page in pages.values()),
            prices=self.prices.origins(),
            uncounted=self._uncounted,
            budget=() if self.allowance is None else self.allowance.state(tenant),
        )

    def _book(self, role: str, use: RoleUse, tenant: str) -> None:
        """Count one call in the background, here and in the cascades around this one."""
        with self._lock:
            page = self._page(tenant)
            page.background = added(page.background, role, use)
        if not self._counted(tenant, use) and not self._unpriced:
            # Nobody is there to raise it to, and the money is spent; so no more of it.
            self._unpriced = _unknown(role, self._culprit())
            logger.warning(
                "Nothing is learned any more. %s",
                self._unpriced,
                extra={"event": "learning_stopped", "role": role},
            )
        for each in list(self._above):
            each._book(role, use, tenant)  # noqa: SLF001 - another of its kind

    def _counted(self, tenant: str, use: RoleUse) -> bool:
        """Count `use` against the budget; say whether that was possible."""
        if self.allowance is None:
            return True
        if use["cost"] is not None:
            self.allowance.note(tenant, use["cost"])
        return use["cost"] is not None

    def _culprit(self) -> str:
        return next((m for m, origin in self.prices.origins().items() if UNKNOWN in origin), "")

    def _page(self, tenant: str) -> _Page:
        if (page := self._pages.get(tenant)) is None:
            page = self._pages[tenant] = _Page()
        return page


def _unknown(role: str, model: str) -> str:
    return (
        f"There is a budget, and what {model or 'a model'!r} has cost ({role}) is unknown, so the "
        f"budget cannot be kept to: {CURE.format(model=model)}. It also has to report its tokens."
    )


def _together(several: Iterable[Mapping[str, RoleUse]]) -> dict[str, RoleUse]:
    together: dict[str, RoleUse] = {}
    for uses in several:
        for role, use in uses.items():
            together = added(together, role, use)
    return together


def _cost(uses: Iterable[RoleUse]) -> float | None:
    return _sum_of(use["cost"] for use in uses)


def _sum_of(parts: Iterable[float | None]) -> float | None:
    """Add up; a sum with an unknown part is unknown."""
    known = list(parts)
    return None if None in known else math.fsum(cast("list[float]", known))
