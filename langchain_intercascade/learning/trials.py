"""Every new lesson tries out the strategies that are near it and not yet trusted.

A lesson is a query with an answer that was paid for anyway.  A strategy on
probation with which the weak model reaches that answer is corroborated, and
stands for the lesson too, so nothing has to be distilled.  One that fails may
still be right about another kind of problem; so it is only counted against it if
the lesson's own strategy in turn solves what the failed one was made from.

One that is suspended was condemned by labels, so labels bring it back: each lesson
is tried with it and without it, both go into its ledger beside what condemned it,
and it is used again when the ledger says that it helps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from langchain_intercascade.learning.admission import CORROBORATIONS
from langchain_intercascade.repository.dedup import rivals
from langchain_intercascade.repository.ledger import counted, standing
from langchain_intercascade.repository.lifecycle import activated, archived, reinstated
from langchain_intercascade.strategy import State, Strategy, Tally

if TYPE_CHECKING:
    from langchain_intercascade._steps import Steps
    from langchain_intercascade.learning.admission import Admission
    from langchain_intercascade.repository.base import StrategyRepository
    from langchain_intercascade.repository.points import Hit
    from langchain_intercascade.strategy import Lesson, Replays

SEEN: Final = 12
"""Strategies near a lesson that are looked at; rivals of one another may be among them."""

TRIED: Final = 3
"""Strategies that one lesson tries out at most; each costs a call of the weak model.

One more call shows how it goes without any, if a suspended one is among them.
"""

REINSTATED: Final = 3
"""Lessons that a suspended strategy must solve, beyond those for its rivals, to be used again.

Necessary, and not enough: its ledger must find it helpful, too.
"""

_TRIED_STATES: Final = (State.ACTIVE, State.CANDIDATE, State.SUSPENDED)


@dataclass(frozen=True, slots=True)
class Paired:
    """One lesson tried twice by the same model: with a strategy, and without any.

    Attributes:
        weak_model: Whose trial it was.
        with_it: Whether it solved the lesson with the strategy.
        without: Whether it did without; `None` if that cannot be told.
    """

    weak_model: str
    with_it: bool
    without: bool | None = None

    def on(self, strategy: Strategy) -> Strategy:
        """Return `strategy` with this in its ledger."""
        return counted(strategy, self.weak_model, with_it=self.with_it, without=self.without)


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of trying out the strategies near a lesson.

    Attributes:
        passed: The first that solved it, as it is stored now; `None` if none did.
        activated: Whether it came into use by that.
        failed: Those that did not, and have a lesson of their own to be compared by.
    """

    passed: Strategy | None
    activated: bool = False
    failed: tuple[Strategy, ...] = ()


def trying(
    repository: StrategyRepository, pending: Strategy, admission: Admission, *, floor: float
) -> Steps[Trial]:
    """Try out on the lesson of `pending` what is near it, nearest first, until one passes.

    Args:
        repository: Where the strategies are.
        pending: A strategy with its lesson.
        admission: Asks the weak model and judges its answer.
        floor: Least similarity of what is tried.
    """
    lesson = pending.lesson
    if lesson is None:
        return Trial(None)
    found = yield from repository.searching(
        lesson.query,
        tenant=pending.tenant,
        k=SEEN,
        min_similarity=floor,
        states=_TRIED_STATES,
    )
    hits = _others(found, pending)
    failed: list[Strategy] = []
    unaided = _Unaided(lesson, admission)
    for hit in hits[:TRIED]:
        solved = yield from _solving(hit.strategy, lesson, admission)
        label = yield from unaided.label(hit.strategy, solved=solved)
        if solved:
            confirmed = yield from repository.updating(
                hit.strategy.id,
                tenant=pending.tenant,
                change=partial(corroborated, against=_against(hit, hits), label=label),
            )
            passed = confirmed or hit.strategy
            news = passed.state is State.ACTIVE and hit.strategy.state is not State.ACTIVE
            return Trial(passed, news, tuple(failed))
        if label is not None:
            yield from repository.updating(
                hit.strategy.id, tenant=pending.tenant, change=partial(failing, label=label)
            )
        if solved is False and hit.strategy.lesson:
            failed.append(hit.strategy)
    return Trial(None, failed=tuple(failed))


def cross_examining(
    repository: StrategyRepository,
    candidate: Strategy,
    failed: Sequence[Strategy],
    admission: Admission,
) -> Steps[Strategy]:
    """Try `candidate` on the lessons of strategies that had failed on its own.

    Where it solves what they were made from, while they did not solve what it was
    made from, it is the better of two about the same kind of problem.

    Returns:
        `candidate` with what it has gained.
    """
    for other in failed:
        if other.lesson is None:
            continue
        if (yield from admission.solving(other.lesson, candidate.advice)):
            # Noted only: whether it may be used is for its admission to say, whatever it solves.
            candidate = candidate.changed(replays=_one_more(candidate.replays))
            yield from repository.updating(other.id, tenant=other.tenant, change=outdone)
    return candidate


def corroborated(strategy: Strategy, *, against: int = 0, label: Paired | None = None) -> Strategy:
    """Return `strategy` with one more lesson that it solved; enough of them put it in use.

    Args:
        strategy: What solved it.
        against: Lessons that speak for rivals of it.
        label: The same lesson, tried without it, too; only the ledger of a suspended one
            learns of it.
    """
    replays = _one_more(strategy.replays)
    noted = strategy.changed(replays=replays)
    lead = replays.passed - replays.failed - against
    if strategy.state is State.CANDIDATE and lead >= CORROBORATIONS:
        return activated(noted, f"{replays.passed} later lessons confirm it")
    if strategy.state is not State.SUSPENDED or label is None:
        return noted
    labelled = label.on(noted)
    if lead >= REINSTATED and _helps_again(labelled, label.weak_model):
        return reinstated(labelled, f"{replays.passed} later lessons confirm it")
    return labelled


def failing(strategy: Strategy, *, label: Paired) -> Strategy | None:
    """Return a suspended `strategy` with a lesson that it did not solve; `None` for others."""
    return label.on(strategy) if strategy.state is State.SUSPENDED else None


def outdone(strategy: Strategy) -> Strategy:
    """Return `strategy` with one more lesson on which another one did better."""
    replays = strategy.replays.model_copy(update={"failed": strategy.replays.failed + 1})
    noted = strategy.changed(replays=replays)
    if strategy.state is State.CANDIDATE and replays.failed - replays.passed >= CORROBORATIONS:
        return archived(noted, f"{replays.failed} later lessons contradict it")
    return noted


def _helps_again(strategy: Strategy, weak_model: str) -> bool:
    """Say whether `strategy` is known to help `weak_model`, and no ledger speaks against it.

    Models share what is in use: what one of them has condemned, it would condemn again.
    """
    verdicts = {model: standing(tally) for model, tally in strategy.ledger.items()}
    mine = verdicts.get(weak_model, standing(Tally()))
    return mine == "helpful" and not {"harmful", "useless"} & set(verdicts.values())


class _Unaided:
    """Asks the weak model once, if at all, how a lesson goes without any strategy."""

    def __init__(self, lesson: Lesson, admission: Admission) -> None:
        self._lesson = lesson
        self._admission = admission
        self._known: list[bool | None] = []

    def label(self, strategy: Strategy, *, solved: bool | None) -> Steps[Paired | None]:
        """Return what the ledger of a suspended `strategy` is to learn; `None` if nothing.

        What it did in the weak attempt was counted then; a run counts once.
        """
        counts = strategy.state is State.SUSPENDED and strategy.id not in self._lesson.shown
        if solved is None or not counts:
            return None
        if not self._known:
            # Asked anew: the weak attempt was deferred, so it is none of the better ones.
            self._known.append((yield from self._admission.solving(self._lesson, None)))
        return Paired(self._admission.weak_model, solved, self._known[0])


def _one_more(replays: Replays) -> Replays:
    return replays.model_copy(update={"passed": replays.passed + 1})


def _others(hits: Sequence[Hit], pending: Strategy) -> list[Hit]:
    return [hit for hit in hits if hit.strategy.id != pending.id and hit.strategy.advice]


def _against(hit: Hit, hits: Sequence[Hit]) -> int:
    """Count the lessons that speak for rivals of a hit: the one each was made from, and others."""
    return sum(
        1 + other.strategy.replays.passed
        for other in hits
        if other is not hit and rivals(hit.strategy, other.strategy, similarity=other.similarity)
    )


def _solving(strategy: Strategy, lesson: Lesson, admission: Admission) -> Steps[bool | None]:
    if strategy.id in lesson.shown and lesson.weak_answer is not None:
        # It was in the prompt of the weak attempt, so the trial has been made already.
        return (
            yield from admission.agreement.judging(lesson.query, lesson.weak_answer, lesson.answer)
        )
    return (yield from admission.solving(lesson, strategy.advice))
