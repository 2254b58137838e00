"""What the strong model would cost: beforehand, and where it was not asked."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.utils import count_tokens_approximately

from langchain_intercascade.costs.prices import priced

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.messages import AIMessage, BaseMessage

    from langchain_intercascade.costs.prices import Prices
    from langchain_intercascade.record import DecisionRecord, RoleUse

FIRST_ANSWER: Final = 500
"""Tokens that the first strong answer is taken to have where there is not even a weak one: a
paragraph or two."""


class AlwaysStrong:
    """Estimates what the strong model alone would have cost for an accepted query.

    Its price is applied to the weak model's token counts, without the tokens
    of strategies when those are known.  Unknown prices stay unknown.
    """

    def __init__(self, prices: Prices, strong_model: str, provider: str = "") -> None:
        """Estimate with the price of `strong_model`, as `provider` serves it."""
        self._price = prices.of(strong_model, provider)

    def cost(self, weak_answer: AIMessage) -> float | None:
        """Return the estimate in dollars, or `None`."""
        usage = weak_answer.usage_metadata
        return None if usage is None else priced(self._price, usage)


class StrongEstimate:
    """Estimates what the next strong answer will cost, before it is asked for.

    Its price is applied to the tokens of the query, as the weak model has counted them, and to
    as many written ones as strong answers have had so far, on average.  Without a price, and
    where the strong model is a cascade, it is what one has cost so far, on average.
    """

    def __init__(
        self, prices: Prices, strong_model: str, provider: str = "", *, of_cascade: bool = False
    ) -> None:
        """Estimate for `strong_model`, which may be the last model of a cascade."""
        self._price = None if of_cascade else prices.of(strong_model, provider)
        self._lock = threading.Lock()
        self._answers = 0
        self._cost = 0.0
        self._written = 0

    def cost(self, record: DecisionRecord, messages: Sequence[BaseMessage]) -> float:
        """Return the estimate in dollars for the query of `record`; 0 while nothing is known."""
        weak = record["usage"].get("weak")
        with self._lock:
            answers, cost, written = self._answers, self._cost, self._written
        if self._price is None:
            return cost / answers if answers else 0.0
        reading = (weak and weak["input_tokens"]) or count_tokens_approximately(messages)
        tried = (weak and weak["output_tokens"]) or FIRST_ANSWER
        writing = round(written / answers) if answers else tried
        usage = UsageMetadata(
            input_tokens=reading, output_tokens=writing, total_tokens=reading + writing
        )
        return priced(self._price, usage) or 0.0

    def learn(self, use: RoleUse | None) -> None:
        """Remember what a strong answer has cost."""
        if use is None or use["cost"] is None:
            return
        with self._lock:
            self._answers += 1
            self._cost += use["cost"]
            self._written += use["output_tokens"] or 0
