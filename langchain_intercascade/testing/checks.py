"""A promise of a contract as a check, and the words in which a broken one is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from langchain_intercascade._steps import Steps


@dataclass(frozen=True, slots=True)
class Check:
    """One promise of a contract, in one colour.

    Attributes:
        name: The promise, and the colour.
        run: Returns if the promise is kept, and raises `AssertionError` if not.
    """

    name: str
    run: Callable[[], None]


def expect(expected: object, found: object, promise: str) -> None:
    """Raise `AssertionError` unless what was `found` is what was `expected`."""
    if found != expected:
        msg = f"{promise}: expected {expected!r}, found {found!r}."
        raise AssertionError(msg)


def holds(condition: object, promise: str) -> None:
    """Raise `AssertionError` unless `condition` is so."""
    if not condition:
        msg = f"{promise}: this is not so."
        raise AssertionError(msg)


def refused(steps: Steps[Any], error: type[Exception], promise: str) -> Steps[None]:
    """Raise `AssertionError` unless `steps` raise `error`."""
    try:
        found = yield from steps
    except error:
        return
    msg = f"{promise}: expected {error.__name__}, found {found!r}."
    raise AssertionError(msg)


def in_new_loop(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run `coroutine` in a thread, so that the caller may have an event loop running."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, coroutine).result()
