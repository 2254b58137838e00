"""The last runs of a cascade, so that feedback can be given on them by their id."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from langchain_intercascade.errors import ConfigurationError

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, BaseMessage

    from langchain_intercascade.record import DecisionRecord
    from langchain_intercascade.state import Run

REMEMBERED: Final = 2000
"""Runs that feedback can be given on; older ones are forgotten."""


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


class RecentRuns:
    """Remembers the last `REMEMBERED` runs; threads may share it."""

    def __init__(self) -> None:
        """Begin with none."""
        self._known: OrderedDict[str, Answered] = OrderedDict()
        self._lock = threading.Lock()

    def remember(self, answered: Answered) -> None:
        """Remember a run, and forget the oldest if there are too many."""
        with self._lock:
            self._known[answered.record["run_id"]] = answered
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)

    def recalled(self, run: str | DecisionRecord) -> Answered:
        """Return a run by its id or its decision record.

        Raises:
            ConfigurationError: It is not among them.
        """
        run_id = run if isinstance(run, str) else run["run_id"]
        with self._lock:
            known = self._known.get(run_id)
        if known is not None:
            return known
        msg = (
            f"There is no run {run_id!r} among the last {REMEMBERED} of this cascade. The id is in "
            'the answer\'s decision record, `response_metadata["inter_cascade"]["run_id"]`; '
            "feedback must come to the cascade that answered, while it is open."
        )
        raise ConfigurationError(msg)
