"""A stub server for a module, and clients for it that are closed in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from langchain_intercascade.testing import StubServer

MakeClient = Callable[..., ChatOpenAI]


@pytest.fixture(scope="module")
def listening() -> Iterator[StubServer]:
    """One server for the module: `ChatOpenAI` keeps its connections to an address."""
    with StubServer() as server:
        yield server


@pytest.fixture(scope="module")
def client(listening: StubServer, event_loop_runner: asyncio.Runner) -> Iterator[MakeClient]:
    """Makes clients of the server, which do not retry by themselves."""
    made: list[ChatOpenAI] = []

    def make(name: str, **fields: Any) -> ChatOpenAI:
        options = {"max_retries": 0, "stream_usage": True} | fields
        key = SecretStr("test")
        model = ChatOpenAI(base_url=listening.base_url, api_key=key, model=name, **options)
        made.append(model)
        return model

    yield make
    event_loop_runner.run(_closed(made))


async def _closed(models: list[ChatOpenAI]) -> None:
    # The asynchronous clients keep their connections open for the next request.
    for model in models:
        await model.root_async_client.close()
