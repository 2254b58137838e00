"""This is where questions are read, each with its answer and its family if those are known."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any, Final

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.evaluation.rows import Row, read_rows

QUESTION_KEYS: Final = ("question", "prompt", "input", "query")
ANSWER_KEYS: Final = ("answer", "gold", "output", "label", "target")
FAMILY_KEYS: Final = ("family", "category", "subject", "task")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledQuestion:
    """One question.

    Attributes:
        line: Where it stands in the file, from 1.
        question: What is asked.
        answer: The right answer; `None` if nobody has said.
        system: The system message that goes with it; may be empty.
        family: The kind of question; `None` if nobody has said.
    """

    line: int
    question: str
    answer: str | None = None
    system: str = ""
    family: str | None = None

    @property
    def key(self) -> str:
        """What it is known by wherever it stands: a digest of all it says."""
        said = json.dumps([self.system, self.question, self.answer])
        return blake2b(said.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Under which names the parts of a row stand; `None`: under one of the common ones."""

    question: str | None = None
    answer: str | None = None
    family: str | None = None


@dataclass(frozen=True, slots=True)
class Questions:
    """The questions of a file.

    Attributes:
        name: The file's name.
        rows: Each question once, in the file's order.
        repeated: How many lines asked what an earlier one had asked: they are no evidence of
            their own, so they are left out.
        digest: SHA-256 of the file; empty if it was none.
    """

    name: str
    rows: tuple[LabelledQuestion, ...]
    repeated: int
    digest: str = ""


def read_questions(
    path: str | Path, limit: int | None = None, columns: Columns | None = None
) -> Questions:
    """Read the first `limit` questions of a file, or all; see `read_rows` for the forms.

    A row has a `question` (or `prompt`, `input`, `query`), and if it is known an `answer`
    (or `gold`, `output`, `label`, `target`), which is text or a number, and a `family`
    (or `category`, `subject`, `task`); a `system` message may be there too, and anything
    else is passed over.

    Raises:
        ConfigurationError: It cannot be read, holds no question, or a row is no such row;
            the message says which.
    """
    file = Path(path)
    rows, repeated = _collected(read_rows(file), limit, columns or Columns())
    if not rows:
        msg = f"{file.name} holds no question: each line is to be a JSON object with a `question`."
        raise ConfigurationError(msg)
    return Questions(file.name, rows, repeated, sha256(file.read_bytes()).hexdigest())


def questions_from(
    rows: Iterable[Mapping[str, Any]], *, name: str = "rows", columns: Columns | None = None
) -> Questions:
    """Return the questions in `rows`, such as a data set of the `datasets` package.

    Raises:
        ConfigurationError: There is no question, or a row is not as `read_questions` says.

    Examples:
        >>> questions_from([{"question": "2+2?", "answer": 4}]).rows[0].answer
        '4'
    """
    placed = (Row(f"{name}, row {at}", at, cells) for at, cells in enumerate(rows, start=1))
    found, repeated = _collected(placed, None, columns or Columns())
    if not found:
        msg = f"{name} holds no question: each row is to have a `question`."
        raise ConfigurationError(msg)
    return Questions(name, found, repeated)


def _collected(
    found: Iterable[Row], limit: int | None, columns: Columns
) -> tuple[tuple[LabelledQuestion, ...], int]:
    """Return each question once, and how many were repeated."""
    rows: list[LabelledQuestion] = []
    asked: set[tuple[str, str]] = set()
    repeated = 0
    for each in found:
        row = _row(each, columns)
        if (row.system, row.question) in asked:
            repeated += 1
        elif limit is not None and len(rows) == limit:
            break
        else:
            asked.add((row.system, row.question))
            rows.append(row)
    return tuple(rows), repeated


def _row(row: Row, columns: Columns) -> LabelledQuestion:
    question = _one_of(row, columns.question, QUESTION_KEYS)
    if not isinstance(question, str) or not question.strip():
        keys = ", ".join(map(str, list(row.cells)[:8])) or "none"
        names = columns.question or " or ".join(QUESTION_KEYS)
        msg = f"{row.where} has no question: it needs text under {names}, and its keys are {keys}."
        raise ConfigurationError(msg)
    system = row.cells.get("system") or ""
    if not isinstance(system, str):
        msg = f"{row.where}: `system` is a {type(system).__name__}; it is to be text."
        raise ConfigurationError(msg)
    return LabelledQuestion(
        line=row.line,
        question=question,
        answer=_words(row, "answer", _one_of(row, columns.answer, ANSWER_KEYS)),
        system=system,
        family=_family(row, columns),
    )


def _one_of(row: Row, name: str | None, names: tuple[str, ...]) -> Any:
    """Return what stands under `name`, or under one of `names`.

    Which of two was meant nobody could know.
    """
    if name is not None:
        if name not in row.cells:
            msg = (
                f"{row.where} has no column {name!r}; it has {', '.join(map(str, row.cells))}. "
                "Name one of those."
            )
            raise ConfigurationError(msg)
        return row.cells[name]
    given = [name for name in names if row.cells.get(name) not in (None, "")]
    if len(given) > 1:
        msg = f"{row.where} has both `{given[0]}` and `{given[1]}`: keep the one that is meant."
        raise ConfigurationError(msg)
    return row.cells[given[0]] if given else None


def _family(row: Row, columns: Columns) -> str | None:
    """Return what stands under the column that was named, or the first of the common ones."""
    if columns.family is not None:
        return _words(row, "family", _one_of(row, columns.family, ()))
    found = (row.cells.get(name) for name in FAMILY_KEYS)
    return next((str(each) for each in found if each and isinstance(each, str | int)), None)


def _words(row: Row, what: str, given: Any) -> str | None:
    if given is None or (isinstance(given, str) and not given.strip()):
        return None
    if isinstance(given, str | int | float):
        return given if isinstance(given, str) else json.dumps(given)
    msg = f"{row.where}: the {what} is a {type(given).__name__}; it is to be text or a number."
    raise ConfigurationError(msg)
