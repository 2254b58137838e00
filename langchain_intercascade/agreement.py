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
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, ClassVar, Final

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.runnables import Runnable

from langchain_intercascade import prompts
from langchain_intercascade._steps import QUIET, Fault, Steps, ask, attempt, either
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.strategy import normalised

CLOSE: Final = 1e-6
"""Relative difference up to which two numbers are the same: rounding of the last digit written."""

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
_CHOICE: Final = re.compile(r"\(?([A-Ja-j])\)?(?:[.:)].*)?")
_NUMBER: Final = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?", re.IGNORECASE)
_UNITS: Final = re.compile(r"^[^\w\d+-]*|\s*(?:%|[a-z°$€£]+\.?)$", re.IGNORECASE)


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
        return same_answer(one, other)
        yield  # pragma: no cover - a step that asks nobody


class JudgeAgreement(Agreement):
    """Asks a model whether two answers say the same; anything but yes or no is "cannot tell"."""

    method: ClassVar[str] = "judge"

    def __init__(self, judge: Runnable[Any, AIMessage]) -> None:
        """Ask `judge`."""
        self._judge = judge

    def judging(self, query: str, one: str, other: str) -> Steps[bool | None]:
        """Ask once; a judge that fails cannot tell."""
        text = prompts.JUDGE.format(query=query, one=one, other=other)
        prompt = [SystemMessage(prompts.JUDGE_SYSTEM), HumanMessage(text)]
        reply = yield from attempt(ask(self._judge, prompt, run_name="judge", tags=[QUIET]))
        if isinstance(reply, Fault):
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
        """Call the function; what is not a truth value is "cannot tell"."""
        verdict = yield from calling(self._function, query, one, other)
        return verdict if isinstance(verdict, bool) else None


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
    """Call a function of the user's, which may be a coroutine function, as one step."""

    async def awaited() -> Any:
        found = function(*arguments)
        return await found if inspect.isawaitable(found) else found

    def blocking() -> Any:
        if inspect.iscoroutinefunction(function):
            return asyncio.run(awaited())
        return function(*arguments)

    return either(blocking, awaited)


def same_answer(one: str, other: str) -> bool | None:
    """Say whether two answers conclude the same; `None` if one of them has no conclusion to see."""
    if normalised(one) == normalised(other):
        return True if normalised(one) else None
    first, second = conclusion(one), conclusion(other)
    if not first or not second:
        return None
    for read in (_as_json, _as_choice, _as_number):
        found = read(first), read(second)
        if None not in found:
            return _equal(*found)
    return _as_words(first) == _as_words(second)


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


def _as_json(text: str) -> Any:
    """Return the object or list that `text` is, if it is one."""
    if not text.startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def _as_choice(text: str) -> str | None:
    """Return the letter, if `text` is a choice such as "(B)" or "B. Because of..."."""
    found = _CHOICE.fullmatch(text.strip())
    return found[1].upper() if found else None


def _as_number(text: str) -> Fraction | None:
    """Return the number, if `text` is one with at most a unit around it."""
    plain = _UNITS.sub("", text.strip()).strip()
    found = _NUMBER.fullmatch(_UNITS.sub("", plain))
    try:
        return Fraction(found[0].replace(",", "")) if found else None
    except (ValueError, OverflowError):
        return None


def _as_words(text: str) -> Sequence[str]:
    return [word for word in re.findall(r"\w+", normalised(text)) if word not in _ARTICLES]


_ARTICLES: Final = frozenset({"a", "an", "the"})


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, Fraction) and isinstance(other, Fraction):
        return math.isclose(one, other, rel_tol=CLOSE, abs_tol=0.0)
    return bool(one == other)
