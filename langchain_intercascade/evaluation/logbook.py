"""This is where what was paid for is written down line by line, and read again after a stop.

The first line says what the book is about; a book about something else is not gone on with.
Each line is whole or is dropped: a last line that was torn is cut off.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from langchain_intercascade.errors import ConfigurationError

SYNC_SECONDS: Final = 1.0
"""How often, at most, a line is forced onto the disk: after a power cut so much may be missing.
What was merely killed loses nothing."""

Line = Mapping[str, Any]


class Logbook:
    """A file of JSON lines, for one process at a time. Its threads may share one object."""

    def __init__(
        self, path: Path, settings: Mapping[str, object], *, kind: str, version: int, name: str
    ) -> None:
        """Begin the file `path`, or open it.

        Args:
            path: Where it is.
            settings: Everything that its lines depend on; JSON-like.
            kind: What sort of book it is, for the machine.
            version: Of its form.
            name: What sort of book it is, and how another is named, for people: as in "the
                progress of a calibration|--out".

        Raises:
            ConfigurationError: It was begun with other settings, is no such file, is
                damaged, or cannot be written.
        """
        self.path = path
        self._settings, self._kind, self._version = dict(settings), kind, version
        self._name, _, self._option = name.partition("|")
        self._lock = threading.Lock()
        self._synced = time.monotonic()
        try:
            self._entries = self._opened()
        except OSError as error:
            msg = (
                f"{self.path} cannot be read and written ({error.strerror or error}). Name another "
                f"{self._option}, where you may do both."
            )
            raise ConfigurationError(msg) from error

    def entries(self) -> Iterator[tuple[int, Line]]:
        """Yield the lines that were there when it was opened, each once, with their numbers."""
        found, self._entries = self._entries, []
        yield from enumerate(found, start=2)

    def add(self, line: Line) -> None:
        """Write a line."""
        text = json.dumps(line, default=str) + "\n"
        with self._lock, self.path.open("a", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            if time.monotonic() - self._synced > SYNC_SECONDS:
                os.fsync(file.fileno())
                self._synced = time.monotonic()

    def _opened(self) -> list[Line]:
        whole, torn = _whole_lines(self.path)
        if torn:
            with self.path.open("r+b") as file:
                file.truncate(sum(map(len, whole)))
        if not whole:
            begin = {"kind": self._kind, "schema_version": self._version}
            self.add({**begin, "digest": digest_of(self._settings), "settings": self._settings})
            return []
        head, *lines = _parsed(self.path.name, whole)
        self._check(head)
        return lines

    def _check(self, head: Line) -> None:
        if head.get("kind") != self._kind or head.get("schema_version") != self._version:
            msg = (
                f"{self.path} is not {self._name} that this version can go on with: move it away, "
                f"or name another {self._option}."
            )
            raise ConfigurationError(msg)
        if head.get("digest") == digest_of(self._settings):
            return
        then = head.get("settings") or {}
        changed = [
            f"{name.replace('_', ' ')}: {then.get(name)!r} then, {now!r} now"
            for name, now in self._settings.items()
            if then.get(name) != now
        ]
        msg = (
            f"{self.path.name} was begun with other settings ({'; '.join(changed) or 'damaged'}), "
            f"and answers of both must not be mixed. Name another {self._option}, or delete "
            f"{self.path} to begin anew."
        )
        raise ConfigurationError(msg)


def digest_of(settings: Mapping[str, object]) -> str:
    """Return what tells these settings from any others.

    Examples:
        >>> digest_of({"weak": "a", "k": 2}) == digest_of({"k": 2, "weak": "a"})
        True
    """
    said = json.dumps(settings, sort_keys=True)
    return blake2b(said.encode("utf-8"), digest_size=16).hexdigest()


def _whole_lines(path: Path) -> tuple[list[bytes], bool]:
    """Return the lines that were written to their end, and whether another was torn."""
    if not path.exists():
        return [], False
    lines = path.read_bytes().splitlines(keepends=True)
    torn = bool(lines) and not lines[-1].endswith(b"\n")
    return (lines[:-1] if torn else lines), torn


def _parsed(name: str, lines: list[bytes]) -> Iterator[Line]:
    for number, line in enumerate(lines, start=1):
        try:
            found = json.loads(line)
        except ValueError as error:
            msg = (
                f"{name}, line {number} is damaged: it is not JSON. Delete the file to begin anew."
            )
            raise ConfigurationError(msg) from error
        if not isinstance(found, dict):
            msg = (
                f"{name}, line {number} is damaged: it is no object. Delete the file to begin anew."
            )
            raise ConfigurationError(msg)
        yield found
