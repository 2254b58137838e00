"""This is where the arms are: each a different way to answer the same questions.

weak_only       the weak model alone            strong_only     the strong model alone
cascade_plain   the gate, and nothing learned   cascade         with retrieved strategies
cascade_random  with strategies by lot          few_shot        with past answers as examples
prompt_only     with a strategy that says       oracle          with a strategy of the right
                nothing                                         family every time
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast
from uuid import UUID, uuid5

from langchain_intercascade.chat_model import InterCascade
from langchain_intercascade.evaluation.arms import (
    Apply,
    Grader,
    Outcome,
    Question,
    Tick,
    run_alone,
    run_cascade,
)
from langchain_intercascade.evaluation.played import Played
from langchain_intercascade.evaluation.rivals import (
    Alter,
    AlteredCascade,
    PastAnswers,
    at_random,
    neutral,
)
from langchain_intercascade.evaluation.teacher import Teacher
from langchain_intercascade.strategy import State

if TYPE_CHECKING:
    from langchain_intercascade.evaluation.experiment import Experiment
    from langchain_intercascade.evaluation.journal import Memory
    from langchain_intercascade.strategy import Advice

_RUNS: Final = UUID("0a4d8a3c-7a43-5d0e-9b0c-25099229841d")

TENANT: Final = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One arm under one seed.

    Attributes:
        experiment: What is run.
        name: What it is called; run ids are made of it.
        questions: What is asked, in order; of a model alone, each question of every seed once.
        pool: All questions, to look for others of a family in.
        memory: What the models remember by.
        grade: Judges answers.
        tick: Called after each question.
        apply: How a model alone is asked.
    """

    experiment: Experiment
    name: str
    questions: Sequence[Question]
    pool: Sequence[Question]
    memory: Memory
    grade: Grader
    tick: Tick = lambda: None
    apply: Apply = map

    def run_id(self, number: int) -> UUID:
        """Return the run id of a question: the same whenever it is run."""
        return uuid5(_RUNS, f"{self.name} {number}")


Arm: TypeAlias = Callable[[Turn], Played]


def _alone(turn: Turn, *, last: bool) -> Played:
    model = turn.experiment.recalling(turn.memory)[-1 if last else 0]
    outcomes = run_alone(
        turn.questions,
        # Asked like the cascade's weak model, so that both give the same answer.
        model if last else model.model_copy(update={"disable_streaming": True}),
        turn.grade,
        role="strong" if last else "weak",
        prices=turn.experiment.prices,
        tick=turn.tick,
        apply=turn.apply,
    )
    return Played(outcomes)


def _gated(turn: Turn, kind: type[InterCascade] = InterCascade, **options: Any) -> Played:
    learns = options.get("learning", "off") != "off"
    with turn.experiment.cascade(turn.memory, kind, **options) as cascade:
        known: list[int] = []

        def tick() -> None:
            if learns:
                known.append(_in_use(cascade))
            turn.tick()

        outcomes = run_cascade(turn.questions, cascade, turn.grade, tick=tick, named=turn.run_id)
        if learns:
            counted = zip(outcomes, known, strict=True)
            outcomes = [replace(outcome, known=count) for outcome, count in counted]
        return Played(outcomes, _advice(cascade, outcomes))


def _altered(turn: Turn, *, make: Callable[[], Alter], **options: Any) -> Played:
    return _gated(turn, AlteredCascade, alter=make(), **options)


def _oracle(turn: Turn) -> Played:
    """Teach each family once, out of another question of it, then answer with that."""
    with turn.experiment.cascade(turn.memory) as cascade:
        teacher = Teacher(cascade, turn.pool, turn.grade, turn.run_id)
        outcomes = run_cascade(
            turn.questions,
            cascade,
            turn.grade,
            tick=turn.tick,
            named=turn.run_id,
            how=teacher.taught,
        )
        return Played(teacher.charged(outcomes))


def _in_use(cascade: InterCascade) -> int:
    return cast("int", cascade.repository.count(tenant=TENANT, states=[State.ACTIVE]))


def _advice(cascade: InterCascade, outcomes: Sequence[Outcome]) -> dict[str, Advice]:
    """Return what the strategies that were shown say."""
    shown = dict.fromkeys(each for outcome in outcomes for each in outcome.shown)
    found = (cascade.repository.get(each, tenant=TENANT) for each in shown)
    return {each.id: each.advice for each in found if each is not None and each.advice}


ARMS: Final[Mapping[str, Arm]] = {
    "weak_only": partial(_alone, last=False),
    "strong_only": partial(_alone, last=True),
    "cascade_plain": partial(_gated, k=0),
    "cascade": partial(_gated, learning="inline"),
    "cascade_random": partial(_altered, make=lambda: at_random, learning="inline"),
    "few_shot": partial(_altered, make=PastAnswers),
    # The repository stays empty: nothing else than the note is shown.
    "prompt_only": partial(_altered, make=lambda: neutral),
    "oracle": _oracle,
}
"""What is run, in the order of the tables."""

ALONE: Final = ("weak_only", "strong_only")
"""The arms in which no answer depends on another."""

NEED_FAMILIES: Final = ("oracle",)
