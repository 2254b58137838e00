"""What forgetting did, in writing: what is gone, and what nobody here could reach."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from langchain_intercascade.repository.rewriting import Rewritten

UNREADABLE: Final = "unreadable"
"""Under this word, in place of a state, a receipt counts what was damaged."""

OUT_OF_REACH: Final = (
    "backups and snapshots of the folder or collection",
    "exports that were not named, and copies of exports that others have",
    "traces and logs that the models' clients wrote",
    "the memory of other running processes, until they end",
)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was forgotten, and what nobody here could reach.

    The query itself is not in it: a receipt that quotes it would remember it.

    Attributes:
        tenant: Whose strategies.
        source: Whose traces were asked for, if anybody's.
        by_query: Whether a query was asked for.
        dry_run: Whether this only says what would have been done.
        complete: Whether the last look found nothing more.
        removed: How many strategies were removed whole, by their state.
        keys_removed: How many queries were taken out of strategies that stay.
        ids: Of the removed strategies, by tenant.
        exports: What was done to export files.
        at: When, ISO 8601.
        engine: Short name of the engine.
        location: Where the strategies lie.
        kept_by_engine: What the engine may keep of what was removed, in words.
        out_of_reach: Where else something may be left, in words.
    """

    tenant: str
    source: str | None
    by_query: bool
    dry_run: bool
    complete: bool
    removed: dict[str, int]
    keys_removed: int
    ids: dict[str, tuple[str, ...]]
    exports: tuple[Rewritten, ...]
    at: str
    engine: str
    location: str
    kept_by_engine: str
    out_of_reach: tuple[str, ...] = OUT_OF_REACH

    def payload(self) -> dict[str, Any]:
        """Return the receipt as JSON-like data."""
        return asdict(self)
