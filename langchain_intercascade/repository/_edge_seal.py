"""How large each file was when a folder was closed, so that it is seen if one was cut since.

The engine takes a file that was cut for one whose last writes a crash has torn: it
opens with what is left, mends the rest to fit, and says nothing.  After a crash that is
right, for what was acknowledged is in its log.  After a folder was closed in order it
would be silent loss, so files are compared before the engine sees them.

A seal must not outlive what it was made for: the engine removes files that it needs no
more, and a seal from before would call that damage.  So that not even a power cut can
bring it back, it is off the disk before the first change is made.
"""

from __future__ import annotations

import json
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

from langchain_intercascade.errors import RepositoryCorruptError

SEAL: Final = "sealed.json"
_JOURNAL: Final = "tracker_journal.dat"
"""The engine clears these whenever it opens a folder, also one that is then refused."""


class Seal:
    """What was noted of one folder; it is broken before the first change, and renewed on closing.

    A folder that was only read keeps its seal, or has none, as before.
    """

    def __init__(self, folder: Path) -> None:
        """Look after the seal of `folder`."""
        self._folder = folder
        self._broken = False
        self._lock = threading.Lock()

    def check(self) -> None:
        """Refuse the folder if a file is shorter than when it was closed, or gone.

        Without a seal nothing is known: whoever had it open was killed.  A file may have
        grown, for somebody may have used the engine by itself.

        Raises:
            RepositoryCorruptError: A file was cut; nothing was changed.
        """
        for name, size in self._noted().items():
            file = self._folder / name
            if not file.is_file() or file.stat().st_size < size:
                msg = (
                    f"The files in {self._folder} are damaged: {name} was cut or deleted since "
                    "the folder was closed. They were left as they are: restore the folder from "
                    "a backup, or use another path. If you know why and it holds nothing you miss, "
                    f"delete {SEAL} in a copy of the folder, and open that."
                )
                raise RepositoryCorruptError(msg)

    @property
    def is_broken(self) -> bool:
        """Whether anything was changed since the folder was opened."""
        return self._broken

    def break_(self) -> None:
        """Forget what was noted: the files are about to change.

        Whoever else wants to change them waits until that is on disk.
        """
        with self._lock:
            if not self._broken:
                with suppress(OSError):  # mostly that there was none
                    (self._folder / SEAL).unlink()
                    _sync(self._folder)
                self._broken = True

    def renew(self) -> None:
        """Note how large the files are, if they have changed; the folder is closed."""
        if not self._broken:
            return
        files = [each for each in self._folder.glob("*/**/*") if each.is_file()]
        sizes = {
            each.relative_to(self._folder).as_posix(): each.stat().st_size
            for each in files
            if each.name != _JOURNAL
        }
        with suppress(OSError):  # the disk is full, or gone: then there is nothing to compare with
            (self._folder / SEAL).write_text(json.dumps(sizes) + "\n", "utf-8")

    def _noted(self) -> dict[str, int]:
        try:
            return dict(json.loads((self._folder / SEAL).read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return {}


def _sync(folder: Path) -> None:
    """Write to disk which files are in `folder`, where the system can do that for a folder."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
