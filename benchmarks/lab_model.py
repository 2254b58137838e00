"""What can the lab's weak model do, with which strategies, and how sure is it?

    python -m benchmarks.lab_model [--out FILE] [--count N] [--seed N]

Every cell asks held-out problems (names, wording and digits that training never used; known
families have their names) through the chat model, with strategies as a cascade writes them into
its prompt.  Written down are the share of right answers with its 95 % interval (Wilson), the mean
confidence (`exp` of the mean log-probability), how often a wrong strategy was followed to its
code, and for the mixture without strategies how well confidence tells right from wrong.  The
figures in `docs/model-card.md` are written anew, unless another file was asked for.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from langchain_core.messages import HumanMessage

from benchmarks.lab_model_card import figures, read_curve, replaced
from benchmarks.lab_model_cells import (
    FRESH,
    FRESH_SHOWN,
    SHOWN,
    WHOSE,
    Trial,
    draw_trials,
)
from langchain_intercascade.evaluation.reliability import auroc
from langchain_intercascade.lab import LabWeak, grade, problems
from langchain_intercascade.lab.engine import SHIPPED
from langchain_intercascade.lab.stream import LabProblem
from langchain_intercascade.lab.weights import read_weights
from langchain_intercascade.nodes.weak_generate import with_strategies

OUT: Final = Path(__file__).parent / "results" / "lab_model.json"
CARD: Final = Path(__file__).parents[1] / "docs" / "model-card.md"
CURVE: Final = Path(__file__).parent / "results" / "lab_training.jsonl"
FAMILIES_IN_MIX: Final = 120
KNOWN_IN_MIX: Final = 0.3
"""Share of the families in the mixture without strategies that are known by heart."""
_Z: Final = 1.959964


@dataclass(frozen=True, slots=True)
class Answered:
    """What the model made of a problem."""

    right: bool
    misled: bool
    confidence: float


def main(arguments: list[str] | None = None) -> int:
    """Measure every cell, write the file, and print the table."""
    given = _given(arguments)
    weak = LabWeak(logprobs=True)
    began = time.process_time()
    cells = {whose: {shown: _cell(weak, whose, shown, given) for shown in SHOWN} for whose in WHOSE}
    spent = time.process_time() - began
    report = {
        "command": "python -m benchmarks.lab_model",
        "questions_per_cell": given.count,
        "seed": given.seed,
        "model": _about(),
        "whose": WHOSE,
        "shown": SHOWN,
        "cells": cells,
        "fresh_stories": {shown: _cell(weak, FRESH, shown, given) for shown in FRESH_SHOWN},
        "without_strategies": _mixture(weak, given),
        "questions_per_second": given.count * len(WHOSE) * len(SHOWN) / spent,
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(report, indent=2) + "\n", "utf-8")
    if given.out == OUT:
        CARD.write_text(
            replaced(CARD.read_text("utf-8"), figures(report, read_curve(CURVE))), "utf-8"
        )
    _print(report)
    return 0


def _cell(weak: LabWeak, whose: str, shown: str, given: argparse.Namespace) -> dict[str, Any]:
    trials = draw_trials(whose, shown, given.count, seed=given.seed)
    answered = [_answered(weak, trial) for trial in trials]
    right = sum(each.right for each in answered)
    found: dict[str, Any] = {
        "right": right / len(answered),
        "interval": wilson(right, len(answered)),
        "confidence": _mean([each.confidence for each in answered]),
        "confidence_when_right": _mean([each.confidence for each in answered if each.right]),
        "confidence_when_wrong": _mean([each.confidence for each in answered if not each.right]),
    }
    if trials[0].misled is not None:
        found["misled"] = sum(each.misled for each in answered) / len(answered)
    return found


def _mixture(weak: LabWeak, given: argparse.Namespace) -> dict[str, Any]:
    """Ask a stream without strategies, and see how well confidence ranks the answers."""
    asked = problems(
        given.seed, 2 * given.count, families=FAMILIES_IN_MIX, known=KNOWN_IN_MIX, repetition=0.0
    )
    answered = [_answered(weak, _alone(problem)) for problem in asked]
    scores = np.array([each.confidence for each in answered])
    correct = np.array([each.right for each in answered])
    return {
        "questions": len(asked),
        "known_families": KNOWN_IN_MIX,
        "right": float(correct.mean()),
        "auroc": auroc(scores, correct),
    }


def _alone(problem: LabProblem) -> Trial:
    return Trial(problem.text, (), problem.answer, None)


def _answered(weak: LabWeak, trial: Trial) -> Answered:
    reply = weak.invoke(with_strategies([HumanMessage(trial.question)], trial.shown))
    entries = reply.response_metadata["logprobs"]["content"]
    mean = math.fsum(entry["logprob"] for entry in entries) / len(entries)
    misled = trial.misled is not None and grade(reply.text, trial.misled)
    return Answered(grade(reply.text, trial.answer), misled, math.exp(mean))


def wilson(hits: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of Wilson for a share of `hits` in `count`.

    Examples:
        >>> [round(end, 3) for end in wilson(9, 10)]
        [0.596, 0.982]
    """
    share, square = hits / count, _Z**2
    middle = (share + square / (2 * count)) / (1 + square / count)
    spread = math.sqrt(share * (1 - share) / count + square / (4 * count**2))
    half = _Z * spread / (1 + square / count)
    return middle - half, middle + half


def _mean(numbers: Sequence[float]) -> float | None:
    return math.fsum(numbers) / len(numbers) if numbers else None


def _about() -> dict[str, Any]:
    weights = read_weights(SHIPPED)
    size = sum(array.size for array in weights.arrays.values())
    told = {key: weights.about[key] for key in ("steps", "minutes", "examples", "device")}
    return {"parameters": size, "bytes": SHIPPED.stat().st_size, **weights.shape, **told}


def _print(report: dict[str, Any]) -> None:
    _say(f"{'shown':16}" + "".join(f"{whose:>24}" for whose in WHOSE))
    for shown in SHOWN:
        row = [report["cells"][whose][shown] for whose in WHOSE]
        told = [f"{cell['right']:.3f} (sure {cell['confidence']:.3f})" for cell in row]
        _say(f"{shown:16}" + "".join(f"{each:>24}" for each in told))
    mixture = report["without_strategies"]
    _say(f"without strategies: right {mixture['right']:.3f}, AUROC {mixture['auroc']:.3f}")
    _say(f"{report['questions_per_second']:.0f} questions a second")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _given(arguments: list[str] | None) -> argparse.Namespace:
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    reader.add_argument("--out", type=Path, default=OUT)
    reader.add_argument("--count", type=int, default=300, help="problems a cell")
    reader.add_argument("--seed", type=int, default=0)
    return reader.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
