"""Folders that somebody else filled, and ways to damage one of ours."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from qdrant_client import QdrantClient, models
from qdrant_edge import Distance, EdgeConfig, EdgeShard, EdgeVectorParams, Point, UpdateOperation

from langchain_intercascade import EdgeRepository
from langchain_intercascade.repository import operations
from langchain_intercascade.repository._edge_seal import SEAL
from langchain_intercascade.repository.points import META_ID

Damage = Callable[[Path], None]


def copied(source: Path, target: Path) -> Path:
    """Copy a folder whose files are large and nearly empty: all that is in them is at the start."""

    def start(one: str, other: str) -> None:
        with Path(one).open("rb") as stream:
            Path(other).write_bytes(stream.read(1 << 18).rstrip(b"\x00"))
        os.truncate(other, Path(one).stat().st_size)

    shutil.copytree(source, target, copy_function=start)
    return target


# Damage to a file.


def cut(file: Path) -> None:
    """Lose the second half."""
    with file.open("r+b") as stream:
        stream.truncate(file.stat().st_size // 2)


def zero(file: Path) -> None:
    """Begin with nothing, as a disk that lost its blocks."""
    _overwrite(file, b"\x00")


def flip(file: Path) -> None:
    """Begin with what nobody wrote."""
    _overwrite(file, b"\xff")


def _overwrite(file: Path, byte: bytes) -> None:
    with file.open("r+b") as stream:
        stream.write(byte * min(file.stat().st_size, 1 << 16))


def delete(file: Path) -> None:
    """Be gone, with all that is in it."""
    if file.is_dir():
        shutil.rmtree(file)
    else:
        file.unlink()


_SEGMENT: Final = "segments/*"
_VECTORS: Final = f"{_SEGMENT}/vector_storage-keys"

DAMAGE: Final[tuple[tuple[str, Damage], ...]] = (
    ("edge_config.json", cut),
    ("edge_config.json", zero),
    ("edge_config.json", delete),
    ("segments", delete),
    (_SEGMENT, delete),
    (f"{_SEGMENT}/segment.json", cut),
    (f"{_SEGMENT}/version.info", flip),
    (f"{_SEGMENT}/payload_storage/page_0.dat", zero),
    # These two make the engine panic, one while opening and one while searching.
    (f"{_VECTORS}/vectors/status.dat", cut),
    (f"{_VECTORS}/offsets/chunk_0.mmap", delete),
    # These open without complaint, as zeros and as NaN.
    (f"{_VECTORS}/vectors/chunk_0.mmap", zero),
    (f"{_VECTORS}/vectors/chunk_0.mmap", flip),
    ("wal", delete),
    ("wal/*", delete),
    ("wal/open-*", zero),
)
"""What is damaged, as a pattern below the folder, and how: seen also after a crash."""


def damaged(folder: Path, pattern: str, damage: Damage) -> None:
    """Damage whatever `pattern` matches, in a folder that nobody has closed."""
    (folder / SEAL).unlink()
    for file in list(folder.glob(pattern)):
        damage(file)


# Foreign folders.


def other_files(place: Path) -> None:
    """Somebody's notes."""
    (place / "notes.txt").write_text("mine")


def local_mode(place: Path) -> None:
    """The local mode of qdrant-client."""
    with closing(QdrantClient(path=str(place))) as client:
        client.create_collection(
            "c", vectors_config=models.VectorParams(size=2, distance=models.Distance.DOT)
        )
        client.upsert("c", [models.PointStruct(id=1, vector=[1.0, 0.0])])


def another_shard(place: Path) -> None:
    """The same engine, set up by somebody else."""
    config = EdgeConfig(vectors=EdgeVectorParams(size=512, distance=Distance.Cosine))
    EdgeShard.create(str(place), config).close()


def shard_of_somebody_else(place: Path) -> None:
    """The same engine, set up as ours, with points that are not."""
    with EdgeRepository(place) as repository:
        repository.create(512)
    shard = EdgeShard.load(str(place))
    point = Point(7, {"keys": [[1.0] * 512]}, {"tenant": "a", "state": "active"})
    shard.update(UpdateOperation.upsert_points([point]))
    shard.close()


FOREIGN: Final[dict[Damage, str]] = {
    other_files: "not empty",
    local_mode: "pickle",
    another_shard: "not those of a strategy repository",
    shard_of_somebody_else: "did not write",
}
"""Who filled it, and what the refusal says."""


def mined(place: Path, proof: Path) -> None:
    """Fill `place` as local mode does, with a row that makes the folder `proof` when it is read."""
    local_mode(place)
    row = b"cos\nmkdir\n(V" + str(proof).encode() + b"\ntR."
    (database,) = place.rglob("storage.sqlite")
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE points SET point = ?", (row,))


# What a later version would write.


def from_the_future(place: Path) -> None:
    """Say in a repository of ours that a newer version wrote it."""
    with EdgeRepository(place) as repository:
        repository.count(tenant="anyone")
        (meta,) = repository.execute(operations.Read((META_ID,)))
        newer = operations.Point(meta.id, meta.vectors, {**meta.payload, "schema_version": 99})
        repository.execute(operations.Write((newer,)))
