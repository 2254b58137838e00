"""The log of labels: what several processes found out, in one order, in the repository.

A threshold that calibrates itself must not start anew with every restart, and
processes that share a repository should share their experience.  So labels are
appended to documents beside the strategies, by compare-and-swap, and whoever wants
to know the threshold reads them from the beginning and observes them one by one:
the same log gives the same threshold everywhere.
"""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from langchain_intercascade._steps import pausing
from langchain_intercascade.errors import RepositoryCorruptError, RepositoryError, how_many
from langchain_intercascade.label import Label, LabelSource
from langchain_intercascade.record import Regime

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_intercascade._steps import Steps
    from langchain_intercascade.repository.base import StrategyRepository

CHUNK: Final = 100
"""Entries in one document; all of them are rewritten when one is added."""

_TRIES: Final = 50


class Entry(BaseModel):
    """One line of the log: a label, or a new beginning.

    Attributes:
        kind: `"label"`, a `"correction"` of the label of the same run, `"recertify"`, or
            `"met"`: a model has answered under another name than before.
        run_id: The run that the label is about; empty for a new beginning.
        regime: See `Label`, likewise the others.
        weak: The name that the weak model gave itself in its answer; may be empty.
        strong: The same of the strong model.
        at: When, ISO 8601.
        reason: Why a new beginning was made.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["label", "correction", "recertify", "met"] = "label"
    run_id: str = ""
    regime: Regime = "plain"
    confidence: float | None = None
    accepted: bool = False
    correct: bool | None = None
    source: LabelSource = "deferral"
    probability: float = 1.0
    weak: str = ""
    strong: str = ""
    at: str = ""
    reason: str = ""

    def label(self, *, tenant: str, weak_model: str) -> Label:
        """Return the label that this entry holds."""
        return Label(
            run_id=self.run_id,
            tenant=tenant,
            weak_model=weak_model,
            regime=self.regime,
            confidence=self.confidence,
            accepted=self.accepted,
            correct=self.correct,
            source=self.source,
            probability=self.probability,
            at=self.at,
        )


class LabelLog:
    """The log of one weak model in one tenant's part of a repository, and how far it was read."""

    def __init__(self, repository: StrategyRepository, *, tenant: str, weak_model: str) -> None:
        """Stand at the beginning of the log."""
        self._repository = repository
        self._tenant = tenant
        self._name = f"labels:{weak_model}"
        self._chunk = 0
        self._read = 0
        self._lock = threading.Lock()

    def reading(self, take: Callable[[list[Entry]], None]) -> Steps[None]:
        """Hand the entries that were added since the last call to `take`, in the log's order.

        Several threads may read at once: each entry is handed over once, never before an
        earlier one, and by one thread at a time.
        """
        while True:
            number = self._chunk
            found = yield from self._entries(number)
            with self._lock:
                # Another thread may have read on meanwhile, and further than this one.
                if number == self._chunk and len(found) > self._read:
                    news, self._read = found[self._read :], len(found)
                    take(news)
                if number == self._chunk and self._read >= CHUNK:
                    self._chunk, self._read = self._chunk + 1, 0
            if len(found) < CHUNK:
                return

    def appending(self, entries: list[Entry]) -> Steps[None]:
        """Add `entries` at the end, whoever else does so at the same time.

        Raises:
            RepositoryError: Others were quicker, again and again.
        """
        left = [entry.model_dump(mode="json") for entry in entries]
        number = self._chunk
        for lost in range(_TRIES):
            if not left:
                return
            note = yield from self._repository.reading_note(self._at(number), tenant=self._tenant)
            there = list(note.data["entries"]) if note else []
            if len(there) >= CHUNK:
                number += 1
                continue
            room = CHUNK - len(there)
            data = {"entries": [*there, *left[:room]]}
            if (
                yield from self._repository.writing_note(
                    self._at(number), data, tenant=self._tenant, after=note
                )
            ):
                left = left[room:]
            else:
                yield from pausing(random.uniform(0.0, 0.002 * (lost + 1)))
        if left:
            msg = (
                f"{how_many(len(left), 'label')} could not be written into {self._repository!r}: "
                f"{_TRIES} others were quicker. They are kept and tried again; if this comes back, "
                "let fewer processes learn at once."
            )
            raise RepositoryError(msg)

    def _entries(self, number: int) -> Steps[list[Entry]]:
        note = yield from self._repository.reading_note(self._at(number), tenant=self._tenant)
        found: list[Any] = note.data.get("entries", []) if note else []
        try:
            return [Entry.model_validate(each) for each in found]
        except ValidationError as error:
            msg = (
                f"The log of labels {self._at(number)!r} in {self._repository!r} cannot be read: "
                "it is damaged, or a newer version wrote it. Upgrade the package, restore the "
                "repository from a backup, or use another path or collection."
            )
            raise RepositoryCorruptError(msg) from error

    def _at(self, number: int) -> str:
        return f"{self._name}:{number}"
