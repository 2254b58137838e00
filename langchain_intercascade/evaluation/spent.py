"""This is where what was spent is put together by role, over the levels of a cascade."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from langchain_intercascade.costs.usage import added

if TYPE_CHECKING:
    from langchain_intercascade.record import DecisionRecord, RoleUse


def levels(record: DecisionRecord) -> list[DecisionRecord]:
    """Return the record, that of the cascade asked as its strong model, and so on."""
    found = [record]
    while (inner := found[-1]["inner"]) is not None:
        found.append(inner)
    return found


def flattened(record: DecisionRecord) -> dict[str, RoleUse]:
    """Return what each role spent; the weak models below the first are "middle", "middle2"...

    What a cascade spent that was asked as the strong model is told by its own record.
    """
    found: dict[str, RoleUse] = {}
    chain = levels(record)
    for depth, each in enumerate(chain):
        uses = dict(each["usage"])
        if depth + 1 < len(chain):
            uses.pop("strong", None)
        if depth and "weak" in uses:
            uses[_middle(depth)] = uses.pop("weak")
        found = plus(found, uses)
    return found


def plus(one: Mapping[str, RoleUse], other: Mapping[str, RoleUse]) -> dict[str, RoleUse]:
    """Add up, role by role."""
    found = dict(one)
    for role, use in other.items():
        found = added(found, role, use)
    return found


def _middle(depth: int) -> str:
    return "middle" if depth == 1 else f"middle{depth}"
