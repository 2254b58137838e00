"""This is where recorded answers are read: packs, as JSON lines, gzipped or not.

Two shapes are known.  A *logprob pack* holds the answers of several models to
each prompt, with confidences and costs.  A *transfer pack* holds one model's
answer to each question twice: without help, and with help of the question's own
family in the prompt.  Every row is checked before anything is replayed.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from langchain_intercascade.errors import InterCascadeError

Split: TypeAlias = Literal["train", "test"]
Shape: TypeAlias = Literal["logprob", "transfer"]

_GZIP_MAGIC: Final = b"\x1f\x8b"

_Text = Annotated[str, Field(pattern=r"\S")]
_Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Count = Annotated[int, Field(ge=0)]


class PackError(InterCascadeError):
    """A pack cannot be read or does not hold what was asked of it; the message says where."""


class _Row(BaseModel):
    """A line of a pack; a pack may hold more than is replayed."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Tokens(_Row):
    """Tokens of one call."""

    read: _Count = Field(alias="in")
    written: _Count = Field(alias="out")


class ModelAnswer(_Row):
    """What one model answered.

    A missing answer is `None`, and so is a missing log-probability; a recorded
    one may be minus infinity or NaN, as servers do send those.
    """

    answer: str | None
    correct: bool
    conf_logp: float | None = None
    cost: _Amount | None = None
    latency_ms: _Amount | None = None
    tok: Tokens | None = None


class LogprobRow(_Row):
    """One prompt and what each model answered."""

    prompt: _Text
    system: str = ""
    split: Split = "test"
    models: Annotated[dict[str, ModelAnswer], Field(min_length=1)]


class TransferRow(_Row):
    """One question of a family, answered without help (direct) and with (cot)."""

    # Bounded, because it has to fit into the title of a strategy.
    family: Annotated[str, StringConstraints(pattern=r"^\S.*$", max_length=100)]
    question: _Text
    gold: _Text
    direct_out: str | None
    direct_ok: bool
    cot_out: str | None
    cot_ok: bool


_R = TypeVar("_R", bound=_Row)

# By these keys of its first row a pack's shape is known.
_KEYS: Final[Mapping[Shape, tuple[str, ...]]] = {
    "logprob": ("prompt", "models"),
    "transfer": ("family", "question", "gold", "direct_out", "cot_out"),
}


@dataclass(frozen=True, slots=True)
class LogprobPack:
    """Several models' answers with confidences.

    Attributes:
        name: The file's name.
        digest: SHA-256 of the file, in hexadecimal.
        rows: Its rows, in order.
    """

    name: str
    digest: str
    rows: tuple[LogprobRow, ...]

    @property
    def models(self) -> tuple[str, ...]:
        """The models that answered at least one prompt, in order of appearance."""
        return tuple(dict.fromkeys(name for row in self.rows for name in row.models))

    def rows_of(self, weak: str, strong: str, split: Split | None = None) -> list[LogprobRow]:
        """Return the rows that both models answered, of one split or of all.

        Raises:
            PackError: A model is unknown, or there is no such row.
        """
        for name in (weak, strong):
            if name not in self.models:
                msg = (
                    f"{self.name} has no model {name!r}; it has {', '.join(self.models)}. Choose "
                    "two of those."
                )
                raise PackError(msg)
        both = [row for row in self.rows if {weak, strong} <= row.models.keys()]
        if not both:
            groups = "; or ".join(dict.fromkeys(", ".join(row.models) for row in self.rows))
            msg = (
                f"{self.name} has no prompt that both {weak} and {strong} answered. Choose two of: "
                f"{groups}."
            )
            raise PackError(msg)
        found = [row for row in both if split in {None, row.split}]
        if not found:
            msg = (
                f"{self.name} has no {split} split for {weak} and {strong}: it has "
                f"{', '.join(sorted({row.split for row in both}))}. Name another, or all."
            )
            raise PackError(msg)
        return found


@dataclass(frozen=True, slots=True)
class TransferPack:
    """One model's answers without and with help of the question's family.

    Attributes:
        name: The file's name.
        digest: SHA-256 of the file, in hexadecimal.
        rows: Its rows, in order.
    """

    name: str
    digest: str
    rows: tuple[TransferRow, ...]

    @property
    def families(self) -> tuple[str, ...]:
        """The families, in order of appearance."""
        return tuple(dict.fromkeys(row.family for row in self.rows))


Pack: TypeAlias = LogprobPack | TransferPack


def read_pack(path: str | Path) -> Pack:
    """Read the pack in the file `path`, of whichever shape it is.

    Raises:
        PackError: It cannot be read, is empty, is of no known shape, or a row is
            malformed; the message names the file, the line, and what was expected.
    """
    file = Path(path)
    try:
        data = file.read_bytes()
    except OSError as error:
        msg = (
            f"{file} cannot be read ({error.strerror or type(error).__name__}). Name a file of "
            "JSON lines, gzipped or not."
        )
        raise PackError(msg) from error
    rows = list(_objects(file.name, _decoded(file.name, _unzipped(file.name, data))))
    digest = sha256(data).hexdigest()
    if _shape(file.name, rows) == "logprob":
        return LogprobPack(file.name, digest, _checked(file.name, rows, LogprobRow))
    return TransferPack(file.name, digest, _checked(file.name, rows, TransferRow))


def _unzipped(name: str, data: bytes) -> bytes:
    """Return the content; what a file is called matters less than what it is."""
    if not data.startswith(_GZIP_MAGIC):
        if name.endswith(".gz") and data:
            msg = (
                f"{name} is not a gzip file, although its name says so: call it .jsonl if it is "
                "plain text, or get it again."
            )
            raise PackError(msg)
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        msg = (
            f"{name} is a damaged or incomplete gzip file ({type(error).__name__}): get it again, "
            "whole."
        )
        raise PackError(msg) from error


def _decoded(name: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        msg = (
            f"{name}, line {line}: it is not UTF-8 text (byte {error.start}), so it cannot be JSON "
            "lines. Save it as UTF-8."
        )
        raise PackError(msg) from error


def _objects(name: str, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each line's number and its object; blank lines are passed over."""
    # Not `splitlines`: JSON strings may hold the other characters that it breaks at.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            detail = error.msg if isinstance(error, json.JSONDecodeError) else "it cannot be read"
            msg = (
                f"{name}, line {number}: it is not JSON ({detail}); expected one object a line. "
                "Mend the line or leave it out."
            )
            raise PackError(msg) from error
        if not isinstance(found, dict):
            msg = (
                f"{name}, line {number}: it is a JSON {type(found).__name__}, not an object. Write "
                "one object, in braces, on each line."
            )
            raise PackError(msg)
        yield number, found


def _shape(name: str, rows: Sequence[tuple[int, dict[str, Any]]]) -> Shape:
    if not rows:
        msg = f"{name} is empty; expected JSON lines, one question a line."
        raise PackError(msg)
    number, first = rows[0]
    for shape, keys in _KEYS.items():
        if set(keys) <= first.keys():
            return shape
    shapes = "; or ".join(", ".join(keys) for keys in _KEYS.values())
    msg = (
        f"{name}, line {number}: it has the keys {', '.join(first) or '(none)'}, which is no known "
        f"shape of a pack. Give each line at least: {shapes}."
    )
    raise PackError(msg)


def _checked(
    name: str, rows: Sequence[tuple[int, dict[str, Any]]], kind: type[_R]
) -> tuple[_R, ...]:
    return tuple(_validated(name, number, row, kind) for number, row in rows)


def _validated(name: str, number: int, row: dict[str, Any], kind: type[_R]) -> _R:
    try:
        return kind.model_validate(row)
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(map(str, wrong["loc"]))
        msg = f"{name}, line {number}: {where}: {wrong['msg']}. Mend the line or leave it out."
        raise PackError(msg) from error
