"""Fixtures that every test may use; above all `colour`, through which one test covers both."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from langchain_core.runnables import Runnable

from langchain_intercascade.testing.stub.server import StubServer

T = TypeVar("T")

# A busy machine is no fault of the code: nothing here is judged by the clock.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


@dataclass(frozen=True)
class Colour:
    """Sync or async: runs whichever of two twins the test is about."""

    name: str
    runner: asyncio.Runner

    def run(self, blocking: Callable[[], T], awaited: Callable[[], Awaitable[T]]) -> T:
        """Return what the twin of this colour returns."""
        if self.name == "sync":
            return blocking()

        async def main() -> T:
            return await awaited()

        return self.runner.run(main())

    def invoke(self, runnable: Runnable[Any, T], value: Any, *args: Any, **kwargs: Any) -> T:
        """Invoke `runnable` in this colour."""
        return self.run(
            lambda: runnable.invoke(value, *args, **kwargs),
            lambda: runnable.ainvoke(value, *args, **kwargs),
        )

    def stream(self, runnable: Runnable[Any, T], value: Any, *args: Any, **kwargs: Any) -> list[T]:
        """Return all that `runnable` streams in this colour."""

        async def gathered() -> list[T]:
            return [piece async for piece in runnable.astream(value, *args, **kwargs)]

        return self.run(lambda: list(runnable.stream(value, *args, **kwargs)), gathered)


@pytest.fixture(scope="session")
def event_loop_runner() -> Iterator[asyncio.Runner]:
    """One event loop for the session: async clients do not survive a change of loop."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(params=["sync", "async"])
def colour(request: pytest.FixtureRequest, event_loop_runner: asyncio.Runner) -> Colour:
    """Each of the two colours in turn."""
    return Colour(request.param, event_loop_runner)


@pytest.fixture(params=["chat_model", "graph"])
def host(request: pytest.FixtureRequest, colour: Colour) -> Any:
    """Each of the two hosts in each of the two colours."""
    from tests.cascades import Host  # noqa: PLC0415 - which imports this file

    return Host(request.param, colour)


@pytest.fixture
def colours(event_loop_runner: asyncio.Runner) -> list[Colour]:
    """Both colours at once, for tests that compare them."""
    return [Colour(name, event_loop_runner) for name in ("sync", "async")]


@pytest.fixture
def openai(monkeypatch: pytest.MonkeyPatch) -> Iterator[StubServer]:
    """A stub in OpenAI's place, under the names README and docs use."""
    with StubServer() as server:
        for name in ("gpt-4o-mini", "gpt-4o"):
            server.model(name, lambda _: "3 hours 25 minutes")
        monkeypatch.setenv("OPENAI_API_KEY", "test")
        monkeypatch.setenv("OPENAI_API_BASE", server.base_url)
        yield server
