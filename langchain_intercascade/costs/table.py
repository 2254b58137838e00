"""The bundled table of prices: `genai-prices`, which is imported here and nowhere else.

It is data in that package, of the day of its release; nothing is fetched.  A program
that keeps the table up to date itself (`genai_prices.UpdatePrices`) is followed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, cast

from langchain_intercascade.costs.details import details_of

if TYPE_CHECKING:
    from genai_prices.types import PriceCalculation
    from langchain_core.messages.ai import UsageMetadata


@dataclass(frozen=True, slots=True)
class TablePrice:
    """The price of one model in the table; it may depend on how much is read, and on the hour.

    Attributes:
        model: The model's name, as it was asked for.
        provider: Who serves it; empty for whoever the table thinks does.
        origin: Which table, and whose price in it.
    """

    model: str
    provider: str
    origin: str

    def of(self, usage: UsageMetadata) -> float | None:
        """Return the cost of `usage` in dollars; `None` if the table has no price for it any more.

        Kinds of tokens are priced as far as the table knows them.  Counts that contradict
        each other are priced without their kinds.
        """
        plain = {"input_tokens": usage["input_tokens"], "output_tokens": usage["output_tokens"]}
        kinds = _kinds(usage)
        if not kinds and (rates := _rates(self.model, self.provider)) is not None:
            spent = rates[0] * usage["input_tokens"] + rates[1] * usage["output_tokens"]
            return round(float(spent / _PER), 12)
        for tokens in (plain | kinds, plain):
            try:
                found = _priced(self.model, self.provider, tokens)
            except ValueError:  # more of a kind than there is in all
                continue
            return None if found is None else round(float(found.total_price), 12)
        return None


class Table:
    """Looks models up in the table."""

    def of(self, model: str, provider: str = "") -> TablePrice | None:
        """Return the price of `model`, or `None` if the table has none, or not for both sides.

        Args:
            model: Its name, as the provider reports it.
            provider: Who serves it.  If that is known, nobody else's price is taken.

        Examples:
            >>> Table().of("gpt-4o-mini", "openai").origin
            'genai-prices ...: openai/gpt-4o-mini'
            >>> Table().of("gpt-4o-mini", "ollama") is None
            True
        """
        found = _priced(model, provider, {"input_tokens": 1, "output_tokens": 1})
        if found is None:
            return None
        origin = f"{_version()}: {found.provider.id}/{found.model.id}"
        return TablePrice(model, provider, origin)


BUNDLED: Final = Table()

_PER: Final = 1_000_000
_OF_KINDS: Final = frozenset(
    f"{kind}_mtok"
    for kind in (
        *("cache_read", "cache_write", "cache_write_5m", "cache_write_1h", "cache_audio_read"),
        *("cache_image_read", "input_audio", "input_image", "input_video", "output_audio"),
        *("output_image", "output_video", "output_reasoning", "output_citation"),
    )
) | {"web_searches_kcount", "storage_searches_kcount"}
"""Prices that do not matter where no tokens of their kind were used."""


def _rates(model: str, provider: str) -> tuple[Decimal, Decimal] | None:
    """Return dollars per million tokens read and written, if nothing else decides the price.

    The table can price far more than tokens, and takes ten times as long for it.  `None` for a
    price with steps, or with a part for anything that plain usage might be taken to hold.
    """
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415 - see `_priced`

    try:
        _, found = get_snapshot().find_provider_model(model, None, provider or None, None)
    except LookupError:
        return None
    told: dict[str, Any] = vars(found.get_prices(datetime.now(UTC)))
    rates = told.get("input_mtok"), told.get("output_mtok")
    others = {name for name, rate in told.items() if rate is not None} - _OF_KINDS
    if others == {"input_mtok", "output_mtok"} and {type(rate) for rate in rates} == {Decimal}:
        return cast("tuple[Decimal, Decimal]", rates)
    return None


def _priced(model: str, provider: str, tokens: dict[str, int]) -> PriceCalculation | None:
    # Half a second and 20 MB, which nobody needs who gives all prices.
    from genai_prices import Usage, calc_price  # noqa: PLC0415 - see above

    try:
        found = calc_price(Usage(**tokens), model, provider_id=provider or None)
    except LookupError:
        return None
    # The table knows models of which it does not know the price; their sum is 0.
    known: Any = found.model_price
    sides = (getattr(known, "input_mtok", None), getattr(known, "output_mtok", None))
    return None if None in sides else found


def _kinds(usage: UsageMetadata) -> dict[str, int]:
    if not (usage.get("input_token_details") or usage.get("output_token_details")):
        return {}
    found = details_of(usage)
    named = {
        "cache_read_tokens": found.cache_read,
        "cache_write_tokens": found.cache_write,
        "cache_write_5m_tokens": found.cache_write_5m,
        "cache_write_1h_tokens": found.cache_write_1h,
        "input_audio_tokens": found.input_audio,
        "output_audio_tokens": found.output_audio,
        "output_reasoning_tokens": found.reasoning,
    }
    return {name: n for name, n in named.items() if n}


def _version() -> str:
    from genai_prices import __version__, data_snapshot  # noqa: PLC0415 - as above

    now = data_snapshot.get_snapshot()
    updated = f" as of {now.timestamp:%Y-%m-%d}" if now.from_auto_update else ""
    return f"genai-prices {__version__}{updated}"
