"""A strategy in a new place: another tenant, or a file that others may read."""

from __future__ import annotations

from typing import Final
from uuid import UUID, uuid5

from langchain_intercascade.strategy import Advice

_NAMESPACE: Final = UUID("f1f0c3a8-6f0e-53f7-8d0e-6a4c3a9b7f21")


def transplanted_id(strategy_id: str, *, tenant: str) -> str:
    """Return the id that a copy of a strategy of somebody else has at `tenant`.

    The same copy always has the same id, so copying twice makes one strategy.

    Examples:
        >>> one = transplanted_id("a-strategy", tenant="everybody")
        >>> one == transplanted_id("a-strategy", tenant="everybody")
        True
        >>> one == transplanted_id("a-strategy", tenant="somebody")
        False
    """
    # A length prefix keeps ("ab", "c") apart from ("a", "bc").
    name = f"{len(tenant)}:{tenant}{strategy_id}"
    return str(uuid5(_NAMESPACE, name))


def general_key(advice: Advice) -> str:
    """Return what a strategy is found by where nobody's query may be shown.

    Examples:
        >>> general_key(Advice(title="Sums", when_to_use="Adding.", steps=("Add.",)))
        'Sums. Adding.'
    """
    return f"{advice.title.rstrip('.')}. {advice.when_to_use}"
