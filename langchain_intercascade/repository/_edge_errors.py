"""What the embedded engine raises, as errors of ours: locked, damaged, or out of order for now."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Final, TypeVar

from langchain_intercascade.errors import (
    InterCascadeError,
    RepositoryCorruptError,
    RepositoryError,
    RepositoryLockedError,
)

T = TypeVar("T")

# Out of memory, out of files, no permission, disk full, read-only: the system's
# trouble.  Calling that "damaged" might make somebody delete a good folder.
_SYSTEM_TROUBLE: Final = re.compile(r"(os error|code:) (12|13|23|24|28|30)\b")
# What the engine says of pages and vector files that were overwritten or cut.
_DAMAGE: Final = re.compile(r"decode|decompress|out of bounds")


def calling(
    place: str, call: Callable[[], T], *, otherwise: type[RepositoryError] = RepositoryError
) -> T:
    """Return what `call` returns; raise what it raises as one of our errors.

    Every call into the engine passes through here.  The messages name the
    error's type only, because the engine's own text may quote what is stored.
    """
    try:
        return call()
    except InterCascadeError:
        raise
    except Exception as error:
        raise _translated(place, error, otherwise) from error
    except BaseException as error:
        # A panic of the engine is not an `Exception`, and its class cannot be imported.
        if type(error).__name__ != "PanicException":
            raise
        raise _translated(place, error, RepositoryCorruptError) from error


def _translated(
    place: str, error: BaseException, otherwise: type[RepositoryError]
) -> RepositoryError:
    if "WouldBlock" in str(error):
        return RepositoryLockedError(
            f"{place} is in use by another process, or by another EdgeRepository of this one. "
            "Either run one process; or share one EdgeRepository object inside it; or use "
            "QdrantRepository with the URL of a server, which any number of processes may share."
        )
    trouble = isinstance(error, OSError) or _SYSTEM_TROUBLE.search(str(error))
    damage = otherwise is RepositoryCorruptError or _DAMAGE.search(str(error))
    if damage and not trouble:
        return RepositoryCorruptError(
            f"The files in {place} are damaged, or from another version of the engine "
            f"({type(error).__name__}). They were left as they are: restore the folder from a "
            "backup, or use another path."
        )
    return RepositoryError(
        f"The repository in {place} cannot serve right now ({_kind(error)}). See that its disk has "
        "room, and that this process may read, write and open files there."
    )


def _kind(error: BaseException) -> str:
    """Name an error: its type, and what the operating system calls the trouble, if it is that."""
    number = error.errno if isinstance(error, OSError) else None
    if found := _SYSTEM_TROUBLE.search(str(error)):
        number = int(found[2])
    kind = type(error).__name__
    return f"{kind}: {os.strerror(number)}" if number else kind
