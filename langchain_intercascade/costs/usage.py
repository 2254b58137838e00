"""What single calls cost, and how that adds up in a decision record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from langchain_intercascade.record import DecisionRecord, Role, RoleUse, amended

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage

    from langchain_intercascade.costs.prices import Prices


def use_of(message: AIMessage, *, prices: Prices, latency_ms: float = 0.0) -> RoleUse:
    """Return what the call cost whose reply is `message`."""
    usage: Mapping[str, Any] = message.usage_metadata or {}
    return RoleUse(
        calls=1,
        input_tokens=usage.get("input_tokens"),
        output_tokens=usage.get("output_tokens"),
        cost=prices.cost(message),
        latency_ms=latency_ms,
    )


def charged(
    record: DecisionRecord,
    role: Role,
    message: AIMessage,
    *,
    prices: Prices,
    latency_ms: float,
) -> DecisionRecord:
    """Return `record` with one more call of `role`, which wrote `message`."""
    use = use_of(message, prices=prices, latency_ms=latency_ms)
    spent = added(record["usage"], role, use)
    return amended(record, usage=spent, cost=total([each["cost"] for each in spent.values()]))


def added(uses: Mapping[str, RoleUse], role: str, use: RoleUse) -> dict[str, RoleUse]:
    """Return `uses` with one more `use` of `role`."""
    before = uses.get(role)
    return {**uses, role: use if before is None else _sum(before, use)}


def news(before: Mapping[str, RoleUse], after: Mapping[str, RoleUse]) -> dict[str, RoleUse]:
    """Return what was used between two states of one record's usage, by role.

    Examples:
        >>> one = RoleUse(calls=1, input_tokens=5, output_tokens=1, cost=0.5, latency_ms=2.0)
        >>> two = RoleUse(calls=2, input_tokens=9, output_tokens=2, cost=None, latency_ms=3.0)
        >>> news({"weak": one}, {"weak": two})["weak"]["cost"] is None
        True
    """
    return {
        role: use if role not in before else _difference(use, before[role])
        for role, use in after.items()
        if role not in before or use["calls"] > before[role]["calls"]
    }


def total(parts: Sequence[Any]) -> Any:
    """Add up; a sum with an unknown part is unknown.

    Examples:
        >>> total([1.5, 2.0]), total([1.5, None])
        (3.5, None)
    """
    return None if None in parts else sum(parts)


def _sum(one: RoleUse, other: RoleUse) -> RoleUse:
    return RoleUse(
        calls=one["calls"] + other["calls"],
        input_tokens=total([one["input_tokens"], other["input_tokens"]]),
        output_tokens=total([one["output_tokens"], other["output_tokens"]]),
        cost=total([one["cost"], other["cost"]]),
        latency_ms=one["latency_ms"] + other["latency_ms"],
    )


def _difference(after: RoleUse, before: RoleUse) -> RoleUse:
    def less(name: str) -> Any:
        one, other = after.get(name), before.get(name)
        return None if one is None or other is None else one - other  # type: ignore[operator]  # numbers

    return RoleUse(
        calls=after["calls"] - before["calls"],
        input_tokens=less("input_tokens"),
        output_tokens=less("output_tokens"),
        cost=less("cost"),
        latency_ms=after["latency_ms"] - before["latency_ms"],
    )
