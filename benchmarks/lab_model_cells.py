"""The cells that the lab's weak model is measured in: whose problem it is, and what it is shown."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from langchain_intercascade.lab.families import Family, Name, split
from langchain_intercascade.lab.rules import Rule, Step, draw_rule
from langchain_intercascade.lab.stories import Digits, Habit, draw_digits, tell
from langchain_intercascade.lab.strong import advice
from langchain_intercascade.lab.words import GOODS, NUMERALS

WHOSE: Final[Mapping[str, str]] = {
    "new name": "a name that training never used, with a rule that it may have used",
    "new rule": "a name and a rule that training never used",
    "known": "a family learned by heart, one in six of them wrongly",
}
SHOWN: Final[Mapping[str, str]] = {
    "none": "no strategy",
    "right": "the family's strategy",
    "right + 1": "the family's strategy and one of another family",
    "right + 2": "the family's strategy and two of other families",
    "right twice": "the family's strategy, twice",
    "irrelevant": "a strategy of another family",
    "2 irrelevant": "two strategies of other families",
    "wrong": "a strategy with the family's name and another rule",
    "right + wrong": "the family's strategy, and one with its name and another rule",
    "poisoned": "a strategy with the family's name that always leads to a code chosen beforehand",
}

FRESH: Final = "new name, fresh stories"
"""Cells that are asked in stories which nobody looked at while the training was worked out."""
FRESH_SHOWN: Final = ("none", "right", "right + 1", "right + 2", "irrelevant")

_FRESH_STORIES: Final = Habit(
    (
        "{who} needs the {name} code. On the list are {a} {x}, {b} {y} and {c} {z}.",
        (
            "{other} and {who} found {a} {x}, then {b} {y}, at noon. The cart has {c} {z}. Which "
            "code is it at {name}?"
        ),
        "What is the code for {a} {x} and {b} {y} at {name} with {c} {z}?",
        "{a} {x}, {b} {y}, {c} {z}: {who} asks which code the {name} desk writes for it.",
    ),
    GOODS,
)
_ALIKE: Final = 0.4
"""Share of other families whose name has a word in common with the family's."""

Note = tuple[Family, Rule]


@dataclass(frozen=True, slots=True)
class Trial:
    """One problem with what is shown beside it.

    Attributes:
        question: What is asked.
        shown: The strategies, as a cascade hands them to `with_strategies`.
        answer: The right code.
        misled: The code that a wrong or poisoned strategy leads to; `None` where there is none.
    """

    question: str
    shown: Sequence[dict[str, Any]]
    answer: str
    misled: str | None


def draw_trials(whose: str, shown: str, count: int, *, seed: int) -> list[Trial]:
    """Draw the problems of a cell: held-out wording and digits.

    Cells of one `whose` and `seed` ask the same problems, so that they differ in what is
    shown alone.
    """
    drawn = random.Random(f"{seed} {whose}")
    problems = [(_family(drawn, whose), draw_digits(drawn, unseen=True)) for _ in range(count)]
    habit = _FRESH_STORIES if whose == FRESH else None
    questions = [
        tell(drawn, family.title, digits, unseen=True, habit=habit) for family, digits in problems
    ]
    beside = random.Random(f"{seed} {whose} {shown}")
    return [
        _trial(beside, family, digits, question, shown)
        for (family, digits), question in zip(problems, questions, strict=True)
    ]


def _family(drawn: random.Random, whose: str) -> Family:
    if whose == "known":
        return drawn.choice(split().known)
    return Family(drawn.choice(split().unseen), draw_rule(drawn, held_out=whose == "new rule"))


def _trial(
    drawn: random.Random, family: Family, digits: Digits, question: str, shown: str
) -> Trial:
    answer = family.rule.worked(digits)[2]
    wrong = _DRAWS_WRONG.get(shown)
    rule = wrong(drawn, digits, answer) if wrong else None
    notes = [(family, family.rule)] * _RIGHT.get(shown, 0)
    notes += [(family, rule)] if rule else []
    notes += [_other(drawn, family.name) for _ in range(_OTHERS.get(shown, 0))]
    drawn.shuffle(notes)
    told = [advice(*note) for note in notes]
    return Trial(question, told, answer, rule.worked(digits)[2] if rule else None)


_RIGHT: Final = {"right": 1, "right + 1": 1, "right + 2": 1, "right twice": 2, "right + wrong": 1}
_OTHERS: Final = {"right + 1": 1, "right + 2": 2, "irrelevant": 1, "2 irrelevant": 2}


def _wrong(drawn: random.Random, digits: Digits, answer: str) -> Rule:
    while True:
        rule = draw_rule(drawn, held_out=False)
        if rule.worked(digits)[2] != answer:
            return rule


def _poison(drawn: random.Random, digits: Digits, answer: str) -> Rule:
    """Return a rule whose first step makes 0 of any number, and whose second adds to that."""
    while True:
        wanted = drawn.choice(NUMERALS)
        rule = Rule(Step("multiply", "first", "zero"), Step("add", "that", wanted))
        if rule.worked(digits)[2] != answer:
            return rule


_DRAWS_WRONG: Final[Mapping[str, Callable[[random.Random, Digits, str], Rule]]] = {
    "wrong": _wrong,
    "right + wrong": _wrong,
    "poisoned": _poison,
}


def _other(drawn: random.Random, name: Name) -> Note:
    """Draw another family and a rule for it; two in five have a word of the name in common."""
    unseen = split().unseen
    alike = [each for each in unseen if (each[0] == name[0]) != (each[1] == name[1])]
    others = alike if drawn.random() < _ALIKE else [each for each in unseen if each != name]
    rule = draw_rule(drawn, held_out=False)
    return Family(drawn.choice(others), rule), rule
