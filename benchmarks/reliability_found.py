"""What a suite of `benchmarks.reliability` found, in a form that fits one line of its table."""

from __future__ import annotations

from typing import NamedTuple


class Found(NamedTuple):
    """What one suite found.

    Attributes:
        suite: Its name in the table: `faults`, `crash`, `soak`, or `isolation`.
        injected: How many faults were injected (kills, for `crash`; crossings tried, for
            `isolation`).
        kinds: Names of the kinds of fault, sorted.
        survived: After how many of them all that is promised held.
        lost: How many things that had been acknowledged or paid for were lost.
        leaked: How many times a tenant saw what is another's, or a log or an exception held
            text of a prompt.
        seconds: How long it took.
        failures: What went wrong, in words, one entry a failure; empty if nothing did.
        figures: What else is worth knowing, by name: numbers only.
    """

    suite: str
    injected: int
    kinds: tuple[str, ...]
    survived: int
    lost: int
    leaked: int
    seconds: float
    failures: tuple[str, ...] = ()
    figures: dict[str, float] = {}  # noqa: RUF012 - a NamedTuple's default; never changed
