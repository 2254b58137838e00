"""What the encoder spends, where it says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from langchain_core.messages.ai import UsageMetadata

from langchain_intercascade.costs.prices import priced
from langchain_intercascade.record import RoleUse

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

    from langchain_intercascade.costs.prices import Prices

Meter: TypeAlias = Callable[[], RoleUse | None]


def metered(
    embeddings: Embeddings, prices: Prices, *, label: str, free: bool
) -> tuple[Meter, Sequence[str]]:
    """Return what tells the encoder's spending from now on, and what there is to say of it.

    LangChain's encoders report no tokens.  One that has an attribute `tokens_used`, a number
    that grows, is charged with the price of its `model`.  What any other costs is unknown;
    that is said, and does not make all sums unknown: next to what models cost it is little.

    Args:
        embeddings: The encoder.
        prices: What its model costs.
        label: Its name, for people.
        free: Whether it runs here and costs nothing.
    """
    if free:
        return nothing_spent, ()
    began = _tokens(embeddings)
    if began is None:
        return nothing_spent, (f"{label}: encoders do not say how many tokens they use",)
    price = prices.of(str(getattr(embeddings, "model", "")))

    def spent() -> RoleUse | None:
        tokens = (_tokens(embeddings) or 0) - began
        usage = UsageMetadata(input_tokens=tokens, output_tokens=0, total_tokens=tokens)
        cost = priced(price, usage)
        # How many calls there were is not known, only what they read.
        return RoleUse(calls=0, input_tokens=tokens, output_tokens=0, cost=cost, latency_ms=0.0)

    return spent, ()


def nothing_spent() -> RoleUse | None:
    """Say that the encoder costs nothing, as far as is known."""
    return None


def _tokens(embeddings: Any) -> int | None:
    told = getattr(embeddings, "tokens_used", None)
    return told if isinstance(told, int) else None
