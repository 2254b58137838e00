r"""After the answer: what it says about the weak model is found out and written down.

    deferred -> does the weak answer say what the strong one says?            \
    accepted -> for a small random share, what does the strong model say?       -> label -> books
    feedback -> what does the caller say?                                      /

Labels teach the ledger of the strategies, and whoever else observes them.  A strategy whose
worth is open is audited more often: one that does not help is then found out early, and one
that does is soon left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from langchain_intercascade import prompts
from langchain_intercascade._steps import Steps, nothing, overheard
from langchain_intercascade.confidence.base import paid_for
from langchain_intercascade.costs import model_name
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.label import Label, LabelSource, Owned, label_of, lot, owned_in
from langchain_intercascade.learning.lesson import lesson_of
from langchain_intercascade.learning.meeting import Meeting, nobody_minds, own_name
from langchain_intercascade.learning.recent_runs import REMEMBERED, Answered, RecentRuns
from langchain_intercascade.learning.retraction import refuting, retracting
from langchain_intercascade.learning.run_labels import RunLabels
from langchain_intercascade.reply import flaw, said
from langchain_intercascade.repository.admission import holds_strategies
from langchain_intercascade.strategy import Origin, pending_lesson

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, BaseMessage

    from langchain_intercascade.agreement import Agreement
    from langchain_intercascade.costs import Accounts
    from langchain_intercascade.learning.admission import Admission
    from langchain_intercascade.learning.books import Books
    from langchain_intercascade.learning.canaries import Canaries
    from langchain_intercascade.learning.learner import Learner
    from langchain_intercascade.record import DecisionRecord, Role
    from langchain_intercascade.repository.base import StrategyRepository
    from langchain_intercascade.state import Run

T = TypeVar("T")

EAGER: Final = 4.0
"""How many times as often an answer is audited while the worth of a strategy in it is open.

At most every one is.  A strategy that helps a lot is proven after a few labels, and one that
does not is soon out of use, so what this costs goes to the doubtful: `books.OPEN * (EAGER - 1)`
times the audit rate in strong calls at most.  Labels are weighted by the probability with which
they were drawn, so that no share is bent by it.
"""

Observer: TypeAlias = Callable[[Label], None]


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
        accounts: Accounts,
        shared: str | None = None,
        audit_rate: float = 0.0,
        observers: Sequence[Observer] = (),
        settled: Callable[[], Steps[None]] = nothing,
        meeting: Meeting = nobody_minds,
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
            accounts: Count what audits cost, and say when there is no more money for them.
            shared: The tenant of the shared pool.
            audit_rate: Share of the accepted answers that are audited; `EAGER` times as many
                of those with strategies whose worth is open.
            observers: Who else is told of every label.
            settled: What is done after each label was told.
            meeting: Told under which name the strong model answers an audit.
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
        self._accounts = accounts
        self._shared = shared
        self._audit_rate = audit_rate
        self._observers = tuple(observers)
        self._settled = settled
        self._meeting = meeting
        self._runs = RecentRuns()
        self._labels = RunLabels(books, remembered=REMEMBERED)

    def accepted(self, answered: Answered) -> None:
        """Note that a weak answer was accepted, and draw lots whether it is audited later."""
        self._runs.remember(answered)
        record, run = answered.record, answered.run
        if run.learning == "off":
            return
        shown = self._shown(record)
        self._books.use(shown, record)
        if record["reason"] == "accepted" and answered.unaided and not record["held_out"]:
            trusted = lesson_of(answered.messages, answered.query, said(answered.weak_answer))
            self._canaries.remember(record["tenant"], trusted)
        if self._accounts.pausing(record["tenant"]):
            return
        rate = self._rate_with(shown)
        if lot(record["run_id"], "audit") < rate:
            auditing = partial(self.auditing, answered, rate)
            self._learner.do("audit", auditing, run_id=record["run_id"])

    def deferred(self, answered: Answered) -> Steps[None]:
        """Judge a deferred weak answer by the strong one: now, or later if learning is later.

        What is spent now is for the caller to charge, who hears of it.
        """
        self._runs.remember(answered)
        weak, strong = answered.weak_answer, answered.strong_answer
        if answered.run.learning == "off" or weak is None or strong is None:
            return
        if answered.run.learning == "inline":
            yield from self._comparing(answered)
        else:
            self._learner.do(
                "label",
                lambda: self._booked(answered, "replay", self._comparing(answered)),
                run_id=answered.record["run_id"],
            )

    def served(self, answered: Answered) -> None:
        """Note an answer that teaches nothing by itself, so that feedback can be given on it."""
        self._runs.remember(answered)

    def auditing(self, answered: Answered, probability: float) -> Steps[Label]:
        """Ask the strong model about an accepted answer; a wrong one becomes a lesson.

        If strategies were in the prompt, the weak model is also asked once more without
        them: that is cheap, and shows on the same query what they were good for.

        Args:
            answered: The run.
            probability: With which it was drawn.
        """
        asking = self._ask_strong(answered.messages, answered.run)
        strong = yield from self._booked(answered, "audit", asking)
        yield from self._meeting("strong", own_name(strong))
        correct = without = None
        if not flaw(strong):  # what is no answer says nothing about another
            judging = self._judging(answered, strong)
            correct = yield from self._booked(answered, "replay", judging)
            alone = self._without(answered, strong)
            without = yield from self._booked(answered, "replay", alone)
        label = yield from self._telling(
            answered,
            correct,
            "audit",
            strong_name=own_name(strong),
            without=without,
            probability=probability,
        )
        vouched = self._labels.word(label.run_id) is True
        if correct is False and not vouched:
            yield from self._teaching(answered, said(strong), self._strong_model)
        return label

    def feedback(
        self, run: str | DecisionRecord, *, correct: bool | None, answer: str | None
    ) -> Steps[Label | None]:
        """Take the caller's word on an answer: it counts more than any agreement.

        In the ledger it takes the place of what was found out about the same run otherwise.

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
        answered = self._runs.recalled(run)
        record = answered.record
        refuting_it = refuting(self._agreement, answered, correct=correct, answer=answer)
        if (yield from self._booked(answered, "replay", refuting_it)):
            yield from retracting(self._repository, answered)
        verdict = yield from self._booked(answered, "replay", self._told(answered, correct, answer))
        label = None
        if verdict is not None:
            again = self._labels.word(record["run_id"]) is verdict
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
        # It carries the record of this run by now; that of a cascade in its place lies in there.
        name = "" if answered.record["inner"] else model_name(strong)
        yield from self._telling(answered, correct, "deferral", strong_name=name, without=without)

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

    def _booked(self, answered: Answered, role: Role, steps: Steps[T]) -> Steps[T]:
        """Run `steps` where no answer waits, and count what they spend on models."""
        heard: list[Any] = []
        try:
            return (yield from overheard(steps, heard))
        finally:
            self._accounts.add(role, paid_for(heard), tenant=answered.record["tenant"])

    def _telling(
        self,
        answered: Answered,
        correct: bool | None,  # noqa: FBT001 - a verdict, not a switch
        source: LabelSource,
        *,
        strong_name: str = "",
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
            names=(own_name(answered.weak_answer), strong_name),
        )
        if again:  # somebody pressed the button twice
            return label
        for observer in self._observers:
            observer(label)
        yield from self._labels.noting(label)
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

    def _rate_with(self, shown: Sequence[Owned]) -> float:
        """Return with what probability to audit an accepted answer with these strategies."""
        eager = EAGER if any(map(self._books.is_open, shown)) else 1.0
        return min(1.0, eager * self._audit_rate)

    def _shown(self, record: DecisionRecord) -> tuple[Owned, ...]:
        return owned_in(record, record["strategies"], shared=self._shared)
