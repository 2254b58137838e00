"""This is where answers are judged: by what they conclude, by a pattern, or by a model.

All compare the answer with the one that is known, with the readings of `agreement`, so
that "1,200 pens", "1200.0" and "#### 1200" are one number here as they are in a cascade.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from langchain_intercascade._steps import run
from langchain_intercascade.agreement import JudgeAgreement
from langchain_intercascade.conclusion import conclusion, same_answer
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.evaluation.arms import Grade, Grader, Question
from langchain_intercascade.reply import said
from langchain_intercascade.strategy import normalised

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable

Verdict: TypeAlias = "Callable[[str, str], bool | None]"
"""Says of an answer and the known one whether it is right; `None`: cannot tell."""

UNTOLD: Final = "untold"
"""Why a grade is an assumption: nobody could tell, so the answer counts as wrong."""

GRADERS: Final = ("auto", "exact", "numeric", "choice", "contains", "regex:PATTERN", "judge:MODEL")

_NUMBER: Final = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:/\d+)?")
_CHOICE: Final = re.compile(r"\(?([A-Ja-j])\)?(?:[.:)](?:\s.*)?)?", re.DOTALL)
# "I" and "A" that stand alone are words more often than choices.
_LETTERS: Final = (
    re.compile(r"\(([A-J])\)"),
    re.compile(r"(?<![\w'])([B-HJ])(?![\w'])|(?<![\w'])(A)(?=[.,:;)]|$)"),
)


def grader_of(name: str, judge: Callable[[str], Runnable[Any, AIMessage]] | None = None) -> Grader:
    """Return the grader called `name`.

    Args:
        name: One of `GRADERS`: `"auto"` compares what both come down to, whatever that is;
            `"exact"` the whole text, but for case and spacing; `"numeric"` the number that is
            concluded, else the last one; `"choice"` the letter, likewise; `"contains"` looks
            for the known answer in the text; `"regex:PATTERN"` compares what the last match
            (its first group, if it has one) says; `"judge:MODEL"` asks a model.
        judge: Makes the model of a `"judge:..."` out of its name.

    Raises:
        ConfigurationError: There is no such grader, its pattern is none, or nobody can make
            the judge.
    """
    kind, _, rest = name.partition(":")
    if kind == "judge" and rest and judge is not None:
        return judged_by(judge(rest))
    if kind == "regex" and rest:
        return by(_by_pattern(rest))
    if name in _BY_NAME:
        return by(_BY_NAME[name])
    msg = f"There is no grader {name!r}: there are {', '.join(GRADERS)}."
    raise ConfigurationError(msg)


def by(verdict: Verdict) -> Grader:
    """Return the grader that counts an answer as right if `verdict` says so.

    A question whose right answer is not known cannot be graded.

    Examples:
        >>> from langchain_core.messages import AIMessage
        >>> grade = by(lambda answer, known: known in answer)
        >>> grade(Question((), answer="4"), AIMessage("It is 4."))
        Grade(correct=True, assumed='')
    """

    def grade(question: Question, answer: AIMessage) -> Grade:
        found = verdict(said(answer), _known(question))
        return Grade(correct=bool(found), assumed=UNTOLD if found is None else "")

    return grade


def judged_by(model: Runnable[Any, AIMessage]) -> Grader:
    """Return the grader that asks `model` whether an answer says the same as the known one."""
    agreement = JudgeAgreement(model)

    def grade(question: Question, answer: AIMessage) -> Grade:
        asked = question.messages[-1].text
        found = run(agreement.judging(asked, said(answer), _known(question)))
        return Grade(correct=bool(found), assumed=UNTOLD if found is None else "")

    return grade


def _known(question: Question) -> str:
    if question.answer is None:
        msg = (
            "A question has no known answer, so nothing can be measured with it: "
            f"{question.messages[-1].text[:80]!r}. Give it an `answer`, or leave it out."
        )
        raise ConfigurationError(msg)
    return question.answer


def numeric(answer: str, known: str) -> bool:
    """Compare the numbers: the one that is concluded, else the last.

    Examples:
        >>> numeric("3 * 4 = 12, so 12 pens it is", "#### 12"), numeric("none", "12")
        (True, False)
    """
    found, right = _number(answer), _number(known)
    return bool(found and right and same_answer(found, right))


def choice(answer: str, known: str) -> bool:
    """Compare the letters: the one that is concluded, else the last that stands there as a choice.

    Examples:
        >>> choice("The answer is (b).", "B"), choice("A is wrong, so B", "B"), choice("?", "B")
        (True, True, False)
    """
    right = _letter(known)
    return bool(right) and _letter(answer) == right


def contains(answer: str, known: str) -> bool:
    """Say whether the known answer stands in the text, as whole words.

    Examples:
        >>> contains("It is Paris, of course.", "paris"), contains("Comparison", "paris")
        (True, False)
    """
    wanted = normalised(known)
    return re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", normalised(answer)) is not None


def _exact(answer: str, known: str) -> bool:
    return normalised(answer) == normalised(known)


def _auto(answer: str, known: str) -> bool | None:
    return same_answer(answer, known)


def _by_pattern(text: str) -> Verdict:
    try:
        pattern = re.compile(text)
    except re.error as error:
        msg = (
            f"regex:{text} is no regular expression ({error}): give one that Python's `re` takes, "
            "such as regex:#### (.*)."
        )
        raise ConfigurationError(msg) from error

    def verdict(answer: str, known: str) -> bool:
        found = list(pattern.finditer(answer))
        if not found:
            return False
        told = found[-1][1 if pattern.groups else 0] or ""
        return bool(same_answer(told, known))

    return verdict


def _letter(text: str) -> str:
    """Return the choice that `text` comes down to; empty if there is none."""
    if found := _CHOICE.fullmatch(conclusion(text) or text.strip()):
        return found[1].upper()
    for pattern in _LETTERS:
        if matches := list(pattern.finditer(text)):
            return str(next(filter(None, matches[-1].groups())))
    return ""


def _number(text: str) -> str:
    """Return the number that `text` concludes with, else the last one in it; empty if none.

    A conclusion may go on ("41, not 42"), so its first number counts, but for those of a sum.
    """
    if found := _NUMBER.search(conclusion(text).rpartition("=")[2]):
        return found[0]
    every = _NUMBER.findall(text)
    return str(every[-1]) if every else ""


_BY_NAME: Final[dict[str, Verdict]] = {
    "auto": _auto,
    "exact": _exact,
    "numeric": numeric,
    "choice": choice,
    "contains": contains,
}
