"""The families of problems: each has a name of two words, and a rule for its code.

Which names and rules are kept out of training is fixed here, once, for the
training script, the stream of problems and the tests alike.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from typing import Final

from langchain_intercascade.lab.rules import Rule, draw_rule
from langchain_intercascade.lab.words import COLOURS, PLACES

Name = tuple[str, str]

KNOWN_COUNT: Final = 48
"""Families that the weak model learns by heart."""
MISREMEMBERED_COUNT: Final = 8
"""How many of them it learns by heart with a wrong rule: it is sure of them, and wrong."""
UNSEEN_COUNT: Final = 600
"""Names that training never uses."""
_SEED: Final = 2509


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of problem.

    Attributes:
        name: Two words.
        rule: How its code is found.
        memory: The rule that the weak model learned by heart; `None` if it learned none.
    """

    name: Name
    rule: Rule
    memory: Rule | None = None

    @property
    def title(self) -> str:
        """The name as it is written."""
        return " ".join(self.name)


@dataclass(frozen=True, slots=True)
class Split:
    """All names, divided up.

    Attributes:
        known: Families learned by heart; the last of them wrongly.
        training: Names that training gives a new rule each time.
        unseen: Names that training never uses; their words it does.
    """

    known: tuple[Family, ...]
    training: tuple[Name, ...]
    unseen: tuple[Name, ...]


@cache
def split() -> Split:
    """Return how the names are divided up; it is the same for everybody, always."""
    drawn = random.Random(_SEED)
    names = [(colour, place) for colour in COLOURS for place in PLACES]
    drawn.shuffle(names)
    known = tuple(_known(drawn, names[at], at) for at in range(KNOWN_COUNT))
    end = KNOWN_COUNT + UNSEEN_COUNT
    return Split(known, tuple(names[end:]), tuple(names[KNOWN_COUNT:end]))


def _known(drawn: random.Random, name: Name, at: int) -> Family:
    memory = rule = draw_rule(drawn, held_out=False)
    if at >= KNOWN_COUNT - MISREMEMBERED_COUNT:
        while memory == rule:
            memory = draw_rule(drawn, held_out=False)
    return Family(name, rule, memory)
