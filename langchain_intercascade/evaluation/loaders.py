"""This is where the data sets of the paper are fetched, on the machine of whoever asks for them.

Nothing of them is in this package, and nothing is fetched unless one is asked for by name.
They come through the `datasets` package of Hugging Face, which keeps a copy.

gsm_symbolic   templates of school arithmetic, each with fifty sets of names and numbers
               (arXiv 2410.05229; CC-BY-NC-ND-4.0, not for commercial use)
gsm_plus       school arithmetic, each question changed in eight ways
               (arXiv 2402.19255; CC-BY-SA-4.0)

A family is what an answer to one question may teach about another: a template, or the
variants of one question.
"""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.evaluation.questions import Questions, questions_from

Row: TypeAlias = Mapping[str, Any]

Fetch: TypeAlias = Callable[[str, str | None, str], Iterable[Row]]
"""Fetches rows: of the data set with this name, its part or `None`, and its split."""

_CONCLUSION: Final = re.compile(r"####\s*(\S+)\s*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """Where a data set is, and how its rows are read.

    Attributes:
        path: Its name on Hugging Face.
        part: Which part of it; `None` if it has no parts.
        split: Which split.
        row: Makes a question, its answer and its family of a row; `None` if it has no answer.
    """

    path: str
    part: str | None
    split: str
    row: Callable[[Row], Row | None]


def public_questions(
    name: str, *, limit: int | None = None, seed: int = 0, fetch: Fetch | None = None
) -> Questions:
    """Fetch a data set of the paper and return its questions, ready for `file_stream`.

    Args:
        name: `"gsm_symbolic"`, its harder parts `"gsm_symbolic_p1"` and `"gsm_symbolic_p2"`,
            `"gsm_plus"`, or its tenth `"gsm_plus_mini"`.
        limit: How many questions, drawn by lot; all if `None`.
        seed: Fixes that lot.
        fetch: Fetches in place of `datasets.load_dataset`.

    Raises:
        ConfigurationError: There is no such data set here, `datasets` is not installed, it
            cannot be fetched, or a row is not as expected; the message says what to do.

    Examples:
        >>> rows = [{"id": 7, "question": "2 + 2?", "answer": "2 + 2 = 4 #### 4"}]
        >>> found = public_questions("gsm_symbolic", fetch=lambda path, part, split: rows)
        >>> found.rows[0].answer, found.rows[0].family
        ('4', 'template 7')
    """
    if name not in DATA_SETS:
        msg = f"There is no data set {name!r} here: there are {', '.join(DATA_SETS)}."
        raise ConfigurationError(msg)
    found = DATA_SETS[name]
    rows = _fetched(found, fetch or _hugging_face(found.path))
    kept = [row for row in (_read(found, each) for each in rows) if row is not None]
    if limit is not None and limit < len(kept):
        kept = random.Random(seed).sample(kept, limit)
    return questions_from(kept, name=name)


def _fetched(found: DataSet, fetch: Fetch) -> list[Row]:
    try:
        return list(fetch(found.path, found.part, found.split))
    except _failures() as error:
        msg = (
            f"{found.path} cannot be fetched ({type(error).__name__}). It comes from "
            "huggingface.co: connect, or have it in the cache of `datasets` already."
        )
        raise ConfigurationError(msg) from error


def _failures() -> tuple[type[Exception], ...]:
    """Return what a fetch fails with: networks and files, and the errors of the HTTP client."""
    client = sys.modules.get("httpx")
    return (OSError, ValueError, *(() if client is None else (client.HTTPError,)))


def _hugging_face(path: str) -> Fetch:
    try:
        from datasets import load_dataset  # noqa: PLC0415 - only who asks for it needs it
    except ModuleNotFoundError as error:
        msg = f"{path} comes through the `datasets` package: pip install datasets."
        raise ConfigurationError(msg) from error
    load: Callable[..., Iterable[Row]] = load_dataset
    return lambda path, part, split: load(path, part, split=split)


def _read(found: DataSet, row: Row) -> Row | None:
    try:
        return found.row(row)
    except KeyError as error:
        msg = (
            f"A row of {found.path} has no column {error}; it has {', '.join(row)}. The data set "
            "was changed: read it yourself, and give the rows to `questions_from`."
        )
        raise ConfigurationError(msg) from error


def _symbolic(row: Row) -> Row | None:
    concluded = _CONCLUSION.search(str(row["answer"]))
    if concluded is None:
        return None
    answer, family = concluded[1].replace(",", ""), f"template {row['id']}"
    return {"question": row["question"], "answer": answer, "family": family}


def _plus(row: Row) -> Row | None:
    answer = str(row["answer"]).strip()
    # Where something that is needed was left out of a question, there is no answer to grade.
    if answer in {"", "None"}:
        return None
    return {"question": row["question"], "answer": answer, "family": row["seed_question"]}


def _gsm_symbolic(part: str) -> DataSet:
    return DataSet(path="apple/GSM-Symbolic", part=part, split="test", row=_symbolic)


def _gsm_plus(split: str) -> DataSet:
    return DataSet(path="qintongli/GSM-Plus", part=None, split=split, row=_plus)


DATA_SETS: Final[Mapping[str, DataSet]] = {
    "gsm_symbolic": _gsm_symbolic("main"),
    "gsm_symbolic_p1": _gsm_symbolic("p1"),
    "gsm_symbolic_p2": _gsm_symbolic("p2"),
    "gsm_plus": _gsm_plus("test"),
    "gsm_plus_mini": _gsm_plus("testmini"),
}
"""What can be fetched, by its name here."""
