"""How a simulated weak model reads its prompt: text in, text out, as a model would.

Nothing here knows how the prompt was made; what is understood is what is written there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from langchain_core.messages import BaseMessage

_BLOCK: Final = re.compile(r"<strategies (\S+)>(.*?)</strategies \1>\s*", re.DOTALL)
_NOTE: Final = re.compile(r"^\[\d+\] .*?(?=^\[\d+\] |\Z)", re.DOTALL | re.MULTILINE)
_WHEN: Final = re.compile(r"^Use when: (.*)$", re.MULTILINE)
_STEP: Final = re.compile(r"^\d+\. (.*)$", re.MULTILINE)

_SMALL_TALK: Final = frozenset(
    (
        *("about", "after", "afterwards", "amounts", "another", "asked", "asks", "does"),
        *("have", "here", "many", "much", "number", "numbers", "ones", "other", "others"),
        *("some", "somebody", "something", "that", "them", "then", "there", "they", "things"),
        *("this", "those", "what", "when", "which", "with"),
    )
)


@dataclass(frozen=True, slots=True)
class Note:
    """A strategy as it was read in a prompt: how its kind is recognised, and its steps."""

    when: str
    steps: tuple[str, ...]


def last_human_text(prompt: Sequence[BaseMessage]) -> str:
    """Return the text of the last human message; empty if there is none."""
    human = (message.text for message in reversed(prompt) if message.type == "human")
    return next(human, "")


def notes_and_question(text: str) -> tuple[list[Note], str]:
    """Take a prompt apart into the strategies in it and the question after them.

    Examples:
        >>> text = '''<strategies 1f>
        ... [1] Equal groups
        ... Use when: Each group holds the same.
        ... Not when: (none given)
        ... Steps:
        ... 1. Multiply the first number by the second number.
        ... Pitfalls: (none given)
        ... </strategies 1f>
        ...
        ... Each of 4 bags holds 5 pens.'''
        >>> notes, question = notes_and_question(text)
        >>> notes[0].steps, question
        (('Multiply the first number by the second number.',), 'Each of 4 bags holds 5 pens.')
    """
    found = _BLOCK.search(text)
    if found is None:
        return [], text
    return [_read(note) for note in _NOTE.findall(found[2])], text[found.end() :]


def best_note(notes: Sequence[Note], question: str) -> tuple[Note, float] | None:
    """Return the note whose "Use when" fits `question` best, and how well, from 0 to 1.

    Of equals the first is taken.  Without notes there is none.
    """
    rated = [(note, _fit(note.when, question)) for note in notes]
    return max(rated, key=lambda pair: pair[1], default=None)


def _read(note: str) -> Note:
    when = _WHEN.search(note)
    return Note(when[1] if when else "", tuple(_STEP.findall(note)))


def _fit(when: str, question: str) -> float:
    """Return the share of the telling words of `when` that are also in `question`."""
    cues = _stems(when)
    return len(cues & _stems(question)) / len(cues) if cues else 0.0


def _stems(text: str) -> set[str]:
    """Return the telling words of `text`, cut to four letters so that endings do not matter."""
    words = set(re.findall(r"[a-z]{4,}", text.lower()))
    return {word[:4] for word in words - _SMALL_TALK}
