"""Strategies to try the choosing on."""

from __future__ import annotations

from typing import Any

from langchain_intercascade.repository.points import Hit
from langchain_intercascade.strategy import Advice, Kind, Origin, State, Strategy


def strategy(name: str, *, words: str = "", kind: Kind = Kind.STRATEGY, **fields: Any) -> Strategy:
    """Return an active strategy called `name`, whose advice shares no word with any other's."""
    told = words or f"{name}step"
    advice = Advice(
        title=f"{name}title",
        when_to_use=f"{name}when",
        steps=(told,) if kind is Kind.STRATEGY else (),
        pitfalls=(told,) if kind is Kind.PITFALL else (),
        kind=kind,
    )
    given: dict[str, Any] = {
        "id": name,
        "tenant": "acme",
        "state": State.ACTIVE,
        "keys": (f"{name} key",),
        "advice": advice,
        "origin": Origin(run_id="run", strong_model="strong", prompt_version=1),
        "created_at": "2026-01-01T00:00:00+00:00",
        "updated_at": "2026-01-01T00:00:00+00:00",
        **fields,
    }
    return Strategy(**given)


def hit(name: str, similarity: float, **fields: Any) -> Hit:
    """Return a strategy called `name` that was found at `similarity`."""
    return Hit(strategy(name, **fields), similarity)
