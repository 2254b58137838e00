"""What a caller may ask for: how long, and how many at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import isfinite
from typing import Any, Final, Literal, TypeAlias, get_args

from langchain_intercascade.errors import ConfigurationError

Pool: TypeAlias = Literal["weak", "strong", "distiller"]
"""The models of which a cascade limits the calls in flight."""

POOLS: Final[tuple[Pool, ...]] = get_args(Pool)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """After how many seconds nobody waits for a call any more; for ever where `None`.

    The wait for a slot counts.  An awaited call is cancelled.  A blocking call cannot be: it
    goes on in a thread of its own until the provider's client gives up, so give the client a
    timeout too.  In a stream, each wait is bounded: for the first piece, and for each further.

    Attributes:
        weak: The weak model; then the query is deferred.
        strong: The strong model; then `StrongModelError`, or what `on_strong_error` says.
        retrieval: Each call of the encoder and of the repository before the weak model is asked;
            then there are no strategies.
        confidence: Each round of calls of the confidence function; then the query is deferred.
        advise: The strong model as an adviser; then it answers itself.
        distill: The distiller; then the lesson is put off.
        replay: The weak model in a replay; then the lesson is put off.
        audit: The strong model in an audit; then there is none.
    """

    weak: float | None = None
    strong: float | None = None
    retrieval: float | None = None
    confidence: float | None = None
    advise: float | None = None
    distill: float | None = None
    replay: float | None = None
    audit: float | None = None

    def __post_init__(self) -> None:
        """Refuse what is no number of seconds."""
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None and not _is_seconds(value):
                msg = (
                    f"timeouts: {each.name}={value!r} must be a number of seconds above 0, or None "
                    "for no limit."
                )
                raise ConfigurationError(msg)


def timeouts_of(given: Any) -> Timeouts:
    """Return `given` as timeouts: `Timeouts`, a mapping of the same names, or `None`.

    Raises:
        ConfigurationError: It is none of these, or names what there is not.

    Examples:
        >>> timeouts_of({"weak": 5}).weak
        5
    """
    if given is None:
        return Timeouts()
    if isinstance(given, Timeouts):
        return given
    known = [each.name for each in fields(Timeouts)]
    if isinstance(given, Mapping) and set(given) <= set(known):
        return Timeouts(**given)
    msg = f"timeouts={given!r} must be Timeouts, or a mapping with some of {', '.join(known)}."
    raise ConfigurationError(msg)


def limits_of(given: Any) -> Mapping[Pool, int]:
    """Return `given` as how many calls of each model may be in flight at once.

    Raises:
        ConfigurationError: It is no mapping of `weak`, `strong` and `distiller` to whole numbers.

    Examples:
        >>> limits_of({"weak": 64})
        {'weak': 64}
    """
    if given is None:
        return {}
    if (
        isinstance(given, Mapping)
        and set(given) <= set(POOLS)
        and all(map(_is_whole, given.values()))
    ):
        return dict(given)
    msg = (
        f"max_concurrency={given!r} must say for some of {', '.join(POOLS)} how many calls may be "
        "in flight at once, 1 or more: {'weak': 64, 'strong': 16}."
    )
    raise ConfigurationError(msg)


def _is_seconds(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and isfinite(value)
        and value > 0
    )


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
