"""How the second table runs its records: a threshold fitted beforehand, then every arm.

weak_only, strong_only   one model alone
plain                    the gate, and nothing learned
cascade                  with strategies, as a cascade is by default
careful                  with strategies that are tried first, audited and held back now and then
always_helped            the weak model with the right help every time, where that was recorded
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, Final
from uuid import UUID, uuid5

from benchmarks.recorded_streams import Records
from langchain_intercascade import InterCascade
from langchain_intercascade.evaluation.arms import (
    Outcome,
    Question,
    in_order,
    run_alone,
    run_cascade,
)
from langchain_intercascade.evaluation.replay import SURE, as_recorded, run_helped
from langchain_intercascade.repository.edge import EdgeRepository
from langchain_intercascade.threshold.base import ALWAYS_DEFER, ThresholdValue
from langchain_intercascade.threshold.calibrate import calibrate_threshold

TARGETS: Final = (0.1, 0.2, 0.3, 0.4)
"""Shares of the accepted answers that may be wrong; which ones the paper allowed is not public."""

MOST_GATES: Final = 2
"""Of the targets that can be promised, so many of the strictest are streamed."""

DELTA: Final = 0.1
"""Probability with which that may fail."""

LEARNING: Final[Mapping[str, Mapping[str, Any]]] = {
    "cascade": {},
    "careful": {"admission": "replay", "audit_rate": 0.2, "holdout": 0.05},
}
"""The arms that learn, and their options; audits and holdout as in `benchmarks.usefulness`."""

STAND_IN: Final = "A stand-in: no confidence was recorded."

_RUNS: Final = UUID("5f0c2f0e-9a39-5a55-8c8c-3f1d5b0c7e11")
_DAY: Final = date(2026, 1, 1)  # on a report that nobody keeps


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """How sure is sure enough.

    Attributes:
        key: What it is called in the file.
        threshold: Accept from here on.
        told: Where the threshold comes from, in a sentence.
        confidence: A stand-in for the confidence; that of the records if `None`.
    """

    key: str
    threshold: ThresholdValue
    told: str
    confidence: Any = None

    @property
    def options(self) -> dict[str, Any]:
        """What it sets of a cascade."""
        stand_in = {} if self.confidence is None else {"confidence": self.confidence}
        return {"threshold": self.threshold, **stand_in}


def gates_of(records: Records) -> list[Gate]:
    """Return the gates of `records`: the paper's choice of a threshold, or the stand-ins.

    Targets are tried from the strictest on; one that brings no other threshold is left out.
    """
    if not records.calibration:
        return [
            Gate(key=name, threshold=SURE, told=STAND_IN, confidence=stand_in)
            for name, stand_in in records.gates.items()
        ]
    fitted = [_fitted(records, target) for target in TARGETS]
    lowest = {each.threshold: each for each in reversed(fitted)}
    possible = [each for each in reversed(lowest.values()) if each.threshold != ALWAYS_DEFER]
    return possible[:MOST_GATES] or fitted[-1:]


def _fitted(records: Records, target: float) -> Gate:
    scores, correct = zip(*records.calibration, strict=True)
    found = calibrate_threshold(scores, correct, target_risk=target, delta=DELTA, on=_DAY)
    told = (
        f"Fitted on {found.n} answers by fixed-sequence testing: with confidence {1 - DELTA:g} at "
        f"most {target:g} of the accepted answers are wrong."
    )
    return Gate(key=f"risk_{100 * target:g}", threshold=found.threshold, told=told)


def play(
    records: Records, gate: Gate, *, seed: int, limit: int | None = None
) -> dict[str, list[Outcome]]:
    """Stream the records through every arm, in the order that `seed` fixes."""
    replay = records.replay
    stream = in_order(replay.questions, seed=seed, limit=limit)
    alone = partial(run_alone, stream, grade=as_recorded, prices=records.prices)
    arms = {
        "weak_only": alone(model=replay.model("weak"), role="weak"),
        "strong_only": alone(model=replay.model("strong"), role="strong"),
        "plain": _cascaded(records, stream, gate, seed, learning="off", k=0),
    }
    for name, options in LEARNING.items():
        arms[name] = _cascaded(records, stream, gate, seed, **options)
    if records.effects:
        arms["always_helped"] = run_helped(stream, replay.model("weak"))
    return arms


def _cascaded(
    records: Records, stream: Sequence[Question], gate: Gate, seed: int, **options: Any
) -> list[Outcome]:
    replay = records.replay
    weak, strong = replay.model("weak"), replay.model("strong")
    given = {**replay.options, **gate.options, **options}
    with (
        EdgeRepository(embeddings=records.embeddings) as repository,
        InterCascade(
            weak=weak, strong=strong, repository=repository, prices=records.prices, **given
        ) as cascade,
    ):
        # Audits and the holdout are drawn by the run's id.
        named = partial(_run_id, seed)
        return run_cascade(stream, cascade, as_recorded, named=named)


def _run_id(seed: int, number: int) -> UUID:
    return uuid5(_RUNS, f"{seed} {number}")
