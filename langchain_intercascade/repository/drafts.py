"""Files that appear whole under their names, or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from langchain_intercascade.errors import ConfigurationError


@contextmanager
def drafted(path: Path, *, force: bool = False) -> Iterator[IO[bytes]]:
    """Open a file to write, which gets the name `path` at the end of the block if all went well.

    Only the present user may read it.  Nothing is left behind if anything goes wrong.

    Args:
        path: Its name in the end.
        force: Whether a file of that name may be replaced.

    Raises:
        ConfigurationError: There is such a file already, or no such folder, or it cannot be
            written there.
    """
    _check_free(path, force=force)
    try:
        number, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with os.fdopen(number, "wb") as draft:
            yield draft
            draft.flush()
            os.fsync(draft.fileno())
        _check_free(path, force=force)
        Path(name).replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        Path(name).unlink(missing_ok=True)


def _check_free(path: Path, *, force: bool) -> None:
    if path.is_dir() or (path.exists() and not force):
        cure = (
            "Name a file in it" if path.is_dir() else "Name another file, or say `force` (--force)"
        )
        msg = f"{path} exists already; nothing was written. {cure}."
        raise ConfigurationError(msg)


def _unwritable(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"{path} cannot be written ({error.strerror or error}). Name a file in a folder that "
        "exists and that you may write to."
    )
