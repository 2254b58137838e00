"""What a rule is: two steps over three digits, and how they are carried out.

    Add first to third.
    Reduce that by seven.

All sums are done as on a dial with ten digits: only the last digit is kept, so 3 - 5
is 8.  The *code* is the results of the two steps, written side by side.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from langchain_intercascade.lab.words import NUMERALS, ORDINALS

THAT: Final = "that"
"""What the second step calls the result of the first."""

# Operation: the word between its operands, and the sign in a sum.
_OPERATIONS: Final = {"add": ("to", "+"), "reduce": ("by", "-"), "multiply": ("by", "*")}
_STEP: Final = re.compile(r"\s*(\w+) (\w+) (\w+) (\w+)\s*[.;]?\s*", re.IGNORECASE)

_NUMERAL_FIRST: Final = 0.25
"""Share of first steps with a fixed number in them."""
_NUMERAL_SECOND: Final = 0.4
"""Share of second steps with a fixed number in them."""
_HELD_OUT: Final = 5
"""One rule in so many is kept out of training."""


@dataclass(frozen=True, slots=True)
class Step:
    """One operation with two operands: an ordinal, a numeral or `that`."""

    operation: str
    left: str
    right: str

    def __str__(self) -> str:
        """Say it in words: "add first to third"."""
        return f"{self.operation} {self.left} {_OPERATIONS[self.operation][0]} {self.right}"

    def carried_out(self, digits: tuple[int, int, int], that: int) -> tuple[str, int]:
        """Return the sum as it is written, and its last digit."""
        one, other = _value(self.left, digits, that), _value(self.right, digits, that)
        sums = {"add": one + other, "reduce": one - other, "multiply": one * other}
        result = sums[self.operation] % 10
        return f"{one} {_OPERATIONS[self.operation][1]} {other} = {result}", result


@dataclass(frozen=True, slots=True)
class Rule:
    """How the code of one family is found: two steps."""

    one: Step
    two: Step

    def __str__(self) -> str:
        """Say it in words."""
        return f"{self.one} ; {self.two}"

    def sentences(self) -> tuple[str, str]:
        """Return the steps as a strategy has them."""
        return f"{str(self.one).capitalize()}.", f"{str(self.two).capitalize()}."

    def worked(self, digits: tuple[int, int, int]) -> tuple[str, str, str]:
        """Return the two sums and the code.

        Examples:
            >>> rule = Rule(Step("add", "first", "third"), Step("reduce", "that", "seven"))
            >>> rule.worked((3, 5, 2))
            ('3 + 2 = 5', '5 - 7 = 8', '58')
        """
        first, one = self.one.carried_out(digits, 0)
        second, two = self.two.carried_out(digits, one)
        return first, second, f"{one}{two}"

    @property
    def held_out(self) -> bool:
        """Whether it is kept out of training: a property of its words, so of no particular run."""
        digest = blake2b(str(self).encode(), digest_size=4).digest()
        return int.from_bytes(digest, "big") % _HELD_OUT == 0


def step(text: str) -> Step | None:
    """Read a step as it is written in a strategy; `None` if it is not in this language.

    Examples:
        >>> step("Multiply that by third.")
        Step(operation='multiply', left='that', right='third')
        >>> step("Think hard.")
    """
    found = _STEP.fullmatch(text.lower())
    if found is None or found[1] not in _OPERATIONS:
        return None
    read = Step(found[1], found[2], found[4])
    words = {*ORDINALS, *NUMERALS, THAT}
    return (
        read if _OPERATIONS[found[1]][0] == found[3] and {read.left, read.right} <= words else None
    )


def draw_rule(drawn: random.Random, *, held_out: bool) -> Rule:
    """Draw a rule from those that training may use, or from those that it may not."""
    while True:
        rule = Rule(_first_step(drawn), _second_step(drawn))
        if rule.held_out == held_out:
            return rule


def _first_step(drawn: random.Random) -> Step:
    left, right = drawn.sample(ORDINALS, 2)
    if drawn.random() < _NUMERAL_FIRST:
        right = drawn.choice(NUMERALS)
    return Step(drawn.choice(tuple(_OPERATIONS)), left, right)


def _second_step(drawn: random.Random) -> Step:
    other = drawn.choice(NUMERALS if drawn.random() < _NUMERAL_SECOND else ORDINALS)
    left, right = (THAT, other) if drawn.random() < 0.5 else (other, THAT)  # noqa: PLR2004 - a coin
    return Step(drawn.choice(tuple(_OPERATIONS)), left, right)


def _value(word: str, digits: tuple[int, int, int], that: int) -> int:
    if word == THAT:
        return that
    return digits[ORDINALS.index(word)] if word in ORDINALS else NUMERALS.index(word)
