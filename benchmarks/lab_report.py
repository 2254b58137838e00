"""What is written down and printed of the lab pair's runs: what was hoped for, and what came."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev
from typing import Any, Final

from langchain_intercascade.costs import Price, Prices
from langchain_intercascade.evaluation.arms import Outcome
from langchain_intercascade.evaluation.paired import comparison
from langchain_intercascade.evaluation.played import Played, Ran
from langchain_intercascade.evaluation.report import Report

WEAK_ROLES: Final = frozenset({"weak", "replay", "confidence"})
STRONG_ROLES: Final = frozenset({"strong", "distill", "audit", "advise"})

_T: Final = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
"""Student's t, 97.5 %, for 1 to 9 degrees of freedom."""

_DROPPED: Final = frozenset(
    {"by_family", "curve", "risk_coverage", "reliability", "windows", "latency_ms"}
)
"""Of an arm: what is long, and what is another each time it is run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A figure of one arm beside another on the very same questions.

    Attributes:
        what: What is compared, by its name in a `Comparison`.
        beside: The other arm.
        arm: The arm of interest.
        sign: -1 where a fall is told as a reduction.
        goal: What it is hoped to reach; `None` where nothing was set.
        last_third: Whether only the last third of each stream counts.
    """

    what: str
    beside: str = "cascade_plain"
    arm: str = "cascade"
    sign: int = 1
    goal: float | None = None
    last_third: bool = False


CALLS: Final = "strong_calls_change"
FEES: Final = "fees_change"
WEAK: Final = "weak_accuracy_gain"
SYSTEM: Final = "system_accuracy_gain"

HEADLINE: Final[Mapping[str, Claim]] = {
    "strong_call_reduction": Claim(what=CALLS, sign=-1, goal=0.48),
    "system_accuracy_difference": Claim(what=SYSTEM, goal=0.0),
    "weak_accuracy_gain": Claim(what=WEAK, beside="weak_only", goal=0.33),
    "fee_reduction": Claim(what=FEES, sign=-1, goal=0.49),
    "strong_call_reduction_last_third": Claim(what=CALLS, sign=-1, last_third=True),
    "system_accuracy_difference_last_third": Claim(what=SYSTEM, last_third=True),
    "weak_accuracy_gain_last_third": Claim(what=WEAK, beside="weak_only", last_third=True),
    "fee_reduction_last_third": Claim(what=FEES, sign=-1, last_third=True),
    "fee_reduction_vs_strong": Claim(what=FEES, beside="strong_only", sign=-1),
    "system_accuracy_difference_vs_strong": Claim(what=SYSTEM, beside="strong_only"),
    "strong_call_reduction_vs_random": Claim(what=CALLS, beside="cascade_random", sign=-1),
    "weak_accuracy_gain_vs_random": Claim(what=WEAK, beside="cascade_random"),
    "fee_reduction_vs_random": Claim(what=FEES, beside="cascade_random", sign=-1),
    "strong_call_reduction_vs_few_shot": Claim(what=CALLS, beside="few_shot", sign=-1),
    "weak_accuracy_gain_vs_few_shot": Claim(what=WEAK, beside="few_shot"),
    "strong_call_reduction_of_random": Claim(what=CALLS, arm="cascade_random", sign=-1),
    "weak_accuracy_gain_of_random": Claim(what=WEAK, arm="cascade_random", beside="weak_only"),
}

SENSITIVE: Final[Mapping[str, Claim]] = {
    "strong_call_reduction": Claim(what=CALLS, sign=-1),
    "system_accuracy_difference": Claim(what=SYSTEM),
    "weak_accuracy_gain": Claim(what=WEAK),
    "fee_reduction": Claim(what=FEES, sign=-1),
    "fee_reduction_vs_strong": Claim(what=FEES, beside="strong_only", sign=-1),
}

FEES_ONLY: Final = {name: claim for name, claim in SENSITIVE.items() if claim.what == FEES}


def measured(ran: Ran, claims: Mapping[str, Claim]) -> dict[str, Any]:
    """Return each figure with its intervals.

    `value` is over all questions, `None` where the other arm had nothing to fall; `families` its
    95 % interval by drawing families anew; `seeds` the mean of the seeds' own figures with its
    95 % interval (Student's t).
    """
    return {name: _measured(ran, claim) for name, claim in claims.items()}


def cut(ran: Ran, seeds: Sequence[int], questions: int) -> Ran:
    """Return the first `questions` of some seeds: a shorter stream begins like a longer one."""
    return Ran(
        {
            arm: {seed: Played(cells[seed].outcomes[:questions]) for seed in seeds}
            for arm, cells in ran.arms.items()
        }
    )


def repriced(ran: Ran, prices: Prices, weak: str, strong: str) -> Ran:
    """Return the same outcomes at other prices, by the tokens that each role used.

    Args:
        ran: What came of a run; every token count in it is known.
        prices: The prices.
        weak: The weak model's name.
        strong: The strong model's name.
    """
    models = dict.fromkeys(WEAK_ROLES, weak) | dict.fromkeys(STRONG_ROLES, strong)

    def at_these(outcome: Outcome) -> Outcome:
        return replace(outcome, cost=math.fsum(_fees(outcome, prices, models)))

    return Ran(
        {
            arm: {seed: Played(list(map(at_these, cell.outcomes))) for seed, cell in cells.items()}
            for arm, cells in ran.arms.items()
        }
    )


def trimmed(report: Report) -> dict[str, Any]:
    """Return the parts of a report that are kept: no curves, no latencies, no strategies' text."""
    arms = {
        name: {key: value for key, value in arm.items() if key not in _DROPPED}
        for name, arm in report["arms"].items()
    }
    kept = ("kind", "title", "command", "versions", "models", "data", "seeds", "threshold", "k")
    more = ("min_similarity", "confidence", "prices", "assumed", "compared", "matched")
    whole: Mapping[str, Any] = report
    return {**{name: whole[name] for name in (*kept, *more, "break_even")}, "arms": arms}


def show(report: Mapping[str, Any]) -> None:
    """Print the figures that the goals are about, and what they depend on."""
    _say(f"{'':40}{'measured':>10}  {'by families':20}{'by seeds':20}goal")
    for name, found in report["headline"].items():
        _say(f"{name:40}{_row(found)}")
    _say("")
    for name, cells in report["sensitivity"]["cells"].items():
        told = (f"{what} {_signed(cell['value'])}" for what, cell in cells.items())
        _say(f"{name:18}", "  ".join(told))


def _measured(ran: Ran, claim: Claim) -> dict[str, Any]:
    mine, theirs = _outcomes(ran, claim.arm, claim), _outcomes(ran, claim.beside, claim)
    value, families = _told(_joined(mine), _joined(theirs), claim)
    each = [_told(one, other, claim)[0] for one, other in zip(mine, theirs, strict=True)]
    known = [figure for figure in each if figure is not None]
    found = {"value": value, "families": families, "seeds": by_seeds(known) if known else None}
    if claim.goal is None:
        return found
    return {**found, "goal": claim.goal, "reached": value is not None and value >= claim.goal}


def _told(
    one: Sequence[Outcome], other: Sequence[Outcome], claim: Claim
) -> tuple[float | None, dict[str, float] | None]:
    """Return the figure and its interval; none of what the other arm had nothing of."""
    found: Mapping[str, Any] = comparison(one, other, seed=0)
    if found[claim.what] is None:
        return None, None
    # Adding 0 makes -0 plain.
    low, high = sorted(claim.sign * end + 0.0 for end in found[f"{claim.what}_interval"])
    return claim.sign * found[claim.what] + 0.0, {"low": low, "high": high}


def by_seeds(values: Sequence[float]) -> dict[str, Any]:
    """Return mean and 95 % interval of the mean (Student's t, over seeds), and each.

    Examples:
        >>> by_seeds([0.5])
        {'mean': 0.5, 'low': 0.5, 'high': 0.5, 'each': [0.5]}
    """
    n, mean = len(values), fmean(values)
    # Beyond ten seeds the normal distribution's will do.
    quantile = _T[n - 2] if 2 <= n <= len(_T) + 1 else 1.96  # noqa: PLR2004 - as it says
    half = quantile * stdev(values) / math.sqrt(n) if n > 1 else 0.0
    return {"mean": mean, "low": mean - half, "high": mean + half, "each": list(values)}


def _outcomes(ran: Ran, arm: str, claim: Claim) -> list[Sequence[Outcome]]:
    """Return what counts of each seed."""
    streams = [cell.outcomes for _, cell in sorted(ran.arms[arm].items())]
    return [each[2 * len(each) // 3 :] if claim.last_third else each for each in streams]


def _joined(streams: Iterable[Sequence[Outcome]]) -> list[Outcome]:
    return [outcome for stream in streams for outcome in stream]


def _fees(outcome: Outcome, prices: Prices, models: Mapping[str, str]) -> Iterable[float]:
    for role, use in outcome.usage.items():
        price = prices.of(models[role])
        read, written = use["input_tokens"], use["output_tokens"]
        if not isinstance(price, Price) or read is None or written is None:
            msg = f"What the role {role!r} spent cannot be priced: {price!r}, {use!r}."
            raise TypeError(msg)
        yield price.of({"input_tokens": read, "output_tokens": written, "total_tokens": 0})


def _row(found: Mapping[str, Any]) -> str:
    around = "".join(f"{_ends(found[name]):20}" for name in ("families", "seeds"))
    goal = f"{found['goal']:.2f} {'yes' if found['reached'] else 'NO'}" if "goal" in found else ""
    return f"{_signed(found['value']):>10}  {around}{goal}"


def _ends(found: Mapping[str, float] | None) -> str:
    return "" if found is None else f"[{found['low']:+.3f}, {found['high']:+.3f}]"


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.3f}"


def _say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
