"""What a family is: one kind of short arithmetic story, told in several ways."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from string import Formatter
from typing import Final

# What may stand in a story's slots: a number, a name, or a plain word.
_SLOT: Final = {"name": r"[A-Z]\w*", "other": r"[A-Z]\w*", "thing": r"[a-z]+", "box": r"[a-z]+"}


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of problem.

    Attributes:
        name: Its name.
        stories: Ways to tell it, as `str.format` templates.  Numbers are `{0}`, `{1}`
            and so on, in this order in every story; `{name}`, `{other}`, `{box}` and
            `{thing}` are words.
        numbers: The values that each number may take.
        steps: How it is solved, in the controlled English of `steps`.
        title: What the kind is called.
        when: How it is recognised.
        unless: Look-alikes that are solved otherwise; may be empty.
        idea: Why it is solved like this, as the strong model explains it in an answer.
        easy: Whether the weak model can do it unaided.
    """

    name: str
    stories: tuple[str, ...]
    numbers: tuple[range, ...]
    steps: tuple[str, ...]
    title: str
    when: str
    idea: str
    unless: str = ""
    easy: bool = False

    def told_in(self, text: str) -> str | None:
        """Return the part of `text` that tells a story of this family, or `None`."""
        found = (_pattern(story).search(text) for story in self.stories)
        return next((match[0] for match in found if match), None)


@cache
def _pattern(story: str) -> re.Pattern[str]:
    parts = [re.escape(text) + _slot(field) for text, field, _, _ in Formatter().parse(story)]
    return re.compile("".join(parts))


def _slot(field: str | None) -> str:
    if field is None:
        return ""
    return r"\d+" if field.isdigit() else _SLOT[field]
