"""This is where an arm gets its name on the page and the look of its line, the same everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from langchain_intercascade.evaluation.report import ARM_NAMES

LOOKS: Final = 8
"""How many looks the style sheet has: each a colour, and a dash or a width of its own."""

_ARMS: Final = {
    "cascade": ("cascade", 0),
    "cascade_plain": ("no strategies", 1),
    "weak_only": ("weak only", 2),
    "strong_only": ("strong only", 3),
    "cascade_random": ("random", 4),
    "few_shot": ("past answers", 5),
    "prompt_only": ("neutral", 6),
    "oracle": ("right family", 7),
    "weak_helped": ("always helped", 7),
}
"""Names short enough to stand beside a line; `ARM_NAMES` has the full ones."""

_LONGEST: Final = 16
"""More letters than this do not fit beside a line."""

MEANINGS: Final = {
    "cascade": "weak first, with strategies that fit; strong where the gate defers",
    "cascade_plain": "the same gate, but no strategies and no learning",
    "weak_only": "the weak model answers everything",
    "strong_only": "the strong model answers everything",
    "cascade_random": "strategies drawn by lot instead of those that fit",
    "few_shot": "past questions with their strong answers as examples, instead of strategies",
    "prompt_only": "a strategy that says nothing, to see what the prompt alone does",
    "oracle": "a strategy of the right family, every time",
    "weak_helped": "weak with a strategy of the right family every time, no gate",
}


class Look(NamedTuple):
    """How something is named and drawn: `number` is one of the style sheet's looks."""

    name: str
    number: int


def arm_look(arm: str) -> Look:
    """Return the look of an arm; one that is not known keeps its own name.

    Examples:
        >>> arm_look("cascade_plain")
        Look(name='no strategies', number=1)
        >>> arm_look("my_arm").name
        'my arm'
    """
    if arm in _ARMS:
        return Look(*_ARMS[arm])
    name = arm.replace("_", " ")
    short = name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return Look(short, sum(map(ord, arm)) % LOOKS)


def full_name(arm: str) -> str:
    """Return what an arm is called where there is room.

    Examples:
        >>> full_name("cascade_plain"), full_name("my_arm")
        ('cascade, no strategies', 'my arm')
    """
    return ARM_NAMES.get(arm, arm.replace("_", " "))


def run_looks(names: Sequence[str]) -> list[Look]:
    """Return a look for each run: a capital letter, in the order they were given.

    Examples:
        >>> [look.name for look in run_looks(["one.json", "two.json"])]
        ['A', 'B']
    """
    return [Look(letter(i), i % LOOKS) for i in range(len(names))]


def letter(place: int) -> str:
    """Return the letter of the run at `place`: A to Z, then A2 and so on."""
    turn, rest = divmod(place, 26)
    return chr(ord("A") + rest) + (str(turn + 1) if turn else "")
