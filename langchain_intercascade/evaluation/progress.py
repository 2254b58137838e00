"""What a calibration has paid for so far, on disk: it goes on where it was stopped, however.

One line for each finished question, written as soon as it is finished; a last line that was
torn is dropped and its question asked again.  No question and no answer is written down.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.record import Regime, RoleUse

KIND: Final = "langchain_intercascade.calibration"
VERSION: Final = 1


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Finished(_Line):
    """What came of one question.

    Attributes:
        key: The question's digest.
        regime: Whether the weak model was shown strategies.
        confidence: The score; `None` if there was none, as when the answer cannot stand.
        correct: Whether the weak answer was right; `None` if that cannot be told.
        why: Why there is no score, or no verdict; else empty.
        method: What made the score.
        usage: What it cost, by role.
        cost: All of it in dollars; `None` if a part is unknown.
    """

    key: str
    regime: Regime
    confidence: float | None = Field(ge=0, le=1)
    correct: bool | None
    why: str = ""
    method: str = ""
    usage: dict[str, RoleUse]
    cost: float | None


class Look(_Line):
    """A promise that was sought in these answers.

    Attributes:
        target_risk: Which risk.
        delta: With which probability it may fail.
    """

    target_risk: float
    delta: float


class Progress:
    """The file, and what is in it."""

    def __init__(self, path: str | Path, settings: Mapping[str, object]) -> None:
        """Begin, or go on with what lies in `path`.

        Args:
            path: The file.
            settings: Everything that a finished question depends on; JSON-like.

        Raises:
            ConfigurationError: It was begun with other settings, is no such file, is
                damaged, or cannot be written.
        """
        self.path = Path(path)
        self._settings = dict(settings)
        self._finished: dict[str, Finished] = {}
        self._looks: list[Look] = []
        try:
            self._open()
        except OSError as error:
            msg = f"{self.path} cannot be read and written ({error.strerror or error})."
            raise ConfigurationError(msg) from error

    @property
    def finished(self) -> Mapping[str, Finished]:
        """What came of each question so far, by the question's digest."""
        return self._finished

    @property
    def looks(self) -> tuple[Look, ...]:
        """The promises that were sought so far; each pair once, in order."""
        return tuple(self._looks)

    def add(self, row: Finished) -> None:
        """Write a finished question down."""
        self._append("row", row)
        self._finished[row.key] = row

    def looked(self, look: Look) -> None:
        """Write down that a promise was sought."""
        if look not in self._looks:
            self._append("look", look)
            self._looks.append(look)

    def _open(self) -> None:
        whole, torn = _whole_lines(self.path)
        if torn:
            with self.path.open("r+b") as file:
                file.truncate(sum(map(len, whole)))
        if not whole:
            head = {"kind": KIND, "schema_version": VERSION, "digest": digest_of(self._settings)}
            self._write({**head, "settings": self._settings})
            return
        found = list(_parsed(self.path.name, whole))
        self._check(found[0])
        for number, line in enumerate(found[1:], start=2):
            self._take(number, line)

    def _check(self, head: Mapping[str, Any]) -> None:
        if head.get("kind") != KIND or head.get("schema_version") != VERSION:
            msg = (
                f"{self.path} is not the progress of a calibration that this version can go on "
                "with: move it away, or name another --out."
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
            "and answers of both must not be mixed. Name another --out, or delete "
            f"{self.path} to begin anew."
        )
        raise ConfigurationError(msg)

    def _take(self, number: int, line: Mapping[str, Any]) -> None:
        try:
            if "look" in line:
                self._looks.append(Look.model_validate(line["look"]))
            else:
                row = Finished.model_validate(line.get("row"))
                self._finished[row.key] = row
        except ValidationError as error:
            wrong = error.errors()[0]
            where = ".".join(map(str, wrong["loc"]))
            msg = f"{self.path.name}, line {number} is damaged: {where}: {wrong['msg']}."
            raise ConfigurationError(msg) from error

    def _append(self, kind: str, what: BaseModel) -> None:
        self._write({kind: what.model_dump(mode="json")})

    def _write(self, line: Mapping[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, allow_nan=False) + "\n")


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


def _parsed(name: str, lines: list[bytes]) -> Iterator[Mapping[str, Any]]:
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
