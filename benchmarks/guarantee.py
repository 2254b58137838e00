"""Does a calibrated threshold keep its promise? Counted on recorded answers.

    python -m benchmarks.guarantee [--data DIR] [--out FILE] [--repeats N]

For several weak models, targets and sizes of the calibration set, a threshold is calibrated
again and again and its true risk is looked up.  This is done in two ways:

*draws*: All recorded answers of a model are taken for the whole traffic.  Calibration sets are
drawn from them at random with replacement, so that the true risk of every threshold is
known exactly, and a broken promise is a broken promise.

*splits*: The answers are split at random into a calibration set and the rest, and the true risk
is again that among all of them (of which the calibration set is a part, so this flatters a
little).  The risk on the rest alone is written down beside it and
decides nothing: a rest of a thousand answers is itself a sample, and since a good
threshold's risk lies just below the target, it often looks broken by chance alone.

The promise is broken with a probability of at most `delta`; so among R repeats the share
above the target may be at most `delta` plus two standard errors of such a share, which are
`2 sqrt(delta (1 - delta) / R)`.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from benchmarks.recordings import DATA, scored
from langchain_intercascade.evaluation.pack import LogprobPack
from langchain_intercascade.record import versions
from langchain_intercascade.threshold.base import ALWAYS_DEFER
from langchain_intercascade.threshold.calibrate import calibrate_threshold

OUT: Final = Path(__file__).parent / "results" / "guarantee.json"
PACK: Final = "p1_gate_logprob_mmlu.jsonl.gz"

MODELS: Final = (
    "gpt-4o-mini",
    "llama3.1-8b",
    "llama3.2-3b",
    "llama3.2-1b",
    "qwen2.5-32b-coder-instruct",
)
SIZES: Final = (100, 250, 500)
TARGETS: Final = (0.1, 0.15, 0.2)
DELTA: Final = 0.1
REPEATS: Final = 500
SEED: Final = 20240607

Indices: TypeAlias = NDArray[np.intp]


class Answers(NamedTuple):
    """One weak model's recorded answers; the score is NaN where there is none."""

    scores: NDArray[np.float64]
    correct: NDArray[np.bool_]

    def only(self, chosen: Indices) -> Answers:
        """Return some of them."""
        return Answers(self.scores[chosen], self.correct[chosen])

    def risk(self, threshold: float) -> float:
        """Return the share of wrong ones among those that reach `threshold`; 0 if none does."""
        wrong = ~self.correct[self.scores >= threshold]
        return float(wrong.mean()) if wrong.size else 0.0

    def coverage(self, threshold: float) -> float:
        """Return the share that reaches `threshold`."""
        return float((self.scores >= threshold).mean())


def main(arguments: list[str] | None = None) -> int:
    """Measure, write the file, and print the main figures; 1 if the recordings are absent."""
    given = _given(arguments)
    pack = scored(given.data / PACK)
    if pack is None:
        return 1
    cells = list(_cells(pack, given.repeats))
    report = {
        "benchmark": "guarantee",
        "pack": pack.name,
        "pack_sha256": pack.digest,
        "delta": DELTA,
        "repeats": given.repeats,
        "seed": SEED,
        "allowed_share": _allowed(given.repeats),
        "holds": all(cell[way]["holds"] for cell in cells for way in ("draws", "splits")),
        "worst": {
            way: max(cell[way]["share_above_target"] for cell in cells)
            for way in ("draws", "splits")
        },
        "cells": cells,
        "versions": {
            "langchain-intercascade": versions()["package"],
            **{name: version(name) for name in ("numpy", "scipy")},
            "python": platform.python_version(),
        },
        "command": f"python -m benchmarks.guarantee --repeats {given.repeats}",
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(report, indent=1, allow_nan=False) + "\n", "utf-8")
    _show(report)
    return 0


def _cells(pack: LogprobPack, repeats: int) -> Iterator[dict[str, Any]]:
    for model in MODELS:
        answers = _answers(pack, model)
        sys.stderr.write(f"{model}: {len(answers.scores)} answers\n")
        for number, (target, size) in enumerate((t, n) for t in TARGETS for n in SIZES):
            seeds = np.random.SeedSequence([SEED, MODELS.index(model), number]).spawn(2)
            draws, splits = (np.random.default_rng(seed) for seed in seeds)
            yield {
                "weak_model": model,
                "weak_accuracy": float(answers.correct.mean()),
                "answers": len(answers.scores),
                "target_risk": target,
                "calibration_size": size,
                "oracle_coverage": _oracle(answers, target),
                "draws": _tally(
                    [_drawn(answers, size, target, draws) for _ in range(repeats)], target
                ),
                "splits": _tally(
                    [_split(answers, size, target, splits) for _ in range(repeats)], target
                ),
            }


class Outcome(NamedTuple):
    """What became of one calibration.

    Attributes:
        risk: The true risk; `None` if nothing is accepted.
        coverage: Share of all answers that is accepted.
        rest: The risk on answers that calibration has not seen, if any were kept back.
    """

    risk: float | None
    coverage: float
    rest: float | None = None


def _drawn(answers: Answers, size: int, target: float, rng: np.random.Generator) -> Outcome:
    """Calibrate on answers drawn with replacement, and judge on all of them."""
    threshold = _calibrated(answers.only(rng.integers(0, len(answers.scores), size)), target)
    if threshold is None:
        return Outcome(None, 0.0)
    return Outcome(answers.risk(threshold), answers.coverage(threshold))


def _split(answers: Answers, size: int, target: float, rng: np.random.Generator) -> Outcome:
    """Calibrate on a part; judge on all of them, and on the rest."""
    order = rng.permutation(len(answers.scores))
    threshold = _calibrated(answers.only(order[:size]), target)
    if threshold is None:
        return Outcome(None, 0.0)
    rest = answers.only(order[size:]).risk(threshold)
    return Outcome(answers.risk(threshold), answers.coverage(threshold), rest)


def _calibrated(sample: Answers, target: float) -> float | None:
    report = calibrate_threshold(
        sample.scores.tolist(), sample.correct.tolist(), target_risk=target, delta=DELTA
    )
    return None if report.threshold == ALWAYS_DEFER else report.threshold


def _tally(outcomes: Sequence[Outcome], target: float) -> dict[str, Any]:
    """Return how often the promise was broken; a repeat that accepts nothing keeps it."""
    risks = [outcome.risk for outcome in outcomes if outcome.risk is not None]
    broken = sum(risk > target for risk in risks) / len(outcomes)
    on_the_rest = [each.rest > target for each in outcomes if each.rest is not None]
    return {
        "share_above_target": broken,
        "share_above_target_on_the_rest": sum(on_the_rest) / len(outcomes) if on_the_rest else None,
        "holds": broken <= _allowed(len(outcomes)),
        "always_defer_share": 1.0 - len(risks) / len(outcomes),
        "coverage": float(np.mean([outcome.coverage for outcome in outcomes])),
        "risk": float(np.mean(risks)) if risks else None,
    }


def _allowed(repeats: int) -> float:
    return DELTA + 2.0 * math.sqrt(DELTA * (1.0 - DELTA) / repeats)


def _oracle(answers: Answers, target: float) -> float:
    """Return the coverage of the best threshold of all, which nobody can know."""
    safe = [t for t in np.unique(answers.scores).tolist() if answers.risk(t) <= target]
    return max((answers.coverage(threshold) for threshold in safe), default=0.0)


def _answers(pack: LogprobPack, model: str) -> Answers:
    found = [row.models[model] for row in pack.rows if model in row.models]
    return Answers(
        np.array([_score(answer.conf_logp) for answer in found]),
        np.array([answer.correct for answer in found]),
    )


def _score(logprob: float | None) -> float:
    usable = logprob is not None and math.isfinite(logprob)
    return min(1.0, math.exp(logprob)) if usable else math.nan  # type: ignore[arg-type]  # usable


def _show(report: Mapping[str, Any]) -> None:
    sys.stdout.write(
        f"{'weak model':<28}target    n   draws  splits    rest  allowed  coverage  oracle"
        "  defers\n"
    )
    for cell in report["cells"]:
        draws, splits = cell["draws"], cell["splits"]
        rest = splits["share_above_target_on_the_rest"]
        sys.stdout.write(
            f"{cell['weak_model']:<28}{cell['target_risk']:>6}{cell['calibration_size']:>5}"
            f"{draws['share_above_target']:>8.3f}{splits['share_above_target']:>8.3f}"
            f"{'-' if rest is None else format(rest, '.3f'):>8}{report['allowed_share']:>9.3f}"
            f"{draws['coverage']:>10.2f}{cell['oracle_coverage']:>8.2f}"
            f"{draws['always_defer_share']:>8.2f}\n"
        )
    sys.stdout.write(f"The promise {'holds' if report['holds'] else 'is BROKEN'}.\n")


def _given(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, help="where the recordings are")
    parser.add_argument("--out", type=Path, default=OUT, help="the file to write")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="how many calibrations each")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
