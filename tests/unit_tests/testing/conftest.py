"""A stub server for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from langchain_intercascade.testing.stub.server import StubServer


@pytest.fixture(scope="module")
def running() -> Iterator[StubServer]:
    """One server for all tests, since `ChatOpenAI` keeps its connections to an address."""
    with StubServer(dimensions=16) as server:
        yield server


@pytest.fixture
def server(running: StubServer) -> StubServer:
    """A server with an empty log, no faults and models that behave."""
    running.reset()
    running.model("weak")
    running.model("strong")
    return running
