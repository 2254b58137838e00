"""What is to be forgotten, and what it leaves of a strategy: the rules, without any repository.

A strategy whose *origin* is to be forgotten goes whole.  One that was only
confirmed by what is to be forgotten stays, without that query and that support.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.strategy import Change, Merged, Strategy, normalised, now

FORGOTTEN = "a query was forgotten"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be forgotten: a source, a query, both, or everything (neither).

    Attributes:
        source: As it was named when the strategies were learned.
        query: Compared without regard to case, spacing and Unicode form.
    """

    source: str | None = None
    query: str | None = None

    def __post_init__(self) -> None:
        """Refuse what is blank: nobody can mean it, and it would match by accident."""
        for name, given in (("source", self.source), ("query", self.query)):
            if given is not None and not normalised(given):
                msg = f"The {name} to forget is {given!r}; it must not be blank."
                raise ConfigurationError(msg)

    @property
    def everything(self) -> bool:
        """Whether there is neither source nor query to go by."""
        return self.source is None and self.query is None

    def is_origin_of(self, strategy: Strategy) -> bool:
        """Say whether the whole strategy comes from what is to be forgotten."""
        if self.everything or strategy.origin.source == self.source:
            return True
        queries = [each.query for each in (strategy.lesson, strategy.example) if each is not None]
        return any(map(self._asks, (*_own_keys(strategy), *queries)))

    def confirmed(self, merged: Merged) -> bool:
        """Say whether a later deferral came from what is to be forgotten."""
        return self.everything or merged.source == self.source or self._asks(merged.query)

    def mentioned_in(self, value: Any) -> bool:
        """Say whether JSON-like data holds the query, or names the source, anywhere."""
        if isinstance(value, dict):
            named = "source" in value and value["source"] == self.source is not None
            return named or any(map(self.mentioned_in, value.values()))
        if isinstance(value, list | tuple):
            return any(map(self.mentioned_in, value))
        return isinstance(value, str) and self._asks(value)

    def removed_from(self, strategy: Strategy) -> Strategy | None:
        """Return `strategy` without what is to be forgotten; `None` if there is nothing of it.

        What is left cannot be undone, because what the last change replaced may hold it.
        """
        kept = tuple(each for each in strategy.merged if not self.confirmed(each))
        lost = len(strategy.merged) - len(kept)
        misled = self._still_known(strategy.misled)
        untouched = not lost and misled == strategy.misled
        if untouched and not any(self.mentioned_in(each.undo) for each in strategy.history):
            return None
        staying = {normalised(key) for key in _own_keys(strategy)}
        staying |= {normalised(each.query) for each in kept}
        entry = Change(at=now(), version=strategy.version + 1, what=FORGOTTEN)
        return strategy.changed(
            keys=tuple(key for key in strategy.keys if normalised(key) in staying),
            merged=kept,
            misled=misled,
            support=max(1, strategy.support - lost),
            history=(*_without_undo(strategy), entry),
        )

    def _still_known(self, misled: tuple[str, ...]) -> tuple[str, ...]:
        """Return what stays of the queries that a strategy has misled on.

        Nobody noted on whose behalf those were asked, so for a source all of them go: they
        are found out again.
        """
        if self.everything or self.source is not None:
            return ()
        return tuple(query for query in misled if not self._asks(query))

    def _asks(self, text: str) -> bool:
        return self.query is not None and normalised(text) == normalised(self.query)


def _own_keys(strategy: Strategy) -> tuple[str, ...]:
    """Return the keys that did not come with a later deferral; the first never did."""
    others = {normalised(each.query) for each in strategy.merged}
    first, *rest = strategy.keys
    return (first, *(key for key in rest if normalised(key) not in others))


def _without_undo(strategy: Strategy) -> tuple[Change, ...]:
    return tuple(each.model_copy(update={"undo": None}) for each in strategy.history)
