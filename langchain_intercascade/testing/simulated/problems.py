"""Streams of simulated problems: short arithmetic stories in which kinds come back.

The same seed always gives the same stream.  Every problem is drawn so that only
its own family's steps lead to its answer: neither another family's steps, nor a
slip, nor adding all the numbers up, happens to be right.
"""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from langchain_intercascade.testing.simulated.families import FAMILIES
from langchain_intercascade.testing.simulated.family import Family
from langchain_intercascade.testing.simulated.steps import carried_out, with_a_slip, written

_NAMES: Final = (
    *("Aisha", "Bruno", "Chidi", "Dalia", "Emre", "Farah", "Goran", "Hana", "Ines", "Jonas"),
    *("Kofi", "Lena", "Mateo", "Noor", "Olga", "Pavel", "Ravi", "Selma", "Tomas", "Yuki"),
)
_THINGS: Final = (
    *("beads", "buttons", "candles", "cards", "coins", "cookies", "marbles", "nuts", "pencils"),
    *("pens", "plums", "rolls", "shells", "spoons", "stamps", "stickers", "tiles", "tulips"),
)
_BOXES: Final = ("bag", "basin", "basket", "bowl", "case", "drawer", "jar", "sack", "tin", "tray")
_ANSWER: Final = re.compile(r"answer is:?\s*\$?(-?\d[\d,]*(?:\.\d+)?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of a stream.

    Attributes:
        text: What a model is asked.
        answer: The right answer, as text.
        family: The name of the family it belongs to.
    """

    text: str
    answer: str
    family: str


def problems(seed: int, n: int, *, families: Collection[str] = tuple(FAMILIES)) -> list[Problem]:
    """Return a stream of `n` problems, drawn evenly from `families`.

    Args:
        seed: The same seed gives the same stream, and a longer one begins with a shorter one.
        n: How many.
        families: Names out of `FAMILIES`; their order does not matter.

    Raises:
        ValueError: There is no such family, or none at all.

    Examples:
        >>> (problem,) = problems(7, 1, families=["fence"])
        >>> problem.answer == problems(7, 2, families=["fence"])[0].answer
        True
    """
    if unknown := set(families) - set(FAMILIES):
        msg = f"There are no families {sorted(unknown)}; there are {sorted(FAMILIES)}."
        raise ValueError(msg)
    if not families:
        msg = "families is empty: give at least one name out of FAMILIES."
        raise ValueError(msg)
    # Not for secrets: the stream has to be the same for everybody.
    drawn = random.Random(seed)
    names = sorted(families)
    return [_told(FAMILIES[drawn.choice(names)], drawn) for _ in range(n)]


def recognised(text: str, families: Collection[str] = tuple(FAMILIES)) -> tuple[Family, str] | None:
    """Read `text` and return the family, out of `families`, of the story in it, and the story.

    Returns:
        `None` when `text` tells none of their stories.
    """
    for name in sorted(families):
        if story := FAMILIES[name].told_in(text):
            return FAMILIES[name], story
    return None


def numbers_in(text: str) -> list[int]:
    """Return the numbers in `text`, in the order in which they stand there.

    Examples:
        >>> numbers_in("Mira has 6 boxes and 12 pens.")
        [6, 12]
    """
    return [int(found) for found in re.findall(r"\d+", text)]


def grade(text: str, problem: Problem) -> bool:
    """Say whether `text` answers `problem` rightly: its last "answer is ..." is the number.

    Examples:
        >>> problem = Problem("What is 6 * 7?", "42", "groups")
        >>> grade("The answer is 41. No, wait: the answer is 42.", problem)
        True
        >>> grade("It is 42.", problem)
        False
    """
    said = _ANSWER.findall(text)
    return bool(said) and Fraction(said[-1].replace(",", "")) == Fraction(problem.answer)


def _told(family: Family, drawn: random.Random) -> Problem:
    story = drawn.choice(family.stories)
    name, other = drawn.sample(_NAMES, 2)
    words = {
        "name": name,
        "other": other,
        "thing": drawn.choice(_THINGS),
        "box": drawn.choice(_BOXES),
    }
    fair = (numbers for numbers in _drawn_numbers(family, drawn) if _is_fair(family, numbers))
    numbers = next(fair)
    worked = carried_out(family.steps, numbers) or []
    return Problem(story.format(*numbers, **words), written(worked[-1].result), family.name)


def _drawn_numbers(family: Family, drawn: random.Random) -> Iterator[list[int]]:
    while True:
        yield [drawn.choice(values) for values in family.numbers]


def _is_fair(family: Family, numbers: list[int]) -> bool:
    """Say whether `numbers` make a fair problem that only the right steps solve."""
    worked = carried_out(family.steps, numbers)
    if worked is None or any(w.result <= 0 or w.result.denominator > 1 for w in worked):
        return False
    wrong_ways = [other.steps for other in FAMILIES.values() if other is not family]
    tried = [carried_out(steps, numbers) for steps in (*wrong_ways, with_a_slip(family.steps))]
    wrong = {each[-1].result for each in tried if each}
    # Adding everything up is what a model does that has no idea; for two families it is right.
    if family.name not in {"more", "three_days"}:
        wrong.add(Fraction(sum(numbers)))
    return worked[-1].result not in wrong
