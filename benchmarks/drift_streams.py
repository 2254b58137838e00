"""Recorded answers of two pairs of models to the same questions, and streams that switch pairs.

The score is declared, because none was recorded: an answer that says "yes" comes first, and
of the others the short ones before the long ones.  It was chosen after looking at the answers
of both halves, so nothing is claimed for it; and it is weak, as many a score in use is.
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

from benchmarks.online_streams import cuts_of
from benchmarks.online_telling import Answer, Telling
from langchain_intercascade._steps import run
from langchain_intercascade.label import Label, lot
from langchain_intercascade.learning.promise import Promise
from langchain_intercascade.threshold.base import ALWAYS_DEFER
from langchain_intercascade.threshold.self_calibrating import AUDIT_RATE, SelfCalibrating

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


def recorded(file: Path, *pairs: tuple[str, str]) -> list[Answers]:
    """Return what each pair of a weak and a strong model said to the same questions."""
    by_model: dict[str, dict[str, Any]] = {}
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            by_model.setdefault(row["model"], {})[row["id"]] = row
    return [_answers(by_model, names) for names in pairs]


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
        disagreed: How many of those differed from the strong answer.  Where one cannot be
            read they count as different, as they do for the threshold.
        wrong: How many of the accepted were not true.
        system_right: How many of the answers that were returned were true.
        strong_right: How many of the strong answers would have been.
        strong_calls: Deferred and audited questions.
    """

    questions: int = 0
    accepted: int = 0
    disagreed: int = 0
    wrong: int = 0
    system_right: int = 0
    strong_right: int = 0
    strong_calls: int = 0

    def shares(self) -> dict[str, float | None]:
        """Return what matters, as shares; `None` where nothing was accepted."""
        return {
            "coverage": self.accepted / self.questions if self.questions else None,
            "disagreement_of_accepted": self.disagreed / self.accepted if self.accepted else None,
            "error_of_accepted": self.wrong / self.accepted if self.accepted else None,
            "system_accuracy": self.system_right / self.questions if self.questions else None,
            "strong_accuracy": self.strong_right / self.questions if self.questions else None,
            "strong_calls": self.strong_calls / self.questions if self.questions else None,
        }

    def count(self, answers: Answers, at: int, *, accepted: bool, audited: bool) -> None:
        """Note what became of one question."""
        right = answers.weak_right if accepted else answers.strong_right
        self.questions += 1
        self.accepted += accepted
        self.disagreed += accepted and answers.agrees[at] != 1.0
        self.wrong += accepted and not answers.weak_right[at]
        self.system_right += bool(right[at])
        self.strong_right += bool(answers.strong_right[at])
        self.strong_calls += audited or not accepted


class Stream:
    """Questions put to models that do not say who they are, one after the other."""

    def __init__(self, threshold: SelfCalibrating) -> None:
        """Begin with a threshold that may have learnt something, or nothing yet."""
        self._threshold, self._telling = threshold, Telling(threshold)
        self._cut = cuts_of(threshold)[0]

    def ask(self, answers: Answers, at: int, run_id: str, tally: Tally) -> None:
        """Put one question, and tell the threshold what a cascade would see."""
        confidence = float(answers.scores[at])
        accepted = confidence >= self._cut
        audited = accepted and lot(run_id, "audit") < AUDIT_RATE
        tally.count(answers, at, accepted=accepted, audited=audited)
        if accepted and not audited:
            return
        agrees, serving = bool(answers.agrees[at] == 1.0), self._cut < math.inf
        answer = Answer("plain", confidence, agrees, accepted, serving=serving)
        if self._telling.tell(answer, run_id):
            self._cut = cuts_of(self._threshold)[0]


def ask_named(promise: Promise, answers: Answers, at: int, run_id: str, tally: Tally) -> bool:
    """Put one question to models that say who they are; return whether there is a label.

    As in the cascade, the weak model's name is met before its answer is gated, and the strong
    one's when it has answered; the label is not yet in the log.
    """
    weak_name, strong_name = answers.names
    run(promise.meeting("weak", weak_name))
    cut, confidence = promise.cut("plain"), float(answers.scores[at])
    accepted = cut.value != ALWAYS_DEFER and confidence >= cut.value
    audited = accepted and lot(run_id, "audit") < AUDIT_RATE
    tally.count(answers, at, accepted=accepted, audited=audited)
    if accepted and not audited:
        return False
    run(promise.meeting("strong", strong_name))
    agrees = float(answers.agrees[at])
    promise.observe(
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
            weak_name=weak_name,
            strong_name=strong_name,
        )
    )
    return True
