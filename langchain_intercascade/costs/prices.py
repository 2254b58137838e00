"""What models cost: prices that were given, then those of a table, and where each came from."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from langchain_intercascade._steps import Fault, attempted
from langchain_intercascade.costs.details import details_of
from langchain_intercascade.costs.table import Table, TablePrice
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.record import RECORD_KEY

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage
    from langchain_core.messages.ai import UsageMetadata

logger = logging.getLogger(__name__)

PER: Final = 1_000_000

UNKNOWN: Final = "unknown"
NO_USAGE: Final = "unknown: it did not say how many tokens it used"
GIVEN: Final = "given"
REPORTED: Final = "reported by the model"

_NAMES: Final = 1000
"""Names of models that are remembered, so that one with a new name each time fills no memory."""

_NEVER: Final = object()

_VERSION: Final = re.compile(r"[-@](?:latest|preview|\d[\d.-]*)$")
"""What providers add to a model's name: a date, a version, or "latest"."""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens; `Price(0, 0)` is a model that costs nothing.

    Tokens of a special kind cost what its own price says, and else what their side costs.

    Attributes:
        input: Tokens read.
        output: Tokens written.
        cache_read: Tokens read out of the provider's cache.
        cache_write: Tokens read and put there.
        input_audio: Tokens of sound read.
        output_audio: Tokens of sound written.
        reasoning: Tokens thought, and not shown.
    """

    input: float
    output: float
    cache_read: float | None = None
    cache_write: float | None = None
    input_audio: float | None = None
    output_audio: float | None = None
    reasoning: float | None = None

    def __post_init__(self) -> None:
        """Refuse prices that no bill could show."""
        for name in self.__slots__:
            value = getattr(self, name)
            if value is None and name not in ("input", "output"):
                continue
            if not (isinstance(value, int | float) and math.isfinite(value) and value >= 0):
                msg = f"The {name} price must be a finite number of dollars >= 0, not {value!r}."
                raise ConfigurationError(msg)

    def of(self, usage: UsageMetadata) -> float:
        """Return the cost of `usage` in dollars.

        Examples:
            >>> usage = {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100}
            >>> Price(0.15, 0.60).of(usage)
            0.00021
            >>> Price(0.15, 0.60, cache_read=0).of(
            ...     {**usage, "input_token_details": {"cache_read": 1000}}
            ... )
            6e-05
        """
        details = details_of(usage)
        special = {
            "input": (self.cache_read, self.cache_write, self.input_audio),
            "output": (self.output_audio, self.reasoning),
        }
        spent = _side(usage["input_tokens"], self.input, special["input"], details.input)
        spent += _side(usage["output_tokens"], self.output, special["output"], details.output)
        return round(spent / PER, 12)


Tariff: TypeAlias = Price | TablePrice
"""Says what usage costs: `of(usage)` in dollars."""


class Prices:
    """What each model costs.

    A price is looked up by the model's name; a name that ends in a date or
    version, as providers report it, also finds the price of the name without.
    A cost that the model itself reports wins: `response_metadata["total_cost"]`, or
    0 for an answer out of LangChain's cache.
    An unknown price is `None`, never 0.  A table that fails, or returns what is no price,
    leaves it unknown too: no answer is lost for want of its price.
    """

    def __init__(
        self,
        prices: Mapping[str, Price | tuple[float, float]] | None = None,
        *,
        table: Table | None = None,
    ) -> None:
        """Take prices by model name, as `Price` or (input, output) dollars per million tokens.

        Args:
            prices: Those given.
            table: Where models are looked up that are not among them; `None` for nowhere.
        """
        self._prices = {
            name: price if isinstance(price, Price) else Price(*price)
            for name, price in (prices or {}).items()
        }
        self._table = table
        self._looked_up: dict[tuple[str, str], TablePrice | None] = {}
        self._origins: dict[str, str] = {}

    def of(self, model: str, provider: str = "") -> Tariff | None:
        """Return the price of `model`, or `None` if it is unknown.

        Args:
            model: Its name.
            provider: Who serves it, as LangChain names them; a model that is served by
                somebody whom the table does not know has no price there.

        Examples:
            >>> prices = Prices({"gpt-4o": (2.5, 10)})
            >>> prices.of("gpt-4o-2024-08-06").input
            2.5
            >>> prices.of("gpt-4o-mini") is None
            True
        """
        if (exact := self._prices.get(model)) is not None:
            return exact
        if self._prices and (given := self._prices.get(_VERSION.sub("", model))) is not None:
            return given
        return self._in_table(model, provider)

    def cost(self, message: AIMessage, *, model: str = "") -> float | None:
        """Return what `message` cost in dollars, or `None` if that is unknown."""
        if (inner := message.response_metadata.get(RECORD_KEY)) is not None:
            # Another cascade answered, with models of several prices; it has done the sum.
            return cast("float | None", inner["cost"])
        name = model or model_name(message)
        usage = message.usage_metadata
        # LangChain's caches write 0 into the usage ("this one was free").  Other costs do not
        # belong there: its usage counter cannot add fractions.
        for told in (message.response_metadata, cast("Mapping[str, Any]", usage or {})):
            reported = _dollars(told.get("total_cost"))
            if reported is not None:
                self._noted(name, REPORTED)
                return reported
        price = self.of(name, str(message.response_metadata.get("model_provider") or ""))
        if usage is None:
            self._noted(name, NO_USAGE)
            return None
        cost = priced(price, usage)
        self._noted(name, UNKNOWN if cost is None else _origin(price))
        return cost

    def origins(self) -> dict[str, str]:
        """Return where the price of each model came from that has answered so far, by its name.

        Examples:
            >>> from langchain_core.messages import AIMessage
            >>> prices = Prices({"mine": (1, 2)})
            >>> told = {"model_name": "mine", "total_cost": 0.5}
            >>> prices.cost(AIMessage("4", response_metadata=told))
            0.5
            >>> prices.origins()
            {'mine': 'reported by the model'}
        """
        return dict(self._origins)

    def _in_table(self, model: str, provider: str) -> TablePrice | None:
        if self._table is None or not model:
            return None
        key = (model, provider)
        if (known := self._looked_up.get(key, _NEVER)) is not _NEVER:
            return cast("TablePrice | None", known)
        found = attempted(partial(self._table.of, model, provider))
        if isinstance(found, Fault):  # the next answer looks again
            _tell(found)
            return None
        price = found if isinstance(found, TablePrice) else None
        if len(self._looked_up) < _NAMES:
            self._looked_up[key] = price
        return price

    def _noted(self, name: str, origin: str) -> None:
        before = self._origins.get(name)
        # One unknown cost makes every sum unknown, so it stays to be seen.  And an answer out of a
        # cache says nothing of what the others cost.
        if before == origin or (before and UNKNOWN in before) or (before and origin == REPORTED):
            return
        if before or len(self._origins) < _NAMES:
            self._origins[name] = origin


def priced(price: Tariff | None, usage: UsageMetadata) -> float | None:
    """Return what `usage` costs at `price` in dollars; `None` if it is unknown, or cannot be told.

    Examples:
        >>> priced(Price(1, 2), {"input_tokens": 1000, "output_tokens": 0, "total_tokens": 1000})
        0.001
        >>> priced(Price(1, 2), {}) is None
        True
    """
    if price is None:
        return None
    told = attempted(partial(price.of, usage))
    cost = _dollars(told)
    if cost is None and told is not None:
        _tell(told if isinstance(told, Fault) else Fault(ValueError()))
    return cost


def _tell(fault: Fault) -> None:
    logger.warning(
        "A price could not be told (%s), so a cost is unknown.",
        str(fault),
        extra={"event": "price_unknown", "error": str(fault)},
    )


def _dollars(told: object) -> float | None:
    """Return `told` if it is an amount of money: a finite number, 0 or more."""
    if isinstance(told, int | float) and math.isfinite(told) and told >= 0:
        return float(told)
    return None


def model_name(message: AIMessage) -> str:
    """Return the name of the model that wrote `message`, as it reports it; may be empty."""
    metadata = message.response_metadata
    return str(metadata.get("model_name") or metadata.get("model") or "")


def _origin(price: Tariff | None) -> str:
    return price.origin if isinstance(price, TablePrice) else GIVEN


def _side(
    tokens: int, price: float, special: tuple[float | None, ...], counts: tuple[int, ...]
) -> float:
    """Return the cost of one side, in millionths of a dollar."""
    priced = [(n, own) for n, own in zip(counts, special, strict=True) if own is not None]
    plain = max(0, tokens - sum(n for n, _ in priced))
    return plain * price + sum(n * own for n, own in priced)
