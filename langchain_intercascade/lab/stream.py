"""The stream of problems that a cascade of the lab's pair is tried on, and who is right."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Final

from langchain_intercascade.lab.families import Family, Name, split
from langchain_intercascade.lab.rules import draw_rule
from langchain_intercascade.lab.stories import draw_digits, habit_of, tell

HELD_OUT_RULES: Final = 0.5
"""Share of the unseen families whose very rule training never used."""

_ANSWER: Final = re.compile(r"\banswer(?: is|:)\s*(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LabProblem:
    """A problem with its answer.

    Attributes:
        text: What a model is asked.
        answer: The right code, two digits.
        family: The family it belongs to.
    """

    text: str
    answer: str
    family: Family


@cache
def family_named(name: Name, world: int = 0) -> Family:
    """Return the family of that name.

    Families known by heart have the same rule in every world; any other gets one drawn for it.

    Examples:
        >>> family_named(("jade", "inn")) == family_named(("jade", "inn"))
        True
    """
    known = {family.name: family for family in split().known}
    if name in known:
        return known[name]
    drawn = random.Random(f"{world} {' '.join(name)}")
    return Family(name, draw_rule(drawn, held_out=drawn.random() < HELD_OUT_RULES))


def problems(
    seed: int,
    n: int,
    *,
    families: int = 40,
    known: float = 0.3,
    repetition: float = 1.0,
    one_off: float = 0.0,
    world: int = 0,
) -> list[LabProblem]:
    """Return a stream of `n` problems: held-out names, wording and digits.

    Families return as words do in a text, some often and some hardly ever.

    Args:
        seed: The same seed gives the same stream, and a longer one begins with a shorter one.
        n: How many.
        families: How many families return.
        known: Share of them that the weak model has learned by heart, rightly or wrongly.
        repetition: How unevenly they return: the k-th comes as often as 1 / k ** repetition (Zipf);
            0 is evenly.
        one_off: Share of the problems whose family comes only this once, as far as chance allows.
        world: Which rules the unseen families have; that of `LabStrong` is to be the same.

    Raises:
        ValueError: A share is not in [0, 1], or there are not so many families.

    Examples:
        >>> problems(7, 3) == problems(7, 5)[:3]
        True
    """
    _check(families, known, one_off)
    drawn = random.Random(seed)
    names = _names(drawn, families, round(known * families))
    returning = names[:families]
    weights = list(accumulate((at + 1) ** -repetition for at in range(families)))
    return [
        _problem(drawn, _next(drawn, returning, weights, names[families:], one_off), world)
        for _ in range(n)
    ]


def grade(text: str, answer: str) -> bool:
    """Say whether `text` gives the code `answer`: what its last "answer" says is that number.

    Examples:
        >>> grade("3 + 7 = 0; 0 + 7 = 7. Answer: 07", "07"), grade("The answer is 7.", "07")
        (True, True)
        >>> grade("It is 07.", "07")
        False
    """
    said = _ANSWER.findall(text)
    return bool(said) and int(said[-1]) == int(answer)


def _check(families: int, known: float, one_off: float) -> None:
    if not 0 <= known <= 1 or not 0 <= one_off <= 1:
        msg = f"known={known!r} and one_off={one_off!r} are shares: expected numbers from 0 to 1."
        raise ValueError(msg)
    there, count = split(), round(known * families)
    if families < 1 or count > len(there.known) or families - count > len(there.unseen):
        msg = (
            f"There are no {families} families of which {count} are known by heart; there are "
            f"{len(there.known)} known by heart and {len(there.unseen)} others."
        )
        raise ValueError(msg)


def _names(drawn: random.Random, families: int, known: int) -> list[Name]:
    """Return the families that return, in an order of chance, and after them all others."""
    there = split()
    unseen = drawn.sample(there.unseen, len(there.unseen))
    taken = [family.name for family in drawn.sample(there.known, known)]
    returning = [*taken, *unseen[: families - known]]
    drawn.shuffle(returning)
    return [*returning, *unseen[families - known :]]


def _next(
    drawn: random.Random,
    returning: Sequence[Name],
    weights: Sequence[float],
    others: Sequence[Name],
    one_off: float,
) -> Name:
    if others and drawn.random() < one_off:
        return drawn.choice(others)
    return drawn.choices(returning, cum_weights=weights)[0]


def _problem(drawn: random.Random, name: Name, world: int) -> LabProblem:
    family, digits = family_named(name, world), draw_digits(drawn, unseen=True)
    told_as = habit_of(family.title)
    text = tell(drawn, family.title, digits, unseen=True, habit=told_as)
    return LabProblem(text, family.rule.worked(digits)[2], family)
