"""May this strategy be used?  Checks first, then trials by the model that is to use it.

    schema -> leaks -> right answer? -> does the weak model solve its source with it? -> in use

A strong model that is wrong teaches a strategy that is consistently wrong, and
replaying its source cannot see that: question and answer agree.  So a strategy
that nobody verified stays on probation until later, independent lessons
corroborate it (see `trials`).  Whatever cannot be judged is not admitted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from langchain_intercascade._steps import Fault, Steps, attempt
from langchain_intercascade.agreement import Agreement, calling, truth
from langchain_intercascade.errors import ConfigurationError, LessonRejectedError
from langchain_intercascade.learning.lesson import lesson_in, set_back
from langchain_intercascade.reply import flaw
from langchain_intercascade.repository.admission import check_leaks, check_secrets
from langchain_intercascade.repository.lifecycle import activated, archived, on_probation
from langchain_intercascade.strategy import Advice, Example, Lesson, Strategy

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage

Verifier: TypeAlias = Callable[[str, str], Any]
"""A function of query and strong answer that returns whether that is right; `None`: cannot tell."""

AdmissionPolicy: TypeAlias = "Literal['always', 'replay'] | Callable[[Strategy], Any]"

Replay: TypeAlias = "Callable[[Lesson, Sequence[dict[str, Any]]], Steps[AIMessage]]"
"""Asks the weak model the query of a lesson, with the advice given (payloads) in its prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """How strategies are admitted.

    Attributes:
        policy: `"always"` puts in use whatever passes the checks (the paper's way);
            `"replay"` has the weak model try first, and later lessons corroborate; a
            function of the candidate decides by itself: `True`, `False`, or the reason
            against as a text.
        agreement: Judges whether the weak answer says what the strong one said.
        replay: Asks the weak model.
        verifier: Says whether the strong answer is right; nobody does if `None`.
        weak_model: The name that the weak model has in ledgers.
        faithful: Show question and answer too, as the paper does; they are kept for it.
        keep_examples: Keep question and answer, without showing them.
        lifetime: How long a strategy is used; for ever if `None`.
    """

    policy: AdmissionPolicy
    agreement: Agreement
    replay: Replay
    verifier: Verifier | None = None
    weak_model: str = ""
    faithful: bool = False
    keep_examples: bool = False
    lifetime: timedelta | None = None

    def __post_init__(self) -> None:
        """Refuse a policy that nobody knows."""
        if self.policy not in ("always", "replay") and not callable(self.policy):
            msg = (
                f"admission={self.policy!r} must be 'always', 'replay', or a function of the "
                "candidate that returns True, False or the reason against it."
            )
            raise ConfigurationError(msg)

    @property
    def tries(self) -> bool:
        """Whether strategies are tried out."""
        return self.policy == "replay"

    def admitting(self, candidate: Strategy) -> Steps[Strategy]:
        """Return `candidate` as it is to be written: in use, on probation, set back or archived."""
        lesson = lesson_in(candidate)
        try:
            self._check(candidate)
        except LessonRejectedError as error:
            return set_back(candidate, str(error))
        verdict = yield from self.verifying(lesson)
        if verdict is False:
            return archived(candidate, "the verifier found the strong answer wrong")
        dressed = self._dressed(candidate, lesson, verified=verdict is True)
        if self.policy == "always":
            return activated(dressed, "always admitted")
        if self.policy == "replay":
            return (yield from self._replaying(dressed, lesson))
        return (yield from self._asking(dressed))

    def verifying(self, lesson: Lesson) -> Steps[bool | None]:
        """Ask the verifier; `None` if there is none, it cannot tell, or it failed."""
        if self.verifier is None:
            return None
        verdict = yield from attempt(calling(self.verifier, lesson.query, lesson.answer))
        return truth(verdict)

    def solving(self, lesson: Lesson, advice: Advice | None) -> Steps[bool | None]:
        """Let the weak model try a lesson with `advice`; say whether it agrees with the answer.

        `None` where that cannot be told: the model failed, declined or was cut off, or the
        answers are free text.
        """
        shown = [advice.model_dump(mode="json")] if advice else []
        reply = yield from attempt(self.replay(lesson, shown))
        if isinstance(reply, Fault) or flaw(reply):
            return None
        return (yield from self.agreement.judging(lesson.query, reply.text, lesson.answer))

    def _check(self, candidate: Strategy) -> None:
        if not self.faithful:
            check_leaks(candidate)
        elif candidate.advice:
            check_secrets(candidate.advice.text())
        if (self.faithful or self.keep_examples) and candidate.lesson:
            check_secrets(f"{candidate.lesson.query}\n{candidate.lesson.answer}")

    def _dressed(self, candidate: Strategy, lesson: Lesson, *, verified: bool) -> Strategy:
        changes: dict[str, Any] = {"verified_by": "verifier"} if verified else {}
        if self.faithful or self.keep_examples:
            changes["example"] = Example(query=lesson.query, answer=lesson.answer)
        if self.lifetime is not None:
            changes["expires_at"] = (datetime.now(UTC) + self.lifetime).isoformat()
        return candidate.model_copy(update=changes)

    def _replaying(self, candidate: Strategy, lesson: Lesson) -> Steps[Strategy]:
        solved = yield from self.solving(lesson, candidate.advice)
        tried = candidate.model_copy(
            update={"replays": candidate.replays.model_copy(update={"source": solved})}
        )
        if solved is False:
            return archived(tried, "the weak model does not solve its source with it")
        if solved is None:
            return on_probation(tried, "whether it helps with its source cannot be told")
        if tried.verified_by:
            return activated(tried, "its answer is verified, and the weak model can use it")
        return on_probation(
            tried, "it solves its source, and waits for other lessons to confirm it"
        )

    def _asking(self, candidate: Strategy) -> Steps[Strategy]:
        verdict = yield from attempt(calling(self.policy, candidate))  # type: ignore[arg-type]  # callable: it is none of the two words
        if truth(verdict) is True:
            return activated(candidate, "admitted by the caller")
        if isinstance(verdict, Fault):
            return on_probation(candidate, f"the caller's check failed ({verdict})")
        why = verdict if isinstance(verdict, str) and verdict else "refused by the caller"
        return archived(candidate, why)


CORROBORATIONS: Final = 2
"""Later lessons that must confirm a strategy that nobody verified, beyond those for its rivals.

With its own lesson it is then three ahead.  If each strong answer is wrong with probability
p, and errors are alike, a wrong strategy gets three ahead of the right one before that gets
three ahead of it with probability 1 / (1 + ((1 - p) / p) ** 3): .015 for a fifth of errors
(the gambler's ruin).
"""
