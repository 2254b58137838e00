"""What the second table streams: one weak and one strong model of a pack, and what is assumed.

Where no answer with help was recorded a strategy has no effect, by a declared rule; where one
was, it is played when a strategy of the question's kind really is shown.  See `recorded_packs`
for what each pack holds.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from langchain_core.embeddings import Embeddings
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from benchmarks.recorded_models import Case, ChargedReplay, coin, graded, looked_up, teacher
from benchmarks.usefulness_streams import Corpus, Remembering
from langchain_intercascade.costs import Prices
from langchain_intercascade.evaluation.arms import Question
from langchain_intercascade.evaluation.replay import MIN_SIMILARITY
from langchain_intercascade.evaluation.stand_ins import sure_when_helped
from langchain_intercascade.testing.recorded import Recording

CALIBRATION: Final = 500
"""Questions to fit the threshold on, where a pack has no split of its own: as many as the
calibration files published with fixed-sequence testing for cascades hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """One weak and one strong model of a pack.

    Attributes:
        key: What they are called in the file.
        pack: The pack, as the table calls it, such as "p1".
        replay: What is streamed, and how the cascade is built.
        calibration: Confidence and correctness of answers to other questions, to fit the
            threshold on; empty where no confidence was recorded.
        gates: Stand-ins for the confidence, where none was recorded.
        effects: By how much help changes the share right, by family; empty where no answer
            with help was recorded.
        prices: What the models cost; none where costs were not recorded.
        embeddings: The encoder.
    """

    key: str
    pack: str
    replay: ChargedReplay
    calibration: Sequence[tuple[float | None, bool]] = ()
    gates: Mapping[str, Any] = field(default_factory=dict)
    effects: Mapping[str, float] = field(default_factory=dict)
    prices: Prices = field(default_factory=Prices)
    embeddings: Embeddings = field(default_factory=Remembering)


@dataclass(frozen=True, slots=True)
class Told:
    """What is recorded and what is assumed, each in sentences."""

    recorded: Sequence[str]
    assumed: Sequence[str]


NO_EFFECT: Final = (
    "No answer with a strategy in the prompt was recorded. By the declared rule it has no effect: "
    "the recorded answer and its confidence are played whatever is shown; pessimistically every "
    "answer with a strategy in its prompt is wrong. So this tells what strategies cost where they "
    "do not help, and nothing of what they bring."
)
STAND_IN: Final = (
    "What would be distilled was not recorded: a stand-in that names the kind of problem and "
    "gives three general steps goes through the real steps of a lesson."
)
TOKENS: Final = (
    "What strategies and lessons add is charged at four characters a token; so is everything, "
    "where tokens were not recorded."
)
NO_MONEY: Final = "Costs were not recorded, so no money is told."
RIGHT_HELP: Final = (
    "The strong model is perfect: it answers with the gold.",
    (
        "A strategy is taken to help as much as the recorded help did, and one of another kind to "
        "have no effect; pessimistically an answer with such a one is wrong."
    ),
    (
        "No confidence was recorded, so no threshold can be fitted. `coin`: half the questions "
        "pass, helped or not. `sure_when_helped`: all with a strategy pass, and no others, so the "
        "plain cascade defers everything."
    ),
)


def without_help(told: Told, *more: str) -> Told:
    """Return what is told of records in which nobody was ever helped."""
    return Told(told.recorded, (*told.assumed, *more, NO_EFFECT))


def drawn(key: str, pack: str, pair: tuple[str, str], cases: Sequence[Case], told: Told) -> Records:
    """Return records of which some questions, drawn by lot, are for the threshold only."""
    order = random.Random(0).sample(list(cases), len(cases))
    fitted, asked = order[:CALIBRATION], order[CALIBRATION:]
    by_lot = f"The threshold is fitted on {len(fitted)} other questions, drawn by lot."
    scores = {each.weak.prompt: each.score for each in asked}
    return Records(
        key=key,
        pack=pack,
        replay=replay_of(
            asked, *pair, without_help(told, by_lot, NO_MONEY), confidence=looked_up(scores)
        ),
        calibration=[(each.score, each.weak.correct) for each in fitted],
    )


def helped(key: str, pack: str, corpus: Corpus, weak: str) -> Records:
    """Return records of one model with and without help."""
    kinds = ", ".join(dict.fromkeys(corpus.help.values()))
    told = Told(
        (
            (
                f"The answers of {weak} to questions of {len(corpus.families)} kinds without help, "
                f"and with help of that kind in the prompt ({kinds}), right or wrong."
            ),
        ),
        (*RIGHT_HELP, *corpus.assumed, NO_MONEY),
    )
    cases = [
        Case(
            pair.recording(),
            Recording(pair.question, pair.gold, correct=True, family=pair.family),
        )
        for pair in corpus.pairs
    ]
    return Records(
        key=key,
        pack=pack,
        replay=replay_of(cases, weak, "assumed-perfect", told, min_similarity=MIN_SIMILARITY),
        gates={"coin": coin, "sure_when_helped": sure_when_helped},
        effects=corpus.recorded(),
        embeddings=corpus.embeddings,
    )


def replay_of(
    cases: Sequence[Case], weak: str, strong: str, told: Told, **options: Any
) -> ChargedReplay:
    """Return the replay of some cases; the cascade is built with `options`."""
    weaks, strongs = [each.weak for each in cases], [each.strong for each in cases]
    return ChargedReplay(
        questions=[_question(each) for each in cases],
        weak=weaks,
        strong=strongs,
        weak_model=weak,
        strong_model=strong,
        options={
            "learning": "inline",
            "distiller": teacher(weaks, strong),
            "agreement": graded([*weaks, *strongs]),
            **options,
        },
        recorded=(f"{len(cases)} questions, each asked once.", *told.recorded),
        assumed=(*told.assumed, STAND_IN, TOKENS),
    )


def _question(case: Case) -> Question:
    system: list[BaseMessage] = [SystemMessage(case.system)] if case.system else []
    prompt = case.weak.prompt
    return Question([*system, HumanMessage(prompt)], family=case.weak.family, key=prompt)
