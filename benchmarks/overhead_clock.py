"""How two ways of doing something are compared on a machine that others use too.

Every contender runs in every round, in an order that turns round from one to the next, and
only times of one round are divided by one another; the median over the rounds is the figure.
Time is the processor time of the calling thread, so that neither neighbours nor a worker in
the background count.  What was alive before a round is frozen for the garbage collector.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any, TypeAlias

Block: TypeAlias = Callable[[int], object]
"""Does its work as many times as it is told."""

Times: TypeAlias = dict[str, list[float]]
"""Seconds a call, by contender: one number for each round."""

BARE = 150.0
"""Microseconds that a bare model run took on two quiet cores, when the targets were set."""

BOUNDS = {"at most": 1.0, "at least": -1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure, beside what was aimed at.

    Attributes:
        name: What it is of.
        ratio: The figure; a ratio, unless the unit says otherwise. `None` if it was not measured.
        target: What was aimed at; `None` where nothing was.
        bound: Whether the target is meant as a bound from above or from below.
        unit: What it is counted in.
        spread: The middle half of the rounds; `None` where there was only one.
        note: What one must know to read it.
        why: Why the target is missed, where it is.
    """

    name: str
    ratio: float | None
    target: float | None = None
    bound: str = "at most"
    unit: str = "x"
    spread: tuple[float, float] | None = None
    note: str = ""
    why: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; `None` where there is none, or nothing was measured.

        Examples:
            >>> Row(name="a", ratio=1.3, target=1.3).met, Row(name="b", ratio=2.0).met
            (True, None)
            >>> Row(name="c", ratio=0.2, target=0.28, bound="at least").met
            False
        """
        if self.ratio is None or self.target is None:
            return None
        return BOUNDS[self.bound] * self.ratio <= BOUNDS[self.bound] * self.target

    def payload(self) -> dict[str, Any]:
        """Return the row as JSON-like data."""
        return {
            "name": self.name,
            "ratio": _rounded(self.ratio),
            "target": self.target,
            "met": self.met,
            "bound": self.bound,
            "unit": self.unit,
            "spread": None if self.spread is None else [_rounded(each) for each in self.spread],
            "note": self.note,
            "why": self.why if self.met is False else "",
        }


def interleaved(
    blocks: Mapping[str, Block],
    *,
    rounds: int,
    calls: int,
    clock: Callable[[], float] = time.thread_time,
    between: Callable[[], object] = lambda: None,
) -> Times:
    """Run all `blocks` in turn, `rounds` times, and return the seconds that each call took.

    Args:
        blocks: The contenders, by name.
        rounds: How many rounds are counted; one before them is not.
        calls: How many calls make one number.
        clock: Tells the time in seconds.
        between: Done before each contender's turn, outside of its time.

    Examples:
        >>> ticks = iter(range(100))
        >>> interleaved({"a": range}, rounds=2, calls=1, clock=lambda: float(next(ticks)))
        {'a': [1.0, 1.0]}
    """
    times: Times = {name: [] for name in blocks}
    for number in range(-1, rounds):
        gc.collect()
        gc.freeze()
        for name in turned(list(blocks), number):
            between()
            began = clock()
            blocks[name](calls)
            spent = (clock() - began) / calls
            if number >= 0:
                times[name].append(spent)
    gc.unfreeze()
    return times


def turned(names: Sequence[str], number: int) -> list[str]:
    """Return the order of the round `number`: each round begins elsewhere, every other backwards.

    Examples:
        >>> turned(["a", "b", "c"], 0), turned(["a", "b", "c"], 1)
        (['a', 'b', 'c'], ['a', 'c', 'b'])
    """
    at = number % len(names)
    order = [*names[at:], *names[:at]]
    return order if number % 2 == 0 else order[::-1]


def compared(
    name: str,
    times: Mapping[str, Sequence[float]],
    over: str | Sequence[str],
    under: str | Sequence[str],
    **said: Any,
) -> Row:
    """Return the row in which the time of `over` is divided by that of `under`, round by round.

    Args:
        name: The row's name.
        times: What `interleaved` has measured.
        over: The contender, or several whose times are added.
        under: The one it is compared with, or several.
        **said: The row's other fields.

    Examples:
        >>> compared("a to b", {"a": [2.0, 9.0, 2.0], "b": [1.0, 1.0, 1.0]}, "a", "b").ratio
        2.0
    """
    ratios = [
        one / other for one, other in zip(_sums(times, over), _sums(times, under), strict=True)
    ]
    return Row(name=name, ratio=median(ratios), spread=_middle(ratios), **said)


def lasting(name: str, times: Sequence[float], *, scale: float = 1e6, **said: Any) -> Row:
    """Return the row of a time by itself, in microseconds unless `scale` says otherwise."""
    scaled = [each * scale for each in times]
    said = {"unit": "us", **said}
    return Row(name=name, ratio=median(scaled), spread=_middle(scaled), **said)


def scaled(name: str, times: Times, contender: str, *, target: float, note: str = "") -> Row:
    """Return the row of a time in microseconds, as it would be on a machine that nobody else uses.

    Targets in microseconds mean a machine on which a bare model run takes `BARE`.  The contender
    `bare` of the same run says how much slower this one is now.

    Examples:
        >>> scaled("a", {"a": [4e-6], "bare": [300e-6]}, "a", target=10.0).ratio
        2.0
    """
    shares = [BARE * one / bare for one, bare in zip(times[contender], times["bare"], strict=True)]
    told = f"on a machine where a bare model run takes {BARE:.0f} us; here it took "
    told += f"{1e6 * median(times['bare']):.0f}, and this {1e6 * median(times[contender]):.1f}"
    note = f"{note}; {told}" if note else told
    return Row(
        name=name, ratio=median(shares), target=target, unit="us", spread=_middle(shares), note=note
    )


def each(call: Callable[[], object]) -> Block:
    """Return the block that makes `call` again and again."""

    def block(calls: int) -> None:
        for _ in range(calls):
            call()

    return block


def awaited(call: Callable[[], Awaitable[object]], loop: asyncio.AbstractEventLoop) -> Block:
    """Return the block that awaits `call` again and again, in one task on `loop`."""

    async def repeated(calls: int) -> None:
        for _ in range(calls):
            await call()

    return lambda calls: loop.run_until_complete(repeated(calls))


def _sums(times: Mapping[str, Sequence[float]], names: str | Sequence[str]) -> list[float]:
    chosen = [names] if isinstance(names, str) else names
    return [sum(parts) for parts in zip(*(times[name] for name in chosen), strict=True)]


def _middle(numbers: Sequence[float]) -> tuple[float, float] | None:
    if len(numbers) < 2:  # noqa: PLR2004 - one number has no spread
        return None
    low, _, high = quantiles(numbers, n=4)
    return low, high


def _rounded(number: float | None) -> float | None:
    return None if number is None else float(f"{number:.4g}")
