"""This is where a pack becomes a replay: its models, its questions, and what is assumed.

What a pack recorded and what a replay has to assume is put into plain sentences
here, next to the code that makes it so; every report carries them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from langchain_intercascade.chat_model import InterCascade
from langchain_intercascade.errors import how_many
from langchain_intercascade.evaluation.arms import (
    Grade,
    Outcome,
    Question,
    Tick,
    in_order,
    run_alone,
    run_cascade,
)
from langchain_intercascade.evaluation.stand_ins import (
    stand_in_advice,
    stand_in_distiller,
    sure_when_helped,
)
from langchain_intercascade.nodes.weak_generate import with_strategies
from langchain_intercascade.testing.recorded import RecordedChatModel, Recording, playback_of

if TYPE_CHECKING:
    from langchain_intercascade.evaluation.pack import (
        LogprobPack,
        LogprobRow,
        ModelAnswer,
        Split,
        TransferPack,
        TransferRow,
    )
    from langchain_intercascade.threshold.base import ThresholdValue

MIN_SIMILARITY: Final = 0.4
"""Floor for the BIG-Bench-Hard transfer pack with the built-in encoder.

Found by looking at its questions, not at their outcomes: 99 % have one of their
own family at .4 or nearer, and 80 % have none of another family (97 % outside
logical deduction, whose three families differ in one word).
"""

SURE: Final = 0.5
"""Threshold for a confidence that is either 0 or 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A pack, ready to be streamed.

    Attributes:
        questions: All of them, in the pack's order.
        weak: What was recorded of the weak model.
        strong: What was recorded, or is assumed, of the strong model.
        weak_model: The weak model's name.
        strong_model: The strong model's name.
        options: How the cascade is built, besides its models and its threshold.
        recorded: What is recorded, in sentences.
        assumed: What is assumed, in sentences.
    """

    questions: Sequence[Question]
    weak: Sequence[Recording]
    strong: Sequence[Recording]
    weak_model: str
    strong_model: str
    options: Mapping[str, Any]
    recorded: Sequence[str]
    assumed: Sequence[str]

    @property
    def learns(self) -> bool:
        """Whether strategies are made and used."""
        return bool(self.options["learning"] != "off")

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms that `run_replay` runs."""
        return ("weak_only", "strong_only", "cascade", *(["weak_helped"] if self.learns else []))

    def model(self, role: str) -> RecordedChatModel:
        """Return the weak or the strong model, at the beginning of its tape."""
        weak = role == "weak"
        return RecordedChatModel(
            recordings=self.weak if weak else self.strong,
            model_name=self.weak_model if weak else self.strong_model,
        )


def logprob_replay(
    pack: LogprobPack, *, weak: str, strong: str, split: Split | None = "test"
) -> Replay:
    """Return the replay of two models of a logprob pack; nothing is learned in it.

    Args:
        pack: The pack.
        weak: The weak model's name.
        strong: The strong model's name.
        split: Which questions; all if `None`.

    Raises:
        PackError: A model is unknown, or no prompt was put to both.
    """
    rows = pack.rows_of(weak, strong, split)
    questions = how_many(len(rows), "question")
    return Replay(
        questions=[Question(_messages(row)) for row in rows],
        weak=[_recording(row.prompt, row.models[weak]) for row in rows],
        strong=[_recording(row.prompt, row.models[strong]) for row in rows],
        weak_model=weak,
        strong_model=strong,
        options={"learning": "off", "k": 0},
        recorded=(
            f"{questions} with the answers of {weak} and {strong}, right or wrong.",
            "What each call cost, in dollars.",
            f"The confidence: exp of the log-probability that {weak} gave its answer.",
            *_oddities([row.models[weak] for row in rows]),
        ),
        assumed=(_NO_LEARNING,),
    )


_NO_LEARNING: Final = (
    "Learning is off: no answer with a strategy in the prompt was recorded, so nothing that could "
    "be distilled could be scored. This is the plain cascade; k and min_similarity change nothing."
)


def transfer_replay(
    pack: TransferPack, *, k: int = 2, min_similarity: float = MIN_SIMILARITY
) -> Replay:
    """Return the replay of a transfer pack, in which the weak model really is taught.

    Args:
        pack: The pack.
        k: How many strategies are shown at most.
        min_similarity: Least similarity of a strategy that is shown.
    """
    questions = how_many(len(pack.rows), "question")
    families = how_many(len(pack.families), "family")
    golds = [Recording(r.question, r.gold, correct=True, family=r.family) for r in pack.rows]
    return Replay(
        questions=[Question([HumanMessage(r.question)], family=r.family) for r in pack.rows],
        weak=[_weak_recording(row) for row in pack.rows],
        strong=golds,
        weak_model="recorded",
        strong_model="assumed-perfect",
        options={
            "learning": "inline",
            "k": k,
            "min_similarity": min_similarity,
            "confidence": sure_when_helped,
            "distiller": stand_in_distiller(golds),
        },
        recorded=(
            f"{questions} of {families}, with gold answers.",
            "One model's answer to each without help (direct), right or wrong.",
            "The same with worked reasoning of the question's family in its prompt (cot).",
        ),
        assumed=(*_TRANSFER_ASSUMPTIONS, *([_FLOOR] if min_similarity == MIN_SIMILARITY else [])),
    )


_TRANSFER_ASSUMPTIONS: Final = (
    "The strong model is perfect: it answers with the gold.",
    (
        "What it would distil was not recorded. A stand-in that does no more than name the family "
        "takes its place, goes through the real distil, parse, leak guard and store steps, and is "
        "assumed to help as much as the worked reasoning did."
    ),
    (
        "The answer with help is played only when a strategy of the question's family really is "
        "in the weak model's prompt."
    ),
    (
        "Prompts with a strategy of another family, alone or beside a right one, were never "
        "recorded. They are counted twice: as if the other one had no effect, and, in the "
        "pessimistic accounting, as a wrong weak answer."
    ),
    (
        "Confidences were not recorded: the weak model is taken to be sure when, and only when, "
        "some strategy is in its prompt, whatever its family."
    ),
    "Costs were not recorded, so there are none.",
)

_FLOOR: Final = (
    f"The floor of {MIN_SIMILARITY} was found by looking at the questions of BIG-Bench-Hard, not "
    "at outcomes: with the built-in encoder, 99 % of them have one of their own family at least "
    "that near, and 80 % have none of another family."
)


def run_replay(
    replay: Replay,
    *,
    threshold: ThresholdValue,
    seed: int = 0,
    limit: int | None = None,
    tick: Tick = lambda: None,
) -> dict[str, list[Outcome]]:
    """Stream the questions through every arm and return the outcomes by arm.

    Args:
        replay: What to stream.
        threshold: The gate's.
        seed: Fixes the order of the questions.
        limit: How many questions; all if `None`.
        tick: Called after each question of each arm.

    Raises:
        ConfigurationError: The threshold, k or the floor can never work.
    """
    stream = in_order(replay.questions, seed=seed, limit=limit)
    weak, strong = replay.model("weak"), replay.model("strong")
    with InterCascade(weak=weak, strong=strong, threshold=threshold, **replay.options) as cascade:
        cascaded = run_cascade(stream, cascade, as_recorded, tick=tick)
    arms = {
        "weak_only": run_alone(stream, replay.model("weak"), as_recorded, role="weak", tick=tick),
        "strong_only": run_alone(
            stream, replay.model("strong"), as_recorded, role="strong", tick=tick
        ),
        "cascade": cascaded,
    }
    if replay.learns:
        arms["weak_helped"] = run_helped(stream, replay.model("weak"), tick)
    return arms


def recorded_scores(rows: Sequence[LogprobRow], model: str) -> list[float | None]:
    """Return the confidences that `model` would have at the gate; `None` where it has none."""
    found = [row.models[model].conf_logp for row in rows]
    return [
        None if logp is None or not math.isfinite(logp) else min(1.0, math.exp(logp))
        for logp in found
    ]


def run_helped(
    stream: Sequence[Question], weak: RecordedChatModel, tick: Tick = lambda: None
) -> list[Outcome]:
    """Return what the weak model achieves with a strategy of the right family every time."""
    advised = [replace(question, messages=_advised(question)) for question in stream]
    outcomes = run_alone(advised, weak, as_recorded, role="weak", tick=tick)
    return [replace(outcome, regime="augmented") for outcome in outcomes]


def _advised(question: Question) -> list[BaseMessage]:
    advice = stand_in_advice(question.family or "")
    return with_strategies(question.messages, [advice.model_dump(mode="json")])


def as_recorded(question: Question, answer: AIMessage) -> Grade:
    """Grade an answer by what was recorded of it.

    Raises:
        ConfigurationError: No recorded model wrote it.
    """
    del question
    note = playback_of(answer)
    return Grade(note["correct"], assumed=note["shown"] if note["unrecorded"] else "")


def _oddities(answers: Sequence[ModelAnswer]) -> list[str]:
    """Return a sentence about broken recordings, if there are any."""
    missing = sum(not (each.answer or "").strip() for each in answers)
    unusable = sum(each.conf_logp is None or not math.isfinite(each.conf_logp) for each in answers)
    if not missing + unusable:
        return []
    return [
        (
            "Played as they are, so that the gate defers them: "
            f"{how_many(missing, 'missing weak answer')}, "
            f"{how_many(unusable, 'log-probability', 'log-probabilities')} missing or not finite."
        )
    ]


def _messages(row: LogprobRow) -> list[BaseMessage]:
    system: list[BaseMessage] = [SystemMessage(row.system)] if row.system else []
    return [*system, HumanMessage(row.prompt)]


def _recording(prompt: str, answer: ModelAnswer) -> Recording:
    return Recording(
        prompt,
        answer.answer,
        correct=answer.correct,
        logprob=answer.conf_logp,
        tokens=(answer.tok.read, answer.tok.written) if answer.tok else None,
        cost=answer.cost,
        latency_ms=answer.latency_ms,
    )


def _weak_recording(row: TransferRow) -> Recording:
    helped = Recording(row.question, row.cot_out, correct=row.cot_ok, family=row.family)
    return Recording(
        row.question, row.direct_out, correct=row.direct_ok, family=row.family, helped=helped
    )
