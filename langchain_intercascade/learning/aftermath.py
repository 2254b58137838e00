r"""After the answer: what it says about the weak model is found out and written down.

    deferred -> does the weak answer say what the strong one says?            \
    accepted -> for a small random share, what does the strong model say?       -> label -> books
    feedback -> what does the caller say?                                      /

Labels teach the ledger of the strategies, and whoever else observes them.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from langchain_core.messages import AIMessage, BaseMessage

from langchain_intercascade import prompts
from langchain_intercascade._steps import Steps, nothing, overheard
from langchain_intercascade.confidence.base import paid_for
from langchain_intercascade.costs import model_name
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.label import Label, LabelSource, Owned, label_of, lot
from langchain_intercascade.record import RECORD_KEY, DecisionRecord, Role
from langchain_intercascade.reply import flaw, said
from langchain_intercascade.repository.admission import holds_strategies
from langchain_intercascade.repository.dedup import SAME_QUERY
from langchain_intercascade.repository.lifecycle import archived, suspended, unmerged
from langchain_intercascade.strategy import (
    Lesson,
    Origin,
    State,
    Strategy,
    pending_lesson,
    storable,
)

if TYPE_CHECKING:
    from langchain_intercascade.agreement import Agreement
    from langchain_intercascade.costs import Spending
    from langchain_intercascade.learning.admission import Admission
    from langchain_intercascade.learning.books import Books
    from langchain_intercascade.learning.canaries import Canaries
    from langchain_intercascade.learning.learner import Learner
    from langchain_intercascade.repository.base import StrategyRepository
    from langchain_intercascade.state import Run

T = TypeVar("T")

_NEAR: Final = 4
_STANDING: Final = (State.ACTIVE, State.CANDIDATE, State.SUSPENDED)

REMEMBERED: Final = 2000
"""Runs that feedback can be given on by their id; older ones need their record."""

Observer: TypeAlias = Callable[[Label], None]


@dataclass(frozen=True, slots=True)
class Answered:
    """One finished run, as far as anything can be learned from it.

    Attributes:
        record: Its decision record.
        messages: What was asked.
        query: The text that strategies were retrieved by.
        weak_answer: The weak answer that could be gated; `None` if there was none.
        strong_answer: The strong one; `None` if the weak one was accepted.
        run: How the query was run.
        unaided: Whether the weak model had neither strategies nor guidance.
    """

    record: DecisionRecord
    messages: Sequence[BaseMessage]
    query: str
    weak_answer: AIMessage | None
    strong_answer: AIMessage | None
    run: Run
    unaided: bool = False


class Aftermath:
    """Finds out how weak answers were, and tells the books and every observer."""

    def __init__(
        self,
        repository: StrategyRepository,
        books: Books,
        admission: Admission,
        learner: Learner,
        canaries: Canaries,
        *,
        agreement: Agreement,
        ask_strong: Callable[[Sequence[BaseMessage], Run], Steps[AIMessage]],
        weak_model: str,
        strong_model: str,
        spending: Spending,
        shared: str | None = None,
        audit_rate: float = 0.0,
        observers: Sequence[Observer] = (),
        settled: Callable[[], Steps[None]] = nothing,
    ) -> None:
        """Put it together.

        Args:
            repository: Where lessons are written that an audit brings to light.
            books: The ledger.
            admission: Asks the weak model again.
            learner: Does what need not be waited for.
            canaries: Remember what was trusted without strategies.
            agreement: Judges whether two answers say the same.
            ask_strong: Asks the strong model what the caller asked.
            weak_model: Whose answers are judged.
            strong_model: Who judges.
            spending: Counts what audits cost.
            shared: The tenant of the shared pool.
            audit_rate: Share of the accepted answers that are audited.
            observers: Who else is told of every label.
            settled: What is done after each label was told.
        """
        self._repository = repository
        self._books = books
        self._admission = admission
        self._learner = learner
        self._canaries = canaries
        self._agreement = agreement
        self._ask_strong = ask_strong
        self._weak_model = weak_model
        self._strong_model = strong_model
        self._spending = spending
        self._shared = shared
        self._audit_rate = audit_rate
        self._observers = tuple(observers)
        self._settled = settled
        self._recent: OrderedDict[str, Answered] = OrderedDict()
        self._feedback: dict[str, bool | None] = {}
        self._lock = threading.Lock()

    def accepted(self, answered: Answered) -> None:
        """Note that a weak answer was accepted, and draw lots whether it is audited later."""
        self._remember(answered)
        record, run = answered.record, answered.run
        if run.learning == "off":
            return
        self._books.use(self._shown(record), record)
        if record["reason"] == "accepted" and answered.unaided and not record["held_out"]:
            trusted = lesson_of(answered.messages, answered.query, said(answered.weak_answer))
            self._canaries.remember(record["tenant"], trusted)
        if lot(record["run_id"], "audit") < self._audit_rate:
            self._learner.do("audit", lambda: self.auditing(answered))

    def deferred(self, answered: Answered) -> Steps[None]:
        """Judge a deferred weak answer by the strong one: now, or later if learning is later.

        What is spent now is for the caller to charge, who hears of it.
        """
        self._remember(answered)
        weak, strong = answered.weak_answer, answered.strong_answer
        if answered.run.learning == "off" or weak is None or strong is None:
            return
        if answered.run.learning == "inline":
            yield from self._comparing(answered)
        else:
            self._learner.do("label", lambda: self._booked("replay", self._comparing(answered)))

    def served(self, answered: Answered) -> None:
        """Note an answer that teaches nothing by itself, so that feedback can be given on it."""
        self._remember(answered)

    def auditing(self, answered: Answered) -> Steps[Label]:
        """Ask the strong model about an accepted answer; a wrong one becomes a lesson.

        If strategies were in the prompt, the weak model is also asked once more without
        them: that is cheap, and shows on the same query what they were good for.
        """
        asking = self._ask_strong(answered.messages, answered.run)
        strong = yield from self._booked("audit", asking)
        correct = yield from self._booked("replay", self._judging(answered, strong))
        without = yield from self._booked("replay", self._without(answered, strong))
        label = yield from self._telling(
            answered,
            correct,
            "audit",
            strong=strong,
            without=without,
            probability=self._audit_rate,
        )
        if correct is False and not flaw(strong):
            yield from self._teaching(answered, said(strong), self._strong_model)
        return label

    def feedback(
        self, run: str | DecisionRecord, *, correct: bool | None, answer: str | None
    ) -> Steps[Label | None]:
        """Take the caller's word on an answer: it counts more than any agreement.

        Args:
            run: The run's id, or its decision record.
            correct: Whether the answer that was returned was right.
            answer: The right answer, if the caller knows it.

        Returns:
            The label that was made of it; `None` if it says nothing about the weak answer.
        """
        if correct is None and not answer:
            msg = (
                "feedback needs `correct=True`, `correct=False`, or the right answer as `answer=`."
            )
            raise ConfigurationError(msg)
        answered = self._recalled(run)
        record = answered.record
        if (yield from self._booked("replay", self._refuted(answered, correct, answer))):
            yield from self._retracting(answered)
        verdict = yield from self._booked("replay", self._told(answered, correct, answer))
        label = None
        if verdict is not None:
            again = self._feedback.get(record["run_id"]) is verdict
            label = yield from self._telling(answered, verdict, "feedback", again=again)
        if answer and verdict is not True:
            yield from self._teaching(answered, answer, "feedback", verified_by="feedback")
        return label

    def settling(self) -> Steps[int]:
        """Write down what is only in memory: how often strategies were used."""
        return (yield from self._books.settling())

    def _comparing(self, answered: Answered) -> Steps[None]:
        strong = answered.strong_answer
        if strong is None or flaw(strong):
            return
        correct = yield from self._judging(answered, strong)
        # Whether it was right or wrong: who asks only after failures how it goes without finds
        # the model at its worst, and every strategy useful.  Asking it once more is cheap.
        without = yield from self._without(answered, strong)
        yield from self._telling(answered, correct, "deferral", strong=strong, without=without)

    def _judging(self, answered: Answered, strong: AIMessage) -> Steps[bool | None]:
        one, other = said(answered.weak_answer), said(strong)
        if not one or not other:
            return None
        return (yield from self._agreement.judging(answered.query, one, other))

    def _without(self, answered: Answered, strong: AIMessage) -> Steps[bool | None]:
        if not answered.record["strategies"] or not said(strong):
            return None
        lesson = lesson_of(answered.messages, answered.query, said(strong))
        return (yield from self._admission.solving(lesson, None))

    def _booked(self, role: Role, steps: Steps[T]) -> Steps[T]:
        """Run `steps` where no answer waits, and count what they spend on models."""
        heard: list[Any] = []
        try:
            return (yield from overheard(steps, heard))
        finally:
            self._spending.add(role, paid_for(heard))

    def _telling(
        self,
        answered: Answered,
        correct: bool | None,  # noqa: FBT001 - a verdict, not a switch
        source: LabelSource,
        *,
        strong: AIMessage | None = None,
        without: bool | None = None,
        probability: float = 1.0,
        again: bool = False,
    ) -> Steps[Label]:
        label = label_of(
            answered.record,
            weak_model=self._weak_model,
            shared=self._shared,
            correct=correct,
            source=source,
            without=without,
            probability=probability,
            query=answered.query,
            names=_names(answered, strong),
        )
        if again:  # somebody pressed the button twice
            return label
        if source == "feedback":
            with self._lock:
                self._feedback[label.run_id] = correct
        for observer in self._observers:
            observer(label)
        yield from self._books.noting(label)
        yield from self._settled()
        return label

    def _told(
        self,
        answered: Answered,
        correct: bool | None,  # noqa: FBT001 - as above
        answer: str | None,
    ) -> Steps[bool | None]:
        """Return whether the weak answer was right, as far as the caller's words tell."""
        weak = said(answered.weak_answer)
        if answered.record["route"] == "weak" and correct is not None:
            return correct
        truth = answer or (said(answered.strong_answer) if correct else "")
        if not weak or not truth:
            return None
        return (yield from self._agreement.judging(answered.query, weak, truth))

    def _refuted(
        self,
        answered: Answered,
        correct: bool | None,  # noqa: FBT001 - as above
        answer: str | None,
    ) -> Steps[bool]:
        """Say whether the caller's words mean that the strong answer was wrong."""
        strong = said(answered.strong_answer)
        if answered.record["route"] != "strong" or correct is not None or not strong or not answer:
            return answered.record["route"] == "strong" and correct is False
        same = yield from self._agreement.judging(answered.query, strong, answer)
        return same is False

    def _retracting(self, answered: Answered) -> Steps[None]:
        """Take back what was learned from a strong answer that was wrong, and only that."""
        record = answered.record
        why = "the caller says that the answer it was distilled from was wrong"
        run_id = (record["inner"] or record)["run_id"]

        def retracted(strategy: Strategy) -> Strategy | None:
            if strategy.origin.run_id != run_id:
                return unmerged(strategy, run_id, why)
            if strategy.state is State.ACTIVE:
                return suspended(strategy, why)
            return archived(strategy, why) if strategy.state is not State.ARCHIVED else None

        tenant, made = record["tenant"], record["lesson"]["id"]
        if made is None:
            return
        if (yield from self._repository.updating(made, tenant=tenant, change=retracted)):
            return
        # Learned since, another strategy may stand for it; the query is then one of its keys.
        hits = yield from self._repository.searching(
            answered.query, tenant=tenant, k=_NEAR, min_similarity=SAME_QUERY, states=_STANDING
        )
        for hit in hits:
            yield from self._repository.updating(hit.strategy.id, tenant=tenant, change=retracted)

    def _teaching(
        self, answered: Answered, answer: str, teacher: str, *, verified_by: str = ""
    ) -> Steps[None]:
        """Write down what the weak model got wrong as a lesson, to be learned later."""
        record, weak = answered.record, answered.weak_answer
        if answered.run.learning == "off" or not answered.query.strip():
            return
        if holds_strategies(answered.query, answer):
            return
        pending = pending_lesson(
            tenant=record["tenant"],
            query=answered.query,
            lesson=lesson_of(
                answered.messages, answered.query, answer, weak=weak, shown=record["strategies"]
            ),
            origin=Origin(
                run_id=record["run_id"],
                strong_model=teacher,
                prompt_version=prompts.VERSION,
                source=answered.run.source,
            ),
        ).model_copy(update={"verified_by": verified_by})
        if (yield from self._repository.swapping(pending, version=None)):
            self._learner.submit(pending)

    def _shown(self, record: DecisionRecord) -> tuple[Owned, ...]:
        label = label_of(
            record, weak_model=self._weak_model, shared=self._shared, correct=None, source="audit"
        )
        return label.shown

    def _remember(self, answered: Answered) -> None:
        with self._lock:
            self._recent[answered.record["run_id"]] = answered
            if len(self._recent) > REMEMBERED:
                oldest, _ = self._recent.popitem(last=False)
                self._feedback.pop(oldest, None)

    def _recalled(self, run: str | DecisionRecord) -> Answered:
        run_id = run if isinstance(run, str) else run["run_id"]
        with self._lock:
            known = self._recent.get(run_id)
        if known is not None:
            return known
        msg = (
            f"There is no run {run_id!r} among the last {REMEMBERED} of this cascade. The id is in "
            'the answer\'s decision record, `response_metadata["inter_cascade"]["run_id"]`; '
            "feedback must come to the cascade that answered, while it is open."
        )
        raise ConfigurationError(msg)


def _names(answered: Answered, strong: AIMessage | None) -> tuple[str, str]:
    """Return what the two models called themselves; a cascade as one of them has many names."""
    weak = answered.weak_answer
    if weak is not None and RECORD_KEY in weak.response_metadata:
        weak = None
    if answered.record["inner"] is not None:
        strong = None
    return tuple("" if each is None else model_name(each) for each in (weak, strong))  # type: ignore[return-value]  # two in, two out


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
    tried = said(weak)
    return Lesson(
        query=storable(query),
        answer=storable(answer),
        weak_answer=None if holds_strategies(tried) else storable(tried) or None,
        system=storable(system),
        shown=tuple(note["id"] for note in shown if not note.get("shared")),
    )
