"""This is the form of one arm in a report: what was achieved, when, how surely, and for what.

A figure is a number, or `None` where it cannot be had: never 0 for "unknown".
"""

from __future__ import annotations

from typing import Any, NotRequired, TypeAlias, TypedDict

Pair: TypeAlias = tuple[float, float]
"""The two ends of a 95 % interval, the lower first."""


class Shares(TypedDict):
    """What was achieved on some questions.

    Attributes:
        n: How many answers; a question that was asked under three seeds counts three times.
        weak_accuracy: Share of right ones among the weak answers, deferred ones included.
        system_accuracy: Share of right ones among the answers that were returned.
        coverage: Share of questions whose weak answer was accepted.
        strong_call_share: Share of questions about which the strong model was asked.
        selective_risk: Share of wrong ones among the accepted answers; `None` if there are none.
    """

    n: int
    weak_accuracy: float | None
    system_accuracy: float | None
    coverage: float | None
    strong_call_share: float | None
    selective_risk: float | None


class Window(Shares):
    """The same for a part of the stream.

    Attributes:
        until: The number of the last question of the part, from 1; in `windows` only.
    """

    until: NotRequired[int]


class RoleTotals(TypedDict):
    """What one role spent in an arm, all seeds together.

    Attributes:
        calls: How many model calls.
        input_tokens: Tokens read; `None` if some model did not say.
        output_tokens: Tokens written, likewise.
        cost: Dollars; `None` if a price is unknown.
    """

    calls: int
    input_tokens: int | None
    output_tokens: int | None
    cost: float | None


class CurvePoint(TypedDict):
    """How it stood after so many questions, as the mean over the seeds.

    Attributes:
        until: How many questions of a stream were answered.
        system_accuracy: Since the point before.
        weak_accuracy: Since the point before.
        strong_call_share: Since the point before.
        saving: 1 - all that was spent so far / what always asking the strong model had cost so
            far; lessons, replays and audits included. Negative where the arm was dearer.
        saving_low: The lower end of its 95 % interval.
        saving_high: The upper end.
        strategies: How many strategies were in use then; `None` in arms that have none.
    """

    until: int
    system_accuracy: float | None
    weak_accuracy: float | None
    strong_call_share: float | None
    saving: float | None
    saving_low: float | None
    saving_high: float | None
    strategies: float | None


class RiskPoint(TypedDict):
    """The share of wrong answers if this share of all, the surest first, were accepted."""

    coverage: float
    risk: float


class Bin(TypedDict):
    """The weak answers whose confidence lies in one tenth of the scale.

    Attributes:
        low: Where the tenth begins.
        high: Where it ends; 1 belongs to the last one.
        confidence: Mean confidence of the answers in it.
        accuracy: Share of right ones among them.
        count: How many there are; empty tenths are left out.
    """

    low: float
    high: float
    confidence: float
    accuracy: float
    count: int


class Latency(TypedDict):
    """Milliseconds until an answer was there, without what was learned from it afterwards."""

    p50: float | None
    p95: float | None


class SeedFigures(Shares):
    """What one seed alone gave, so that the spread between orders can be seen."""

    seed: int
    cost: float | None
    harm_rate: float | None
    strategies: int | None


class ArmReport(Shares):
    """One arm: one way to answer all the questions.

    Attributes:
        confidence_auroc: How well the confidence ranks right weak answers above wrong ones.
        ece: Expected calibration error, over ten tenths of the scale (Naeini et al. 2015).
        brier: Mean squared difference of confidence and correctness.
        harm_rate: Of the questions that were answered with strategies (or examples): the share
            that the weak model gets right alone and got wrong with them.
        help_rate: Likewise: wrong alone, right with them.
        cost: Dollars, all seeds together, lessons included.
        cost_per_question: Dollars.
        latency_ms: How long an answer took.
        intervals: By metric: 95 %, by resampling; `None` where the metric is. The metrics of
            `Shares`, `confidence_auroc`, `ece`, `brier`, `harm_rate`, `help_rate` and
            `cost_per_question`.
        resampled: What was resampled: "families" or "questions".
        usage: By role, as in a decision record: "weak", "strong", "distill", "replay", "audit",
            "confidence", "advise", "embedding"; and in a cascade of three models or more
            "middle" (then "middle2" and so on). Roles that were not called are absent.
        tenths: The stream in ten parts.
        windows: The stream in parts that double.
        curve: Along the stream.
        risk_coverage: At most a hundred points, from the surest answer to all.
        reliability: At most ten bins.
        by_seed: One for each seed.
        by_family: By family, where families are known.
        lessons: How many questions ended with which state of their lesson.
        assumed_answers: How many weak answers had to be assumed, by reason.
        failed: How many questions got no answer because a model failed; they count as wrong.
        pessimistic: In replays: the same with every assumed answer counted as wrong.
    """

    confidence_auroc: float | None
    ece: NotRequired[float | None]
    brier: NotRequired[float | None]
    harm_rate: NotRequired[float | None]
    help_rate: NotRequired[float | None]
    cost: float | None
    cost_per_question: NotRequired[float | None]
    latency_ms: NotRequired[Latency]
    intervals: dict[str, Pair | None]
    resampled: str
    usage: NotRequired[dict[str, RoleTotals]]
    tenths: list[Window]
    windows: list[Window]
    curve: NotRequired[list[CurvePoint]]
    risk_coverage: NotRequired[list[RiskPoint]]
    reliability: NotRequired[list[Bin]]
    by_seed: NotRequired[list[SeedFigures]]
    by_family: NotRequired[dict[str, Shares]]
    lessons: NotRequired[dict[str, int]]
    assumed_answers: NotRequired[dict[str, int]]
    failed: NotRequired[int]
    pessimistic: NotRequired[dict[str, Any]]
