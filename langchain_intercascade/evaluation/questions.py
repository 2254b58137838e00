"""This is where questions to calibrate on are read: JSON lines, each with its answer if known."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from langchain_intercascade.errors import ConfigurationError

QUESTION_KEYS: Final = ("question", "prompt", "input", "query")
ANSWER_KEYS: Final = ("answer", "gold", "output", "label")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledQuestion:
    """One question.

    Attributes:
        line: Where it stands in the file, from 1.
        question: What is asked.
        answer: The right answer; `None` if nobody has said.
        system: The system message that goes with it; may be empty.
    """

    line: int
    question: str
    answer: str | None = None
    system: str = ""

    @property
    def key(self) -> str:
        """What it is known by wherever it stands: a digest of all it says."""
        said = json.dumps([self.system, self.question, self.answer])
        return blake2b(said.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


@dataclass(frozen=True, slots=True)
class Questions:
    """The questions of a file.

    Attributes:
        name: The file's name.
        rows: Each question once, in the file's order.
        repeated: How many lines asked what an earlier one had asked: they are no evidence of
            their own, so they are left out.
    """

    name: str
    rows: tuple[LabelledQuestion, ...]
    repeated: int


def read_questions(path: str | Path, limit: int | None = None) -> Questions:
    """Read the first `limit` questions of a file, or all.

    A row is an object with a `question` (or `prompt`, `input`, `query`), and if it is known
    an `answer` (or `gold`, `output`, `label`), which is text or a number; a `system`
    message may be there too, and anything else is passed over.  Blank lines are as well.

    Raises:
        ConfigurationError: It cannot be read, holds no question, or a line is no such row;
            the message names the line.
    """
    file = Path(path)
    rows: list[LabelledQuestion] = []
    asked: set[tuple[str, str]] = set()
    repeated = 0
    for line, found in _objects(file):
        row = _row(f"{file.name}, line {line}", line, found)
        if (row.system, row.question) in asked:
            repeated += 1
        elif limit is not None and len(rows) == limit:
            break
        else:
            asked.add((row.system, row.question))
            rows.append(row)
    if not rows:
        msg = f"{file.name} holds no question: each line is to be a JSON object with a `question`."
        raise ConfigurationError(msg)
    return Questions(file.name, tuple(rows), repeated)


def _objects(file: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        msg = f"{file} cannot be read ({error.strerror or type(error).__name__})."
        raise ConfigurationError(msg) from error
    except UnicodeDecodeError as error:
        msg = (
            f"{file.name} is not UTF-8 text (byte {error.start}); a gzipped file is to be unpacked."
        )
        raise ConfigurationError(msg) from error
    for line, text in enumerate(lines, start=1):
        if text.strip():
            yield line, _object(f"{file.name}, line {line}", text)


def _object(where: str, text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        msg = f'{where} is not JSON: each line is to be an object such as {{"question": "2+2?"}}.'
        raise ConfigurationError(msg) from error
    if not isinstance(found, dict):
        msg = f"{where} is a {type(found).__name__}, not an object with a `question`."
        raise ConfigurationError(msg)
    return found


def _row(where: str, line: int, found: Mapping[str, Any]) -> LabelledQuestion:
    question = _one_of(where, found, QUESTION_KEYS)
    if not isinstance(question, str) or not question.strip():
        keys = ", ".join(map(str, list(found)[:8])) or "none"
        names = " or ".join(QUESTION_KEYS)
        msg = f"{where} has no question: it needs text under {names}, and its keys are {keys}."
        raise ConfigurationError(msg)
    system = found.get("system") or ""
    if not isinstance(system, str):
        msg = f"{where}: `system` is a {type(system).__name__}; it is to be text."
        raise ConfigurationError(msg)
    answer = _answer(where, _one_of(where, found, ANSWER_KEYS))
    return LabelledQuestion(line=line, question=question, answer=answer, system=system)


def _one_of(where: str, found: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    """Return what stands under one of `names`; which of two was meant nobody could know."""
    given = [name for name in names if found.get(name) is not None]
    if len(given) > 1:
        msg = f"{where} has both `{given[0]}` and `{given[1]}`: keep the one that is meant."
        raise ConfigurationError(msg)
    return found[given[0]] if given else None


def _answer(where: str, given: Any) -> str | None:
    if given is None or (isinstance(given, str) and not given.strip()):
        return None
    if isinstance(given, str | int | float):
        return given if isinstance(given, str) else json.dumps(given)
    msg = f"{where}: the answer is a {type(given).__name__}; it is to be text or a number."
    raise ConfigurationError(msg)
