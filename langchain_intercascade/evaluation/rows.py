"""This is where a file of rows is read: JSON lines, one JSON array, or CSV; each also gzipped."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from langchain_intercascade.errors import ConfigurationError


class Row(NamedTuple):
    """One row of a file.

    Attributes:
        where: The file's name and the place in it, for complaints.
        line: Its line, or its number in an array; from 1.
        cells: What it holds.
    """

    where: str
    line: int
    cells: Mapping[str, Any]


def read_rows(path: str | Path) -> Iterator[Row]:
    """Read a file row by row; how, its name says: `.csv`, `.json` (one array), else JSON lines.

    A name that goes on with `.gz` says that it is gzipped.  Blank lines are passed over.

    Raises:
        ConfigurationError: It cannot be read, or a row is no object; the message says where.
    """
    file = Path(path)
    text = _text(file)
    suffix = (file.with_suffix("") if file.suffix == ".gz" else file).suffix.lower()
    read = {".csv": _csv, ".json": _array}.get(suffix, _lines)
    return read(file.name, text)


def _text(file: Path) -> str:
    try:
        data = file.read_bytes()
        plain = gzip.decompress(data) if file.suffix == ".gz" else data
        return plain.decode("utf-8-sig")
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        msg = (
            f"{file.name} is not a whole gzipped file ({error}): get it again, or drop .gz from "
            "its name if it is plain text."
        )
        raise ConfigurationError(msg) from error
    except OSError as error:
        msg = (
            f"{file} cannot be read ({error.strerror or type(error).__name__}). Name a file of "
            "questions: .jsonl, .csv or .json."
        )
        raise ConfigurationError(msg) from error
    except UnicodeDecodeError as error:
        msg = (
            f"{file.name} is not UTF-8 text (byte {error.start}): save it as UTF-8; the name of a "
            "gzipped file is to end in .gz."
        )
        raise ConfigurationError(msg) from error


def _lines(name: str, text: str) -> Iterator[Row]:
    for line, said in enumerate(text.split("\n"), start=1):
        if said.strip():
            where = f"{name}, line {line}"
            yield Row(where, line, _object(where, _json(where, said)))


def _array(name: str, text: str) -> Iterator[Row]:
    found = _json(name, text)
    if not isinstance(found, list):
        # Some write JSON lines under this name.
        msg = f"{name} is to be one JSON array of objects; JSON lines are to be named .jsonl."
        raise ConfigurationError(msg)
    for number, each in enumerate(found, start=1):
        where = f"{name}, row {number}"
        yield Row(where, number, _object(where, each))


def _csv(name: str, text: str) -> Iterator[Row]:
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        for cells in rows:
            where = f"{name}, line {rows.line_num}"
            if None in cells:
                msg = (
                    f"{where} has more cells than the head has names: put cells that hold a comma "
                    "in quotation marks."
                )
                raise ConfigurationError(msg)
            yield Row(where, rows.line_num, cells)
    except csv.Error as error:
        msg = (
            f"{name}, line {rows.line_num} is not CSV ({error}): close its quotation marks, and "
            "double those inside a cell."
        )
        raise ConfigurationError(msg) from error


def _json(where: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        example = '{"question": "2+2?"}'
        hint = f"each line is to be an object such as {example}" if "line" in where else "mend it"
        msg = f"{where} is not JSON: {hint}."
        raise ConfigurationError(msg) from error


def _object(where: str, found: Any) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        msg = (
            f"{where} is a {type(found).__name__}, not an object with a `question`. Write it as "
            '{"question": "2+2?"}.'
        )
        raise ConfigurationError(msg)
    return found
