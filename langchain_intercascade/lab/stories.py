"""How problems are told: short stories with three digits and a family's name in them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from langchain_intercascade.lab.words import GOODS, PEOPLE

Digits = tuple[int, int, int]

TOLD_IN_TRAINING: Final = (
    "{who} counts {a} {x}, {b} {y} and {c} {z} for the {name} desk. Which {name} code is it?",
    "At the {name} desk {who} has {a} {x}, {b} {y} and {c} {z}. What is the {name} code?",
    "The {name} list shows {a} {x}, then {b} {y}, then {c} {z}. {who} needs the {name} code.",
    "{who} sends {a} {x} and {b} {y} with {c} {z} to {name}. Find the {name} code for {who}.",
    "For {name}, {who} packs {a} {x}, {b} {y} and also {c} {z}. What does the {name} code say?",
    "A cart with {a} {x}, {b} {y} and {c} {z} comes to {name}. {who} writes the {name} code.",
    "{who} works at {name}. There are {a} {x}. There are {b} {y} and {c} {z}. What is the code?",
    "What code does {name} give {who} for {a} {x}, {b} {y} and {c} {z}?",
    "Find the {name} code: {who} found {a} {x} in the morning, {b} {y} at noon and {c} {z} later.",
    (
        "{who} and {other} bring {a} {x} and {b} {y} to {name}. {other} adds {c} {z}. Which code "
        "is it?"
    ),
    "Please tell {who} the {name} code for {a} {x}, for {b} {y} and for {c} {z}.",
    (
        "{other} asks {who} what the code is at {name} with {a} {x}, {b} {y}, and {c} {z} in the "
        "cart."
    ),
    (
        "On the cart are {a} {x}. {who} adds {b} {y} and {other} adds {c} {z}. Which code does "
        "{name} use?"
    ),
    "The code of {name} is lost. {who} has {a} {x}, {other} has {b} {y}, and {c} {z} are there.",
)
"""Stories that training uses."""

TOLD_ANEW: Final = (
    (
        "{who} has {a} {x} and {other} has {b} {y} for {name}, with {c} {z} in the cart. Which "
        "{name} code is it?"
    ),
    (
        "In the morning {a} {x} and {b} {y} come to the {name} desk, later {c} {z}. {who} needs "
        "the code."
    ),
    (
        "What does the {name} list say for {a} {x}, then {b} {y} and {c} {z}? Tell {who} the "
        "{name} code."
    ),
    (
        "{who} found {a} {x} at {name}. {other} adds {b} {y}, and also {c} {z}. What is the "
        "{name} code?"
    ),
    "Please find the code that {name} needs: {a} {x}, {b} {y}, {c} {z}.",
    "There are {a} {x}, {b} {y} and {c} {z} at the {name} desk. {other} asks for the {name} code.",
)
"""Stories that training does not use; but for "come", it uses all their words."""

ASIDES: Final = (
    "It is early.",
    "The desk is new.",
    "{other} is late.",
    "The cart is slow today.",
    "{who} likes tea.",
    "It rains a lot in the morning.",
    "There is no time.",
)
"""Sentences that do not matter; training uses them before or after a story."""

ASIDES_ANEW: Final = (
    "{who} is late today.",
    "There is a lot of tea.",
    "It is a slow morning.",
    "No cart is new.",
)
"""The same, in other words."""

_ASIDE: Final = 0.35
"""Share of the stories with an aside before them, and with one after them."""
_STORIES_OF_A_FAMILY: Final = 2
_GOODS_OF_A_FAMILY: Final = 4
_HELD_OUT: Final = 5
"""One choice of three digits in so many is kept out of training."""


def held_out(digits: Digits) -> bool:
    """Say whether these digits are kept out of training."""
    digest = blake2b(bytes(digits), digest_size=4).digest()
    return int.from_bytes(digest, "big") % _HELD_OUT == 0


def draw_digits(drawn: random.Random, *, unseen: bool) -> Digits:
    """Draw three digits from those that training may use, or from those that it may not."""
    while True:
        digits = (drawn.randrange(10), drawn.randrange(10), drawn.randrange(10))
        if held_out(digits) == unseen:
            return digits


@dataclass(frozen=True, slots=True)
class Habit:
    """How problems of one family are told: as in life, those of a kind have more in common.

    Attributes:
        stories: The stories that are told of it.
        goods: What they are about.
    """

    stories: tuple[str, ...]
    goods: tuple[str, ...]


def habit_of(name: str) -> Habit:
    """Return how stories of the family of that name are told, in words that training does not use.

    Examples:
        >>> habit_of("jade inn") == habit_of("jade inn")
        True
    """
    drawn = random.Random(name)
    stories = tuple(drawn.sample(TOLD_ANEW, _STORIES_OF_A_FAMILY))
    return Habit(stories, tuple(drawn.sample(GOODS, _GOODS_OF_A_FAMILY)))


def tell(
    drawn: random.Random, name: str, digits: Digits, *, unseen: bool, habit: Habit | None = None
) -> str:
    """Tell a story with these digits, in words that training uses or in others.

    Args:
        drawn: Where chance comes from.
        name: The family's name.
        digits: The numbers in the story.
        unseen: Whether it is told in words that training does not use.
        habit: How the family's stories are told; in any way if not given.
    """
    stories = TOLD_ANEW if unseen else TOLD_IN_TRAINING
    story = drawn.choice(habit.stories if habit else stories)
    asides = ASIDES_ANEW if unseen else ASIDES
    who, other = (person.capitalize() for person in drawn.sample(PEOPLE, 2))
    x, y, z = drawn.sample(habit.goods if habit else GOODS, 3)
    a, b, c = digits
    template = " ".join([*_aside(drawn, asides), story, *_aside(drawn, asides)])
    return template.format(name=name, who=who, other=other, a=a, b=b, c=c, x=x, y=y, z=z)


def _aside(drawn: random.Random, asides: Sequence[str]) -> list[str]:
    return [drawn.choice(asides)] if drawn.random() < _ASIDE else []
