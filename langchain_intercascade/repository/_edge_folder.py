"""What a folder must look like before the embedded engine may touch it.

The engine itself opens anything: it would fill a foreign folder, and take a
folder that lost its data for an empty one.  Here nothing is opened or written.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Final

from langchain_intercascade.errors import EncoderMismatchError, RepositoryCorruptError

KEYS: Final = "keys"
"""The name of the vectors."""

_CONFIG: Final = "edge_config.json"
_PARTS: Final = frozenset({_CONFIG, "segments", "wal"})


def is_vacant(folder: Path) -> bool:
    """Say whether there is nothing at all in `folder`, or no folder."""
    return not folder.exists() or not any(folder.iterdir())


def missing_parts(folder: Path) -> frozenset[str]:
    """Name the parts that are not there, after giving another process time to make them."""
    for _ in range(20):
        missing = frozenset(part for part in _PARTS if not _is_filled(folder / part))
        if not missing or {entry.name for entry in folder.iterdir()} - _PARTS:
            break
        # Two workers that start together: the other one needs some 25 ms to create it.
        time.sleep(0.025)
    return missing


def check_folder(folder: Path, dimension: int) -> None:
    """Refuse a folder that is not wholly a repository for vectors of length `dimension`.

    Raises:
        RepositoryCorruptError: It is something else, or a part is missing.
        EncoderMismatchError: Its vectors are of another length.
    """
    _check_not_pickles(folder)
    _check_whole(folder)
    _check_vectors(folder, dimension)


def _is_filled(part: Path) -> bool:
    return part.is_file() or (part.is_dir() and any(part.iterdir()))


def _check_not_pickles(folder: Path) -> None:
    if (folder / "meta.json").exists() and (folder / "collection").exists():
        msg = (
            f"{folder} belongs to qdrant-client's local mode, whose rows are pickles: reading it "
            "would run whatever code is in them. It was not opened; use another path."
        )
        raise RepositoryCorruptError(msg)


def _check_whole(folder: Path) -> None:
    if missing := missing_parts(folder):
        msg = (
            f"{folder} is not empty, and is not a whole strategy repository either (missing: "
            f"{', '.join(sorted(missing))}). Nothing was changed. Use another path, restore the "
            "folder from a backup, or delete it if it holds nothing you need."
        )
        raise RepositoryCorruptError(msg)


def _check_vectors(folder: Path, dimension: int) -> None:
    match json.loads((folder / _CONFIG).read_text("utf-8")):
        case {"vectors": {"keys": {"size": int(size), "distance": "Cosine"} as keys}} if (
            "multivector_config" in keys
        ):
            if size != dimension:
                msg = (
                    f"{folder} holds vectors of length {size}, and the encoder makes vectors of "
                    f"length {dimension}. Use the encoder it was filled with, or another path."
                )
                raise EncoderMismatchError(msg)
        case _:
            msg = f"{folder} holds vectors that are not those of a strategy repository."
            raise RepositoryCorruptError(msg)
