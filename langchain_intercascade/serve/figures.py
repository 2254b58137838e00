"""What each tenant's requests came to: routes, reasons, and what was saved as time went on."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from langchain_intercascade.costs import Spending
    from langchain_intercascade.record import DecisionRecord

POINTS: Final = 200
"""Points that a curve has at most; then every other one is dropped."""

REMEMBERED: Final = 2000
"""Runs of which it is known whose they are: as many as a cascade takes feedback on."""


@dataclass(slots=True)
class _Page:
    """The figures of one tenant."""

    answers: int = 0
    deferred: int = 0
    stride: int = 1
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    curve: list[dict[str, Any]] = field(default_factory=list)


class Figures:
    """Keeps the figures of all tenants apart. It belongs to one event loop."""

    def __init__(self, spending: Callable[[str], Spending]) -> None:
        """Ask `spending` what a tenant has spent so far, lessons included."""
        self._spending = spending
        self._pages: dict[str, _Page] = {}
        self._owners: OrderedDict[str, str] = OrderedDict()

    def note(self, record: DecisionRecord) -> None:
        """Count an answer by its record."""
        tenant = record["tenant"]
        page = self._pages.setdefault(tenant, _Page())
        page.answers += 1
        page.deferred += record["route"] == "strong"
        page.reasons[record["route"] or "", record["reason"] or ""] += 1
        if page.answers % page.stride == 0:
            self._mark(tenant, page)
        self._owners[record["run_id"]] = tenant
        if len(self._owners) > REMEMBERED:
            self._owners.popitem(last=False)

    def owner(self, run_id: str) -> str | None:
        """Return whose run it was; `None` if it is not among the last ones."""
        return self._owners.get(run_id)

    def of(self, tenant: str) -> dict[str, Any]:
        """Return the figures of `tenant`, to be shown."""
        page = self._pages.get(tenant, _Page())
        told = [
            {"route": route, "reason": reason, "answers": count}
            for (route, reason), count in page.reasons.most_common()
        ]
        return {
            "answers": page.answers,
            "deferred": page.deferred,
            "reasons": told,
            "curve": list(page.curve),
        }

    def _mark(self, tenant: str, page: _Page) -> None:
        """Add a point to the curve; net, so what lessons have cost is in it."""
        spent = self._spending(tenant)
        page.curve.append(
            {
                "answers": page.answers,
                "deferred": page.deferred,
                "cost": spent.cost,
                "always_strong_cost": spent.always_strong_cost,
            }
        )
        if len(page.curve) > POINTS:
            page.curve = page.curve[1::2]
            page.stride *= 2
