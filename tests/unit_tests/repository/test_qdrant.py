"""The shared engine: how it finds its collection, and what its client's many errors become."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from qdrant_client import AsyncQdrantClient, QdrantClient, models

from langchain_intercascade._steps import Steps
from langchain_intercascade.errors import (
    ConfigurationError,
    EncoderMismatchError,
    RepositoryCorruptError,
    RepositoryError,
)
from langchain_intercascade.repository.embeddings import HashingEmbeddings
from langchain_intercascade.repository.operations import Operation, Write
from langchain_intercascade.repository.points import META_ID
from langchain_intercascade.repository.qdrant import QdrantRepository
from langchain_intercascade.strategy import STAMPS, Lesson, Origin, Strategy, pending_lesson
from tests.conftest import Colour
from tests.qdrant_server import Database, http_server, qdrant_server

Server = tuple[dict[str, Any], Database]


def strategy(query: str = "How many?") -> Strategy:
    origin = Origin(run_id="r", strong_model="m", prompt_version=1)
    lesson = Lesson(query=query, answer="An answer.")
    return pending_lesson(tenant="a", query=query, lesson=lesson, origin=origin)


def count(colour: Colour, repository: QdrantRepository) -> int:
    return colour.run(lambda: repository.count(tenant="a"), lambda: repository.acount(tenant="a"))


def close(colour: Colour, repository: QdrantRepository) -> None:
    colour.run(repository.close, repository.aclose)


@pytest.fixture
def server() -> Iterator[Server]:
    with qdrant_server() as (place, database):
        yield place, database


@pytest.fixture
def client() -> Iterator[QdrantClient]:
    with closing(QdrantClient(":memory:")) as client:
        yield client


# The place.


@pytest.mark.parametrize("url", [None, "", "strategies", "/var/strategies", "localhost:6333"])
def test_a_place_that_is_no_server_is_refused_with_the_alternatives(url: str | None) -> None:
    with pytest.raises(ConfigurationError, match=r"http://.*:memory:.*EdgeRepository\(path\)"):
        QdrantRepository(url)


def test_a_folder_of_local_mode_is_refused(tmp_path: Path) -> None:
    """Its rows are pickles, and reading a pickle runs whatever code is in it."""
    with (
        closing(QdrantClient(path=str(tmp_path))) as client,
        pytest.raises(ConfigurationError, match="pickles"),
    ):
        QdrantRepository(client=client)


def test_a_url_and_a_client_are_refused(client: QdrantClient) -> None:
    with pytest.raises(ConfigurationError, match="not both"):
        QdrantRepository("http://127.0.0.1:1", client=client)


async def test_an_asynchronous_client_needs_a_blocking_one(client: QdrantClient) -> None:
    other = AsyncQdrantClient(":memory:")
    clients: Any = [{"async_client": other}, {"client": other}]
    for keywords in clients:
        with pytest.raises(ConfigurationError, match="must be a QdrantClient"):
            QdrantRepository(**keywords)
    with pytest.raises(ConfigurationError, match="shares no data"):
        QdrantRepository(client=client, async_client=other)
    await other.close()


def test_the_place_is_shown(client: QdrantClient) -> None:
    with QdrantRepository(client=client, collection="c") as here:
        assert "QdrantRepository('memory, collection c')" == repr(here)
    with QdrantRepository("http://127.0.0.1:1", api_key="secret") as there:
        assert "QdrantRepository('http://127.0.0.1:1, collection inter_cascade')" == repr(there)


def test_each_repository_in_memory_has_a_memory_of_its_own(colour: Colour) -> None:
    with QdrantRepository(":memory:") as one, QdrantRepository(":memory:") as other:
        one.put(strategy())

        assert (1, 0) == (count(colour, one), count(colour, other))


def test_a_client_that_was_handed_in_stays_open(client: QdrantClient, colour: Colour) -> None:
    repository = QdrantRepository(client=client)
    count(colour, repository)
    close(colour, repository)

    assert client.collection_exists("inter_cascade")


def test_a_pair_of_clients_serves_both_colours(server: Server, event_loop_runner: Any) -> None:
    place, database = server
    keywords = {**place, "prefer_grpc": True, "check_compatibility": False}
    twin = AsyncQdrantClient(**keywords)
    with closing(QdrantClient(**keywords)) as one:
        repository = QdrantRepository(client=one, async_client=twin)
        repository.put(strategy())

        assert 1 == event_loop_runner.run(repository.acount(tenant="a"))
        assert {"grpc"} == {protocol for protocol, _ in database.asked}
    event_loop_runner.run(twin.close())


# The collection.


def test_the_collection_is_made_once_and_indexed_by_tenant(server: Server, colour: Colour) -> None:
    place, database = server
    for _ in range(2):
        repository = QdrantRepository(**place)
        count(colour, repository)
        close(colour, repository)

    actions = [action for _, action in database.asked]
    assert (1, 3) == (actions.count("create"), actions.count("index"))
    assert database.indexes["tenant"].params == models.KeywordIndexParams(
        type=models.KeywordIndexType.KEYWORD, is_tenant=True
    )


class PhotoFinish(Database):
    """A database at which two creators look before either creates."""

    def __init__(self) -> None:
        super().__init__()
        self.finish = threading.Barrier(2)

    def serve(self, protocol: str, action: str, name: str, *requests: Any) -> Any:
        answer = super().serve(protocol, action, name, *requests)
        if action == "exists" and not answer.exists:
            self.finish.wait(timeout=20)
        return answer


@pytest.mark.parametrize("prefer_grpc", [True, False])
def test_two_that_create_at_once_both_succeed(prefer_grpc: bool) -> None:  # noqa: FBT001
    with qdrant_server(PhotoFinish()) as (place, database), ThreadPoolExecutor(2) as pool:
        both = [QdrantRepository(**place, prefer_grpc=prefer_grpc) for _ in range(2)]

        assert [0, 0] == list(pool.map(lambda one: one.count(tenant="a"), both))
        assert 2 == [action for _, action in database.asked].count("create")
        for repository in both:
            repository.close()


class Full(Database):
    """A database without room for another collection."""

    def create(self, name: str, request: models.CreateCollection) -> bool:
        msg = f"No room for {name} with {request.vectors}."
        raise ValueError(msg)


def test_the_reason_why_there_is_no_collection_is_kept(colour: Colour) -> None:
    with qdrant_server(Full()) as (place, _):
        repository = QdrantRepository(**place, prefer_grpc=False)
        with pytest.raises(RepositoryError) as caught:
            count(colour, repository)
        close(colour, repository)

    assert "No room" in str(caught.value.__cause__)


def test_vectors_of_another_length_are_refused(client: QdrantClient, colour: Colour) -> None:
    QdrantRepository(client=client).put(strategy())
    short = QdrantRepository(client=client, embeddings=HashingEmbeddings(64))

    with pytest.raises(EncoderMismatchError, match=r"length 512.*length 64"):
        count(colour, short)

    assert 1 == count(colour, QdrantRepository(client=client))


KEYS = models.VectorParams(
    size=512,
    distance=models.Distance.COSINE,
    multivector_config=models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM),
)


@pytest.mark.parametrize(
    "vectors",
    [
        pytest.param(KEYS, id="without a name"),
        pytest.param({"other": KEYS}, id="another name"),
        pytest.param({"keys": KEYS.model_copy(update={"multivector_config": None})}, id="single"),
        pytest.param({"keys": KEYS.model_copy(update={"distance": "Dot"})}, id="another distance"),
    ],
)
def test_a_foreign_collection_is_refused(
    client: QdrantClient, colour: Colour, vectors: Any
) -> None:
    client.create_collection("inter_cascade", vectors_config=vectors)

    with pytest.raises(RepositoryCorruptError, match="not those of a strategy repository"):
        count(colour, QdrantRepository(client=client))

    assert 0 == client.count("inter_cascade").count


def test_points_of_somebody_else_are_refused(client: QdrantClient, colour: Colour) -> None:
    client.create_collection("inter_cascade", vectors_config={"keys": KEYS})
    client.upsert("inter_cascade", [models.PointStruct(id=1, vector={"keys": [[1.0] * 512]})])

    with pytest.raises(RepositoryCorruptError, match="did not write"):
        count(colour, QdrantRepository(client=client))

    assert [] == client.retrieve("inter_cascade", [META_ID])


def test_a_collection_dropped_in_mid_run_is_a_clear_error(
    client: QdrantClient, colour: Colour
) -> None:
    repository = QdrantRepository(client=client)
    count(colour, repository)
    client.delete_collection("inter_cascade")

    with pytest.raises(RepositoryError):
        count(colour, repository)


# The protocols.


def test_grpc_is_preferred(server: Server, colour: Colour) -> None:
    place, database = server
    repository = QdrantRepository(**place)
    count(colour, repository)
    close(colour, repository)

    assert {"grpc"} == {protocol for protocol, _ in database.asked}


def test_rest_serves_where_grpc_does_not_get_through(colour: Colour) -> None:
    with qdrant_server(with_grpc=False) as (place, database):
        repository = QdrantRepository(**place)

        async def many() -> list[int]:
            return await asyncio.gather(*(repository.acount(tenant="a") for _ in range(8)))

        with ThreadPoolExecutor(8) as pool:
            counts = colour.run(
                lambda: list(pool.map(lambda _: repository.count(tenant="a"), range(8))), many
            )
        close(colour, repository)

    assert [0] * 8 == counts
    assert {"rest"} == {protocol for protocol, _ in database.asked}


def test_if_nobody_answers_grpc_stays_preferred(colour: Colour) -> None:
    """A server that is down says nothing about its protocols."""
    repository = QdrantRepository("http://127.0.0.1:1", grpc_port=1, timeout=1)
    for _ in range(2):
        with pytest.raises(RepositoryError, match="RpcError"):
            count(colour, repository)
    close(colour, repository)


class Slow(QdrantClient):
    """Local mode with much to do."""

    def count(self, *args: Any, **kwargs: Any) -> models.CountResult:
        time.sleep(0.2)
        return super().count(*args, **kwargs)


async def test_local_mode_does_not_stall_the_event_loop() -> None:
    with closing(Slow(":memory:")) as client:
        counting = asyncio.create_task(QdrantRepository(client=client).acount(tenant="a"))
        ticks = 0
        while not counting.done():
            await asyncio.sleep(0.01)
            ticks += 1

        assert 0 == await counting
        assert ticks > 5


# The errors.


def answering(status: int, body: str, **headers: str) -> type[BaseHTTPRequestHandler]:
    class Nonsense(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    return Nonsense


class Hanging(BaseHTTPRequestHandler):
    """Takes the request and says nothing for longer than anybody waits."""

    enough = threading.Event()

    def do_GET(self) -> None:
        self.enough.wait(10)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        pytest.param(answering(200, "<html>secret</html>"), "cannot serve", id="html"),
        pytest.param(answering(200, "null"), "cannot serve", id="null"),
        pytest.param(answering(200, json.dumps({"result": None})), "cannot serve", id="no result"),
        pytest.param(
            answering(200, json.dumps({"result": {"exists": "secret"}})), "cannot serve", id="type"
        ),
        pytest.param(answering(500, "secret"), "500", id="500"),
        pytest.param(answering(401, "secret"), "401", id="401"),
        pytest.param(answering(429, "secret"), "429", id="429"),
        pytest.param(answering(429, "secret", Retry_After="3"), "Exhausted", id="429 with a wait"),
        pytest.param(
            answering(429, "secret", Retry_After="secret"), "cannot serve", id="429 with nonsense"
        ),
        pytest.param(Hanging, "cannot serve", id="hanging"),
    ],
)
def test_whatever_a_server_answers_becomes_our_error(
    colour: Colour, handler: type[BaseHTTPRequestHandler], words: str
) -> None:
    """With type and status, with the client's own error as its cause, and without its text."""
    with http_server(handler) as port:
        repository = QdrantRepository(f"http://127.0.0.1:{port}", prefer_grpc=False, timeout=1)
        with pytest.raises(RepositoryError, match=words) as caught:
            count(colour, repository)
        close(colour, repository)
        Hanging.enough.set()
    Hanging.enough.clear()

    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is not None


def test_nobody_there_becomes_our_error(colour: Colour) -> None:
    repository = QdrantRepository("http://127.0.0.1:1", prefer_grpc=False, timeout=1)

    with pytest.raises(RepositoryError, match="ResponseHandlingException"):
        count(colour, repository)
    close(colour, repository)


def test_cancellation_passes(server: Server, event_loop_runner: asyncio.Runner) -> None:
    async def cancelled(repository: QdrantRepository) -> None:
        counting = asyncio.create_task(repository.acount(tenant="a"))
        await asyncio.sleep(0)
        counting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await counting
        await repository.aclose()

    event_loop_runner.run(cancelled(QdrantRepository(**server[0])))


class Overtaken(QdrantRepository):
    """One whose next thread to swap is kept from writing what it made while `others` write."""

    others: Callable[[], None] | None = None
    writer: threading.Thread | None = None

    def _executed(self, operation: Operation) -> Steps[Any]:
        if isinstance(operation, Write) and self.others and not self.writer:
            self.writer = threading.Thread(target=self.others)
            self.writer.start()
            self.writer.join(0.3)
        return super()._executed(operation)


def test_in_memory_no_thread_is_overtaken_while_it_swaps() -> None:
    """However many write meanwhile, whoever changes a strategy learns that he did."""
    name, writes = strategy().id, STAMPS + 8

    def one_more(stored: Strategy) -> Strategy:
        return stored.changed(support=stored.support + 1)

    def change(times: int = 1) -> None:
        for _ in range(times):
            assert repository.update(name, tenant="a", change=one_more)

    with Overtaken(":memory:") as repository:
        repository.put(strategy())
        repository.others = lambda: change(writes)
        change()
        assert repository.writer is not None
        repository.writer.join()
        found = repository.get(name, tenant="a")

    assert found is not None
    assert found.support == strategy().support + writes + 1
