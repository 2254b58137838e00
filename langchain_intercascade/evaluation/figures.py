"""This is where what came of the arms becomes figures: each arm's own, and how they compare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any, Final, TypedDict, cast

import numpy as np

from langchain_intercascade.costs import total
from langchain_intercascade.evaluation.along import break_even, curve
from langchain_intercascade.evaluation.credit import strategies
from langchain_intercascade.evaluation.matched import rivals
from langchain_intercascade.evaluation.metrics import (
    FIRST_WINDOW,
    arm_metrics,
    shares,
    tenths,
    windows,
)
from langchain_intercascade.evaluation.paired import change_rates, comparison
from langchain_intercascade.evaluation.spent import plus

if TYPE_CHECKING:
    from langchain_intercascade.evaluation.arms import Outcome
    from langchain_intercascade.evaluation.played import Ran
    from langchain_intercascade.evaluation.report import BreakEven, Comparison, Rivals, Strategies
    from langchain_intercascade.evaluation.report_arms import (
        ArmReport,
        Latency,
        Pair,
        RoleTotals,
        SeedFigures,
        Shares,
    )
    from langchain_intercascade.record import RoleUse

RATES: Final = ("harm_rate", "help_rate")

COMPARED: Final = {
    "cascade_vs_plain": "cascade_plain",
    "cascade_vs_strong": "strong_only",
    "cascade_vs_random": "cascade_random",
    "cascade_vs_few_shot": "few_shot",
}
"""What the cascade is compared with, by the comparison's name."""


class Figures(TypedDict):
    """The parts of a report that follow from outcomes alone; see `Report`."""

    arms: dict[str, ArmReport]
    compared: dict[str, Comparison]
    matched: Rivals | None
    break_even: BreakEven | None
    strategies: Strategies


def figures(ran: Ran, *, seed: int = 0) -> Figures:
    """Return all figures of a run.

    Args:
        ran: What came of it.
        seed: Fixes the bootstrap, so that the same outcomes give the same intervals.
    """
    return {
        "arms": {name: _arm(name, ran, seed) for name, cells in ran.arms.items() if cells},
        "compared": _compared(ran, seed),
        "matched": _matched(ran),
        "break_even": _break_even(ran),
        "strategies": _strategies(ran),
    }


def _arm(name: str, ran: Ran, seed: int) -> ArmReport:
    outcomes, by_seed = ran.outcomes(name), _by_seed(ran, name)
    metrics = arm_metrics(outcomes, seed=seed)
    rates, around = _rates(name, ran, seed)
    found: dict[str, Any] = {
        **metrics,
        **rates,
        "intervals": {**metrics["intervals"], **around},
        **_along(list(by_seed.values())),
        "latency_ms": _latency(outcomes),
        "usage": _usage(outcomes),
        "curve": curve(by_seed, _by_seed(ran, "strong_only"), seed=seed),
        "by_seed": [_of_seed(name, ran, each) for each in by_seed],
        "by_family": _by_family(outcomes),
        "lessons": dict(Counter(o.lesson for o in outcomes)),
        "assumed_answers": dict(Counter(o.assumed for o in outcomes if o.assumed)),
        "failed": sum(bool(o.failed) for o in outcomes),
    }
    return cast("ArmReport", found)


def _rates(
    name: str, ran: Ran, seed: int
) -> tuple[Mapping[str, float | None], Mapping[str, Pair | None]]:
    """Return how often strategies did harm and good; unknown where none are shown."""
    alone = None if name in {"weak_only", "strong_only"} else _beside(ran, name, "weak_only")
    if alone is None:
        return dict.fromkeys(RATES), dict.fromkeys(RATES)
    return change_rates(ran.outcomes(name), alone, seed=seed)


def _along(streams: Sequence[Sequence[Outcome]]) -> dict[str, Any]:
    """Return the streams' parts; what counts is where in its own stream a question stood."""
    together = [each for row in zip(*streams, strict=True) for each in row]
    parts = windows(together, FIRST_WINDOW * len(streams))
    each = [{**part, "until": part["until"] // len(streams)} for part in parts]
    return {"tenths": tenths(together), "windows": each}


def _by_seed(ran: Ran, name: str) -> dict[int, Sequence[Outcome]]:
    return {seed: played.outcomes for seed, played in ran.arms.get(name, {}).items()}


def _beside(ran: Ran, name: str, other: str) -> list[Outcome] | None:
    """Return what `other` gave under the seeds of `name`; `None` if it was not run under all."""
    seeds = ran.arms.get(name, {})
    if not seeds or any(seed not in ran.arms.get(other, {}) for seed in seeds):
        return None
    return ran.outcomes(other, seeds)


def _latency(outcomes: Sequence[Outcome]) -> Latency:
    known = [o.latency_ms for o in outcomes if o.latency_ms is not None]
    if not known:
        return {"p50": None, "p95": None}
    middle, high = np.percentile(known, [50, 95])
    return {"p50": float(middle), "p95": float(high)}


def _usage(outcomes: Sequence[Outcome]) -> dict[str, RoleTotals]:
    nothing: dict[str, RoleUse] = {}
    spent = reduce(plus, (o.usage for o in outcomes), nothing)
    keys = ("calls", "input_tokens", "output_tokens", "cost")
    return {
        role: cast("RoleTotals", {key: use.get(key) for key in keys})
        for role, use in sorted(spent.items())
    }


def _of_seed(name: str, ran: Ran, seed: int) -> SeedFigures:
    outcomes = ran.arms[name][seed].outcomes
    alone = ran.arms.get("weak_only", {}).get(seed)
    rates: Mapping[str, float | None] = dict.fromkeys(RATES)
    if alone is not None and name not in {"weak_only", "strong_only"}:
        rates, _ = change_rates(outcomes, alone.outcomes, seed=0, draws=1)
    found = {"seed": seed, **shares(outcomes), "cost": total([o.cost for o in outcomes])}
    last = {"harm_rate": rates["harm_rate"], "strategies": outcomes[-1].known}
    return cast("SeedFigures", {**found, **last})


def _by_family(outcomes: Sequence[Outcome]) -> dict[str, Shares]:
    """Return the shares of each family; nothing where some question has none."""
    if any(o.family is None for o in outcomes):
        return {}
    families = sorted({o.family for o in outcomes if o.family})
    return {
        family: cast("Shares", shares([o for o in outcomes if o.family == family]))
        for family in families
    }


def _compared(ran: Ran, seed: int) -> dict[str, Comparison]:
    found: dict[str, Comparison] = {}
    for key, name in COMPARED.items():
        other = _beside(ran, "cascade", name)
        if other is not None:
            found[key] = comparison(ran.outcomes("cascade"), other, seed=seed)
    return found


def _matched(ran: Ran) -> Rivals | None:
    weak, strong = (_beside(ran, "cascade", name) for name in ("weak_only", "strong_only"))
    if weak is None or strong is None:
        return None
    plain = _beside(ran, "cascade", "cascade_plain")
    return rivals(ran.outcomes("cascade"), weak, strong, plain)


def _break_even(ran: Ran) -> BreakEven | None:
    if _beside(ran, "cascade", "strong_only") is None:
        return None
    plain = None
    if _beside(ran, "cascade", "cascade_plain") is not None:
        plain = _by_seed(ran, "cascade_plain")
    return break_even(_by_seed(ran, "cascade"), _by_seed(ran, "strong_only"), plain)


def _strategies(ran: Ran) -> Strategies:
    cells = ran.arms.get("cascade", {})
    advice = {key: each for played in cells.values() for key, each in played.advice.items()}
    return strategies(ran.outcomes("cascade"), _beside(ran, "cascade", "weak_only"), advice)
