"""May this strategy enter? The leak guard: advice must not carry the query's literals.

Similar queries have *different* answers: in GSM-Plus, variants at cosine .93 to
.99 of their seed differ in 91 to 100 % of the answers.  A strategy that carries
an old answer invites the weak model to copy it.  The guard is deterministic.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from langchain_intercascade import prompts
from langchain_intercascade.conclusion import conclusion
from langchain_intercascade.errors import LessonRejectedError
from langchain_intercascade.strategy import Strategy, normalised

NGRAM: Final = 8
"""Words in a row that advice may not share with the query or the answer."""

LONG_DIGITS: Final = 4
"""Digits in a number from which on it is taken for a literal of the query."""

# What keys of common services look like, tokens of the web, and private keys.  A word after a
# colon is a password only if it has a digit or a sign in it: "for each token: look it up".
# Everything here is bounded, or cannot begin within itself: what is checked may be a long text
# that was written to keep us busy.
_SECRETS: Final = re.compile(
    r"\b(?:(?:(?:sk|pk|rk|hf|npm)[-_]|gh[opsur]_|github_pat_|glpat-|xox[abprs]-|AIza)"
    r"[A-Za-z0-9_\-]{16,}|(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|eyJ[A-Za-z0-9_-]{8,1000}+\.[A-Za-z0-9_-]{8,4000}+\."
    r"|(?i:(?:password|passwd|secret|api[-_ ]?key|token)\b\s*[:=]\s*"
    r"(?=\S{0,200}[\d@#$%^&*!])\S{4}))|-----BEGIN [A-Z ]{0,40}PRIVATE KEY"
)
_PERSONAL: Final = re.compile(
    r"(?<![\w.+-])[\w.+-]++@[\w-]{1,63}\.\w"  # an e-mail address
    # Telephone numbers: with a country's code, in American groups, or with the 0 of an area in
    # front (and some digit above 1, or it is a binary number).
    r"|(?<!\w)\+(?=(?:\D?\D?\d){8})\d[\d ()./-]{6,20}\d"
    r"|(?<![\w.-])(?:1[-. ])?(?:\(\d{3}\) ?|\d{3}[-. ])\d{3}[-. ]\d{4}(?![\w-])"
    r"|(?<![\w.,-])\(?(?=0[01 /()-]{0,30}[2-9])(?=(?:\D?\D?\d){8})"
    r"0\d{2,4}\)?[ /-]?\d{2,}(?:[ -]?\d{2,}){0,3}(?!\w)"
    # A bank account, and an American social security number.
    r"|\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b|\b\d{3}-\d{2}-\d{4}\b"
)
_CARD: Final = re.compile(r"(?<![\w.])(?:\d[ -]?){12,18}\d(?!\w|\.\d)")
_DIGIT_OR_AT: Final = re.compile(r"[\d@]")
_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)*")
_FINAL: Final = re.compile(r"(?:answer|result)\s*(?:is|=|:)\s*(.+?)(?:\.(?!\d)|\n|$)|####\s*(\S+)")
_ANYWHERE: Final = frozenset(
    (
        *("yes", "no", "true", "false", "none", "both", "neither", "all", "valid", "invalid"),
        *("correct", "incorrect", "positive", "negative", "neutral", "unknown", "left", "right"),
        *("plausible", "implausible", "possible", "impossible", "even", "odd", "same", "different"),
    )
)
"""Answers that are one of a few: any advice on such questions has to name them."""


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
    # All of these have a digit in them, or the sign of an address.
    if not _DIGIT_OR_AT.search(text):
        return
    if _PERSONAL.search(text) or any(map(_is_card, _CARD.findall(text))):
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
    lesson, advice = candidate.lesson, candidate.advice.text()
    check_secrets(advice)
    if leak := _leak(normalised(advice), lesson.query, lesson.answer):
        raise LessonRejectedError(leak)


@lru_cache(maxsize=4)  # a candidate is held against its source before it is admitted, and then
def _leak(advice: str, asked: str, answered: str) -> str:
    """Say what of its source `advice` carries; empty if it carries nothing."""
    query, answer = normalised(asked), normalised(answered)
    finals = {final_answer(answer), _told(normalised(conclusion(answered)))}
    if any(_holds(advice, final) for final in finals - {""}):
        return "it holds the final answer"
    if _long_numbers(advice) & (_long_numbers(query) | _long_numbers(answer)):
        return "it holds a long number of its source"
    if _ngrams(advice) & (_ngrams(query) | _ngrams(answer)):
        return f"it shares {NGRAM} words in a row with its source"
    return ""


def final_answer(answer: str) -> str:
    """Return what `answer` concludes with, if it can be told, else "".

    Looked for are "the answer is ...", "#### ...", and an answer that is itself
    no longer than a few words.  Single letters, one-digit numbers and words such as
    "yes" are not told: they occur in any text.

    Examples:
        >>> final_answer("so we add. the answer is 42."), final_answer("the answer is 3.5.")
        ('42', '3.5')
        >>> final_answer("paris"), final_answer("b"), final_answer("the answer is no.")
        ('paris', '', '')
    """
    found = [one or other for one, other in _FINAL.findall(answer)]
    short = answer if len(answer.split()) <= 3 else ""  # noqa: PLR2004 - "a few words"
    return _told(found[-1] if found else short)


def _told(final: str) -> str:
    plain = final.strip(" .*$")
    return plain if len(plain) > 1 and plain not in _ANYWHERE else ""


def _is_card(digits: str) -> bool:
    """Say whether the check digit fits (the Luhn algorithm), as it does in one of ten numbers."""
    number = [int(digit) for digit in digits if digit.isdigit()][::-1]
    doubled = (sum(divmod(2 * digit, 10)) for digit in number[1::2])
    return len(set(number)) > 1 and (sum(number[::2]) + sum(doubled)) % 10 == 0


def _holds(text: str, literal: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(literal)}(?!\w)", text) is not None


def _long_numbers(text: str) -> set[str]:
    digits = (re.sub(r"\D", "", found) for found in _NUMBER.findall(text))
    return {number for number in digits if len(number) >= LONG_DIGITS}


def _ngrams(text: str) -> set[tuple[str, ...]]:
    return set(_runs(re.findall(r"\w+", text)))


def _runs(words: list[str]) -> Iterator[tuple[str, ...]]:
    return (tuple(words[i : i + NGRAM]) for i in range(len(words) - NGRAM + 1))
