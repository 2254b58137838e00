"""This is where it is told how a stream went as it went: accuracy, savings, and when they pay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from langchain_intercascade.evaluation.metrics import shares
from langchain_intercascade.evaluation.resampling import (
    DRAWS,
    Floats,
    Resampling,
    interval,
    quotients,
)

if TYPE_CHECKING:
    from langchain_intercascade.evaluation.arms import Outcome
    from langchain_intercascade.evaluation.report import BreakEven
    from langchain_intercascade.evaluation.report_arms import CurvePoint

POINTS: Final = 20
"""Points of a curve, at most: each then stands for a twentieth of the stream."""

BySeed: TypeAlias = "Mapping[int, Sequence[Outcome]]"
"""The outcomes of each seed, in the order of its stream; all streams are of one length."""


def curve(arm: BySeed, strong: BySeed | None, *, seed: int, draws: int = DRAWS) -> list[CurvePoint]:
    """Return how an arm went, as the mean over its seeds.

    Args:
        arm: The arm.
        strong: What always asking the strong model gave under the same seeds; `None` if that
            was not run: then there is no saving.
        seed: Fixes the bootstrap.
        draws: How many draws.
    """
    streams = list(arm.values())
    length = min(map(len, streams))
    ends = np.unique(np.linspace(0, length, min(POINTS, length) + 1).round().astype(int))[1:]
    savings = _savings(arm, strong, ends.tolist(), seed=seed, draws=draws)
    found: list[CurvePoint] = []
    start = 0
    for end, (saving, low, high) in zip(ends.tolist(), savings, strict=True):
        part = shares([each for stream in streams for each in stream[start:end]])
        known = [stream[end - 1].known for stream in streams]
        found.append(
            {
                "until": end,
                "system_accuracy": part["system_accuracy"],
                "weak_accuracy": part["weak_accuracy"],
                "strong_call_share": part["strong_call_share"],
                "saving": saving,
                "saving_low": low,
                "saving_high": high,
                "strategies": _mean(known),
            }
        )
        start = end
    return found


def break_even(arm: BySeed, strong: BySeed, plain: BySeed | None) -> BreakEven:
    """Return after which question an arm is, and stays, cheaper than always asking the strong one.

    And cheaper than the plain cascade.  Sums over the seeds are compared; what is unknown
    is never cheaper.
    """
    return {
        "strong": _cheaper_from(arm, strong),
        "plain": None if plain is None else _cheaper_from(arm, plain),
        "questions": min(map(len, arm.values())),
    }


def _cheaper_from(arm: BySeed, other: BySeed) -> int | None:
    seeds = [each for each in arm if each in other]
    mine, theirs = _cumulative([arm[s] for s in seeds]), _cumulative([other[s] for s in seeds])
    if mine is None or theirs is None:
        return None
    dearer = np.flatnonzero(mine >= theirs)
    first = int(dearer[-1]) + 2 if dearer.size else 1
    return first if first <= len(mine) else None


def _cumulative(streams: Sequence[Sequence[Outcome]]) -> Floats | None:
    """Return what was spent up to each question, all streams together."""
    length = min(map(len, streams), default=0)
    costs = [[each.cost for each in stream[:length]] for stream in streams]
    if not length or any(None in row for row in costs):
        return None
    summed: Floats = np.cumsum(np.array(costs, dtype=float).sum(axis=0))
    return summed


def _savings(
    arm: BySeed, strong: BySeed | None, ends: Sequence[int], *, seed: int, draws: int
) -> Sequence[tuple[float | None, float | None, float | None]]:
    """Return the saving up to each of `ends`, with its interval."""
    nothing = [(None, None, None)] * len(ends)
    seeds = [each for each in arm if strong is not None and each in strong]
    if strong is None or len(seeds) < len(arm):
        return nothing
    pairs = [
        (number, mine, theirs)
        for each in seeds
        for number, (mine, theirs) in enumerate(zip(arm[each], strong[each], strict=True))
    ]
    if any(mine.cost is None or theirs.cost is None for _, mine, theirs in pairs):
        return nothing
    drawn = Resampling([mine for _, mine, _ in pairs], seed=seed, draws=draws)
    at = np.array([number for number, _, _ in pairs])
    mine = np.array([one.cost for _, one, _ in pairs], dtype=float)
    theirs = np.array([other.cost for _, _, other in pairs], dtype=float)
    return [_saving(mine * (at < end), theirs * (at < end), drawn) for end in ends]


def _saving(
    mine: Floats, theirs: Floats, drawn: Resampling
) -> tuple[float | None, float | None, float | None]:
    if theirs.sum() <= 0:
        return None, None, None
    found = float(1 - mine.sum() / theirs.sum())
    low, high = interval(found, 1 - quotients(drawn.sums(mine), drawn.sums(theirs))) or (None, None)
    return found, low, high


def _mean(values: Sequence[int | None]) -> float | None:
    known = [each for each in values if each is not None]
    return sum(known) / len(known) if len(known) == len(values) and known else None
