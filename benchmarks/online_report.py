"""What is written down and printed of many streams: shares, means, intervals."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from benchmarks.online_cascade import PROBES, WholeRun
from benchmarks.online_pair import Floats
from benchmarks.online_streams import DELTA, ENOUGH, Run


def summary(runs: Sequence[Run]) -> dict[str, Any]:
    """Return the shares and means over runs."""
    rows = [asdict(run) for run in runs]

    def column(name: str) -> Floats:
        return np.array([row[name] for row in rows], dtype=float)

    coverage, oracle = column("coverage"), float(column("oracle_coverage").mean())
    return {
        "runs": len(runs),
        "broken_share": float(column("broken").mean()),
        "broken_in_a_regime_share": float(column("broken_in_a_regime").mean()),
        "broken_by_truth_share": float(column("broken_by_truth").mean()),
        "highest_risk": float(column("highest_risk").max()),
        "mean_highest_risk": interval(column("highest_risk")),
        "never_served_share": float(np.mean([run.served_at is None for run in runs])),
        "served_at": quantiles([run.served_at for run in runs]),
        "oracle_coverage": oracle,
        "share_of_oracle_coverage": interval(coverage / oracle) if oracle else None,
        "enough": bool(oracle) and float(coverage.mean()) >= ENOUGH * oracle,
        "labels_needed": quantiles([run.labels_needed for run in runs]),
        "risk_of_all": interval(column("risk_of_all")),
        **{
            name: interval(column(name))
            for name in ("coverage", "strong_calls", "audits", "realised_risk")
        },
        "withdrawn_share": float((column("alarms") > 0).mean()),
    }


def whole_summary(
    runs: Sequence[tuple[WholeRun, Run]], target: float, questions: int
) -> dict[str, Any]:
    """Return what came of the streams through the whole cascade, and beside it the fast way."""
    whole = [one for one, _ in runs]
    return {
        "teacher": "careful",
        "target_risk": target,
        "seeds": len(runs),
        "questions": questions,
        "probes": PROBES,
        "broken_share_of_probes": float(
            np.mean([max(each.risks, default=0.0) > target for each in whole])
        ),
        "highest_risk_of_probes": max(max(each.risks, default=0.0) for each in whole),
        "never_served_share": float(np.mean([each.served_at is None for each in whole])),
        "served_at": quantiles([each.served_at for each in whole]),
        "coverage": interval([each.coverage for each in whole]),
        "strong_calls": interval([each.strong_calls for each in whole]),
        "realised_risk": interval([each.realised_risk for each in whole]),
        "the_fast_way": summary([each for _, each in runs]),
    }


def interval(values: Sequence[float] | Floats) -> dict[str, float]:
    """Return mean and 95 % interval of the mean (normal, over streams).

    Examples:
        >>> interval([1.0])
        {'mean': 1.0, 'low': 1.0, 'high': 1.0}
    """
    found = np.asarray(values, dtype=float)
    half = 1.96 * float(found.std(ddof=1)) / math.sqrt(found.size) if found.size > 1 else 0.0
    mean = float(found.mean())
    return {"mean": mean, "low": mean - half, "high": mean + half}


def quantiles(numbers: Sequence[int | None]) -> dict[str, float] | None:
    """Return the tenth, the middle and the ninetieth of a hundred; `None` if there are none."""
    known = [number for number in numbers if number is not None]
    if not known:
        return None
    low, middle, high = np.quantile(known, [0.1, 0.5, 0.9]).tolist()
    return {"p10": low, "median": middle, "p90": high}


def allowed(seeds: int) -> float:
    """Return the share of broken runs that is no evidence against the promise."""
    return DELTA + 2.0 * math.sqrt(DELTA * (1.0 - DELTA) / seeds)


def show(report: Mapping[str, Any]) -> None:
    """Print the main figures."""
    _say(f"{'':36}target  broken allowed  oracle  of it  served at  strong")
    for cell in report["packs"]["cells"]:
        _row(cell["weak_model"], cell["target_risk"], cell)
    for cell in report["pair"]["cells"]:
        for name in ("self_calibrating", "fitted_once_on_plain"):
            label = f"{cell['teacher']['name']}, {name.replace('_', ' ')}"
            _row(label, cell["target_risk"], cell[name])
    for parity in report["packs"]["whole_cascade"]:
        _say(
            f"whole cascade, {parity['weak_model']}: {parity['different']} of "
            f"{parity['questions']} questions decided differently"
        )
    if whole := report["pair"]["whole_cascade"]:
        _say(
            f"whole cascade, careful teacher, {whole['seeds']} seeds: broken "
            f"{whole['broken_share_of_probes']:.2f}, coverage {whole['coverage']['mean']:.2f}"
        )
        _row("the same, played the fast way", whole["target_risk"], whole["the_fast_way"])
    _say(f"The promise {'holds' if report['holds'] else 'is BROKEN'}.")


def _row(label: str, target: float, cell: dict[str, Any]) -> None:
    share, at = cell["share_of_oracle_coverage"], cell["served_at"]
    share_text = "-" if share is None else format(share["mean"], ".2f")
    at_text = "-" if at is None else format(at["median"], ".0f")
    _say(
        f"{label:<36}{target:>6}{cell['broken_share']:>8.3f}{allowed(cell['runs']):>8.3f}"
        f"{cell['oracle_coverage']:>8.2f}{share_text:>7}{at_text:>11}"
        f"{cell['strong_calls']['mean']:>8.2f}"
    )


def _say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
