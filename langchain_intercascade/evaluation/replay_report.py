"""This is where the replay of a pack is written down: its report, and the rows of its tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from langchain_intercascade.errors import how_many
from langchain_intercascade.evaluation.arms import Outcome
from langchain_intercascade.evaluation.figures import figures
from langchain_intercascade.evaluation.metrics import arm_metrics, other_gates, pessimistic
from langchain_intercascade.evaluation.played import Played, Ran
from langchain_intercascade.evaluation.replay import Replay
from langchain_intercascade.evaluation.report import SCHEMA, library_versions
from langchain_intercascade.threshold.base import ThresholdValue

Report: TypeAlias = dict[str, Any]
Row: TypeAlias = tuple[str, ...]

ARM_COLUMNS: Final = ("arm", "accuracy", "weak\naccuracy", "coverage", "strong\ncalls", "risk", "$")
"""Accuracy is that of what is returned; risk is the share of wrong ones among accepted answers."""

_ARM_METRICS: Final = (
    "system_accuracy",
    "weak_accuracy",
    "coverage",
    "strong_call_share",
    "selective_risk",
)
_ARM_NAMES: Final = {
    "weak_only": "weak only",
    "strong_only": "strong only",
    "cascade": "cascade",
    "weak_helped": "weak, always\nhelped",
}
_GATE_NAMES: Final = {
    "random_gate": "random gate",
    "perfect_gate": "perfect gate",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What was run.

    Attributes:
        pack: The pack's file name.
        pack_sha256: SHA-256 of the file.
        replay: The replay made of it.
        split: Which of its questions: "train", "test" or "all".
        seed: Fixed the order of the questions, and the bootstrap.
        threshold: The gate's.
        command: What to type to run the same again.
    """

    pack: str
    pack_sha256: str
    replay: Replay
    split: str
    seed: int
    threshold: ThresholdValue
    command: str


def make_report(setup: Setup, arms: Mapping[str, Sequence[Outcome]]) -> Report:
    """Return the report of a run, as JSON-like data.

    Args:
        setup: What was run.
        arms: The outcomes by arm: "weak_only", "strong_only", "cascade", and more.
    """
    replay = setup.replay
    played = {name: {setup.seed: Played(outcomes)} for name, outcomes in arms.items()}
    found: dict[str, Any] = {**figures(Ran(played), seed=setup.seed)}
    found["arms"]["cascade"] |= _cascade_metrics(arms["cascade"], setup)
    return {
        **found,
        "schema": SCHEMA,
        "kind": "recorded",
        "title": f"{setup.pack}: {replay.weak_model} -> {replay.strong_model}, replayed",
        "data": {
            "name": setup.pack,
            "sha256": setup.pack_sha256,
            "questions": len(arms["cascade"]),
            "families": _families(arms["cascade"]),
            "grader": "as recorded",
        },
        "seeds": [setup.seed],
        "incomplete": None,
        "gates": other_gates(arms["cascade"], arms["strong_only"]),
        "pack": setup.pack,
        "pack_sha256": setup.pack_sha256,
        "models": {"weak": replay.weak_model, "strong": replay.strong_model},
        "split": setup.split,
        "seed": setup.seed,
        "threshold": setup.threshold,
        "learning": replay.options["learning"],
        "k": replay.options["k"],
        "min_similarity": replay.options.get("min_similarity"),
        "recorded": list(replay.recorded),
        "assumed": list(replay.assumed),
        "versions": library_versions(),
        "command": setup.command,
    }


def arm_rows(report: Report) -> list[Row]:
    """Return the rows of the table of arms under `ARM_COLUMNS`, intervals on a second line."""
    rows = []
    for name, metrics in report["arms"].items():
        rows.append(_arm_row(_ARM_NAMES.get(name, name), metrics))
        if "pessimistic" in metrics:
            rows.append(_arm_row(f"{_ARM_NAMES[name]},\npessimistic", metrics["pessimistic"]))
    rows += [
        (_GATE_NAMES[name], _number(value), *[""] * (len(ARM_COLUMNS) - 2))
        for name, value in report["gates"].items()
    ]
    return rows


def stream_rows(report: Report, parts: str) -> tuple[Row, list[Row]]:
    """Return the head and the rows of a table along the stream.

    Args:
        report: The report.
        parts: "tenths", or "windows" that double.
    """
    arms = report["arms"]
    columns: dict[str, tuple[str, str]] = {
        "coverage": ("cascade", "coverage"),
        "accuracy": ("cascade", "system_accuracy"),
        "weak in\ncascade": ("cascade", "weak_accuracy"),
        "weak only": ("weak_only", "weak_accuracy"),
    }
    if "weak_helped" in arms:
        columns["weak, always\nhelped"] = ("weak_helped", "weak_accuracy")
    rows, end = [], 0
    for i, part in enumerate(arms["cascade"][parts]):
        begin, end = end + 1, end + part["n"]
        cells = [_number(arms[arm][parts][i][metric]) for arm, metric in columns.values()]
        rows.append((f"{begin}-{end}", *cells))
    return ("questions", *columns), rows


def summary(report: Report) -> str:
    """Say in words what came of it: what was learned, or how good the confidence is."""
    return _learned(report) if report["learning"] != "off" else _ranked(report)


def _cascade_metrics(outcomes: Sequence[Outcome], setup: Setup) -> dict[str, Any]:
    """Return what only the cascade has: what it learned, and what had to be assumed."""
    found: dict[str, Any] = {
        "lessons": dict(Counter(o.lesson for o in outcomes)),
        "assumed_answers": dict(Counter(o.assumed for o in outcomes if o.assumed)),
    }
    if setup.replay.learns:
        found["pessimistic"] = arm_metrics(pessimistic(outcomes), seed=setup.seed)
    return found


def _families(outcomes: Sequence[Outcome]) -> int | None:
    families = {each.family for each in outcomes}
    return None if None in families else len(families)


def _ranked(report: Report) -> str:
    """Say how good the recorded confidence is."""
    area = report["arms"]["cascade"]["confidence_auroc"]
    if area is None:
        return "How well the confidence ranks the weak answers cannot be told from these."
    return f"The confidence ranks right weak answers above wrong ones with an AUROC of {area:.3f}."


def _learned(report: Report) -> str:
    """Say what was taught, what it brought, and how much of that was never recorded."""
    arms = report["arms"]
    cascade = arms["cascade"]
    stored, assumed = cascade["lessons"].get("stored", 0), cascade["assumed_answers"]
    return (
        f"{how_many(stored, 'strategy was', 'strategies were')} stored (k={report['k']}, "
        f"min_similarity={report['min_similarity']}). Weak accuracy: "
        f"{arms['weak_only']['weak_accuracy']:.3f} without help, {cascade['weak_accuracy']:.3f} in "
        f"the cascade ({cascade['tenths'][-1]['weak_accuracy']:.3f} in its last tenth, "
        f"{cascade['pessimistic']['weak_accuracy']:.3f} pessimistically), "
        f"{arms['weak_helped']['weak_accuracy']:.3f} with a strategy of the right family every "
        f"time. Weak prompts with strategies of other families: {assumed.get('other', 0)} with "
        f"only those, {assumed.get('mixed', 0)} beside a right one."
    )


def _arm_row(name: str, metrics: Mapping[str, Any]) -> Row:
    cells = [_with_interval(metrics, metric) for metric in _ARM_METRICS]
    cost = metrics["cost"]
    return (name, *cells, "unknown" if cost is None else f"{cost:.4f}")


def _with_interval(metrics: Mapping[str, Any], name: str) -> str:
    interval = metrics["intervals"][name]
    if interval is None or interval[0] == interval[1]:
        return _number(metrics[name])
    return f"{_number(metrics[name])}\n{'-'.join(map(_number, interval))}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}".removeprefix("0")
