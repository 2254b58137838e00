"""This is where a stream of questions goes through the arms: weak alone, strong alone, cascade.

The stream is prequential: question by question, in an order fixed by a seed,
each answered with what the earlier ones taught.  It is sync only, because each
step depends on the one before; run several seeds in several threads.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

from langchain_core.messages import AIMessage, BaseMessage

from langchain_intercascade.costs import Prices, total, use_of
from langchain_intercascade.costs.usage import news
from langchain_intercascade.errors import StrongModelError
from langchain_intercascade.evaluation.spent import flattened, levels, plus
from langchain_intercascade.evaluation.tap import WeakTap
from langchain_intercascade.evaluation.timing import answer_ms, timed
from langchain_intercascade.record import (
    RECORD_KEY,
    DecisionRecord,
    LessonState,
    Regime,
    RoleUse,
    Route,
)

if TYPE_CHECKING:
    from uuid import UUID

    from langchain_core.runnables import Runnable, RunnableConfig

    from langchain_intercascade.chat_model import InterCascade


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a stream.

    Attributes:
        messages: What is asked.
        family: The kind of question, if it is known; intervals resample families.
        answer: The right answer, if it is known.
        key: What it is known by, so that arms and seeds can be compared question by question;
            may be empty.
    """

    messages: Sequence[BaseMessage]
    family: str | None = None
    answer: str | None = None
    key: str = ""


class Grade(NamedTuple):
    """What a grader says about one answer.

    Attributes:
        correct: Whether it is right.
        assumed: Why a replay had to assume it, in a word; empty if it was recorded just so.
    """

    correct: bool
    assumed: str = ""


Grader: TypeAlias = Callable[[Question, AIMessage], Grade]
Tick: TypeAlias = Callable[[], object]
"""Called after each question, to show progress."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one question in one arm.

    Attributes:
        family: The question's.
        route: Who wrote the answer.
        regime: Whether strategies were in the weak model's prompt.
        accepted: Whether the gate accepted the weak answer; true in the weak arm.
        strong_called: Whether the strong model was asked; in a cascade of cascades, the last one.
        weak_correct: Whether the weak answer was right, deferred or not; `None` if the weak
            model was not asked, or its answer could not be seen.
        system_correct: Whether the answer that was returned was right.
        confidence: The weak answer's score, `None` if it had none.
        cost: Dollars, `None` if any part is unknown.
        assumed: Why the weak answer's grade is an assumption; see `Grade`.
        lesson: What was learned.
        key: The question's.
        usage: What was spent, by role, lessons included; "middle" is a model between.
        latency_ms: How long the answer took; `None` if nobody looked at the clock.
        shown: Ids of the strategies in the weak prompt.
        known: How many strategies were in use afterwards; `None` where there are none.
        failed: Which error left the question without an answer; empty if none did.
    """

    family: str | None
    route: Route
    regime: Regime
    accepted: bool
    strong_called: bool
    weak_correct: bool | None
    system_correct: bool
    confidence: float | None
    cost: float | None
    assumed: str = ""
    lesson: LessonState = "none"
    key: str = ""
    usage: Mapping[str, RoleUse] = field(default_factory=dict)
    latency_ms: float | None = None
    shown: tuple[str, ...] = ()
    known: int | None = None
    failed: str = ""


def in_order(
    questions: Sequence[Question], *, seed: int, limit: int | None = None
) -> list[Question]:
    """Return the first `limit` of `questions` in the order that `seed` fixes.

    A longer stream of the same seed begins with the shorter one.

    Examples:
        >>> some = [Question((), family=name) for name in "abcd"]
        >>> [each.family for each in in_order(some, seed=0, limit=2)]
        ['d', 'b']
    """
    order = random.Random(seed).sample(range(len(questions)), len(questions))
    return [questions[i] for i in order[:limit]]


def run_alone(
    questions: Iterable[Question],
    model: Runnable[Any, AIMessage],
    grade: Grader,
    *,
    role: Route,
    prices: Prices | None = None,
    tick: Tick = lambda: None,
    apply: Apply = map,
) -> list[Outcome]:
    """Let one model answer everything, without strategies and without a gate.

    Args:
        questions: The stream.
        model: The weak or the strong model.
        grade: Says whether an answer is right.
        role: Which of the two it is.
        prices: What it costs, where the answer does not say so.
        tick: Called after each question.
        apply: As `map`; may answer several at once, because no answer depends on another.
    """
    table = prices or Prices()

    def answered(question: Question) -> Outcome:
        outcome = _alone(question, model, grade, role, table)
        tick()
        return outcome

    return list(apply(answered, questions))


def run_cascade(
    questions: Iterable[Question],
    cascade: InterCascade,
    grade: Grader,
    *,
    tick: Tick = lambda: None,
    named: Callable[[int], UUID] | None = None,
    how: How = lambda _: {},
) -> list[Outcome]:
    """Let the cascade answer everything, each question with what the earlier ones taught.

    Args:
        questions: The stream.
        cascade: Answers.
        grade: Says whether an answer is right.
        tick: Called after each question.
        named: Makes the run id of a question out of its number; by chance if `None`.
        how: Settings for the call about a question, such as `tenant`.
    """
    outcomes = []
    for number, question in enumerate(questions):
        config: RunnableConfig = {} if named is None else {"run_id": named(number)}
        outcomes.append(_cascaded(question, cascade, grade, config, how(question)))
        tick()
    return outcomes


Apply: TypeAlias = Callable[[Callable[[Question], Outcome], Iterable[Question]], Iterable[Outcome]]
How: TypeAlias = Callable[[Question], Mapping[str, Any]]


class ModelFaultError(Exception):
    """A model failed at a question; its name is all that is known of the error."""


def _alone(
    question: Question, model: Runnable[Any, AIMessage], grade: Grader, role: Route, prices: Prices
) -> Outcome:
    with timed() as calls:
        try:
            answer = model.invoke(list(question.messages))
        except ModelFaultError as fault:
            return _unanswered(question, role, str(fault))
    graded = grade(question, answer)
    use = use_of(answer, prices=prices)
    return Outcome(
        family=question.family,
        route=role,
        regime="plain",
        accepted=role == "weak",
        strong_called=role == "strong",
        weak_correct=graded.correct if role == "weak" else None,
        system_correct=graded.correct,
        confidence=None,
        cost=use["cost"],
        assumed=graded.assumed,
        key=question.key,
        usage={role: use},
        latency_ms=answer_ms(calls),
    )


def _unanswered(question: Question, role: Route, why: str) -> Outcome:
    """Return the outcome of a question that a model failed at: wrong, and at no known cost."""
    return Outcome(
        family=question.family,
        route=role,
        regime="plain",
        accepted=False,
        strong_called=role == "strong",
        weak_correct=False if role == "weak" else None,
        system_correct=False,
        confidence=None,
        cost=0.0,
        key=question.key,
        failed=why,
    )


def _cascaded(
    question: Question,
    cascade: InterCascade,
    grade: Grader,
    config: RunnableConfig,
    how: Mapping[str, Any],
) -> Outcome:
    tap, before = WeakTap(), cascade.spending().background
    with timed() as calls:
        try:
            asked = list(question.messages)
            answer = cascade.invoke(asked, {**config, "callbacks": [tap]}, **how)
        except StrongModelError as error:
            return _unanswered(question, "strong", str(error.__cause__ or error))
        # Lessons queued in the background are learned before the next question.
        cascade.flush()
    record = cast("DecisionRecord", answer.response_metadata[RECORD_KEY])
    last = levels(record)[-1]["usage"].get("strong")
    weak = grade(question, tap.answer) if tap.answer is not None else None
    usage = plus(flattened(record), news(before, cascade.spending().background))
    return Outcome(
        family=question.family,
        route=record["route"] or "strong",
        regime=record["regime"],
        accepted=record["route"] == "weak" and not record["degraded"],
        strong_called=last is not None and last["calls"] > 0,
        weak_correct=weak.correct if weak else None,
        system_correct=grade(question, answer).correct,
        confidence=record["confidence"],
        cost=total([use["cost"] for use in usage.values()]),
        assumed=weak.assumed if weak else "",
        lesson=record["lesson"]["state"],
        key=question.key,
        usage=usage,
        latency_ms=answer_ms(calls),
        shown=tuple(each["id"] for each in record["strategies"]),
    )
