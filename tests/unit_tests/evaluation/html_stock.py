"""Reports to make pages of: one with every key, and one from before most of them."""

from __future__ import annotations

import random
from typing import Any

SEEDS = (0, 1, 2)
PRICES = {"simulated-weak": (0.15, 0.6), "simulated-strong": (2.5, 10.0)}
ARMS = {
    "weak_only": (0.44, 0.44, 0.0),
    "strong_only": (0.0, 0.0, 1.0),
    "cascade_plain": (0.44, 0.44, 0.58),
    "cascade": (0.47, 0.86, 0.2),
    "cascade_random": (0.42, 0.45, 0.56),
    "few_shot": (0.46, 0.7, 0.35),
    "prompt_only": (0.43, 0.44, 0.57),
    "oracle": (0.9, 0.91, 0.08),
}
"""Each arm's weak accuracy at the begin and at the end, and its strong calls at the end."""


def full_report(**changes: Any) -> dict[str, Any]:
    """A report of made-up figures with every key that there is."""
    draw = random.Random(7)
    return {
        "schema": 2,
        "kind": "simulated",
        "title": "A simulated pair on word problems",
        "command": "intercascade bench --weak simulated --strong simulated --seeds 3",
        "versions": {"langchain-intercascade": "0.1.0", "python": "3.11.7"},
        "models": {"weak": "simulated-weak", "strong": "simulated-strong"},
        "data": {
            "name": "word problems",
            "sha256": "ab" * 32,
            "questions": 300,
            "families": 12,
            "grader": "numeric",
        },
        "seeds": list(SEEDS),
        "threshold": 0.8,
        "k": 2,
        "min_similarity": 0.35,
        "learning": "inline",
        "prices": PRICES,
        "recorded": ["300 questions of 12 families, with answers."],
        "assumed": ["Prices are those of a typical pair."],
        "incomplete": None,
        "arms": {name: arm(draw, *shape) for name, shape in ARMS.items()},
        "compared": {"cascade_vs_plain": compared(), "cascade_vs_strong": compared()},
        "matched": {
            "arm": "cascade",
            "system_accuracy": 0.9312,
            "cost_per_question": 0.000133,
            "mixture_cost": 0.000313,
            "mixture_accuracy": 0.6123,
            "plain_cost": None,
            "plain_accuracy": 0.8423,
        },
        "break_even": {"strong": 37, "plain": None, "questions": 300},
        "strategies": {"best": [strategy(1, 38)], "worst": [strategy(2, 13), strategy(3, 7)]},
        **changes,
    }


def arm(draw: random.Random, begin: float, end: float, calls: float) -> dict[str, Any]:
    """An arm whose weak accuracy goes from `begin` to `end`."""
    course = [begin + (end - begin) * (1 - 0.6**i) for i in range(1, 11)]
    tenths = [tenth(draw, weak, calls, at) for at, weak in enumerate(course)]
    right, weak, called = (mean(tenths, key) for key in ("system_accuracy", "weak_accuracy", CALLS))
    costs = {"weak": 0.012, "strong": 0.29 * called}
    if 0 < calls < 1:
        costs |= {"distill": 0.03 * (end - begin), "replay": 0.011 * (end - begin)}
        costs |= {"audit": 0.004, "confidence": 0.0, "embedding": 0.0007}
    cost = sum(costs.values())
    return {
        "n": 900,
        "weak_accuracy": weak,
        "system_accuracy": right,
        "coverage": 1 - called,
        CALLS: called,
        "selective_risk": None if weak is None else 0.4 - 0.35 * weak,
        "confidence_auroc": 0.83 + draw.random() / 50,
        "ece": 0.071,
        "brier": 0.142,
        "harm_rate": 0.013,
        "cost": cost,
        "cost_per_question": cost / 900,
        "latency_ms": {"p50": 412.0, "p95": 1893.5},
        "intervals": {
            "system_accuracy": [right - 0.031, min(1.0, right + 0.028)],
            "weak_accuracy": None if weak is None else [weak - 0.044, weak + 0.041],
            CALLS: [max(0.0, called - 0.05), min(1.0, called + 0.052)],
            "selective_risk": None,
        },
        "resampled": "families",
        "usage": {
            role: {"calls": 900, "input_tokens": 90123, "output_tokens": 4567, "cost": each}
            for role, each in costs.items()
        },
        "tenths": tenths,
        "windows": [],
        "curve": curve(tenths, costs, gated=0 < calls < 1),
        "risk_coverage": [{"coverage": i / 40, "risk": 0.25 * (i / 40) ** 2} for i in range(1, 41)],
        "reliability": reliability(draw),
        "by_seed": [
            {"seed": seed, "system_accuracy": right, "weak_accuracy": weak} for seed in SEEDS
        ],
        "by_family": {f"family {i}": {"n": 75, "system_accuracy": right} for i in range(12)},
    }


CALLS = "strong_call_share"


def tenth(draw: random.Random, weak: float, calls: float, at: int) -> dict[str, Any]:
    """A tenth of the stream."""
    called = calls if calls in {0.0, 1.0} else calls + (0.6 - calls) * 0.6**at
    noise = draw.uniform(-0.02, 0.02)
    right = 0.96 * called + (1 - called) * (weak if not calls else 1 - 0.4 * (1 - weak))
    return {
        "n": 90,
        "weak_accuracy": None if calls == 1 else weak + noise,
        "system_accuracy": min(1.0, right + noise),
        CALLS: called,
        "coverage": 1 - called,
        "selective_risk": None,
    }


def curve(tenths: list[dict[str, Any]], costs: dict[str, float], *, gated: bool) -> list[Any]:
    """What was saved along the stream: less than nothing at first, where lessons are paid for."""
    ahead = 0.2 + 40 * costs.get("distill", 0.0)
    found = []
    for i in range(1, 21):
        saving = (
            (0.1 + ahead * (1 - 0.8**i) - 0.7 * 0.5**i) if gated else 1 - costs["strong"] / 0.29
        )
        width = 0.12 * 0.9**i
        found.append(
            {
                "until": 15 * i,
                "saving": saving,
                "strategies": 3 * i,
                "saving_low": saving - width,
                "saving_high": saving + width,
                "system_accuracy": tenths[(i - 1) // 2]["system_accuracy"],
                "weak_accuracy": tenths[(i - 1) // 2]["weak_accuracy"],
                CALLS: tenths[(i - 1) // 2][CALLS],
            }
        )
    return found


def reliability(draw: random.Random) -> list[dict[str, Any]]:
    """Ten bins; the first is empty."""
    bins: list[dict[str, Any]] = [
        {"low": 0.0, "high": 0.1, "confidence": None, "accuracy": None, "count": 0}
    ]
    for i in range(1, 10):
        sure = (i + draw.random()) / 10
        right = max(0.0, min(1.0, sure - 0.12 + draw.random() / 10))
        bins.append(
            {
                "low": i / 10,
                "high": (i + 1) / 10,
                "confidence": sure,
                "accuracy": right,
                "count": 10 * i * i,
            }
        )
    return bins


def strategy(number: int, helped: int) -> dict[str, Any]:
    """A strategy with a text to read."""
    return {
        "id": f"5f0c{number}",
        "title": f"Add the gains, then take away the losses ({number})",
        "when": "A person has some things, gets more of them and gives others away.",
        "steps": ["Write down the first amount.", "Add every gain.", "Take away every loss."],
        "uses": 41,
        "right_with": helped,
        "right_without": 16,
        "net": helped - 16,
    }


def compared() -> dict[str, Any]:
    """What one arm gained over another."""
    return {
        "strong_calls_change": -0.483,
        "strong_calls_change_interval": [-0.53, -0.41],
        "fees_change": -0.461,
        "fees_change_interval": [-0.51, -0.4],
        "weak_accuracy_gain": 0.331,
        "weak_accuracy_gain_interval": [0.28, 0.37],
        "system_accuracy_gain": 0.021,
        "system_accuracy_gain_interval": [-0.004, 0.05],
    }


def mean(parts: list[dict[str, Any]], key: str) -> Any:
    """The mean of a share over the parts, or nothing."""
    values = [part[key] for part in parts]
    return None if None in values else sum(values) / len(values)


def old_report() -> dict[str, Any]:
    """A report as it was when only packs could be replayed."""
    parts = [{"n": 10, "weak_accuracy": 0.5, "system_accuracy": 0.6 + i / 50} for i in range(10)]
    metrics = {
        "n": 100,
        "weak_accuracy": 0.5,
        "system_accuracy": 0.7,
        "coverage": 0.8,
        "strong_call_share": 0.2,
        "selective_risk": 0.3,
        "confidence_auroc": None,
        "cost": None,
        "intervals": {"weak_accuracy": [0.4, 0.6], "system_accuracy": [0.6, 0.8]},
        "resampled": "questions",
        "tenths": parts,
        "windows": [],
    }
    return {
        "arms": {
            "weak_only": metrics,
            "strong_only": {**metrics, "weak_accuracy": None, "system_accuracy": 1.0},
            "cascade": {**metrics, "pessimistic": {**metrics, "system_accuracy": 0.65}},
        },
        "gates": {"random_gate": 0.61, "perfect_gate": 0.9},
        "pack": "old.jsonl.gz",
        "pack_sha256": "cd" * 32,
        "split": "all",
        "seed": 0,
        "models": {"weak": "small", "strong": "large"},
        "threshold": 0.5,
        "learning": "inline",
        "k": 2,
        "min_similarity": 0.4,
        "recorded": ["100 questions."],
        "assumed": ["All else."],
        "versions": {"python": "3.11.7"},
        "command": "intercascade bench --pack old.jsonl.gz",
    }
