"""Kinds of tokens: what `usage_metadata` tells of caches, sound and thought, by one name each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from langchain_core.messages.ai import UsageMetadata


class Details(NamedTuple):
    """How many tokens of each special kind there are among those read and written.

    Attributes:
        cache_read: Read out of the provider's cache.
        cache_write: Read and put there, for however long.
        cache_write_5m: Of these, those that are kept for five minutes.
        cache_write_1h: Of these, those that are kept for an hour.
        input_audio: Sound that was read.
        output_audio: Sound that was written.
        reasoning: Thought, and not shown.
    """

    cache_read: int
    cache_write: int
    cache_write_5m: int
    cache_write_1h: int
    input_audio: int
    output_audio: int
    reasoning: int

    @property
    def input(self) -> tuple[int, int, int]:
        """Those read: out of the cache, into it, and sound."""
        return self.cache_read, self.cache_write, self.input_audio

    @property
    def output(self) -> tuple[int, int]:
        """Those written: sound and thought."""
        return self.output_audio, self.reasoning


def details_of(usage: UsageMetadata) -> Details:
    """Return what `usage` tells of kinds of tokens; what it does not tell counts as none.

    Examples:
        >>> usage = {"input_tokens": 10, "output_tokens": 2, "total_tokens": 12}
        >>> details_of({**usage, "input_token_details": {"cache_read": 8}}).cache_read
        8
    """
    read: Mapping[str, Any] = usage.get("input_token_details") or {}
    written: Mapping[str, Any] = usage.get("output_token_details") or {}
    # langchain-anthropic counts these apart, and then not under `cache_creation`.
    brief = _count(read, "ephemeral_5m_input_tokens")
    long = _count(read, "ephemeral_1h_input_tokens")
    return Details(
        cache_read=_count(read, "cache_read"),
        cache_write=max(_count(read, "cache_creation"), brief + long),
        cache_write_5m=brief,
        cache_write_1h=long,
        input_audio=_count(read, "audio"),
        output_audio=_count(written, "audio"),
        reasoning=_count(written, "reasoning"),
    )


def _count(told: Mapping[str, Any], name: str) -> int:
    value = told.get(name)
    return value if isinstance(value, int) and value > 0 else 0
