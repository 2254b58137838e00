"""Telling a threshold of its labels, in bulk as long as only their number matters.

A cold threshold looks at its sample when that has grown to certain sizes, and does nothing in
between.  So its labels wait here until the last before a look, and are handed over as a saved
state; the last is told like any other.  And of a threshold that serves, deferred
answers that the lot does not draw into the sample are kept, because they are only
counted.  What is certified, and when, is the same; the time it takes is a tenth.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from langchain_intercascade.label import Label, lot
from langchain_intercascade.record import Regime
from langchain_intercascade.threshold.base import Threshold
from langchain_intercascade.threshold.self_calibrating import AUDIT_RATE, SelfCalibrating


class Answer(NamedTuple):
    """One weak answer.

    Attributes:
        regime: Whether strategies were shown.
        score: Its confidence; NaN if it has none.
        agrees: Whether the strong model says the same.
        accepted: What the gate did.
        serving: Whether anything would have been accepted in this regime.
    """

    regime: Regime
    score: float
    agrees: bool
    accepted: bool
    serving: bool


class Telling:
    """Tells one threshold."""

    def __init__(self, threshold: Threshold) -> None:
        """Begin with nothing; only a threshold that calibrates itself is told anything."""
        self._threshold = threshold if isinstance(threshold, SelfCalibrating) else None
        self._waiting: dict[Regime, list[tuple[float, bool]]] = {"plain": [], "augmented": []}
        self._room: dict[Regime, int] = {}

    def tell(self, answer: Answer, run_id: str) -> bool:
        """Return whether the threshold was really told, so that its cuts may have changed."""
        if self._threshold is None:
            return False
        if answer.serving:
            drawn = answer.accepted or lot(run_id, "calibration") < AUDIT_RATE
            return drawn and self._told(self._threshold, answer, run_id)
        if not math.isfinite(answer.score):
            return False
        waiting = self._waiting[answer.regime]
        if len(waiting) + 1 < self._room_in(self._threshold, answer.regime):
            waiting.append((answer.score, answer.agrees))
            return False
        return self._told(self._threshold, answer, run_id)

    def _room_in(self, threshold: SelfCalibrating, regime: Regime) -> float:
        """Return how many labels are missing to the next look of a regime that serves nothing."""
        room = self._room.get(regime)
        if room is None:
            found = threshold.certification(regime)
            withdrawn = threshold.standing(regime) == "withdrawn"
            room = 0 if found.next_size is None else found.next_size - found.size
            self._room[regime] = room = 0 if withdrawn else room
        return room or math.inf

    def _told(self, threshold: SelfCalibrating, answer: Answer, run_id: str) -> bool:
        waiting, self._waiting[answer.regime] = self._waiting[answer.regime], []
        if waiting:
            state = threshold.state()
            kept = state["regimes"][answer.regime]["certification"]
            kept["labels"] += len(waiting)
            kept["scores"] += [score for score, _ in waiting]
            kept["correct"] += [agrees for _, agrees in waiting]
            threshold.restore(state)
        threshold.observe(label_of_answer(answer, run_id))
        self._room.pop(answer.regime, None)
        return True


def label_of_answer(answer: Answer, run_id: str) -> Label:
    """Return the label that a cascade would make of an answer about which it heard."""
    return Label(
        run_id=run_id,
        tenant="",
        weak_model="",
        regime=answer.regime,
        confidence=answer.score if math.isfinite(answer.score) else None,
        accepted=answer.accepted,
        correct=answer.agrees,
        source="audit" if answer.accepted else "deferral",
        probability=AUDIT_RATE if answer.accepted else 1.0,
    )
