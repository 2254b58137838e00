"""Several bodies side by side: their calls are made at once, in both colours."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from threading import Barrier
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig

from langchain_intercascade import ConfigurationError
from langchain_intercascade._steps import Call, Fault, Steps, arun, attempt, either, run, together
from tests.conftest import Colour


def drive(colour: Colour, steps: Steps[Any], config: RunnableConfig | None = None) -> Any:
    return colour.run(lambda: run(steps, config), lambda: arun(steps, config))


def told(value: Any) -> Steps[Any]:
    """A body with one call, which returns `value` or raises it."""

    def blocking() -> Any:
        if isinstance(value, Exception):
            raise value
        return value

    async def awaited() -> Any:
        return blocking()

    return (yield from either(blocking, awaited))


def counted(times: int) -> Steps[int]:
    total = 0
    for _ in range(times):
        total += yield from told(1)
    return total


def test_the_values_come_in_order_however_many_calls_each_body_makes(colour: Colour) -> None:
    assert [3, 0, 1, 5] == drive(colour, together([counted(n) for n in (3, 0, 1, 5)]))
    assert [] == drive(colour, together([]))


def test_the_calls_are_made_at_once(colour: Colour) -> None:
    """Each waits for all the others: one after the other they would wait for ever."""
    several = 3
    threads = Barrier(several, timeout=20)

    async def scene() -> Any:
        tasks = asyncio.Barrier(several)
        return await arun(together([meeting(tasks.wait) for _ in range(several)]))

    def meeting(wait: Callable[[], Awaitable[Any]] | None) -> Steps[str]:
        async def awaited() -> str:
            assert wait is not None
            await asyncio.wait_for(wait(), 20)
            return "met"

        def blocking() -> str:
            threads.wait()
            return "met"

        return (yield from either(blocking, awaited))

    found = colour.run(lambda: run(together([meeting(None) for _ in range(several)])), scene)
    assert ["met"] * several == found


def test_no_more_calls_are_made_at_once_than_the_config_allows(colour: Colour) -> None:
    busy, most = 0, 0

    def enter() -> None:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)

    def leave() -> None:
        nonlocal busy
        busy -= 1

    async def awaited(_: RunnableConfig) -> None:
        enter()
        await asyncio.sleep(0)
        leave()

    def blocking(_: RunnableConfig) -> None:
        enter()
        leave()

    def body() -> Steps[None]:
        yield Call(blocking, awaited)

    drive(colour, together([body() for _ in range(5)]), {"max_concurrency": 1})
    assert 1 == most


def test_a_failure_reaches_the_body_that_called(colour: Colour) -> None:
    found = drive(colour, together([attempt(told(OSError())), told(2)]))

    assert isinstance(found[0], Fault)
    assert 2 == found[1]


def test_an_error_that_nobody_keeps_is_raised_and_the_others_are_closed(colour: Colour) -> None:
    closed = []

    def lasting() -> Steps[None]:
        try:
            yield from counted(100)
        finally:
            closed.append("closed")

    with pytest.raises(ConfigurationError, match="wrong"):
        drive(colour, together([lasting(), attempt(told(ConfigurationError("wrong")))]))
    assert ["closed"] == closed


def test_they_nest(colour: Colour) -> None:
    inner = [together([counted(2), counted(1)]), together([counted(3)])]

    assert [[2, 1], [3]] == drive(colour, together(inner))


async def test_cancelling_cancels_every_call() -> None:
    cancelled = 0
    started = asyncio.Event()

    async def endless(_: RunnableConfig) -> None:
        nonlocal cancelled
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled += 1
            raise

    def body() -> Steps[None]:
        yield Call(lambda _: None, endless)

    task = asyncio.create_task(arun(together([body(), body()])))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert 2 == cancelled
