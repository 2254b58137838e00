"""Does a threshold that calibrates itself keep its promise, in one pass, while strategies come in?

    python -m benchmarks.online [--data DIR] [--out FILE] [--seeds N] [--whole N] [--quick]

Nothing is labelled but what a cascade sees: deferred questions, and the accepted ones that the
lot chose to be audited.  A label says whether the weak answer agrees with the strong one.

*packs*: Recorded answers of several pairs of models; strategies have no effect on them.  All
answers of a pair are taken for the whole traffic, and streams are drawn from it with
replacement, so that the true risk of every cut is known exactly.  A few streams are also
played through the whole cascade, which must accept the very same questions.

*pair*: Simulated models, declared as such, while strategies are being learned (`online_pair`
says how that is made fast and what is simpler than in the cascade).  With a careful teacher
the risk falls as strategies come in.  With one that errs at a tenth of the
questions, and a weak model that believes it, the risk at any threshold first
rises and then falls.  A few streams are also played through the whole cascade.

*fixed*: On the same pair, a threshold fitted once, by `calibrate_threshold`, on answers made
without strategies, and then used while strategies are learned.

The true risk at a certified time is the share of disagreement among what the cuts then served
would accept of the whole traffic, with the strategies then stored; it is looked up whenever a
cut changes, and every 50 questions.  A run is broken if it ever exceeds the target.  The
share of broken runs may be at most `delta` plus two standard errors of such a share.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from benchmarks.online_cascade import WholeRun, run_ids, whole_pack, whole_pair
from benchmarks.online_pair import Said, Stock
from benchmarks.online_report import DELTA, allowed, show, summary, whole_summary
from benchmarks.online_streams import Run, plain_said, play_pack, play_pair
from langchain_intercascade.evaluation.pack import LogprobPack, read_pack
from langchain_intercascade.evaluation.replay import logprob_replay, recorded_scores
from langchain_intercascade.record import versions
from langchain_intercascade.threshold.base import FixedThreshold
from langchain_intercascade.threshold.calibrate import calibrate_threshold
from langchain_intercascade.threshold.self_calibrating import AUDIT_RATE, SelfCalibrating

OUT: Final = Path(__file__).parent / "results" / "online.json"
DATA: Final = Path(
    os.environ.get("INTERCASCADE_DATA") or Path(__file__).parents[2] / "shared" / "data"
)
PACK: Final = "p1_gate_logprob_mmlu.jsonl.gz"
SEEDS: Final = 200
WHOLE: Final = 20
SEED: Final = 20240607

PAIRS: Final = (
    ("gpt-4o-mini", "gpt-4o"),
    ("llama3.1-8b", "llama3.1-405b"),
    ("llama3.2-3b", "llama3.1-70b"),
    ("qwen2.5-32b-coder-instruct", "gpt-4o"),
)
TARGETS: Final = (0.1, 0.2)
STOCK: Final = 1500
QUESTIONS: Final = 3000
FITTED_ON: Final = 500
WHOLE_QUESTIONS: Final = 500
PARITY_QUESTIONS: Final = 900
"""So many that something is accepted: before, both ways agree without any merit."""
WHOLE_TARGET: Final = 0.1


class Teacher(NamedTuple):
    """One way the simulated pair may be.

    Attributes:
        error_rate: Share of the questions at which the strong model errs.
        trusting: Share of the questions the weak model could do unaided at which it follows
            advice all the same.
        targets: What is promised.
    """

    error_rate: float
    trusting: float
    targets: tuple[float, ...]


TEACHERS: Final = {
    "careful": Teacher(0.02, 0.0, (0.05, 0.1)),
    "erring": Teacher(0.1, 1.0, (0.2, 0.25)),
}


def main(arguments: list[str] | None = None) -> int:
    """Play all, write the file, and print the main figures; 1 if the recordings are absent."""
    given = _given(arguments)
    file = given.data / PACK
    if not file.is_file():
        sys.stderr.write(f"{file} is not there; say with --data where the recordings are.\n")
        return 1
    pack = read_pack(file)
    if not isinstance(pack, LogprobPack):
        sys.stderr.write(f"{file} holds no confidences.\n")
        return 1
    report = _report(pack, given)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(report, indent=1, allow_nan=False) + "\n", "utf-8")
    show(report)
    return 0


def _report(pack: LogprobPack, given: argparse.Namespace) -> dict[str, Any]:
    jobs: list[Callable[[], dict[str, Any]]] = [
        *(
            partial(pair_cell, name, target, given.seeds)
            for name, teacher in TEACHERS.items()
            for target in teacher.targets
        ),
        *(
            partial(pack_cell, pack, *pair, target, given.seeds)
            for pair in PAIRS
            for target in TARGETS
        ),
    ]
    whole: list[Callable[[], Any]] = [
        *(partial(whole_pair_run, seed, given.questions) for seed in range(given.whole)),
        *(
            partial(pack_parity, pack, seed, PARITY_QUESTIONS)
            for seed in range(min(2, given.whole))
        ),
    ]
    found = list(_done([*whole, *jobs], given.jobs))
    runs, parity = found[: given.whole], found[given.whole : len(whole)]
    played = found[len(whole) :]
    simulated = [cell for cell in played if "teacher" in cell]
    cells = [cell for cell in played if "teacher" not in cell]
    kept = [*cells, *(cell["self_calibrating"] for cell in simulated)]
    return {
        "benchmark": "online",
        "command": f"python -m benchmarks.online --seeds {given.seeds} --whole {given.whole}",
        "pack": pack.name,
        "pack_sha256": pack.digest,
        "seed": SEED,
        "seeds": given.seeds,
        "delta": DELTA,
        "audit_rate": AUDIT_RATE,
        "allowed_share": allowed(given.seeds),
        "holds": all(cell["broken_share"] <= allowed(given.seeds) for cell in kept),
        "packs": {
            "traffic": "drawn with replacement from all recorded answers of the pair",
            "questions": QUESTIONS,
            "cells": cells,
            "whole_cascade": parity,
        },
        "pair": {
            "simulated": True,
            "stock": STOCK,
            "questions": QUESTIONS,
            "cells": simulated,
            "whole_cascade": whole_summary(runs, WHOLE_TARGET, given.questions) if runs else None,
        },
        "versions": {
            "langchain-intercascade": versions()["package"],
            **{name: version(name) for name in ("numpy", "scipy")},
            "python": platform.python_version(),
        },
    }


def _done(jobs: Sequence[Callable[[], Any]], workers: int) -> Iterable[Any]:
    """Run `jobs`, several at once, and return what they return in their order."""
    with ProcessPoolExecutor(workers) as pool:
        for number, future in enumerate([pool.submit(job) for job in jobs], 1):
            yield future.result()
            sys.stderr.write(f"{number} of {len(jobs)} parts done\n")


def pack_cell(
    pack: LogprobPack, weak: str, strong: str, target: float, seeds: int
) -> dict[str, Any]:
    """Play one pair of a pack with one target, again and again."""
    traffic = recorded(pack, weak, strong)
    size = len(traffic.agrees)
    runs = []
    for seed in range(seeds):
        order = np.random.default_rng([SEED, seed]).integers(0, size, QUESTIONS).tolist()
        threshold = SelfCalibrating(target, delta=DELTA)
        runs.append(play_pack(traffic, order, threshold, target, run_ids(seed, QUESTIONS)))
    return {
        "weak_model": weak,
        "strong_model": strong,
        "answers": size,
        "target_risk": target,
        "agreement": float(traffic.agrees.mean()),
        **summary(runs),
    }


def recorded(pack: LogprobPack, weak: str, strong: str) -> Said:
    """Return all recorded answers of one pair."""
    rows = pack.rows_of(weak, strong)
    scores = [math.nan if each is None else each for each in recorded_scores(rows, weak)]
    agrees = [_same(row.models[weak].answer, row.models[strong].answer) for row in rows]
    right = [row.models[weak].correct for row in rows]
    return plain_said(np.array(scores), np.array(agrees), np.array(right))


def _same(one: str | None, other: str | None) -> bool:
    return bool(one and other) and (one or "").strip() == (other or "").strip()


def pack_parity(pack: LogprobPack, seed: int, questions: int) -> dict[str, Any]:
    """Play one stream both ways, and count where they differ."""
    (weak, strong), target = PAIRS[0], TARGETS[-1]
    replay = logprob_replay(pack, weak=weak, strong=strong, split=None)
    traffic = recorded(pack, weak, strong)
    order = (
        np.random.default_rng([SEED, seed]).permutation(len(traffic.agrees))[:questions].tolist()
    )
    slow = whole_pack(replay, order, target, seed)
    fast: list[bool] = []
    threshold = SelfCalibrating(target, delta=DELTA)
    play_pack(traffic, order, threshold, target, run_ids(seed, questions), accepted=fast)
    return {
        "weak_model": weak,
        "target_risk": target,
        "seed": seed,
        "questions": questions,
        "accepted": sum(slow),
        "different": sum(one != other for one, other in zip(slow, fast, strict=True)),
    }


@cache
def stock_of(name: str) -> Stock:
    """Return the stock of one teacher."""
    teacher = TEACHERS[name]
    return Stock(STOCK, seed=5, error_rate=teacher.error_rate, trusting=teacher.trusting)


def pair_cell(name: str, target: float, seeds: int) -> dict[str, Any]:
    """Play the simulated pair with one teacher and one target, with both thresholds."""
    stock, calibrating, fixed = stock_of(name), [], []
    for seed in range(seeds):
        rng = np.random.default_rng([SEED, seed])
        order, ids = rng.integers(0, stock.size, QUESTIONS), run_ids(seed, QUESTIONS)
        threshold = SelfCalibrating(target, delta=DELTA)
        calibrating.append(play_pair(stock, order, threshold, target, ids))
        plain = _fitted_plain(stock, rng, target)
        fixed.append(play_pair(stock, order, plain, target, ids))
    return {
        "teacher": {"name": name, **TEACHERS[name]._asdict()},
        "target_risk": target,
        "self_calibrating": summary(calibrating),
        "fitted_once_on_plain": summary(fixed),
    }


def _fitted_plain(stock: Stock, rng: np.random.Generator, target: float) -> FixedThreshold:
    """Return the threshold that is certified on answers made without strategies."""
    drawn = rng.integers(0, stock.size, FITTED_ON)
    said = stock.said(drawn, np.full((FITTED_ON, 2), -1))
    found = calibrate_threshold(
        said.confidence.tolist(), said.agrees.tolist(), target_risk=target, delta=DELTA
    )
    return FixedThreshold(found.threshold)


def whole_pair_run(seed: int, questions: int) -> tuple[WholeRun, Run]:
    """Play one stream through the whole cascade, and the fast way."""
    stock = stock_of("careful")
    order = np.random.default_rng([SEED, seed]).integers(0, stock.size, questions)
    threshold = SelfCalibrating(WHOLE_TARGET, delta=DELTA)
    fast = play_pair(stock, order, threshold, WHOLE_TARGET, run_ids(seed, questions))
    return whole_pair(stock, order, WHOLE_TARGET, seed), fast


def _given(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.online", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--data", type=Path, default=DATA, help="where the recordings are")
    parser.add_argument("--out", type=Path, default=OUT, help="the file to write")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many streams each")
    parser.add_argument(
        "--whole", type=int, default=WHOLE, help="streams through the whole cascade"
    )
    parser.add_argument(
        "--questions", type=int, default=WHOLE_QUESTIONS, help="how long those streams are"
    )
    parser.add_argument("--jobs", type=int, default=2, help="how many processes")
    parser.add_argument("--quick", action="store_true", help="a tenth of the streams")
    given = parser.parse_args(arguments)
    if given.quick:
        given.seeds, given.whole = max(1, given.seeds // 10), given.whole // 10
    return given


if __name__ == "__main__":
    raise SystemExit(main())
