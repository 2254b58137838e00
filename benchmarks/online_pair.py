"""The simulated pair on a closed stock of questions, so that true risks are exact and runs fast.

The traffic is drawn with replacement from a stock of simulated problems.  What the weak model
says to each of them with each pair of strategies in its prompt is asked of the real
`SimulatedWeak`, once, with the real prompt, and remembered.  What remains to be done per
question is to look up similarities (of the built-in encoder) and answers.  So the
risk and the coverage of any cut, with the strategies stored by then, are known exactly.

What is simpler than in the cascade: a strategy is known by its family and by whether it
carries the teacher's slip; every lesson is stored at once; the two nearest above a fixed
floor are shown; none is suspended, nor audited more often while it is new.
`benchmarks.online` runs the whole cascade beside it.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final, NamedTuple

import numpy as np
from langchain_core.messages import AIMessage, HumanMessage
from numpy.typing import NDArray

from langchain_intercascade.nodes.weak_generate import with_strategies
from langchain_intercascade.repository.embeddings import HashingEmbeddings
from langchain_intercascade.testing import SimulatedStrong, SimulatedWeak, problems
from langchain_intercascade.testing.simulated.families import FAMILIES
from langchain_intercascade.testing.simulated.steps import with_a_slip
from langchain_intercascade.testing.simulated.writing import strategy

FLOOR: Final = 0.3
"""The least similarity of a strategy that is shown: the cascade's before it has measured one."""

NOBODY: Final = -1
_NUMBER: Final = re.compile(r"-?\d[\d,]*(?:\.\d+)?")

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]


class Said(NamedTuple):
    """What the weak model says to some questions, arrays of one length.

    Attributes:
        regime: Whether strategies were shown.
        confidence: The score at the gate.
        agrees: Whether the strong model says the same.
        right: Whether it is the truth.
    """

    augmented: Flags
    confidence: Floats
    agrees: Flags
    right: Flags

    def accepted(self, cuts: tuple[float, float]) -> Flags:
        """Return what the cuts of the plain and the augmented regime accept."""
        return np.asarray(self.confidence >= np.where(self.augmented, cuts[1], cuts[0]))

    def risk(self, cuts: tuple[float, float], *, truth: bool = False) -> float:
        """Return the share of accepted answers that disagree, or are wrong; 0 if none is."""
        kept = (self.right if truth else self.agrees)[self.accepted(cuts)]
        return float(1.0 - kept.mean()) if kept.size else 0.0

    def coverage(self, cuts: tuple[float, float]) -> float:
        """Return the share that the cuts accept."""
        return float(self.accepted(cuts).mean())

    def oracle(self, target: float) -> tuple[float, float]:
        """Return the lowest cut of each regime whose risk is at most `target`."""
        plain, augmented = (
            lowest_safe(self.confidence[where], ~self.agrees[where], target)
            for where in (~self.augmented, self.augmented)
        )
        return plain, augmented


def lowest_safe(scores: Floats, wrong: Flags, target: float) -> float:
    """Return the lowest threshold whose risk is at most `target`; infinity if none is safe."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    errors = np.cumsum(wrong[order])
    # Equal scores are accepted together, so only the last of each kind is a threshold.
    last = np.append(ranked[1:] < ranked[:-1], np.ones(min(1, ranked.size), dtype=bool))
    safe = np.flatnonzero(last & (errors <= target * np.arange(1, ranked.size + 1)))
    return float(ranked[safe[-1]]) if safe.size else math.inf


class Stock:
    """A stock of questions, and all that two simulated models say to them.

    Attributes:
        size: Number of questions.
        kinds: Of the strategy that is distilled from each question, were it deferred.
        alike: Similarity of each question with each.
    """

    def __init__(self, size: int, *, seed: int, error_rate: float, trusting: float) -> None:
        """Ask the strong model everything; the weak one is asked as the need arises.

        Args:
            size: Number of questions.
            seed: Of the questions and of both models.
            error_rate: Share of the questions at which the strong model errs.
            trusting: See `SimulatedWeak`.
        """
        self.size = size
        self._problems = problems(seed, size)
        self._seed, self._error_rate, self._trusting = seed, error_rate, trusting
        self._weak, strong = self.models()
        self._strong = [number_in(strong.invoke(each.text).text) for each in self._problems]
        self._advice = [_advice(name, slip) for name in sorted(FAMILIES) for slip in (False, True)]
        number = {name: 2 * at for at, name in enumerate(sorted(FAMILIES))}
        slips = [
            said != each.answer for said, each in zip(self._strong, self._problems, strict=True)
        ]
        self.kinds: Ints = np.array(
            [number[e.family] + slip for e, slip in zip(self._problems, slips, strict=True)]
        )
        vectors = np.array(HashingEmbeddings().embed_documents([e.text for e in self._problems]))
        self.alike: Floats = vectors @ vectors.T
        shape = (size, len(self._advice) + 1, len(self._advice) + 1)
        self._confidence = np.full(shape, np.nan)
        self._agrees = np.zeros(shape, dtype=bool)
        self._right = np.zeros(shape, dtype=bool)

    def models(self) -> tuple[SimulatedWeak, SimulatedStrong]:
        """Return the two models, as if nobody had asked them yet."""
        return (
            SimulatedWeak(logprobs=True, seed=self._seed, trusting=self._trusting),
            SimulatedStrong(seed=self._seed, error_rate=self._error_rate),
        )

    def text(self, question: int) -> str:
        """Return a question."""
        return self._problems[question].text

    def agrees(self, question: int, answer: str) -> bool:
        """Say whether `answer` is what the strong model says."""
        return number_in(answer) == self._strong[question]

    def said(self, questions: Ints, shown: Ints) -> Said:
        """Return what the weak model says.

        Args:
            questions: Their numbers.
            shown: For each the kinds of the two strategies in its prompt, `NOBODY` for none.
        """
        where = (questions, shown[:, 0], shown[:, 1])
        for at in np.flatnonzero(np.isnan(self._confidence[where])):
            self._ask(int(questions[at]), int(shown[at, 0]), int(shown[at, 1]))
        return Said(
            augmented=shown[:, 0] != NOBODY,
            confidence=self._confidence[where],
            agrees=self._agrees[where],
            right=self._right[where],
        )

    def one(self, question: int, shown: tuple[int, int]) -> tuple[float, bool]:
        """Return the confidence of one answer, and whether the strong model agrees."""
        where = (question, *shown)
        if math.isnan(self._confidence[where]):
            self._ask(*where)
        return float(self._confidence[where]), bool(self._agrees[where])

    def _ask(self, question: int, *shown: int) -> None:
        problem = self._problems[question]
        notes = [self._advice[kind] for kind in shown if kind != NOBODY]
        answer = self._weak.invoke(with_strategies([HumanMessage(problem.text)], notes))
        number, where = number_in(answer.text), (question, *shown)
        self._confidence[where] = _confidence(answer)
        self._agrees[where] = number == self._strong[question]
        self._right[where] = number == problem.answer


class Taught:
    """Which strategies are stored, and so what would be shown for each question of the stock.

    The two nearest of each question are kept up to date as strategies come in: few of them
    change, and looking them up costs nothing.
    """

    def __init__(self, stock: Stock) -> None:
        """Start with none."""
        self._stock = stock
        self._learnt: set[int] = set()
        self._nearest: dict[int, Floats] = {}
        self._near: Floats = np.full((2, stock.size), math.nextafter(FLOOR, 0.0))
        self._kinds: Ints = np.full((2, stock.size), NOBODY)

    def learn(self, question: int) -> None:
        """Store what the strong model teaches on `question`; of a known kind, one more example."""
        if question in self._learnt:
            return
        self._learnt.add(question)
        kind, row = int(self._stock.kinds[question]), self._stock.alike[question]
        if kind not in self._nearest:
            self._nearest[kind] = np.full(self._stock.size, -math.inf)
        known = self._nearest[kind]
        # Only where it comes closer than the second does it matter.
        closer = np.flatnonzero(row > np.maximum(known, self._near[1]))
        np.maximum(known, row, out=known)
        if closer.size:
            self._rank(kind, row[closer], closer)

    def _rank(self, kind: int, now: Floats, where: Ints) -> None:
        """Put `kind`, whose similarity is `now`, in its place at the questions of `where`."""
        (first, second), (best, other) = self._near[:, where], self._kinds[:, where]
        # A kind that leads stays there; one that overtakes the first makes it the second.
        leads = best == kind
        overtakes = ~leads & ((now > first) | (best == NOBODY))
        self._near[1, where] = np.where(leads, second, np.where(overtakes, first, now))
        self._kinds[1, where] = np.where(leads, other, np.where(overtakes, best, kind))
        self._near[0, where] = np.where(leads | overtakes, now, first)
        self._kinds[0, where] = np.where(leads | overtakes, kind, best)

    def shown(self, questions: Ints) -> Ints:
        """Return the kinds of the two strategies for each question, the nearest first."""
        return np.asarray(self._kinds[:, questions].T)

    def shown_one(self, question: int) -> tuple[int, int]:
        """Return the same for one question."""
        return int(self._kinds[0, question]), int(self._kinds[1, question])

    def said(self, questions: Ints) -> Said:
        """Return what the weak model says to `questions` with what it was taught."""
        return self._stock.said(questions, self.shown(questions))


def _advice(family: str, slip: bool) -> dict[str, Any]:  # noqa: FBT001 - one half of a pair
    known = FAMILIES[family]
    found: dict[str, Any] = json.loads(
        strategy(known, with_a_slip(known.steps) if slip else known.steps)
    )
    return found


def number_in(text: str) -> str:
    """Return the last number of an answer, which is what it says; empty if there is none."""
    found = _NUMBER.findall(text)
    return found[-1].replace(",", "") if found else ""


def _confidence(answer: AIMessage) -> float:
    entries = answer.response_metadata["logprobs"]["content"]
    return math.exp(math.fsum(entry["logprob"] for entry in entries) / len(entries))
