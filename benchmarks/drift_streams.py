"""Recorded answers of two pairs of models to the same questions, and streams that switch pairs.

The score is declared, because none was recorded: an answer that says "yes" comes first, and
of the others the short ones before the long ones.  It was chosen by looking at the answers
before the switch, and it is weak: that is what many a score in use is like.
"""

from __future__ import annotations

import gzip
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from langchain_intercascade.label import Label, lot
from langchain_intercascade.threshold.base import ALWAYS_DEFER, Threshold
from langchain_intercascade.threshold.self_calibrating import AUDIT_RATE

BEFORE: Final = ("gpt-3.5-turbo-0301", "gpt-4-0314")
AFTER: Final = ("gpt-3.5-turbo-0613", "gpt-4-0613")
USUAL_LENGTH: Final = 200.0
"""Tokens at which the score of a "no" is a quarter; only the order of scores matters."""


class Answers(NamedTuple):
    """What one pair said, arrays of one length.

    Attributes:
        names: What the models call themselves.
        scores: The declared score of each weak answer; NaN if there is no answer.
        agrees: 1 if both say the same, 0 if not, NaN if that cannot be told.
        weak_right: Whether the weak answer is true.
        strong_right: Whether the strong one is.
    """

    names: tuple[str, str]
    scores: NDArray[np.float64]
    agrees: NDArray[np.float64]
    weak_right: NDArray[np.bool_]
    strong_right: NDArray[np.bool_]


def recorded(file: Path) -> tuple[Answers, Answers]:
    """Return what the pairs before and after the switch said to the same questions."""
    by_model: dict[str, dict[str, Any]] = {}
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            by_model.setdefault(row["model"], {})[row["id"]] = row
    return _answers(by_model, BEFORE), _answers(by_model, AFTER)


def _answers(by_model: dict[str, dict[str, Any]], names: tuple[str, str]) -> Answers:
    weak, strong = (by_model[name] for name in names)
    ids = sorted(weak, key=int)
    return Answers(
        names,
        np.array([score(weak[at]["pred"], weak[at]["out_tokens"]) for at in ids]),
        np.array([_agrees(weak[at]["pred"], strong[at]["pred"]) for at in ids]),
        np.array([bool(weak[at]["ok"]) for at in ids]),
        np.array([bool(strong[at]["ok"]) for at in ids]),
    )


def score(said: str | None, tokens: float) -> float:
    """Return the declared score, in [0, 1]; NaN if there is no answer.

    Examples:
        >>> score("yes", 900), score("no", 0), score("no", 200)
        (1.0, 0.5, 0.25)
    """
    if said is None:
        return math.nan
    return 1.0 if said == "yes" else 0.5 / (1.0 + tokens / USUAL_LENGTH)


def _agrees(one: str | None, other: str | None) -> float:
    return math.nan if one is None or other is None else float(one == other)


@dataclass(slots=True)
class Tally:
    """What happened to some stretch of a stream.

    Attributes:
        questions: Its length.
        accepted: How many weak answers were accepted.
        judged: How many of these could be compared with the strong answer.
        disagreed: How many of those differed from it.
        wrong: How many of the accepted were not true.
        system_right: How many of the answers that were returned were true.
        strong_right: How many of the strong answers would have been.
        strong_calls: Deferred and audited questions.
    """

    questions: int = 0
    accepted: int = 0
    judged: int = 0
    disagreed: int = 0
    wrong: int = 0
    system_right: int = 0
    strong_right: int = 0
    strong_calls: int = 0

    def shares(self) -> dict[str, float | None]:
        """Return what matters, as shares; `None` where nothing was accepted."""
        return {
            "coverage": self.accepted / self.questions if self.questions else None,
            "disagreement_of_accepted": self.disagreed / self.judged if self.judged else None,
            "error_of_accepted": self.wrong / self.accepted if self.accepted else None,
            "system_accuracy": self.system_right / self.questions if self.questions else None,
            "strong_accuracy": self.strong_right / self.questions if self.questions else None,
            "strong_calls": self.strong_calls / self.questions if self.questions else None,
        }


def ask(threshold: Threshold, answers: Answers, at: int, run_id: str, tally: Tally) -> bool:
    """Put one question, tell the threshold what a cascade would see; return if it was told."""
    cut = threshold.cut("plain")
    confidence = float(answers.scores[at])
    accepted = cut.value != ALWAYS_DEFER and confidence >= cut.value
    audited = accepted and lot(run_id, "audit") < AUDIT_RATE
    agrees = float(answers.agrees[at])
    _count(tally, answers, at, accepted=accepted, audited=audited)
    if accepted and not audited:
        return False
    threshold.observe(
        Label(
            run_id=run_id,
            tenant="",
            weak_model="",
            regime="plain",
            confidence=None if math.isnan(confidence) else confidence,
            accepted=accepted,
            correct=None if math.isnan(agrees) else agrees == 1.0,
            source="audit" if accepted else "deferral",
            probability=AUDIT_RATE if accepted else 1.0,
            weak_name=answers.names[0],
            strong_name=answers.names[1],
        )
    )
    return True


def _count(tally: Tally, answers: Answers, at: int, *, accepted: bool, audited: bool) -> None:
    agrees = float(answers.agrees[at])
    right = answers.weak_right if accepted else answers.strong_right
    tally.questions += 1
    tally.accepted += accepted
    tally.judged += accepted and not math.isnan(agrees)
    tally.disagreed += accepted and agrees == 0.0
    tally.wrong += accepted and not answers.weak_right[at]
    tally.system_right += bool(right[at])
    tally.strong_right += bool(answers.strong_right[at])
    tally.strong_calls += audited or not accepted
