"""This is where a stream of questions goes through the arms: weak alone, strong alone, cascade.

The stream is prequential: question by question, in an order fixed by a seed,
each answered with what the earlier ones taught.  It is sync only, because each
step depends on the one before; run several seeds in several processes.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, LLMResult

from langchain_intercascade.costs import Prices
from langchain_intercascade.record import RECORD_KEY, DecisionRecord, LessonState, Regime, Route

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable

    from langchain_intercascade.chat_model import InterCascade


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a stream.

    Attributes:
        messages: What is asked.
        family: The kind of question, if it is known; intervals resample families.
    """

    messages: Sequence[BaseMessage]
    family: str | None = None


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
        strong_called: Whether the strong model was asked.
        weak_correct: Whether the weak answer was right, deferred or not; `None` if the weak
            model was not asked, or its answer could not be seen.
        system_correct: Whether the answer that was returned was right.
        confidence: The weak answer's score, `None` if it had none.
        cost: Dollars, `None` if any part is unknown.
        assumed: Why the weak answer's grade is an assumption; see `Grade`.
        lesson: What was learned.
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
    tick: Tick = lambda: None,
) -> list[Outcome]:
    """Let one model answer everything, without strategies and without a gate.

    Args:
        questions: The stream.
        model: The weak or the strong model.
        grade: Says whether an answer is right.
        role: Which of the two it is.
        tick: Called after each question.
    """
    return [_answered(question, model, grade, role, tick) for question in questions]


def run_cascade(
    questions: Iterable[Question],
    cascade: InterCascade,
    grade: Grader,
    *,
    tick: Tick = lambda: None,
) -> list[Outcome]:
    """Let the cascade answer everything, each question with what the earlier ones taught."""
    return [_cascaded(question, cascade, grade, tick) for question in questions]


def _answered(
    question: Question, model: Runnable[Any, AIMessage], grade: Grader, role: Route, tick: Tick
) -> Outcome:
    answer = model.invoke(list(question.messages))
    graded = grade(question, answer)
    tick()
    return Outcome(
        family=question.family,
        route=role,
        regime="plain",
        accepted=role == "weak",
        strong_called=role == "strong",
        weak_correct=graded.correct if role == "weak" else None,
        system_correct=graded.correct,
        confidence=None,
        cost=Prices().cost(answer),
        assumed=graded.assumed,
    )


def _cascaded(question: Question, cascade: InterCascade, grade: Grader, tick: Tick) -> Outcome:
    tap = _WeakTap()
    answer = cascade.invoke(list(question.messages), {"callbacks": [tap]})
    # Lessons queued in the background are learned before the next question.
    cascade.flush()
    record = cast("DecisionRecord", answer.response_metadata[RECORD_KEY])
    weak = grade(question, tap.answer) if tap.answer is not None else None
    strong_use = record["usage"].get("strong")
    tick()
    return Outcome(
        family=question.family,
        route=record["route"] or "strong",
        regime=record["regime"],
        accepted=record["route"] == "weak" and not record["degraded"],
        strong_called=strong_use is not None and strong_use["calls"] > 0,
        weak_correct=weak.correct if weak else None,
        system_correct=grade(question, answer).correct,
        confidence=record["confidence"],
        cost=record["cost"],
        assumed=weak.assumed if weak else "",
        lesson=record["lesson"]["state"],
    )


class _WeakTap(BaseCallbackHandler):
    """Sees the weak answer go by in the trace: a deferred one is not returned to anybody.

    Attributes:
        answer: It; `None` until then, when the weak model failed, or when it is no chat model.
    """

    def __init__(self) -> None:
        self.answer: AIMessage | None = None
        self._run: UUID | None = None

    def on_chat_model_start(
        self, serialized: Any, messages: Any, *, run_id: UUID, **kwargs: Any
    ) -> None:
        """Note the first run called "weak"; a cascade as the strong model has one too."""
        del serialized, messages
        if self._run is None and kwargs.get("name") == "weak":
            self._run = run_id

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """Keep the answer of that run."""
        del kwargs
        generation = response.generations[0][0]
        if run_id == self._run and isinstance(generation, ChatGeneration):
            self.answer = cast("AIMessage", generation.message)
