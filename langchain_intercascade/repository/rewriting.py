"""Taking something out of a file of strategies that was written before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.repository.export_file import exported
from langchain_intercascade.repository.import_file import Verified, verified
from langchain_intercascade.strategy import Strategy


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What was taken out of an export: strategies whole, and parts of others."""

    path: str
    removed: int
    changed: int


def rewritable(path: Path, *, key: bytes | None) -> Verified:
    """Do as `verified` does, and refuse a signed file that could not be signed again."""
    found = verified(path)
    if found.signed and key is None:
        msg = f"{path} is signed. Give the key, so that it can be signed again; or delete the file."
        raise ConfigurationError(msg)
    return verified(path, key=key) if found.signed else found


def rewritten(
    file: Verified,
    change: Callable[[Strategy], Strategy | None],
    *,
    key: bytes | None,
    dry_run: bool,
) -> Rewritten:
    """Put what `change` leaves of each strategy in the place of `file`, all at once.

    A file that `change` leaves as it is, is not touched.
    """
    removed = changed = 0
    for each in file.strategies():
        after = change(each)
        removed += after is None
        changed += after is not None and after is not each
    if (removed or changed) and not dry_run:
        signing = key if file.signed else None
        with exported(file.path, file.header, key=signing, force=True) as export:
            for each in file.strategies():
                if (after := change(each)) is not None:
                    export.add(after)
    return Rewritten(str(file.path), removed, changed)
