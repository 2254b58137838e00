"""What one part of `benchmarks.online` is about, and how it is played: packs, and the pair."""

from __future__ import annotations

import math
from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np

from benchmarks.online_cascade import WholeRun, run_ids, whole_pack, whole_pair
from benchmarks.online_pair import Said, Stock
from benchmarks.online_report import summary
from benchmarks.online_streams import DELTA, Run, plain_said, play_pack, play_pair
from langchain_intercascade.evaluation.pack import LogprobPack
from langchain_intercascade.evaluation.replay import logprob_replay, recorded_scores
from langchain_intercascade.threshold.base import FixedThreshold
from langchain_intercascade.threshold.calibrate import calibrate_threshold
from langchain_intercascade.threshold.self_calibrating import SelfCalibrating

SEED: Final = 20240607

PAIRS: Final = (
    ("gpt-4o-mini", "gpt-4o"),
    ("llama3.1-8b", "llama3.1-405b"),
    ("llama3.2-3b", "llama3.1-70b"),
    ("qwen2.5-32b-coder-instruct", "gpt-4o"),
)
TARGETS: Final = (0.1, 0.15, 0.2)
STOCK: Final = 1500
QUESTIONS: Final = 8000
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
    "erring": Teacher(0.1, 1.0, (0.15, 0.2, 0.25)),
}


def pack_cell(
    pack: LogprobPack, weak: str, strong: str, target: float, seeds: int
) -> dict[str, Any]:
    """Play one pair of a pack with one target, again and again."""
    traffic = recorded(pack, weak, strong)
    size = len(traffic.agrees)
    runs = []
    for seed in range(seeds):
        order = np.random.default_rng([SEED, seed]).integers(0, size, QUESTIONS).tolist()
        threshold = without_strategies(target)
        runs.append(play_pack(traffic, order, threshold, target, run_ids(seed, QUESTIONS)))
    return {
        "weak_model": weak,
        "strong_model": strong,
        "answers": size,
        "target_risk": target,
        "agreement": float(traffic.agrees.mean()),
        **summary(runs),
    }


def without_strategies(target: float) -> SelfCalibrating:
    """Return the threshold of a cascade that never shows strategies (`k=0`)."""
    return SelfCalibrating(target, delta=DELTA, regimes=("plain",))


def recorded(pack: LogprobPack, weak: str, strong: str) -> Said:
    """Return all recorded answers of one pair."""
    rows = pack.rows_of(weak, strong)
    scores = [math.nan if each is None else each for each in recorded_scores(rows, weak)]
    agrees = [_same(row.models[weak].answer, row.models[strong].answer) for row in rows]
    right = [row.models[weak].correct for row in rows]
    return plain_said(np.array(scores), np.array(agrees), np.array(right))


def _same(one: str | None, other: str | None) -> bool:
    return bool(one and other) and (one or "").strip() == (other or "").strip()


def pack_parity(
    pack: LogprobPack,
    seed: int,
    questions: int,
    *,
    pair: tuple[str, str] = PAIRS[0],
    target: float = TARGETS[-1],
) -> dict[str, Any]:
    """Play one stream both ways, and count where they differ."""
    weak, strong = pair
    replay = logprob_replay(pack, weak=weak, strong=strong, split=None)
    traffic = recorded(pack, weak, strong)
    drawn = np.random.default_rng([SEED, seed]).permutation(len(traffic.agrees))
    order, fast = drawn[:questions].tolist(), list[bool]()
    slow = whole_pack(replay, order, target, seed)
    threshold = without_strategies(target)
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
