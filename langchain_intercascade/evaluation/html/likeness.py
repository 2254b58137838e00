"""This is where it is found out whether runs can be compared, and in what they differ.

A difference between two runs means something only if both were asked the same questions
and judged alike.  Other models, thresholds or settings are what comparing is for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias

from langchain_intercascade.evaluation.html.reading import Run, at, number, text
from langchain_intercascade.evaluation.html.sections.headline import data_name

NOT_SAID: Final = "not said"

_ENOUGH: Final = 12

_Look: TypeAlias = Callable[[Run], Any]


class Difference(NamedTuple):
    """Something in which runs differ.

    Attributes:
        what: What it is.
        values: What each run says, in the order of the runs.
    """

    what: str
    values: tuple[str, ...]


def unlike(runs: Sequence[Run]) -> list[Difference]:
    """Return the reasons why the runs' figures must not be compared; none if they may be."""
    return _differences(runs, {**_ASKED, **_streams(runs)})


def settings(runs: Sequence[Run]) -> list[Difference]:
    """Return the settings in which the runs differ: what a comparison of them is about."""
    return _differences(runs, _SETTINGS)


def _digest(run: Run) -> str | None:
    return text(run.data, "data", "sha256") or text(run.data, "pack_sha256")


def _named(run: Run) -> str | None:
    """Return the questions' name, with as much of their digest as tells two files apart."""
    digest, name = _digest(run), data_name(run)
    return f"{name} ({digest[:_ENOUGH]})" if digest else name


def _questions(run: Run) -> float | None:
    return number(run.data, "data", "questions") or number(run.main_arm, "n")


def _setting(key: str, run: Run) -> Any:
    return at(run.data, key)


def _grader(run: Run) -> str | None:
    return text(run.data, "data", "grader")


_ASKED: Final[Mapping[str, _Look]] = {
    "kind of models": lambda run: run.kind,
    "questions": _named,
    "number of questions": _questions,
    "split": lambda run: text(run.data, "split"),
    "grader": _grader,
    "incomplete": lambda run: at(run.data, "incomplete") or "no",
    "arm": lambda run: run.main,
}
_SETTINGS: Final[Mapping[str, _Look]] = {
    key.replace("_", " "): partial(_setting, key)
    for key in (
        *("models", "seeds", "seed", "threshold", "confidence", "k", "min_similarity"),
        *("learning", "admission", "warm", "prices", "versions"),
    )
}


def _streams(runs: Sequence[Run]) -> Mapping[str, _Look]:
    """Return what else makes the questions: of a stream made on the spot, its seeds do."""
    if all(_digest(run) for run in runs):
        return {}
    return {"seeds of the stream": lambda run: at(run.data, "seeds")}


def _differences(runs: Sequence[Run], looks: Mapping[str, _Look]) -> list[Difference]:
    found = [
        Difference(what, tuple(_said(look(run)) for run in runs)) for what, look in looks.items()
    ]
    return [each for each in found if len(set(each.values)) > 1]


def _said(value: Any) -> str:
    if value is None:
        return NOT_SAID
    if isinstance(value, float | int) and not isinstance(value, bool):
        return f"{value:,.6g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_said(each)}" for key, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_said, value))
    return str(value)
