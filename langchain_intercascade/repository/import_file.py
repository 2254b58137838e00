"""Reading a file of strategies that may come from anybody.

It is read once from end to end, with a bound on every line, before anything in it
is used.  Whatever is wrong is told by its line, and nothing in it is ever run.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from langchain_intercascade.errors import ConfigurationError, RepositoryCorruptError
from langchain_intercascade.repository.export_file import (
    FORMAT,
    FORMAT_VERSION,
    LONGEST,
    Header,
    Seal,
    Trailer,
    check_key,
)
from langchain_intercascade.repository.import_line import (
    BadLineError,
    first_fault,
    object_in,
    strategy_in,
    trailer_in,
)
from langchain_intercascade.strategy import Strategy


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a line; the words never quote it."""

    line: int
    why: str


@dataclass(frozen=True, slots=True)
class Verified:
    """A file that was read from end to end.

    Attributes:
        path: Where it lies.
        header: Its first line.
        good: Number and digest of every line with a strategy that can be used.
        problems: What is wrong with the others.
        signed: Whether it bears a signature.
        trusted: Whether that is the signature of the key that was given.
    """

    path: Path
    header: Header
    good: tuple[tuple[int, bytes], ...]
    problems: tuple[Problem, ...]
    signed: bool
    trusted: bool

    def strategies(self) -> Iterator[Strategy]:
        """Yield the strategies on the good lines.

        Raises:
            RepositoryCorruptError: The file was changed since it was verified.
        """
        wanted = dict(self.good)
        with _opened(self.path) as file:
            for number, raw in _lines(file):
                if (digest := wanted.get(number)) is None:
                    continue
                if sha256(raw).digest() != digest:
                    raise _corrupt(self.path, Problem(number, "it was changed while it was read"))
                yield strategy_in(raw, self.header)


def verified(path: Path, *, key: bytes | None = None, skip_bad: bool = False) -> Verified:
    """Read a file from end to end and say what is in it.

    Args:
        path: The file.
        key: What it must be signed with; without a key a signature is not looked at.
        skip_bad: Report bad lines instead of refusing the file.

    Raises:
        ConfigurationError: It is no such file or none of this format, a newer version wrote
            it, or there is a key and no signature.
        RepositoryCorruptError: Something in it is wrong; the message names the line.
    """
    check_key(key)
    with _opened(path) as file:
        reader = _Reader(path, key, skip_bad=skip_bad)
        for number, raw in _lines(file):
            reader.take(number, raw)
        return reader.finished()


@dataclass(slots=True)
class _Reader:
    """What is known of a file while it is read."""

    path: Path
    key: bytes | None
    skip_bad: bool
    seal: Seal = field(init=False)
    header: Header | None = None
    trailer: Trailer | None = None
    at: int = 0
    good: list[tuple[int, bytes]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.seal = Seal(self.key)

    def take(self, number: int, raw: bytes) -> None:
        """Read the next line."""
        self.at = number
        if self.header is None:
            self.header = _header(self.path, raw)
            self.seal.take(raw)
            return
        try:
            if self.trailer is not None:
                self._wrong("it comes after the end")
            elif (trailer := trailer_in(raw)) is not None:
                self.trailer = trailer
            else:
                strategy_in(raw, self.header)
                self.good.append((number, sha256(raw).digest()))
        except BadLineError as error:
            self._wrong(str(error))
        if self.trailer is None:
            self.seal.take(raw)

    def finished(self) -> Verified:
        """Check the whole against its trailer."""
        if self.header is None:
            raise _foreign(self.path)
        if self.trailer is None:
            self.at += 1
            self._wrong("the file breaks off here")
        elif self.trailer.sha256 != self.seal.digest:
            self._wrong("the checksum of the file is another: it was changed or cut")
        elif not self.trailer.count == self.header.count == len(self.good) + len(self.problems):
            self._wrong("the counts of strategies differ")
        signed = self.trailer is not None and self.trailer.hmac_sha256 is not None
        self._check_signature()
        problems, good = tuple(self.problems), tuple(self.good)
        trusted = self.key is not None and signed
        return Verified(self.path, self.header, good, problems, signed, trusted)

    def _check_signature(self) -> None:
        given = self.trailer.hmac_sha256 if self.trailer is not None else None
        if self.key is None:
            return
        if given is None:
            msg = (
                f"{self.path} is not signed. Leave out `key` (--key-file), if you take it all the "
                "same; what it holds is then on probation."
            )
            raise ConfigurationError(msg)
        if not hmac.compare_digest(given, self.seal.signature or ""):
            why = "the signature is not that of this key, or the file was changed"
            raise _corrupt(self.path, Problem(self.at, why))

    def _wrong(self, why: str) -> None:
        problem = Problem(self.at, why)
        if not self.skip_bad:
            raise _corrupt(self.path, problem)
        self.problems.append(problem)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        file = path.open("rb")
    except OSError as error:
        msg = (
            f"{path} cannot be read ({error.strerror or error}). Name a file that `intercascade "
            "strategies export` wrote and that you may read."
        )
        raise ConfigurationError(msg) from error
    with file:
        yield file


def _lines(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the lines with their numbers; of one that is too long only the beginning."""
    number = 0
    while raw := file.readline(LONGEST + 1):
        number += 1
        yield number, raw
        while len(raw) > LONGEST and not raw.endswith(b"\n"):
            raw = file.readline(LONGEST + 1)


def _header(path: Path, raw: bytes) -> Header:
    try:
        found = object_in(raw)
    except BadLineError as error:
        raise _foreign(path) from error
    if found.get("format") != FORMAT:
        raise _foreign(path)
    if isinstance(version := found.get("format_version"), int) and version > FORMAT_VERSION:
        msg = (
            f"{path} has format version {version}, and this version of langchain-intercascade "
            f"reads up to {FORMAT_VERSION}. Upgrade the package."
        )
        raise ConfigurationError(msg)
    try:
        return Header.model_validate(found)
    except ValidationError as error:
        raise _corrupt(path, Problem(1, first_fault(error))) from None


def _corrupt(path: Path, problem: Problem) -> RepositoryCorruptError:
    return RepositoryCorruptError(
        f"{path}, line {problem.line}: {problem.why}. Nothing was changed. Get the file again, or "
        "export again."
    )


def _foreign(path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"{path} is not an export of strategies. `intercascade strategies export` writes them."
    )
