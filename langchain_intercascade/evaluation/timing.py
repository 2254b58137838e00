"""This is where it is counted how long models took, also when their replies come from a journal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, NamedTuple

LEARNING: Final = frozenset({"distill", "replay", "audit", "judge"})
"""Runs that teach or check: in service nobody waits for them."""


class Timed(NamedTuple):
    """One call of a model.

    Attributes:
        run: The run's name, such as "weak" or "distill".
        ms: How long it took.
    """

    run: str
    ms: float


_CALLS: ContextVar[list[Timed] | None] = ContextVar("calls", default=None)


@contextmanager
def timed() -> Iterator[list[Timed]]:
    """Collect the calls that are made in this block, in this thread and in those it starts."""
    calls: list[Timed] = []
    token = _CALLS.set(calls)
    try:
        yield calls
    finally:
        _CALLS.reset(token)


def took(run: str, ms: float) -> None:
    """Note a call, if somebody collects them."""
    if (calls := _CALLS.get()) is not None:
        calls.append(Timed(run, ms))


def answer_ms(calls: Sequence[Timed]) -> float | None:
    """Return how long whoever asked had to wait; `None` if no call was noted.

    Examples:
        >>> answer_ms([Timed("weak", 200.0), Timed("strong", 900.0), Timed("distill", 2000.0)])
        1100.0
    """
    waited = [each.ms for each in calls if each.run not in LEARNING]
    return sum(waited) if waited else None
