"""What an answer comes down to, and whether two come down to the same.

For answers that end in a number, a choice, a word or JSON that can be seen in the
text; for free text it cannot, and saying so is better than guessing.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final, NamedTuple

from langchain_intercascade.strategy import normalised

CLOSE: Final = Fraction(1, 1_000_000)
"""Relative difference up to which two numbers are the same: rounding of the last digit written.

It is not for whole numbers, which nobody rounds: 1000001 is not 1000000.
"""

A_FEW_WORDS: Final = 5
"""An answer of no more words than this is taken to be nothing but the answer."""

_CONCLUSIONS: Final = (
    re.compile(r"\\boxed\{([^{}]*)\}"),
    re.compile(r"####\s*(.+)"),
    # The last sentence that begins like this wins; "the answer is A because..." ends at the word.
    re.compile(
        r"\banswer\s*(?:is|:|=)\s*:?\s*(.+?)(?=\.\s|\.?$|\n|,? because\b)",
        re.IGNORECASE | re.MULTILINE,
    ),
)
_CHOICE: Final = re.compile(r"\(?([A-Ja-j])\)?(?:[.:)](?:\s.*)?)?", re.DOTALL)
# Commas stand between thousands only: "2,3" is a list, or a decimal comma, not 23.  Exponents of
# three digits and more are no answer, and writing 1e999999999 out would take for ever.
_NUMBER: Final = re.compile(
    r"(?P<sign>[-+]?)(?:\d+/0*[1-9]\d*|(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[-+]?\d{1,2})?)",
    re.IGNORECASE,
)
_QUANTITY: Final = re.compile(
    rf"[^\w+-]*(?P<number>{_NUMBER.pattern})\s*(?P<unit>(?:%|[a-z°$€£]+\.?)?)", re.IGNORECASE
)
_QUANTITY_LENGTH: Final = 200
"""Longer texts are no number with a unit, and would be slow to try."""
_SCALES: Final = {
    "dozen": 12,
    "hundred": 100,
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
}


def same_answer(one: str, other: str) -> bool | None:
    """Say whether two answers conclude the same; `None` if that cannot be seen.

    It cannot where one of them has no conclusion, where a letter meets an option's text,
    where units differ, and where the same words have other signs between them.

    Examples:
        >>> same_answer("1,200 pens", "1200.0"), same_answer("1,200", "1201")
        (True, False)
        >>> same_answer("5 am", "5 pm"), same_answer("x + 1", "x - 1"), same_answer("(B)", "Rome")
        (None, None, None)
    """
    if normalised(one) == normalised(other):
        return True if normalised(one) else None
    first, second = conclusion(one), conclusion(other)
    if not first or not second:
        return None
    for read, compare in _READINGS:
        found = read(first), read(second)
        if None not in found:
            return compare(*found)
        if read is _as_choice and any(found):
            return None
    return _same_words(first, second)


def conclusion(answer: str) -> str:
    """Return what `answer` comes down to, if it can be told, else "".

    Looked for are a box, "####", "the answer is ...", JSON, and an answer of no
    more than a few words.

    Examples:
        >>> conclusion("Let us add. The answer is 42."), conclusion("Paris")
        ('42', 'Paris')
        >>> conclusion("It depends on many things, and nobody knows all of them.")
        ''
    """
    plain = answer.strip()
    for pattern in _CONCLUSIONS:
        if found := pattern.findall(plain):
            return str(found[-1]).strip(" .*$`\"'")
    if _as_json(plain) is not None or len(plain.split()) <= A_FEW_WORDS:
        return plain.strip(" .*$`\"'")
    return ""


class _Quantity(NamedTuple):
    value: Fraction
    unit: str


_TOO_DEEP: Final = object()
"""Stands for JSON that is nested more deeply than Python can read."""


def _as_json(text: str) -> Any:
    """Return the object or list that `text` is, if it is one."""
    if not text.startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except RecursionError:  # "[[[[..."
        return _TOO_DEEP
    except ValueError:
        return None


def _as_choice(text: str) -> str | None:
    """Return the letter, if `text` is a choice such as "(B)" or "B. Because of..."."""
    found = _CHOICE.fullmatch(text.strip())
    return found[1].upper() if found else None


def _as_quantity(text: str) -> _Quantity | None:
    """Return the number and its unit, if `text` is a number with at most a unit around it."""
    found = _QUANTITY.fullmatch(text.strip()) if len(text) <= _QUANTITY_LENGTH else None
    if found is None:
        return None
    value = Fraction(found["number"].replace(",", ""))
    unit = found["unit"].casefold().strip(".")
    if unit in _SCALES:
        return _Quantity(value * _SCALES[unit], "")
    return _Quantity(value, unit if len(unit) == 1 else unit.removesuffix("s"))


def _same_json(one: Any, other: Any) -> bool | None:
    if one is _TOO_DEEP or other is _TOO_DEEP:
        return None
    try:
        return bool(one == other)
    except RecursionError:
        return None


def _same_quantity(one: _Quantity, other: _Quantity) -> bool | None:
    if one.unit and other.unit and one.unit != other.unit:
        return None  # an hour may be 60 minutes, and 5 am is not 5 pm
    if one.value.denominator == other.value.denominator == 1:
        return one.value == other.value
    return abs(one.value - other.value) <= CLOSE * max(abs(one.value), abs(other.value))


def _same_words(one: str, other: str) -> bool | None:
    """Compare the words; where only the signs between them differ, it cannot be told."""
    first, second = _words(one), _words(other)
    if not first or not second:
        return None
    return False if first != second else _signs(one) == _signs(other) or None


def _words(text: str) -> list[str]:
    return [word for word in re.findall(r"\w+", normalised(text)) if word not in _ARTICLES]


def _signs(text: str) -> list[str]:
    """Return the signs that may change what words mean: not punctuation, except inside numbers."""
    return re.findall(r"(?<=\d)[.,:](?=\d)|(?<!\w)-|-(?!\w)|[^\w\s.,:;!?\"'()`*$-]", text)


_ARTICLES: Final = frozenset({"a", "an", "the"})


_READINGS: Final[tuple[tuple[Callable[[str], Any], Callable[[Any, Any], bool | None]], ...]] = (
    (_as_json, _same_json),
    (_as_choice, operator.eq),
    (_as_quantity, _same_quantity),
)
