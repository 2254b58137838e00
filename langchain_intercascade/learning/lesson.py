"""What a lesson is made of, and what becomes of it.

A lesson that is refused is at fault itself, and after a few tries is given up on.  While
a model or the repository is out of order no lesson is at fault: it is put off, for as
long as that lasts.  The learner waits ever longer then (see `learner`), so no cap is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from langchain_intercascade.errors import LessonRejectedError
from langchain_intercascade.reply import invalid_request, said, too_much
from langchain_intercascade.repository.admission import holds_strategies
from langchain_intercascade.strategy import Lesson, State, Strategy, storable

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, BaseMessage

MAX_ATTEMPTS: Final = 3
"""After so many refusals a lesson is parked: kept with its reason, not tried again by itself."""

_OF_THE_INPUT: Final = (
    LessonRejectedError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NotImplementedError,
    TypeError,
    ValueError,
)
"""Errors that the same input brings about again."""

Verdict: TypeAlias = Literal[
    "stored",  # a new strategy is in use
    "candidate",  # a new strategy is on probation
    "merged",  # an existing strategy stands for it
    "rejected",  # it is unsafe or wrong; it will not be tried again
    "set_back",  # it stays pending: it was refused, or put off
]


@dataclass(frozen=True, slots=True)
class Learned:
    """What came of one try at a lesson.

    Attributes:
        verdict: See `Verdict`.
        strategy: The strategy as written, or the one that it was merged into.
        cost: Dollars that this try has cost, `None` if that is unknown.
        outage: Whether it was put off because something was out of order, so that
            trying again at once is of no use.
    """

    verdict: Verdict
    strategy: Strategy
    cost: float | None = 0.0
    outage: bool = False


def lesson_of(
    messages: Sequence[BaseMessage],
    query: str,
    answer: str,
    *,
    weak: AIMessage | None = None,
    shown: Sequence[Any] = (),
) -> Lesson:
    """Return what is to be learned from `answer`.

    Args:
        messages: What was asked; of these the system message may decide what an answer is like.
        query: The text that strategies are retrieved by.
        answer: The strong answer.
        weak: The weak one, if there was one.
        shown: Notes of the strategies that it was made with.
    """
    system = next((message.text for message in messages if message.type == "system"), "")
    tried = storable(said(weak))
    return Lesson(
        query=storable(query),
        answer=storable(answer),
        weak_answer=None if holds_strategies(tried) else tried or None,
        system=storable(system),
        shown=tuple(note["id"] for note in shown if not note.get("shared")),
    )


def lesson_in(strategy: Strategy) -> Lesson:
    """Return what `strategy` is to be distilled from, or judged by.

    Raises:
        LessonRejectedError: It has no lesson (any more).
    """
    if strategy.lesson is not None:
        return strategy.lesson
    msg = (
        f"strategy {strategy.id} ({strategy.state}) has no lesson any more: what a strategy in use "
        "was distilled from is forgotten"
    )
    raise LessonRejectedError(msg)


def set_back(strategy: Strategy, reason: str) -> Strategy:
    """Return `strategy` as a pending lesson again, which was refused for `reason`.

    After `MAX_ATTEMPTS` refusals it is parked.  Half-made advice is dropped.
    """
    attempts = (strategy.lesson.attempts if strategy.lesson else 0) + 1
    return _pending_again(strategy, reason, attempts=attempts, parked=attempts >= MAX_ATTEMPTS)


def put_off(strategy: Strategy, reason: str) -> Strategy:
    """Return `strategy` as a pending lesson again, none the worse for an outage."""
    return _pending_again(strategy, reason)


def kept_back(strategy: Strategy, reason: str, error: Exception) -> Strategy:
    """Return `strategy` as a pending lesson again: put off if `error` is an outage, else refused.

    Args:
        strategy: Something with a lesson.
        reason: What went wrong, in words that quote nothing.
        error: What was raised.
    """
    return put_off(strategy, reason) if is_outage(error) else set_back(strategy, reason)


def is_outage(error: Exception) -> bool:
    """Say whether `error` is about who was asked, not about what: later it may go well.

    A service that cannot be reached, is overloaded or refuses access fails for any lesson.
    A prompt that it finds invalid, too long or indecent will be found so again.  An error that
    says nothing of either counts as an outage: to wait costs less than a lesson paid for.

    Examples:
        >>> is_outage(TimeoutError()), is_outage(ValueError("no such role"))
        (True, False)
    """
    if too_much(error) or invalid_request(error):
        return False
    return _has_status(error) or not isinstance(error, _OF_THE_INPUT)


def _has_status(error: Exception) -> bool:
    """Say whether a service has answered: then its status says more than the error's type."""
    return isinstance(getattr(error, "status_code", None), int)


def _pending_again(strategy: Strategy, reason: str, **changes: object) -> Strategy:
    if strategy.lesson is None:
        msg = f"Strategy {strategy.id} has no lesson to go back to."
        raise ValueError(msg)
    lesson = strategy.lesson.model_copy(update={"lease": None, **changes})
    return strategy.changed(state=State.PENDING, advice=None, lesson=lesson, reason=reason)
