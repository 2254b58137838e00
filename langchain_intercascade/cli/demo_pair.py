"""The two pairs of models that the demo can be watched with, and what it needs of either."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable

    from langchain_intercascade.threshold.base import ThresholdValue


class PairName(StrEnum):
    """Which pair."""

    TRAINED = "trained"
    SIMULATED = "simulated"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of the stream, its right answer, and the name of its family."""

    text: str
    answer: str
    family: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Two models, and a stream of questions that they are made for.

    Attributes:
        name: Which of the pairs.
        heading: What the models are, and what the figures therefore do not show.
        weak: Makes the weak model.
        strong: Makes the strong model.
        stream: Draws, under a seed, so many questions.
        right: Says whether a text gives the answer to a question.
        prices: Declared prices of the two.
        threshold: What the gate asks for if nothing is said; `None` for the cascade's default.
    """

    name: PairName
    heading: str
    weak: Callable[[], Runnable[Any, AIMessage]]
    strong: Callable[[], Runnable[Any, AIMessage]]
    stream: Callable[[int, int], Sequence[Asked]]
    right: Callable[[str, Asked], bool]
    prices: Mapping[str, tuple[float, float]]
    threshold: ThresholdValue | None = None


def pair_named(name: PairName) -> Pair:
    """Return the pair of that name; only then is it loaded."""
    return _trained() if name is PairName.TRAINED else _simulated()


def _trained() -> Pair:
    from langchain_intercascade.lab import LabStrong, LabWeak, grade, problems  # noqa: PLC0415 - one pair is loaded
    from langchain_intercascade.lab.strong import PRICES  # noqa: PLC0415 - as above

    return Pair(
        name=PairName.TRAINED,
        heading=(
            "The weak model is a neural network of half a million parameters, trained from scratch "
            "for problems like these; the strong one is a solver that errs once in twenty. No key "
            "or network was used, and prices are declared. The figures are computed from this run "
            "and show the mechanism, not what you would save with other models."
        ),
        weak=LabWeak,
        strong=LabStrong,
        stream=lambda seed, n: [
            Asked(each.text, each.answer, each.family.title) for each in problems(seed, n)
        ],
        right=lambda text, asked: grade(text, asked.answer),
        prices=PRICES,
        # Between what it is sure of when it follows a rule (.99) and when it guesses one (.75).
        threshold=0.92,
    )


def _simulated() -> Pair:
    from langchain_intercascade.testing import (  # noqa: PLC0415 - one pair is loaded
        PRICES,
        Problem,
        SimulatedStrong,
        SimulatedWeak,
        grade,
        problems,
    )

    return Pair(
        name=PairName.SIMULATED,
        heading=(
            "Simulated models: no real model, key or network was used. The figures are computed "
            "from this run and show how a cascade behaves, not how good any real model is."
        ),
        weak=SimulatedWeak,
        strong=SimulatedStrong,
        stream=lambda seed, n: [
            Asked(each.text, each.answer, each.family) for each in problems(seed, n)
        ],
        right=lambda text, asked: grade(text, Problem(asked.text, asked.answer, asked.family)),
        prices=PRICES,
    )
