"""May this strategy enter? The leak guard: advice must not carry the query's literals.

Similar queries have *different* answers: in GSM-Plus, variants at cosine .93 to
.99 of their seed differ in 91 to 100 % of the answers.  A strategy that carries
an old answer invites the weak model to copy it.  The guard is deterministic.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from langchain_intercascade import prompts
from langchain_intercascade.errors import LessonRejectedError
from langchain_intercascade.strategy import Strategy, normalised

NGRAM: Final = 8
"""Words in a row that advice may not share with the query or the answer."""

LONG_DIGITS: Final = 4
"""Digits in a number from which on it is taken for a literal of the query."""

_SECRETS: Final = re.compile(
    # What keys of common services look like, tokens of the web, and private keys.
    r"\b(?:sk|pk|rk|ghp|gho|ghs|glpat|xox[abprs]|AKIA|ASIA|AIza|hf|npm)[-_]?[A-Za-z0-9_\-]{16,}"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|(?i:\b(?:password|passwd|secret|api[-_ ]?key|token)\b\s*[:=]\s*\S{4,})"
)
_PERSONAL: Final = re.compile(
    r"[\w.+-]+@[\w-]+\.[\w.]+"  # an e-mail address
    r"|(?<![\w.])\+?\(?\d{1,4}\)?(?:[ ./-]\(?\d{2,4}\)?){2,5}(?!\w)"  # a phone or card number
    r"|\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}\b|\b\d{3}-\d{2}-\d{4}\b"  # a bank or social number
)
_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)*")
_FINAL: Final = re.compile(r"(?:answer|result)\s*(?:is|=|:)\s*(.+?)(?:[.\n]|$)|####\s*(\S+)")


def check_secrets(text: str) -> None:
    """Refuse text that holds what looks like a key, a password, or somebody's personal numbers.

    Raises:
        LessonRejectedError: It does; the message names the kind, not the text.

    Examples:
        >>> check_secrets("Write to the owner.")
        >>> check_secrets("Write to ines@example.com.")
        Traceback (most recent call last):
        ...
        langchain_intercascade.errors.LessonRejectedError: it holds what looks like personal data
    """
    if _SECRETS.search(text):
        msg = "it holds what looks like a key or a password"
        raise LessonRejectedError(msg)
    if _PERSONAL.search(text):
        msg = "it holds what looks like personal data"
        raise LessonRejectedError(msg)


def holds_strategies(*texts: str) -> bool:
    """Say whether a text holds a block of strategies as the weak model is shown them.

    What was learned once must not be learned again from itself.
    """
    return any(prompts.STRATEGIES_MARK in text for text in texts)


def check_leaks(candidate: Strategy) -> None:
    """Refuse advice that carries the final answer, long numbers or phrases of its source.

    Raises:
        LessonRejectedError: It does; the message names the kind of leak, not the text.
    """
    if candidate.advice is None or candidate.lesson is None:
        msg = "there is no advice to check, or no lesson to check it against"
        raise LessonRejectedError(msg)
    check_secrets(candidate.advice.text())
    advice = normalised(candidate.advice.text())
    query, answer = normalised(candidate.lesson.query), normalised(candidate.lesson.answer)
    if final_answer(answer) and _holds(advice, final_answer(answer)):
        msg = "it holds the final answer"
    elif _long_numbers(advice) & (_long_numbers(query) | _long_numbers(answer)):
        msg = "it holds a long number of its source"
    elif _ngrams(advice) & (_ngrams(query) | _ngrams(answer)):
        msg = f"it shares {NGRAM} words in a row with its source"
    else:
        return
    raise LessonRejectedError(msg)


def final_answer(answer: str) -> str:
    """Return what `answer` concludes with, if it can be told, else "".

    Looked for are "the answer is ...", "#### ...", and an answer that is itself
    no longer than a few words.  Single letters and one-digit numbers are not
    told: they occur in any text.

    Examples:
        >>> final_answer("so we add. the answer is 42.")
        '42'
        >>> final_answer("paris"), final_answer("b")
        ('paris', '')
    """
    found = [one or other for one, other in _FINAL.findall(answer)]
    short = answer if len(answer.split()) <= 3 else ""  # noqa: PLR2004 - "a few words"
    told = (found[-1] if found else short).strip(" .*$")
    return told if len(told) > 1 else ""


def _holds(text: str, literal: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(literal)}(?!\w)", text) is not None


def _long_numbers(text: str) -> set[str]:
    digits = (re.sub(r"\D", "", found) for found in _NUMBER.findall(text))
    return {number for number in digits if len(number) >= LONG_DIGITS}


def _ngrams(text: str) -> set[tuple[str, ...]]:
    return set(_runs(re.findall(r"\w+", text)))


def _runs(words: list[str]) -> Iterator[tuple[str, ...]]:
    return (tuple(words[i : i + NGRAM]) for i in range(len(words) - NGRAM + 1))
