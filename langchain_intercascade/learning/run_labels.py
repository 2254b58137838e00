"""Each run counts once, whoever speaks of it: the strong model, an audit, the caller.

The books are kept in sums, so a label that comes later does not simply go beside the
earlier one of the same run: both are joined, and the sum takes the place of the first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from langchain_intercascade._steps import pausing

if TYPE_CHECKING:
    from langchain_intercascade._steps import Steps
    from langchain_intercascade.label import Label
    from langchain_intercascade.learning.books import Books

_TURN: Final = 0.005
"""Seconds after which to look again whether the other label of the same run is written."""


class RunLabels:
    """Writes labels into the books, and remembers what counts there of the last runs."""

    def __init__(self, books: Books, *, remembered: int) -> None:
        """Write into `books`; of so many runs a later label joins the earlier one."""
        self._books = books
        self._remembered = remembered
        self._known: OrderedDict[str, Label] = OrderedDict()
        self._busy: set[str] = set()
        self._lock = threading.Lock()

    def word(self, run_id: str) -> bool | None:
        """Return whether the weak answer of a run was right by the caller's word, if he spoke."""
        with self._lock:
            known = self._known.get(run_id)
        return known.correct if known and known.source == "feedback" else None

    def noting(self, label: Label) -> Steps[None]:
        """Write `label` into the books, in the place of what is there of the same run.

        The caller may speak while an audit is being written; whoever is second waits.
        """
        while not self._begin(label.run_id):
            yield from pausing(_TURN)
        try:
            before = self._known.get(label.run_id)
            joint = joined(before, label)
            yield from self._books.noting(joint, instead_of=before)
            self._remember(joint)
        finally:
            with self._lock:
                self._busy.discard(label.run_id)

    def _begin(self, run_id: str) -> bool:
        with self._lock:
            if run_id in self._busy:
                return False
            self._busy.add(run_id)
            return True

    def _remember(self, label: Label) -> None:
        with self._lock:
            self._known[label.run_id] = label
            if len(self._known) > self._remembered:
                self._known.popitem(last=False)


def joined(before: Label | None, label: Label) -> Label:
    """Return what counts of one run, of which `before` was known, now that `label` is.

    The caller's word decides whether the answer was right; that the run was drawn, and how
    likely that was, stays true.  How it went without strategies was judged by the strong
    answer; that counts no longer if the caller refutes it.
    """
    if before is None or "feedback" not in {before.source, label.source}:
        return label
    drawn, word = (before, label) if label.source == "feedback" else (label, before)
    sound = drawn.correct is None or drawn.correct is word.correct
    without = drawn.without if sound else None
    return replace(drawn, correct=word.correct, source="feedback", without=without)
