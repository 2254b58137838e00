"""This is the form in which a run is written down: the JSON report.

Everything that is shown of a run, tables and plots, is made from it, so what is seen is
what is in the file.  The keys are a promise; new ones may come, none is renamed.  A
figure is a number, or `None` where it cannot be had: never 0 for "unknown".  A reader
has to bear that keys marked as not required are absent, as they are in older reports.
"""

from __future__ import annotations

import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, Literal, NotRequired, TypeAlias, TypedDict

from langchain_intercascade.evaluation.report_arms import ArmReport, Pair
from langchain_intercascade.record import versions

SCHEMA: Final = 2
"""The version of this form; reports without `schema` are older."""

Kind: TypeAlias = Literal["live", "simulated", "recorded", "trained"]
"""What the models were: real ones that were called now, a scripted simulation, recordings of
real ones, or the tiny trained models of this package."""

_LIBRARIES: Final = ("langchain-core", "langgraph", "numpy", "qdrant-edge-py")


class Comparison(TypedDict):
    """One arm beside another on the very same questions; each change has its 95 % interval.

    Attributes:
        strong_calls_change: Relative: -.48 means 48 % fewer. `None` if the other made none.
        fees_change: Relative change of all that was spent, net.
        weak_accuracy_gain: Difference of the weak accuracies: .33 means 33 points more.
        system_accuracy_gain: Difference of the system accuracies.
    """

    strong_calls_change: float | None
    strong_calls_change_interval: Pair | None
    fees_change: float | None
    fees_change_interval: Pair | None
    weak_accuracy_gain: float | None
    weak_accuracy_gain_interval: Pair | None
    system_accuracy_gain: float | None
    system_accuracy_gain_interval: Pair | None


class Rivals(TypedDict):
    """What is had elsewhere at the same accuracy, or at the same cost.

    Attributes:
        arm: The arm that is matched, "cascade".
        system_accuracy: Its accuracy.
        cost_per_question: Its cost in dollars.
        mixture_cost: What asking the strong model about a random share costs at that accuracy:
            on the straight line from `weak_only` to `strong_only`. `None` if it cannot get there.
        mixture_accuracy: The accuracy that such a mixture has at that cost.
        plain_cost: What the plain cascade costs at that accuracy, at whichever of its
            thresholds is the cheapest there; the line through the gate's points is used.
        plain_accuracy: The best accuracy that the plain cascade has at that cost.
    """

    arm: str
    system_accuracy: float | None
    cost_per_question: float | None
    mixture_cost: float | None
    mixture_accuracy: float | None
    plain_cost: float | None
    plain_accuracy: float | None


class BreakEven(TypedDict):
    """After which question the cascade has paid for its lessons, and stays below.

    Attributes:
        strong: The question after which all that it has spent, on the mean of the seeds, is and
            stays below what always asking the strong model had cost; `None` if it never is.
        plain: The same beside the plain cascade.
        questions: How many questions the stream has.
    """

    strong: int | None
    plain: int | None
    questions: int


class StrategyFigures(TypedDict):
    """What one strategy did, counted against the weak model alone on the same questions.

    Attributes:
        id: Its id.
        title: What it is about. Hostile text: escape it.
        when: When to use it. Hostile text.
        steps: What to do. Hostile text.
        uses: How many weak answers were written with it in the prompt, all seeds together.
        right_with: How many of those were right.
        right_without: How many of the same questions the weak model gets right alone; `None` if
            it was not asked alone.
        net: The difference of the two.
    """

    id: str
    title: str
    when: str
    steps: list[str]
    uses: int
    right_with: int
    right_without: int | None
    net: int | None


class Strategies(TypedDict):
    """The strategies that brought most, and those that brought least, each at most ten."""

    best: list[StrategyFigures]
    worst: list[StrategyFigures]


class Data(TypedDict):
    """What was asked.

    Attributes:
        name: The file's name, or the name of the stream.
        sha256: Of the file; `None` for a stream that is made on the spot.
        questions: How many questions under each seed.
        families: How many families; `None` if they are not known.
        grader: What judged the answers.
        repeated: Rows of the file that repeated an earlier question and were left out.
    """

    name: str
    sha256: str | None
    questions: int
    families: int | None
    grader: str
    repeated: NotRequired[int]


class Report(TypedDict):
    """One run.

    Attributes:
        schema: `SCHEMA`.
        kind: What the models were; to be said first and loudly.
        title: What was measured, in a line.
        command: What to type to run the same again.
        versions: By name: this package, its prompts, and what it stands on.
        models: The models' names by level: "weak", "middle" ("middle2" ...), "strong".
        data: What was asked.
        seeds: Each fixed an order of the questions, or a stream.
        threshold: The gate's; a list where there are several gates; in words, if each cascade
            found its own.
        k: How many strategies were shown at most.
        min_similarity: Least similarity of a strategy that was shown; `None`: measured.
        learning: How the arms that learn did so; in replays it may be "off".
        admission: How strategies were admitted.
        confidence: What scored the weak answers.
        warm: The repository that each learning arm began with a copy of; `None`: empty.
        prices: Dollars per million tokens read and written, by model; `None` if unknown.
        spent: Dollars that the calls of this run really cost, graders included; calls that
            several seeds or arms share were paid for once. `None` if a price is unknown.
        recorded: What was recorded, in sentences.
        assumed: What is assumed, in sentences.
        incomplete: What is missing and why, if the run was stopped; else `None`.
        arms: By name, in the order in which they are to be shown.
        compared: "cascade_vs_plain", "cascade_vs_strong", "cascade_vs_random" and
            "cascade_vs_few_shot", as far as those arms were run.
        matched: What is had elsewhere for the same; `None` if an arm that it takes is missing.
        break_even: When the lessons had paid for themselves; `None` likewise.
        strategies: What the strategies of the arm "cascade" brought.
    """

    schema: int
    kind: Kind
    title: str
    command: str
    versions: dict[str, str]
    models: dict[str, str]
    data: Data
    seeds: list[int]
    threshold: Any
    k: int
    min_similarity: float | None
    learning: str
    admission: NotRequired[str]
    confidence: str
    warm: str | None
    prices: dict[str, Pair | None]
    spent: float | None
    recorded: list[str]
    assumed: list[str]
    incomplete: str | None
    arms: dict[str, ArmReport]
    compared: dict[str, Comparison]
    matched: Rivals | None
    break_even: BreakEven | None
    strategies: Strategies


ARM_NAMES: Final = {
    "weak_only": "weak only",
    "strong_only": "strong only",
    "cascade_plain": "cascade, no strategies",
    "cascade": "cascade",
    "cascade_random": "cascade, random strategies",
    "few_shot": "cascade, past answers as examples",
    "prompt_only": "cascade, neutral prompt",
    "oracle": "cascade, right family every time",
    "weak_helped": "weak, always helped",
}
"""What the arms are called where people read it."""


def write_report(report: Any, path: Path) -> None:
    """Write `report` as JSON.

    Raises:
        OSError: It cannot be written there.
    """
    text = json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def library_versions() -> dict[str, str]:
    """Return the versions of this package, its prompts, and what it stands on."""
    libraries = {name: _version(name) for name in _LIBRARIES}
    package = {"langchain-intercascade": versions()["package"], "prompts": versions()["prompts"]}
    return {**package, **libraries, "python": platform.python_version()}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
