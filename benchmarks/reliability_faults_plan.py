"""Which call of whom fails, and how: one plan, which all who stand in for somebody share."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, Final, NamedTuple, TypeVar

from benchmarks.reliability_faults_kinds import BEHIND, BROKEN, CANCELLED, SLOW, Kind
from langchain_intercascade.testing import Reply

T = TypeVar("T")

_IN_FRONT: Final = ContextVar("in_front", default=False)
"""Whether an answer waits for what is done here; threads and tasks made for it inherit that."""

_NOTHING: Final[Mapping[str, Any]] = {}
_A_MOMENT: Final = 0.002
_FOR_EVER: Final = 30.0


class Site(NamedTuple):
    """One call that fails: the `call`th, counted from one, of `who`, in the way `kind`."""

    who: str
    call: int
    kind: Kind


class Plan:
    """Counts who is called, and says which call fails.

    What is done behind an answer waits until the answer is out, so that calls have the same
    numbers each time.
    """

    def __init__(self) -> None:
        """Count nothing, and let nothing fail."""
        self._lock = threading.Lock()
        self._task: asyncio.Task[Any] | None = None
        self.begin(None)
        self.armed = False

    def begin(self, site: Site | None) -> None:
        """Count from the beginning, and let `site` fail, if any."""
        self.site = site
        self.armed = True
        self.counts: Counter[str] = Counter()
        self.writes: set[tuple[str, int]] = set()
        self.fired = 0
        self.replies = 0
        self._answered = threading.Event()

    @contextmanager
    def in_front(self, *, task: asyncio.Task[Any] | None = None) -> Iterator[None]:
        """Make what is done in the block part of an answer; `task` is what can be cancelled."""
        self._task, self._answered = task, threading.Event()
        token = _IN_FRONT.set(True)
        try:
            yield
        finally:
            _IN_FRONT.reset(token)
            self._task = None
            self._answered.set()

    @property
    def behind(self) -> bool:
        """Whether whoever asks works behind an answer."""
        return not _IN_FRONT.get()

    def reached(self, who: str, *, write: bool = False) -> Kind | None:
        """Count a call of `who`; return how it fails, `None` if it does not."""
        if not self.armed:
            return None
        if self.behind:
            self._answered.wait(_FOR_EVER)
            who += BEHIND
        with self._lock:
            self.counts[who] += 1
            number = self.counts[who]
            if write:
                self.writes.add((who, number))
            if self.site is None or who != self.site.who or (self.site.kind.writes and not write):
                return None
            late = number > self.site.call and self.site.kind.lasting
            if number != self.site.call and not late:
                return None
            self.fired += 1
            return self.site.kind

    def said(self, kind: Kind | None, reply: Reply) -> Reply:
        """Return what a model says that would say `reply`, if it fails like that."""
        if kind is not None and kind.error is not None:
            begun = reply.text[:9] if kind is BROKEN else ""
            return Reply(begun, error=kind.error())
        if kind is CANCELLED:
            return self._until_cancelled(reply)
        with self._lock:
            self.replies += 1
        if kind is SLOW:
            return replace(reply, delay=_A_MOMENT)
        return reply if kind is None else _FLAWED[kind.name]

    def answered(
        self,
        who: str,
        carry_out: Callable[[], T],
        *,
        bad: Mapping[str, Any] = _NOTHING,
        write: bool = False,
    ) -> T:
        """Return what `carry_out` does, unless this call of `who` fails.

        Args:
            who: Who is called.
            carry_out: Does what is asked for.
            bad: What is returned in place of a failure without an error, by its kind.
            write: Whether something is written.
        """
        kind = self.reached(who, write=write)
        if kind is None:
            return carry_out()
        if kind.name in bad:
            return bad[kind.name]  # type: ignore[no-any-return]  # what it must not be
        if kind.done:
            carry_out()
        if kind.error is not None:
            raise kind.error()
        if kind is CANCELLED:
            self._cancel()
        time.sleep(_A_MOMENT)
        return carry_out()

    async def aanswered(
        self,
        who: str,
        carry_out: Callable[[], Awaitable[T]],
        *,
        bad: Mapping[str, Any] = _NOTHING,
        write: bool = False,
    ) -> T:
        """Do as `answered` does; who is cancelled here is cancelled while waiting."""
        kind = self.reached(who, write=write)
        if kind is None:
            return await carry_out()
        if kind.name in bad:
            return bad[kind.name]  # type: ignore[no-any-return]  # what it must not be
        if kind.done:
            await carry_out()
        if kind.error is not None:
            raise kind.error()
        if kind is CANCELLED:
            self._cancel()
            await asyncio.sleep(_FOR_EVER)
        await asyncio.sleep(_A_MOMENT)
        return await carry_out()

    def _until_cancelled(self, reply: Reply) -> Reply:
        try:
            self._cancel()
        except BaseException as error:  # noqa: BLE001 - raised by the model instead
            return Reply(error=error)
        return replace(reply, delay=_FOR_EVER)

    def _cancel(self) -> None:
        """Cancel the run: its task soon, or this thread now."""
        if self._task is not None and not self.behind:
            self._task.get_loop().call_soon_threadsafe(self._task.cancel)
        elif self.behind:
            raise asyncio.CancelledError
        else:
            raise KeyboardInterrupt


_FLAWED: Final = {
    "refusal": Reply("I cannot help with that.", finish_reason="content_filter"),
    "malformed": Reply("", tool_calls=[{"name": "add", "args": "{broken"}]),
    "empty": Reply(""),
}
