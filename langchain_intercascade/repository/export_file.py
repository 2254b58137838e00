"""The file that strategies travel in, and how it is written: JSON lines, each with a checksum.

{"format": "langchain-intercascade strategies", "format_version": 1, "count": 2, ...}
{"sha256": "...", "strategy": {...}}
{"sha256": "...", "strategy": {...}}
{"count": 2, "sha256": "...", "hmac_sha256": "..."}
"""

from __future__ import annotations

import hmac
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO, Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from langchain_intercascade.errors import ConfigurationError, how_many
from langchain_intercascade.repository.drafts import drafted
from langchain_intercascade.strategy import Strategy, storable

FORMAT: Final = "langchain-intercascade strategies"
FORMAT_VERSION: Final = 1

LONGEST: Final = 1_000_000
"""Bytes in a line; a strategy with its lesson takes a few thousand."""

SHORTEST_KEY: Final = 16
"""Bytes in a key: what is shorter can be guessed."""

_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Count = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Header(_Part):
    """The first line: what the file is."""

    format: Literal["langchain-intercascade strategies"] = FORMAT
    format_version: int = FORMAT_VERSION
    package: str
    tenant: str
    encoder: str
    created_at: str
    count: _Count = 0


class Entry(_Part):
    """A line with a strategy, and its checksum."""

    sha256: _Digest
    strategy: dict[str, Any]


class Trailer(_Part):
    """The last line: the checksum of all that comes before it, and perhaps a signature."""

    count: _Count
    sha256: _Digest
    hmac_sha256: _Digest | None = None


class Export:
    """An export being written; see `exported`."""

    def __init__(self, body: IO[bytes]) -> None:
        """Collect the lines in `body`."""
        self.count = 0
        self._body = body

    def add(self, strategy: Strategy) -> None:
        """Add one strategy."""
        payload = _storable(strategy.model_dump(mode="json", exclude={"stamps"}))
        digest = sha256(canonical(payload)).hexdigest()
        self._body.write(canonical({"sha256": digest, "strategy": payload}) + b"\n")
        self.count += 1

    def assemble(self, file: IO[bytes], header: Header, key: bytes | None) -> None:
        """Write header, lines and trailer into `file`."""
        known = header.model_copy(update={"count": self.count})
        seal = Seal(key)
        seal.write(canonical(known.model_dump()) + b"\n", file)
        self._body.seek(0)
        for raw in self._body:
            seal.write(raw, file)
        trailer = {"count": self.count, "sha256": seal.digest, "hmac_sha256": seal.signature}
        file.write(canonical({k: v for k, v in trailer.items() if v is not None}) + b"\n")


@contextmanager
def exported(
    path: Path, header: Header, *, key: bytes | None = None, force: bool = False
) -> Iterator[Export]:
    """Write an export, which gets the name `path` at the end of the block if all went well.

    Raises:
        ConfigurationError: It cannot be written there, or the key is too short.
    """
    check_key(key)
    # The count stands in the first line and is known last.
    with drafted(path, force=force) as file, tempfile.TemporaryFile(dir=path.parent) as body:
        export = Export(body)
        yield export
        export.assemble(file, header, key)


def check_key(key: bytes | None) -> None:
    """Refuse a key that could be guessed.

    Raises:
        ConfigurationError: It is too short.
    """
    if key is not None and len(key) < SHORTEST_KEY:
        msg = (
            f"The key has {how_many(len(key), 'byte')} and needs at least {SHORTEST_KEY}, so that "
            "nobody can guess it. Make one with `openssl rand -hex 32`, and give it by --key-file "
            "or as `key`."
        )
        raise ConfigurationError(msg)


class Seal:
    """The checksum of all lines, and the signature if there is a key."""

    def __init__(self, key: bytes | None) -> None:
        """Sign with `key`, if there is one."""
        self._hash = sha256()
        self._hmac = None if key is None else hmac.new(key, digestmod=sha256)

    def take(self, raw: bytes) -> None:
        """Go on with the next line."""
        self._hash.update(raw)
        if self._hmac is not None:
            self._hmac.update(raw)

    def write(self, raw: bytes, file: IO[bytes]) -> None:
        """Do so, and write it."""
        self.take(raw)
        file.write(raw)

    @property
    def digest(self) -> str:
        """The checksum so far."""
        return self._hash.hexdigest()

    @property
    def signature(self) -> str | None:
        """The signature so far."""
        return None if self._hmac is None else self._hmac.hexdigest()


def canonical(value: Any) -> bytes:
    """Return JSON of which there is only one form for one value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def _storable(value: Any) -> Any:
    """Return JSON-like data without what an importer would refuse: not every engine does."""
    if isinstance(value, dict):
        return {_storable(key): _storable(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_storable(each) for each in value]
    return storable(value) if isinstance(value, str) else value
