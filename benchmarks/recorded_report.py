"""The figures of the second table: every arm, what it is beside the plain cascade, its overhead."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from statistics import fmean
from typing import Any, Final, TypeAlias

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.recorded_runs import LEARNING
from benchmarks.recorded_streams import Records
from benchmarks.usefulness_figures import CUT
from langchain_intercascade.costs import Price, total
from langchain_intercascade.evaluation.arms import Outcome
from langchain_intercascade.evaluation.metrics import arm_metrics, other_gates, pessimistic
from langchain_intercascade.evaluation.paired import comparison
from langchain_intercascade.evaluation.spent import plus
from langchain_intercascade.record import RoleUse

Arms: TypeAlias = Mapping[str, Sequence[Outcome]]

TOLERATED: Final = 0.01
"""A fall in right answers beside the plain cascade that is pointed out, whatever its interval."""

OF_LESSONS: Final = ("distill", "replay", "audit")
"""Roles that a cascade pays for because it learns."""

ASKING_STRONG: Final = ("distill", "audit")
"""Those of them that ask the strong model."""

_KEPT: Final = (
    *("n", "system_accuracy", "weak_accuracy", "coverage", "strong_call_share"),
    *("selective_risk", "confidence_auroc", "cost_per_question"),
)


def figures(records: Records, arms: Arms, *, seed: int) -> dict[str, Any]:
    """Return what came of one gate, as JSON-like data.

    Args:
        records: What was streamed.
        arms: The outcomes by arm; see `recorded_runs`.
        seed: Fixes the bootstrap.
    """
    beside = {name: beside_plain(records, arms, name, seed=seed) for name in LEARNING}
    found: dict[str, Any] = {
        "arms": {name: _arm(name, outcomes, seed) for name, outcomes in arms.items()},
        "other_gates": other_gates(arms["plain"], arms["strong_only"]),
        "beside_plain": beside,
    }
    if records.effects:
        found["without_benefit"] = _without_benefit(records, arms, seed)
    return found


def beside_plain(records: Records, arms: Arms, name: str, *, seed: int) -> dict[str, Any]:
    """Return by how much an arm differs from the plain cascade, and what of that is overhead.

    `overhead` is what lessons, tries and audits took, and what strategies added to the weak
    model's prompts; `dollars_unexplained` is what is left of the difference in costs: what
    answering itself cost more.
    """
    mine, plain = arms[name], arms["plain"]
    n = len(mine)
    compared = comparison(mine, plain, seed=seed)
    asked = sum(o.strong_called for o in mine) - sum(o.strong_called for o in plain)
    spent, before = by_role(mine), by_role(plain)
    added = _read(spent, "weak") - _read(before, "weak")
    overhead = {
        "strong_calls": sum(_calls(spent, role) for role in ASKING_STRONG) / n,
        **{f"{role}_calls": _calls(spent, role) / n for role in OF_LESSONS},
        "strategy_tokens": added / n,
        "lesson_tokens": sum(map(_all_tokens, (spent[r] for r in OF_LESSONS if r in spent))) / n,
        "dollars": _overhead(records, spent, added, n),
    }
    more = _more_dollars(mine, plain)
    return {
        "accuracy_difference": _around(compared, "system_accuracy_gain"),
        "weak_accuracy_difference": _around(compared, "weak_accuracy_gain"),
        "answers_by_strong": asked / n,
        "overhead": overhead,
        "dollars": more,
        "dollars_unexplained": None if more is None else more - (overhead["dollars"] or 0.0),
        "augmented": fmean(o.regime == "augmented" for o in mine),
    }


def claims(records: Records, gate: str, found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what is to hold where strategies do not help, and whether it does.

    That is all of a pack in which by the declared rule they have no effect, and the families
    without benefit of one in which answers with help were recorded.  Where the stand-in for
    the confidence accepts nothing unaided, the plain cascade is the strong model: there is
    nothing to compare.

    It holds if the interval of the difference in right answers does not lie below 0 as a whole,
    and the strong model is not asked for more answers.
    """
    if records.effects and gate != "coin":
        return []
    rows = found["without_benefit"] if records.effects else found
    on = "families without benefit" if records.effects else "all questions"
    told = []
    for arm, row in rows["beside_plain"].items():
        difference = row["accuracy_difference"]
        told.append(
            {
                "records": records.key,
                "gate": gate,
                "arm": arm,
                "on": on,
                "questions": rows["questions"],
                "accuracy_difference": difference,
                "answers_by_strong": row["answers_by_strong"],
                "overhead": row["overhead"],
                "dollars_unexplained": row["dollars_unexplained"],
                "holds": difference["high"] >= 0 and row["answers_by_strong"] <= 0,
                "within_tolerance": difference["value"] >= -TOLERATED,
            }
        )
    return told


def by_role(outcomes: Sequence[Outcome]) -> dict[str, RoleUse]:
    """Return what each role spent."""
    nothing: dict[str, RoleUse] = {}
    return reduce(plus, (o.usage for o in outcomes), nothing)


def show(report: Mapping[str, Any], console: Console) -> None:
    """Print the table, and what is recorded and assumed."""
    for key, records in report["records"].items():
        console.print(f"\n{records['pack']} {key}: {records['weak']} -> {records['strong']}")
        for kind in ("recorded", "assumed"):
            for sentence in records[kind]:
                console.print(f"  {kind}: {sentence}", soft_wrap=True, highlight=False)
        for gate, found in records["gates"].items():
            told = f"{gate}, threshold {found['threshold']}, {found['questions']} questions"
            console.print(_table(told, found))
            console.print(_other_gates(found["other_gates"]), soft_wrap=True)
    console.print("Where strategies do not help, beside the plain cascade:")
    for claim in report["not_worse"]["claims"]:
        console.print(_sentence(claim), soft_wrap=True, highlight=False)


def _arm(name: str, outcomes: Sequence[Outcome], seed: int) -> dict[str, Any]:
    whole = arm_metrics(outcomes, seed=seed)
    kept = {key: whole[key] for key in _KEPT}
    around = {key: whole["intervals"][key] for key in _KEPT if key in whole["intervals"]}
    usage = {
        role: {key: value for key, value in use.items() if key != "latency_ms"}
        for role, use in sorted(by_role(outcomes).items())
    }
    found = {**kept, "intervals": around, "resampled": whole["resampled"], "usage": usage}
    if name not in LEARNING:
        return found
    worst = arm_metrics(pessimistic(outcomes), seed=seed)
    names = ("system_accuracy", "weak_accuracy", "selective_risk")
    return {**found, "pessimistic": {key: worst[key] for key in names}}


def _without_benefit(records: Records, arms: Arms, seed: int) -> dict[str, Any]:
    families = sorted(name for name, effect in records.effects.items() if effect <= CUT)
    # Two or three families are too few to draw from: here questions are drawn.
    kept = {
        name: [replace(o, family=None) for o in outcomes if o.family in families]
        for name, outcomes in arms.items()
    }
    return {
        "families": families,
        "recorded_effect": {name: records.effects[name] for name in families},
        "questions": len(kept["plain"]),
        "beside_plain": {name: beside_plain(records, kept, name, seed=seed) for name in LEARNING},
    }


def _around(compared: Mapping[str, Any], what: str) -> dict[str, float]:
    low, high = compared[f"{what}_interval"]
    return {"value": compared[what], "low": low, "high": high}


def _calls(spent: Mapping[str, RoleUse], role: str) -> int:
    return spent[role]["calls"] if role in spent else 0


def _read(spent: Mapping[str, RoleUse], role: str) -> int:
    return spent[role]["input_tokens"] or 0


def _all_tokens(use: RoleUse) -> int:
    return (use["input_tokens"] or 0) + (use["output_tokens"] or 0)


def _overhead(records: Records, spent: Mapping[str, RoleUse], added: int, n: int) -> float | None:
    """Return dollars a question; `None` where there are no prices."""
    price = records.prices.of(records.replay.weak_model)
    if not isinstance(price, Price):
        return None
    lessons = total([spent[role]["cost"] for role in OF_LESSONS if role in spent])
    return None if lessons is None else (lessons + added * price.input / 1e6) / n


def _more_dollars(mine: Sequence[Outcome], plain: Sequence[Outcome]) -> float | None:
    costs = [total([o.cost for o in arm]) for arm in (mine, plain)]
    if None in costs:
        return None
    here, there = costs
    return ((here or 0.0) - (there or 0.0)) / len(mine)


def _table(title: str, found: Mapping[str, Any]) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for number, (head, _) in enumerate((("arm", None), *_COLUMNS)):
        table.add_column(head, justify="right" if number else "left")
    for name, arm in found["arms"].items():
        beside = found["beside_plain"].get(name)
        table.add_row(name, *(cell(arm, beside) for _, cell in _COLUMNS))
    return table


def _other_gates(found: Mapping[str, float | None]) -> str:
    told = ["-" if value is None else _plain(value) for value in found.values()]
    return f"Deferring as many as plain: by lot {told[0]} right, knowing which {told[1]}."


def _metric(name: str, factor: float = 1.0) -> Callable[[Any, Any], str]:
    def cell(arm: Mapping[str, Any], beside: Mapping[str, Any] | None) -> str:
        del beside
        value, around = arm[name], arm["intervals"].get(name)
        if value is None:
            return "-"
        told = _plain(factor * value)
        if around is None or around[0] == around[1]:
            return told
        return f"{told}\n{'-'.join(_plain(factor * end) for end in around)}"

    return cell


def _over(*path: str) -> Callable[[Any, Any], str]:
    def cell(arm: Mapping[str, Any], beside: Mapping[str, Any] | None) -> str:
        del arm
        value: Any = beside
        for key in path:
            value = None if value is None else value[key]
        return "-" if value is None else _plain(value)

    return cell


_COLUMNS: Final = (
    ("right", _metric("system_accuracy")),
    ("weak\nright", _metric("weak_accuracy")),
    ("strong\nanswers", _metric("strong_call_share")),
    ("lessons and\naudits", _over("overhead", "strong_calls")),
    ("strategy\ntokens", _over("overhead", "strategy_tokens")),
    ("$ per 1000", _metric("cost_per_question", 1000.0)),
)
"""What is printed of an arm; calls and tokens are those of a question."""


def _sentence(claim: Mapping[str, Any]) -> str:
    difference, overhead = claim["accuracy_difference"], claim["overhead"]
    dollars = overhead["dollars"]
    money = "" if dollars is None else f", ${1000 * dollars:.3f} per 1000"
    return (
        f"  {claim['records']} {claim['gate']} {claim['arm']}, {claim['on']} "
        f"({claim['questions']}): right {difference['value']:+.3f} [{difference['low']:+.3f}, "
        f"{difference['high']:+.3f}], answers by the strong model "
        f"{claim['answers_by_strong']:+.3f}; overhead {overhead['strong_calls']:.3f} strong calls, "
        f"{overhead['strategy_tokens']:.0f} tokens a question{money}: "
        f"{'holds' if claim['holds'] else 'DOES NOT HOLD'}"
        f"{'' if claim['within_tolerance'] else ', but look at the fall'}"
    )


def _plain(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 10 else f"{value:.3f}"  # noqa: PLR2004 - enough digits
