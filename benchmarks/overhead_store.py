"""What the repository costs beside the bare engine under it, and beside exact search with NumPy."""

from __future__ import annotations

import itertools
import resource
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final, TypeAlias

import numpy as np
from langchain_core.embeddings import Embeddings
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from benchmarks.overhead_clock import Row, compared, each, interleaved, lasting, scaled
from benchmarks.overhead_pair import (
    TENANTS,
    Instant,
    bare_query,
    bare_write,
    query_of,
    shard_of,
    strategy_of,
)
from langchain_intercascade._steps import run
from langchain_intercascade.repository.edge import EdgeRepository
from langchain_intercascade.repository.floor import Floor
from langchain_intercascade.repository.operations import Point
from langchain_intercascade.repository.points import point_id
from langchain_intercascade.repository.retrieval import Wanted, retrieving

Matrix: TypeAlias = "np.ndarray[tuple[Any, ...], np.dtype[np.float32]]"

DIMENSION: Final = 384
LARGE: Final = 100_000
_INTRINSIC: Final = 32
_PAGE: Final = 1000
_K: Final = 3


class Clustered(Embeddings):
    """Synthetic texts `"<number> ..."`, their unit vectors in 32 dimensions or so, as text has."""

    def __init__(self, number: int) -> None:
        """Draw the vectors of `number` texts."""
        rng = np.random.default_rng(7)
        basis = rng.normal(size=(_INTRINSIC, DIMENSION))
        centres = rng.normal(size=(200, _INTRINSIC))
        places = centres[rng.integers(len(centres), size=number)]
        self.vectors: Matrix = _unit((places + rng.normal(size=places.shape)) @ basis)
        self._noise = rng.normal(size=(997, DIMENSION))

    def embed_query(self, text: str) -> list[float]:
        """Return a vector near that of the text with the same number."""
        number = int(text.split(maxsplit=1)[0]) if text[:1].isdigit() else 0
        near = self.vectors[number % len(self.vectors)] + 0.02 * self._noise[number % 997]
        return [float(x) for x in _unit(near)]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return a vector for each text."""
        return [self.embed_query(text) for text in texts]


class Stock:
    """An embedded repository with `number` strategies of ten tenants, compacted."""

    def __init__(self, number: int, folder: Path) -> None:
        """Fill `folder`, in pages and without encoding, and build the index."""
        self.embeddings = Clustered(number)
        self.repository = EdgeRepository(folder, embeddings=self.embeddings)
        before, began = _resident(), time.thread_time()
        for first in range(0, number, _PAGE):
            page = range(first, min(first + _PAGE, number))
            run(self.repository.loading([self._point(at) for at in page]))
        self.resident = _resident() - before
        self.filling = time.thread_time() - began
        self.repository.compact()
        self.on_disk = sum(file.stat().st_blocks * 512 for file in folder.rglob("*"))
        self.texts: Iterator[str] = (f"{at * 7919} asked" for at in itertools.count(1))

    def _point(self, at: int) -> Point:
        strategy = strategy_of(at, query_of(at % 1000, at))
        vector = self.embeddings.vectors[at].tolist()
        return Point(point_id(strategy.tenant, strategy.id), (vector,), strategy.stored())


def retrieval(*, sizes: tuple[int, ...], rounds: int) -> list[Row]:
    """Measure searches among so many strategies, and what a strategy takes of memory and disk."""
    rows: list[Row] = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder, threadpool_limits(1, "blas"):
            stock = Stock(size, Path(folder) / "strategies")
            rows += _searches(stock, size, rounds) + _taken(stock, size)
            stock.repository.close()
    if LARGE not in sizes:
        name = f"retrieval among {LARGE:,} strategies, to exact search with NumPy"
        rows.append(Row(name=name, ratio=None, target=0.2, note="only a full run measures it"))
    return rows


def _searches(stock: Stock, size: int, rounds: int) -> list[Row]:
    repository, shard = stock.repository, shard_of(stock.repository)
    tenant, matrix = TENANTS[0], stock.embeddings.vectors
    wanted = Wanted(tenant=tenant, k=2, floor=Floor.fixed(0.3))
    asked: dict[str, Any] = {}

    def ask() -> None:
        """Choose the text of the round, and encode it: that is not the search's time."""
        asked["text"] = next(stock.texts)
        asked["vector"] = run(repository.encoder.encoding(asked["text"]))
        asked["array"] = np.array(asked["vector"], dtype=np.float32)

    def engine(limit: int, of: str | None) -> Any:
        return bare_query(shard, asked["vector"], tenant=of, limit=limit)

    def ours() -> Any:
        return run(repository.searching(asked["text"], tenant=tenant, k=_K, min_similarity=-1.0))

    ask()
    times = interleaved(
        {
            "ours": each(ours),
            "chosen": each(lambda: run(retrieving(repository, asked["text"], wanted))),
            "engine": each(partial(engine, _K, tenant)),
            "engine 12": each(partial(engine, 12, tenant)),
            "unfiltered": each(partial(engine, _K, None)),
            "numpy": each(lambda: exact(matrix, asked["array"], _K)),
        },
        rounds=rounds,
        calls=1,
        between=ask,
    )
    return _rows_of(times, f"{size:,} strategies")


def _rows_of(times: dict[str, list[float]], among: str) -> list[Row]:
    large = among.startswith(f"{LARGE:,} ")
    tail = sorted(times["ours"])[int(0.99 * len(times["ours"]))] / median(times["ours"])
    return [
        compared(
            f"retrieval among {among}, to the engine's own query",
            times,
            "ours",
            "engine",
            target=1.3,
            why="strategies that were not found a moment ago are read and checked one by one",
            note="3 nearest of one of ten tenants, with payloads; each time another text",
        ),
        compared(
            f"choosing among {among}, to the engine's own query",
            times,
            "chosen",
            "engine 12",
            note="12 nearest, checked, ranked, and at most 2 shown",
        ),
        compared(
            f"retrieval among {among}, to exact search with NumPy",
            times,
            "ours",
            "numpy",
            target=0.2 if large else None,
            note="float32, one thread, without filter and payloads",
        ),
        compared(
            f"the engine's query among {among}, with tenant filter to without",
            times,
            "engine",
            "unfiltered",
            target=1.2,
        ),
        Row(
            name=f"retrieval among {among}, 99th percentile to median",
            ratio=tail,
            target=5.0,
            note=f"of {len(times['ours'])} processor times",
        ),
        lasting(f"retrieval among {among}", times["ours"]),
    ]


def exact(matrix: Matrix, vector: Matrix, k: int) -> Any:
    """Return the `k` rows most like `vector`, best first."""
    scores = matrix @ vector
    nearest = np.argpartition(scores, -k)[-k:]
    return nearest[np.argsort(-scores[nearest])]


def _taken(stock: Stock, size: int) -> list[Row]:
    among = f"{size:,} strategies"
    return [
        Row(
            name=f"memory per strategy, {among}",
            ratio=stock.resident / size,
            unit="bytes",
            note="growth of the process while filling; much of it can be evicted",
        ),
        Row(name=f"disk per strategy, {among}", ratio=stock.on_disk / size, unit="bytes"),
        Row(name=f"filling, {among}", ratio=1e6 * stock.filling / size, unit="us a strategy"),
    ]


def insertion(*, rounds: int) -> list[Row]:
    """Measure one durable insert at a time: encoded before, acknowledged by the write-ahead log."""
    with tempfile.TemporaryDirectory() as folder:
        repository = EdgeRepository(folder, embeddings=Clustered(1000))
        made = (strategy_of(at, f"{at} asked") for at in itertools.count())
        waiting: list[Any] = []

        def prepare() -> None:
            waiting.append(next(made))
            run(repository.encoder.encoding(waiting[-1].keys[0]))

        prepare()
        run(repository.preparing())
        vector = run(repository.encoder.encoding(waiting[-1].keys[0]))
        shard, bare, text = shard_of(repository), Instant(), query_of(1, 1)
        blocks = {
            "insert": each(lambda: run(repository.putting(waiting[-1]))),
            "engine": each(lambda: bare_write(shard, vector)),
            "bare": each(lambda: bare.invoke(text)),
        }
        times = interleaved(blocks, rounds=rounds, calls=1, between=prepare)
        repository.close()
    note = (
        "processor time; survives the death of the process, as the crash tests show; no power cut"
    )
    return [
        scaled("one durable insert", times, "insert", target=200.0, note=note),
        compared("one durable insert, to the engine's own", times, "insert", "engine"),
    ]


def repeats(*, rounds: int) -> list[Row]:
    """Measure how long a text takes that was encoded a moment ago."""
    repository = EdgeRepository()
    text = query_of(1, 1)
    bare = Instant()
    hit = each(lambda: run(repository.encoder.encoding(text)))
    blocks = {"hit": hit, "bare": each(lambda: bare.invoke(text))}
    times = interleaved(blocks, rounds=rounds, calls=20)
    return [scaled("repeat query, encoded", times, "hit", target=10.0)]


def _resident() -> int:
    """Return the bytes of this process in memory: now, or where nobody tells, at most so far."""
    told = Path("/proc/self/statm")
    if told.exists():
        return int(told.read_text("ascii").split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _unit(vectors: Any) -> Any:
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return (vectors / norms).astype(np.float32)
