"""What a log of labels comes to: entries in their order -> the threshold.

It also holds which names the models went by.  What was certified about one model says
nothing about the next, so certification starts anew with a name that was not there
before; what is still said under a name of the past is about another model, and passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from langchain_intercascade.threshold.base import ModelRole

if TYPE_CHECKING:
    from langchain_intercascade.label import Label
    from langchain_intercascade.learning.label_log import Entry
    from langchain_intercascade.threshold.self_calibrating import SelfCalibrating

ROLES: Final[tuple[ModelRole, ...]] = ("weak", "strong")


class LogReading:
    """A threshold on its way through a log."""

    def __init__(self, threshold: SelfCalibrating, *, tenant: str, weak_model: str) -> None:
        """Stand at the beginning.

        Args:
            threshold: As it is before any label.
            tenant: Whose log it is.
            weak_model: Whose answers it is about.
        """
        self.threshold = threshold
        self._tenant, self._weak_model = tenant, weak_model
        self._names: dict[ModelRole, str] = {}
        self._former: set[tuple[ModelRole, str]] = set()
        self._seen: set[str] = set()

    def name(self, role: ModelRole) -> str:
        """Return the name that a model goes by; empty while it has not said."""
        return self._names.get(role, "")

    def has_seen(self, run_id: str) -> bool:
        """Say whether the label of a run was read."""
        return run_id in self._seen

    def take(self, entry: Entry, verdicts: Mapping[str, bool | None]) -> None:
        """Read on by one entry.

        Args:
            entry: The next one.
            verdicts: What callers said about runs, by id; it overrules their labels.
        """
        if entry.kind == "recertify":
            self.threshold.recertify(entry.reason)
        elif entry.kind == "met":
            for role in ROLES:
                self._meet(role, getattr(entry, role))
        elif entry.kind == "label" and entry.run_id not in self._seen:
            # A label whose writing was not confirmed is written again.
            self._seen.add(entry.run_id)
            self._observe(entry, verdicts)

    def _observe(self, entry: Entry, verdicts: Mapping[str, bool | None]) -> None:
        names = [(role, getattr(entry, role)) for role in ROLES]
        if not self._former.isdisjoint(names):
            return
        for role, name in names:
            self._meet(role, name)
        label = self._corrected(entry, verdicts)
        # Another process may audit more rarely than was agreed on here.
        if label.source == "deferral" or label.probability >= self.threshold.audit_rate:
            self.threshold.observe(label)

    def _corrected(self, entry: Entry, verdicts: Mapping[str, bool | None]) -> Label:
        label = entry.label(tenant=self._tenant, weak_model=self._weak_model)
        verdict = verdicts.get(entry.run_id)
        return label if verdict is None else replace(label, correct=verdict)

    def _meet(self, role: ModelRole, name: str) -> None:
        """Take note of a model's name; start anew if it went by another."""
        known = self.name(role)
        if not name or name == known:
            return
        if known:
            self.threshold.recertify(renamed(role, known, name))
            self._former.add((role, known))
        self._former.discard((role, name))
        self._names[role] = name


def renamed(role: ModelRole, then: str, now: str) -> str:
    """Return the reason for starting anew when a model answers under another name."""
    return f"the {role} model was {then} and is now {now}"
