"""How the pair reads its prompts: text in, parts out.

Nothing here knows how a prompt was made; what is understood is what is written there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from langchain_core.messages import BaseMessage

from langchain_intercascade.lab.families import Name
from langchain_intercascade.lab.stories import Digits
from langchain_intercascade.lab.tokens import pieces
from langchain_intercascade.lab.words import COLOURS, PLACES

_BLOCK: Final = re.compile(r"<strategies (\S+)>(.*?)</strategies \1>\s*", re.DOTALL)
_NOTE: Final = re.compile(r"^\[\d+\] (.*?)$(.*?)(?=^\[\d+\] |\Z)", re.DOTALL | re.MULTILINE)
_STEP: Final = re.compile(r"^\d+\. (.*)$", re.MULTILINE)
_PROBLEM: Final = re.compile(r"<problem>\s*(.*?)\s*</problem>", re.DOTALL)

_COLOURS: Final = frozenset(COLOURS)
_PLACES: Final = frozenset(PLACES)
_DIGITS_IN_A_STORY: Final = 3


def last_human_text(prompt: Sequence[BaseMessage]) -> str:
    """Return the text of the last human message; empty if there is none."""
    human = (message.text for message in reversed(prompt) if message.type == "human")
    return next(human, "")


def notes_and_question(text: str) -> tuple[list[tuple[str, str]], str]:
    """Take a prompt apart into the strategies in it, title and steps of each, and the question.

    A strategy without steps, such as a pitfall, tells this model nothing and is left out.

    Examples:
        >>> text = '''<strategies 1f>
        ... [1] Jade inn
        ... Use when: Jade inn.
        ... Not when: (none given)
        ... Steps:
        ... 1. Add first to third.
        ... 2. Reduce that by seven.
        ... Pitfalls: (none given)
        ... </strategies 1f>
        ...
        ... Jade inn has 4 cups.'''
        >>> notes_and_question(text)
        ([('Jade inn', 'Add first to third ; Reduce that by seven')], 'Jade inn has 4 cups.')
    """
    found = _BLOCK.search(text)
    if found is None:
        return [], text
    told = [(title, _STEP.findall(rest)) for title, rest in _NOTE.findall(found[2])]
    notes = [(title, " ; ".join(step.rstrip(". ") for step in steps)) for title, steps in told]
    return [note for note in notes if note[1]], text[found.end() :]


def problem_of_a_lesson(text: str) -> str | None:
    """Return the problem that a strategy is to be written for; `None` if none is asked for."""
    found = _PROBLEM.search(text)
    return found[1] if found else None


def name_and_digits(question: str) -> tuple[Name, Digits] | None:
    """Return the name and the three digits in `question`; `None` if it is no such problem.

    Examples:
        >>> name_and_digits("At the jade inn Ada has 4 cups, 0 hats and 9 maps. Which code is it?")
        (('jade', 'inn'), (4, 0, 9))
        >>> name_and_digits("What is the capital of France?")
    """
    words = pieces(question)
    pairs = pairwise(words)
    names = [pair for pair in pairs if pair[0] in _COLOURS and pair[1] in _PLACES]
    digits = [int(word) for word in words if word.isdecimal()]
    if not names or len(digits) != _DIGITS_IN_A_STORY:
        return None
    one, two, three = digits
    return names[0], (one, two, three)
