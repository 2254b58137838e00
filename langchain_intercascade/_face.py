"""What every front offers besides answering: waiting for what is learned, and closing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

from langchain_intercascade._steps import arun as arun_steps
from langchain_intercascade._steps import attempt
from langchain_intercascade._steps import run as run_steps

if TYPE_CHECKING:
    from langchain_intercascade.costs import Spending
    from langchain_intercascade.label import Label
    from langchain_intercascade.learning.stats import LearnerStats
    from langchain_intercascade.parts import Parts
    from langchain_intercascade.record import DecisionRecord
    from langchain_intercascade.resilience.tally import CascadeStats


class Face:
    """Mixed into the fronts that own `Parts`; usable in `with` and `async with` blocks."""

    _parts: Parts
    _owns_repository: bool

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until every queued lesson is learned; say whether that came to pass.

        Args:
            timeout: Seconds to wait at most; for ever if `None`.
        """
        return self._parts.learner.flush(timeout)

    async def aflush(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109 - the twin of `flush`
        """See `flush`."""
        return await asyncio.to_thread(self.flush, timeout)

    def recover(self, tenant: str | None = None) -> int:
        """Queue the lessons that an earlier process left pending; say how many.

        Args:
            tenant: Whose lessons; those of the cascade's own tenant if `None`.
        """
        return self._parts.learner.recover(tenant or self._parts.run.tenant)

    def learner_stats(self) -> LearnerStats:
        """Return what the background learner has done so far."""
        return self._parts.learner.stats()

    def feedback(
        self,
        run: str | DecisionRecord,
        *,
        correct: bool | None = None,
        answer: str | None = None,
    ) -> Label | None:
        """Say how an answer was; the caller's word counts more than any agreement of models.

        It goes to the ledger of the strategies that were used.  A strong answer that was
        wrong takes what was learned from it out of use; the right answer, if it is given
        and the weak model did not have it, becomes a lesson.

        Args:
            run: The run's id, or its decision record.
            correct: Whether the answer that was returned was right.
            answer: The right answer, if it is known.

        Returns:
            The label it was made into; `None` if it says nothing about the weak answer.

        Raises:
            ConfigurationError: Neither was said, or the run is not among the last ones here.
        """
        return run_steps(self._parts.aftermath.feedback(run, correct=correct, answer=answer))

    async def afeedback(
        self,
        run: str | DecisionRecord,
        *,
        correct: bool | None = None,
        answer: str | None = None,
    ) -> Label | None:
        """See `feedback`."""
        steps = self._parts.aftermath.feedback(run, correct=correct, answer=answer)
        return await arun_steps(steps)

    def threshold_report(self) -> list[str]:
        """Say in sentences what is accepted now, what that promises, and what would loosen it.

        For each regime, plain and augmented, by itself: on what data, and since when.  A
        threshold that is kept in the repository is looked up there first.
        """
        run_steps(self._parts.threshold.preparing())
        return self._parts.threshold.words()

    async def athreshold_report(self) -> list[str]:
        """See `threshold_report`."""
        await arun_steps(self._parts.threshold.preparing())
        return self._parts.threshold.words()

    def recertify(self, reason: str) -> None:
        """Withdraw what was certified and start anew, in every process that shares the repository.

        To be called after a model, a prompt or the confidence function has changed, and to
        recover from an alarm once its cause is understood.

        Args:
            reason: Why, in a few words; records and reports show it.

        Raises:
            ConfigurationError: The threshold is not one that certifies itself.
        """
        run_steps(self._parts.threshold.recertifying(reason))

    async def arecertify(self, reason: str) -> None:
        """See `recertify`."""
        await arun_steps(self._parts.threshold.recertifying(reason))

    def spending(self, tenant: str | None = None) -> Spending:
        """Return what was spent so far, by role and by tenant, what was saved, and what is left.

        Its `cost` is the sum over the decision records of all answers, and what was spent in
        the background: on lessons, replays, audits.

        Args:
            tenant: On whose behalf; everybody's if `None`.
        """
        return self._parts.accounts.report(tenant)

    def stats(self) -> CascadeStats:
        """Return what was done so far, and how breakers, limits and the learner stand.

        Cheap and safe to call from any thread, at any time: a few counters are read.
        """
        return self._parts.stats()

    def close(self, timeout: float | None = 0.0) -> int:
        """Stop learning, and give back a temporary repository.

        From now on no lesson is taken to be learned in the background; what is in progress is
        finished, for some seconds at most.  Lessons that were not learned stay pending in the
        repository, for the next cascade over it.

        Args:
            timeout: Seconds in which the lessons that wait are still learned; until all are if
                `None`.  By default they are left.

        Returns:
            How many lessons are left pending of those that were queued here.
        """
        left = self._parts.learner.close(drain=timeout)
        # What cannot be written any more was only a count of uses.
        run_steps(attempt(self._parts.aftermath.settling()))
        if self._owns_repository:
            self._parts.repository.close()
        return left

    async def aclose(self, timeout: float | None = 0.0) -> int:  # noqa: ASYNC109 - the twin of `close`
        """See `close`."""
        return await asyncio.to_thread(self.close, timeout)

    def __enter__(self) -> Self:
        """Return itself, to be closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    async def __aenter__(self) -> Self:
        """Return itself, to be closed at the end of the block."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self.aclose()
