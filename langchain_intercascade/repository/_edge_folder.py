"""What a folder must look like before the embedded engine may touch it.

The engine itself opens anything: it would fill a foreign folder, and take a
folder that lost its data for an empty one.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from langchain_intercascade.errors import EncoderMismatchError, RepositoryCorruptError

KEYS: Final = "keys"
"""The name of the vectors."""

_CONFIG: Final = "edge_config.json"
# In the order in which they are put in place: the configuration says that all is there.
_PARTS: Final = ("wal", "segments", _CONFIG)
_UNFINISHED: Final = ".unfinished-"
_MADE: Final = ".made-"


def is_vacant(folder: Path) -> bool:
    """Say whether there is nothing in `folder`, but perhaps what others are about to put there."""
    return not folder.exists() or not _entries(folder)


def fill(folder: Path, make: Callable[[Path], None]) -> None:
    """Let `make` make the parts, and put them in `folder` at once, or not at all.

    Two workers that start together would otherwise get in each other's way, and
    one that is killed would leave half a repository behind.  Whoever comes
    second changes nothing; what was killed on the way is finished by the next.
    """
    folder.mkdir(parents=True, exist_ok=True)
    workshop = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=folder))
    made = folder / workshop.name.replace(_UNFINISHED, _MADE)
    try:
        make(workshop)
        workshop.rename(made)
        _put_in_place(made, _PARTS)
    except OSError:
        if is_vacant(folder):
            raise
    finally:
        for rest in (workshop, made):
            shutil.rmtree(rest, ignore_errors=True)


def _put_in_place(made: Path, parts: Iterable[str]) -> None:
    for part in parts:
        (made / part).rename(made.parent / part)


def _finish(folder: Path) -> None:
    """Put in place what somebody who was killed, or is at it right now, has not put there yet.

    Only what `_MADE` names is whole, and it belongs here if it lacks just what is here.
    """
    missing = [part for part in _PARTS if not (folder / part).exists()]
    for made in folder.glob(f"{_MADE}*"):
        if missing == [part for part in _PARTS if (made / part).exists()] != list(_PARTS):
            with suppress(FileNotFoundError):  # the other one was quicker
                _put_in_place(made, missing)
            with suppress(OSError):
                made.rmdir()


def check_folder(folder: Path, dimension: int) -> None:
    """Refuse a folder that is not wholly a repository for vectors of length `dimension`.

    Raises:
        RepositoryCorruptError: It is something else, or a part is missing.
        EncoderMismatchError: Its vectors are of another length.
    """
    if (size := dimension_of(folder)) != dimension:
        msg = (
            f"{folder} holds vectors of length {size}, and the encoder makes vectors of "
            f"length {dimension}. Use the encoder it was filled with, another path, or "
            "`intercascade strategies reembed`."
        )
        raise EncoderMismatchError(msg)


def dimension_of(folder: Path) -> int:
    """Return the length of the vectors of the repository in `folder`.

    Raises:
        RepositoryCorruptError: It is something else, or a part is missing.
    """
    _check_not_pickles(folder)
    _check_whole(folder)
    match json.loads((folder / _CONFIG).read_text("utf-8")):
        case {"vectors": {"keys": {"size": int(size), "distance": "Cosine"} as keys}} if (
            "multivector_config" in keys
        ):
            return size
        case _:
            msg = (
                f"{folder} holds vectors that are not those of a strategy repository. Nothing was "
                "changed; use another path."
            )
            raise RepositoryCorruptError(msg)


def _entries(folder: Path) -> set[str]:
    names = {entry.name for entry in folder.iterdir()}
    return {name for name in names if not name.startswith((_UNFINISHED, _MADE))}


def _missing_parts(folder: Path) -> list[str]:
    """Name the parts that are not there, after giving another process time to put them there."""
    _finish(folder)
    for _ in range(20):
        missing = [part for part in _PARTS if not _is_filled(folder / part)]
        if not missing or _entries(folder) - set(_PARTS):
            break
        time.sleep(0.025)
    return missing


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
    if missing := _missing_parts(folder):
        msg = (
            f"{folder} is not empty, and is not a whole strategy repository either (missing: "
            f"{', '.join(missing)}). Nothing was changed. Use another path, restore the "
            "folder from a backup, or delete it if it holds nothing you need."
        )
        raise RepositoryCorruptError(msg)
