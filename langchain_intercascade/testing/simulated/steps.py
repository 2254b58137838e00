"""The small controlled English in which simulated models write steps, and how they are followed.

    Multiply the first number by the second number.
    Subtract the third number from the result.

A step names numbers by the order in which a text has them, earlier results, or
a constant in words.  It holds no figures, so it fits every text of its kind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

_ORDINALS: Final = ("first", "second", "third", "fourth", "fifth", "sixth")
_CONSTANTS: Final = {"two": 2, "three": 3, "seven": 7, "one hundred": 100}


@dataclass(frozen=True, slots=True)
class _Verb:
    """What a verb does with its two operands, in the order in which the sum is written."""

    joint: str
    sign: str
    opposite: str
    swapped: bool
    apply: Callable[[Fraction, Fraction], Fraction]


# "Subtract a from b" is b - a, and "add a to b" reads best as b + a.
_VERBS: Final = {
    "add": _Verb("to", "+", "subtract", swapped=True, apply=lambda one, other: one + other),
    "subtract": _Verb("from", "-", "add", swapped=True, apply=lambda one, other: one - other),
    "multiply": _Verb("by", "*", "divide", swapped=False, apply=lambda one, other: one * other),
    "divide": _Verb("by", "/", "multiply", swapped=False, apply=lambda one, other: one / other),
}
_STEP: Final = re.compile(r"(?P<verb>\w+) (?P<one>.+) (?P<joint>to|from|by) (?P<other>.+?)\.?")
_NUMBER: Final = re.compile(r"the (\w+) number")
_RESULT: Final = re.compile(r"the result of the (\w+) step")


@dataclass(frozen=True, slots=True)
class Worked:
    """One step carried out: the sum as it would be written down, and what comes out."""

    sum: str
    result: Fraction


def carried_out(steps: Sequence[str], numbers: Sequence[int]) -> list[Worked] | None:
    """Follow `steps` over `numbers`.

    Returns:
        The steps as they were worked, or `None` if there is none or one of them
        cannot be followed: it is not in the controlled English, names a number
        that is not there, or divides by zero.

    Examples:
        >>> for worked in carried_out(
        ...     ["Multiply the first number by the second number.", "Divide the result by two."],
        ...     [6, 7],
        ... ):
        ...     print(worked.sum)
        6 * 7 = 42
        42 / 2 = 21
        >>> carried_out(["Think hard."], [6, 7])
    """
    done: list[Worked] = []
    for step in steps:
        worked = _worked(step.strip(), numbers, done)
        if worked is None:
            return None
        done.append(worked)
    return done or None


def with_a_slip(steps: Sequence[str]) -> tuple[str, ...]:
    """Return `steps` with a typical mistake: the last one does the opposite.

    Examples:
        >>> with_a_slip(["Subtract the second number from the first number."])
        ('Add the second number to the first number.',)
    """
    *right, last = steps
    found = _STEP.fullmatch(last)
    if found is None:
        msg = f"{last!r} is not a step in the controlled English."
        raise ValueError(msg)
    verb = _VERBS[found["verb"].lower()].opposite
    wrong = f"{verb.capitalize()} {found['one']} {_VERBS[verb].joint} {found['other']}."
    return (*right, wrong)


def written(number: Fraction) -> str:
    """Return `number` as people write it, with two decimals at most.

    Examples:
        >>> written(Fraction(42)), written(Fraction(1, 3)), written(Fraction(5, 2))
        ('42', '0.33', '2.5')
    """
    if number.denominator == 1:
        return str(number.numerator)
    return f"{float(number):.2f}".rstrip("0").rstrip(".")


def _worked(step: str, numbers: Sequence[int], done: Sequence[Worked]) -> Worked | None:
    found = _STEP.fullmatch(step)
    verb = _VERBS.get(found["verb"].lower()) if found else None
    if found is None or verb is None or found["joint"] != verb.joint:
        return None
    one, other = _operand(found["one"], numbers, done), _operand(found["other"], numbers, done)
    if one is None or other is None:
        return None
    if verb.swapped:
        one, other = other, one
    if verb.sign == "/" and other == 0:
        return None
    result = verb.apply(one, other)
    return Worked(f"{written(one)} {verb.sign} {written(other)} = {written(result)}", result)


def _operand(phrase: str, numbers: Sequence[int], done: Sequence[Worked]) -> Fraction | None:
    """Return what `phrase` stands for, or `None` if it stands for nothing here."""
    results = [worked.result for worked in done]
    if phrase in _CONSTANTS:
        return Fraction(_CONSTANTS[phrase])
    if found := _NUMBER.fullmatch(phrase):
        return _at(found[1], [Fraction(number) for number in numbers])
    if phrase == "the result":
        return results[-1] if results else None
    if found := _RESULT.fullmatch(phrase):
        return _at(found[1], results)
    return None


def _at(ordinal: str, values: Sequence[Fraction]) -> Fraction | None:
    place = _ORDINALS.index(ordinal) if ordinal in _ORDINALS else len(values)
    return values[place] if place < len(values) else None
