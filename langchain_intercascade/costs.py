"""Tokens and money, by role: what a cascade spends, and what it would have spent without itself."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.record import RECORD_KEY, DecisionRecord, Role, RoleUse, amended

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage
    from langchain_core.messages.ai import UsageMetadata

PER: Final = 1_000_000

_VERSION: Final = re.compile(r"[-@](?:latest|preview|\d[\d.-]*)$")
"""What providers add to a model's name: a date, a version, or "latest"."""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens."""

    input: float
    output: float

    def __post_init__(self) -> None:
        """Refuse prices that no bill could show."""
        for name in ("input", "output"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                msg = f"The {name} price must be a finite number of dollars >= 0, not {value!r}."
                raise ConfigurationError(msg)

    def of(self, usage: UsageMetadata) -> float:
        """Return the cost of `usage` in dollars.

        Examples:
            >>> usage = {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100}
            >>> Price(0.15, 0.60).of(usage)
            0.00021
        """
        spent = usage["input_tokens"] * self.input + usage["output_tokens"] * self.output
        return round(spent / PER, 12)


class Prices:
    """What each model costs.

    A price is looked up by the model's name; a name that ends in a date or
    version, as providers report it, also finds the price of the name without.
    A cost that the model itself reports wins: `response_metadata["total_cost"]`, or
    0 for an answer out of LangChain's cache.
    An unknown price is `None`, never 0.
    """

    def __init__(self, prices: Mapping[str, Price | tuple[float, float]] | None = None) -> None:
        """Take prices by model name, as `Price` or (input, output) dollars per million tokens."""
        self._prices = {
            name: price if isinstance(price, Price) else Price(*price)
            for name, price in (prices or {}).items()
        }

    def of(self, model: str) -> Price | None:
        """Return the price of `model`, or `None` if it is unknown.

        Examples:
            >>> prices = Prices({"gpt-4o": (2.5, 10)})
            >>> prices.of("gpt-4o-2024-08-06").input
            2.5
            >>> prices.of("gpt-4o-mini") is None
            True
        """
        if (exact := self._prices.get(model)) is not None:
            return exact
        return self._prices.get(_VERSION.sub("", model))

    def cost(self, message: AIMessage, *, model: str = "") -> float | None:
        """Return what `message` cost in dollars, or `None` if that is unknown."""
        if (inner := message.response_metadata.get(RECORD_KEY)) is not None:
            # Another cascade answered, with models of several prices; it has done the sum.
            return cast("float | None", inner["cost"])
        usage = message.usage_metadata
        # LangChain's caches write 0 into the usage ("this one was free").  Other costs do not
        # belong there: its usage counter cannot add fractions.
        for told in (message.response_metadata, cast("Mapping[str, Any]", usage or {})):
            if isinstance(reported := told.get("total_cost"), int | float):
                return float(reported)
        if usage is None:
            return None
        price = self.of(model or model_name(message))
        return None if price is None else price.of(usage)


class AlwaysStrong:
    """Estimates what the strong model alone would have cost for an accepted query.

    Its price is applied to the weak model's token counts, without the tokens
    of strategies when those are known.  Unknown prices stay unknown.
    """

    def __init__(self, prices: Prices, strong_model: str) -> None:
        """Estimate with the price of `strong_model`."""
        self._price = prices.of(strong_model)

    def cost(self, weak_answer: AIMessage) -> float | None:
        """Return the estimate in dollars, or `None`."""
        usage = weak_answer.usage_metadata
        return None if usage is None or self._price is None else self._price.of(usage)


class Spending:
    """What was spent where no answer was waiting: on lessons, replays and audits, by role.

    Safe to share between threads.
    """

    def __init__(self, prices: Prices) -> None:
        """Count with `prices`."""
        self._prices = prices
        self._lock = threading.Lock()
        self._uses: dict[str, RoleUse] = {}

    def add(self, role: Role, messages: Sequence[AIMessage]) -> float | None:
        """Count the calls that `messages` are the replies of; return their cost in dollars."""
        uses = [use_of(message, prices=self._prices) for message in messages]
        with self._lock:
            for use in uses:
                before = self._uses.get(role)
                self._uses[role] = use if before is None else _sum(before, use)
        return cast("float | None", total([use["cost"] for use in uses]))

    def by_role(self) -> dict[str, RoleUse]:
        """Return what each role has spent so far; roles that were not called are absent."""
        with self._lock:
            return dict(self._uses)


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


def model_name(message: AIMessage) -> str:
    """Return the name of the model that wrote `message`, as it reports it; may be empty."""
    metadata = message.response_metadata
    return str(metadata.get("model_name") or metadata.get("model") or "")


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
    before = record["usage"].get(role)
    spent = {**record["usage"], role: use if before is None else _sum(before, use)}
    return amended(record, usage=spent, cost=total([each["cost"] for each in spent.values()]))


def _sum(one: RoleUse, other: RoleUse) -> RoleUse:
    return RoleUse(
        calls=one["calls"] + other["calls"],
        input_tokens=total([one["input_tokens"], other["input_tokens"]]),
        output_tokens=total([one["output_tokens"], other["output_tokens"]]),
        cost=total([one["cost"], other["cost"]]),
        latency_ms=one["latency_ms"] + other["latency_ms"],
    )


def total(parts: Sequence[Any]) -> Any:
    """Add up; a sum with an unknown part is unknown.

    Examples:
        >>> total([1.5, 2.0]), total([1.5, None])
        (3.5, None)
    """
    return None if any(part is None for part in parts) else sum(parts)
