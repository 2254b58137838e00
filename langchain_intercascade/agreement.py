"""Do two answers to one query say the same?

Whether the weak answer is right is told by what the strong model, or somebody
who knows, has answered.  For answers that end in a number, a choice, a word or
JSON that can be seen in the text; for free text it cannot, and saying so is
better than guessing.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import operator
import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from fractions import Fraction
from typing import Any, ClassVar, Final, NamedTuple

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.runnables import Runnable

from langchain_intercascade import prompts
from langchain_intercascade._steps import QUIET, Fault, Steps, ask, attempt, either, nothing
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.strategy import normalised

logger = logging.getLogger(__name__)

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


class Agreement(ABC):
    """Judges whether two answers say the same."""

    method: ClassVar[str]
    """Its name, for records."""

    @abstractmethod
    def judging(self, query: str, one: str, other: str) -> Steps[bool | None]:
        """Say whether `one` and `other`, both answers to `query`, agree; `None`: cannot tell."""


class AnswerAgreement(Agreement):
    """Compares what two answers conclude with: a number, a choice letter, JSON, a few words.

    Examples:
        >>> same_answer("So 3 * 4 = 12. The answer is 12.", "It is 12 pens. #### 12.0")
        True
        >>> same_answer("The answer is (B).", "b")
        True
        >>> same_answer("Paris has old bridges.", "Rome was not built in a day, they say.") is None
        True
    """

    method: ClassVar[str] = "answer"

    def judging(self, query: str, one: str, other: str) -> Steps[bool | None]:
        """Compare the conclusions; `None` where one of the two has none."""
        del query
        yield from nothing()
        return same_answer(one, other)


class JudgeAgreement(Agreement):
    """Asks a model whether two answers say the same; anything but yes or no is "cannot tell"."""

    method: ClassVar[str] = "judge"

    def __init__(self, judge: Runnable[Any, AIMessage]) -> None:
        """Ask `judge`."""
        self._judge = judge

    def judging(self, query: str, one: str, other: str) -> Steps[bool | None]:
        """Ask once; a judge that fails cannot tell."""
        text = prompts.filled(prompts.JUDGE, query=query, one=one, other=other)
        prompt = [SystemMessage(prompts.JUDGE_SYSTEM), HumanMessage(text)]
        reply = yield from attempt(ask(self._judge, prompt, run_name="judge", tags=[QUIET]))
        if isinstance(reply, Fault):
            logger.warning(
                "The judge failed (%s), so it cannot tell.",
                str(reply),
                extra={"event": "judge_failed", "error": str(reply)},
            )
            return None
        said = re.findall(r"[a-z]+", reply.text.lower())
        return {"yes": True, "no": False}.get(said[-1] if said else "")


class FirstToTell(Agreement):
    """Asks one after the other until somebody can tell."""

    method: ClassVar[str] = "first to tell"

    def __init__(self, *agreements: Agreement) -> None:
        """Ask `agreements`, the cheapest first."""
        self._agreements = agreements

    def judging(self, query: str, one: str, other: str) -> Steps[bool | None]:
        """Return the first verdict there is."""
        for agreement in self._agreements:
            verdict = yield from agreement.judging(query, one, other)
            if verdict is not None:
                return verdict
        return None


class CallableAgreement(Agreement):
    """Wraps a function of query and two answers that returns `True`, `False` or `None`."""

    method: ClassVar[str] = "callable"

    def __init__(self, function: Callable[[str, str, str], Any]) -> None:
        """Ask `function`; a coroutine function is awaited, in either colour."""
        self._function = function

    def judging(self, query: str, one: str, other: str) -> Steps[bool | None]:
        """Call the function; one that fails, or returns no truth value, cannot tell."""
        verdict = yield from attempt(calling(self._function, query, one, other))
        if isinstance(verdict, Fault):
            logger.warning(
                "The agreement function failed (%s), so it cannot tell.",
                str(verdict),
                extra={"event": "agreement_failed", "error": str(verdict)},
            )
        return truth(verdict)


def as_agreement(given: Agreement | Callable[[str, str, str], Any] | None) -> Agreement:
    """Return `given` as an agreement; `AnswerAgreement()` if `None`.

    Raises:
        ConfigurationError: It is neither an agreement nor a function.
    """
    if given is None:
        return AnswerAgreement()
    if isinstance(given, Agreement):
        return given
    if callable(given):
        return CallableAgreement(given)
    msg = (
        f"agreement={given!r} cannot compare answers: give an Agreement, or a function of "
        "(query, one answer, other answer) that returns True, False or None."
    )
    raise ConfigurationError(msg)


def calling(function: Callable[..., Any], *arguments: Any) -> Steps[Any]:
    """Call a function of the user's, which may return an awaitable, as one step.

    Raises:
        RuntimeError: It returns an awaitable, but is called without `await` in a thread
            where an event loop is running, so that nobody can wait for it.
    """

    async def awaited() -> Any:
        found = function(*arguments)
        return await found if inspect.isawaitable(found) else found

    def blocking() -> Any:
        found = function(*arguments)
        return _waited_for(found) if inspect.isawaitable(found) else found

    return either(blocking, awaited)


def _waited_for(found: Awaitable[Any]) -> Any:
    async def waiting() -> Any:
        return await found

    try:
        asyncio.get_running_loop()
    except RuntimeError:  # as it should be
        return asyncio.run(waiting())
    if inspect.iscoroutine(found):
        found.close()  # or Python warns that nobody ever awaited it
    msg = "an async function cannot be waited for inside a running event loop: use `ainvoke` there"
    raise RuntimeError(msg)


def truth(value: Any) -> bool | None:
    """Return `value` if it is a truth value, NumPy's included; else `None`, for "cannot tell".

    Examples:
        >>> import numpy
        >>> truth(False), truth(numpy.bool_(False)), truth(0), truth("yes")
        (False, False, None, None)
    """
    if isinstance(value, bool):
        return value
    # Known by its name, because NumPy need not be imported for it.
    return bool(value) if type(value).__name__ in ("bool_", "bool") else None


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
