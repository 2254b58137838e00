"""The thread behind a learner: when it starts, waits, rests and ends.

What is done in it, and what follows from that, is the learner's; see `learner`.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import threading
import time
import weakref
from abc import ABC, abstractmethod
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Final

from langchain_intercascade._steps import Fault, Steps, attempt, run
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.learning.agenda import Agenda
from langchain_intercascade.learning.jobs import Job, Task

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

logger = logging.getLogger(__name__)

IDLE: Final = 2.0
"""Seconds without work after which the thread ends; the next lesson starts another."""

EXIT_PATIENCE: Final = 5.0
"""Seconds that the interpreter's exit waits for a lesson that is being learned."""


class Worker(ABC):
    """Carries out what is on an agenda in one daemon thread, which starts with the first of it.

    The thread ends after some idle time, on `close`, and with the process; it is awaited
    before that.  A forked child has neither the thread nor the work.

    Attributes:
        _agenda: What is to be done.
        _changed: The lock around the agenda and all that is below, and how others are told.
        _busy: What is being done now.
        _draining: Whether nothing new is taken any more.
        _set_back: Lessons that failed since then, and so left the agenda without being learned.
    """

    def __init__(self, agenda: Agenda) -> None:
        """Work through `agenda`, once there is something on it."""
        self._agenda = agenda
        self._changed = threading.Condition()
        self._busy: Job | Task | None = None
        self._draining = False
        self._set_back = 0
        self._closed = False
        self._worker: threading.Thread | None = None
        self._awaited_at_exit = False
        _WORKERS.add(self)

    @abstractmethod
    def _carrying_out(self, work: Job | Task) -> Steps[object]:
        """Do `work`; what is returned, or the fault, goes to `_count`."""

    @abstractmethod
    def _count(self, work: Job | Task, outcome: object) -> None:
        """Note what came of `work`; called with the lock held."""

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all lessons and all other work are done; say whether that came to pass.

        Lessons that other learners are at work on are not waited for.

        Args:
            timeout: Seconds to wait at most; for ever if `None`.
        """
        with self._changed:
            if not (self._closed or self._agenda.is_done):
                self._wake()  # there may have been no thread to be had
            return self._changed.wait_for(self._rests, timeout) and self._agenda.is_done

    def close(self, timeout: float | None = EXIT_PATIENCE, *, drain: float | None = 0.0) -> int:
        """Stop after the lesson in progress; the others stay pending in the repository.

        Args:
            timeout: Seconds to wait for the lesson in progress.
            drain: Seconds in which lessons that wait are still learned, until all are if `None`;
                new ones are not taken, and what fails meanwhile is not tried again.

        Returns:
            How many lessons that were queued here, or in progress, are left pending.  The
            repository may hold more that never were; see `LearnerStats.not_queued`.
        """
        with self._changed:
            self._draining = True
            self._changed.wait_for(self._rests, drain)
            self._closed = True
            left, self._set_back = self._agenda.left + self._set_back, 0
            self._agenda.clear()
            self._changed.notify_all()
            worker = self._worker
        if worker is not None and worker is not threading.current_thread():
            worker.join(timeout)
        with self._changed:
            left, self._set_back = left + self._set_back, 0
            return left + (isinstance(self._busy, Job) and bool(self._busy.strategy_id))

    def after_fork(self) -> None:
        """Start afresh in a forked child: neither the thread nor the work is the child's."""
        self._changed = threading.Condition()
        self._worker = self._busy = None
        self._agenda.clear()

    def _wake(self) -> None:
        """See to it that somebody works; called with the lock held."""
        if self._worker is None or not self._worker.is_alive():
            self._start()
        self._changed.notify_all()

    def _start(self) -> None:
        if not self._awaited_at_exit:
            # The process may end, but not in the middle of writing a lesson.  Registered only now
            # so that it runs before the repository, opened earlier, gives back its files.
            atexit.register(_close, weakref.ref(self))
            self._awaited_at_exit = True
        worker = threading.Thread(target=self._work, name="inter-cascade-learner", daemon=True)
        try:
            worker.start()
        except RuntimeError as error:  # there are too many threads, or the interpreter is going
            told = type(error).__name__
            logger.warning(
                "No thread could be started to learn in (%s). What waits goes on waiting, for the "
                "next lesson or `flush`.",
                told,
                extra={"event": "learning_not_started", "error": told},
            )
        else:
            self._worker = worker

    def _rests(self) -> bool:
        """Say whether nothing is done and nothing will be; called with the lock held."""
        return self._busy is None and (self._worker is None or self._agenda.is_done)

    def _work(self) -> None:
        try:
            while (work := self._take()) is not None:
                outcome = self._outcome(work)
                with self._changed:
                    self._count(work, outcome)
                    self._busy = None
                    self._changed.notify_all()
        finally:
            with self._changed:
                if self._busy is not None:  # somebody has ended the thread, and not by an error
                    self._worker = self._busy = None
                    self._changed.notify_all()

    def _take(self) -> Job | Task | None:
        """Wait for something to do; `None` ends the worker, after some idle time or on close."""
        with self._changed:
            while not self._closed:
                if (work := self._agenda.take()) is not None:
                    self._busy = work
                    return work
                due = self._agenda.next_due
                notified = self._changed.wait(IDLE if due is None else due - time.monotonic())
                if not notified and self._agenda.is_done and self._agenda.next_due is None:
                    break
            self._worker = None
            return None

    def _outcome(self, work: Job | Task) -> object:
        """Carry out `work`; nobody is there to raise anything to, and a lesson stays pending."""
        try:
            return run(attempt(self._carrying_out(work)), _trace_of(work))
        except ConfigurationError as error:
            return Fault(error)
        except asyncio.CancelledError:  # a client has given up a call of its own accord
            return Fault(CancelledError())


def _trace_of(work: Job | Task) -> RunnableConfig:
    if isinstance(work, Task):
        metadata = {"inter_cascade_work": work.what}
        if work.run_id:
            metadata["inter_cascade_run_id"] = work.run_id
        return {"run_name": "inter_cascade_background", "metadata": metadata}
    metadata = {"inter_cascade_strategy_id": work.strategy_id}
    return {"run_name": "inter_cascade_learning", "metadata": metadata}


_WORKERS: Final[weakref.WeakSet[Worker]] = weakref.WeakSet()


def _start_afresh() -> None:
    for worker in list(_WORKERS):
        worker.after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no forks
    os.register_at_fork(after_in_child=_start_afresh)


def _close(worker: weakref.ref[Worker]) -> None:
    if (alive := worker()) is not None:
        alive.close()
