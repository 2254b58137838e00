"""Text in tokens and back: one token per word, sign and digit."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import blake2b
from string import Formatter
from typing import Final

from langchain_intercascade.lab import stories, words

UNKNOWN: Final = "<unk>"
NOTE: Final = "<note>"
ASK: Final = "<ask>"
REPLY: Final = "<reply>"
END: Final = "<end>"
PAD: Final = "<pad>"
ANSWER: Final = "answer"
OPERANDS: Final = frozenset((*words.ORDINALS, *words.NUMERALS, "that"))
JOINT_OF: Final[Mapping[str, str]] = {"add": "to", "reduce": "by", "multiply": "by"}
"""The word between the operands of each operation."""

_PIECE: Final = re.compile(r"[^\W\d_]+|\d|[^\w\s]")
_FORM: Final = "notes, question, reply; rules without joints"
"""How prompts and replies are put together: weights trained for another form are of no use."""
_MARKS: Final = (PAD, UNKNOWN, NOTE, ASK, REPLY, END)
_SIGNS: Final = (".", ",", ":", ";", "?", "+", "-", "*", "=")
_JOINTS: Final = frozenset(("to", "by"))
_GRAMMAR: Final = ("add", "reduce", "multiply", "to", "by", "that", "answer")


@cache
def vocabulary() -> tuple[str, ...]:
    """Return all tokens; the place of each is its number."""
    told = (*stories.TOLD_IN_TRAINING, *stories.TOLD_ANEW, *stories.ASIDES, *stories.ASIDES_ANEW)
    literal = " ".join(text for story in told for text, *_ in Formatter().parse(story))
    fixed = (*_MARKS, *_SIGNS, *map(str, range(10)), *_GRAMMAR, *words.ORDINALS, *words.NUMERALS)
    lists = (*words.COLOURS, *words.PLACES, *words.PEOPLE, *words.GOODS)
    return tuple(dict.fromkeys((*fixed, *lists, *pieces(literal))))


@cache
def numbers() -> dict[str, int]:
    """Return the number of each token."""
    return {token: at for at, token in enumerate(vocabulary())}


def digest() -> str:
    """Return a fingerprint of vocabulary and form, to tell whether weights belong to them."""
    return blake2b("\n".join((_FORM, *vocabulary())).encode(), digest_size=8).hexdigest()


def pieces(text: str) -> list[str]:
    """Take `text` apart into lower-case words, signs and single digits.

    Examples:
        >>> pieces("Ada has 12 cups.")
        ['ada', 'has', '1', '2', 'cups', '.']
    """
    return _PIECE.findall(text.lower())


def encoded(tokens: Sequence[str]) -> list[int]:
    """Return the numbers of `tokens`; a word that is not in the vocabulary is `UNKNOWN`."""
    known, unknown = numbers(), numbers()[UNKNOWN]
    return [known.get(token, unknown) for token in tokens]


def rule_tokens(rule: str) -> list[str]:
    """Return the words of a rule that matter: without signs, and without "to" and "by".

    Examples:
        >>> rule_tokens("Add first to third; reduce that by seven.")
        ['add', 'first', 'third', 'reduce', 'that', 'seven']
    """
    return [token for token in pieces(rule) if token.isalnum() and token not in _JOINTS]


def prompt_tokens(notes: Sequence[tuple[str, str]], question: str) -> list[str]:
    """Return what the model reads: each note's name and rule, the question, and the sign to reply.

    Examples:
        >>> prompt_tokens([("Jade inn", "add first to third ; add that to one")], "Jade inn?")[:5]
        ['<note>', 'jade', 'inn', 'add', 'first']
    """
    told = [[NOTE, *pieces(name), *rule_tokens(rule)] for name, rule in notes]
    return [*(token for note in told for token in note), ASK, *pieces(question), REPLY]


def reply_tokens(name: str, rule: str, sums: tuple[str, str], code: str) -> list[str]:
    """Return what the model should say: the rule, the sums, the code."""
    worked = [*pieces(sums[0]), *pieces(sums[1])]
    return [*pieces(name), *rule_tokens(rule), *worked, ANSWER, *code, END]


def written(token: str, before: str, earlier: str) -> str:
    """Return how a token of a reply is written after the token `before` and the one before that.

    What is left out of the tokens because it is always the same stands in the text again, so
    that the texts of all tokens joined together are a reply that reads well.

    Examples:
        >>> said = ["jade", "inn", "add", "first", "third", "3", "+", "5", "=", "8", "answer", "8"]
        >>> "".join(map(written, said, ["", *said], ["", "", *said]))
        'jade inn: add first to third. 3 + 5 = 8. Answer: 8'
    """
    if not before:
        return token
    if token in JOINT_OF:
        return f"{';' if before in OPERANDS else ':'} {token}"
    if token in OPERANDS and earlier in JOINT_OF:
        return f" {JOINT_OF[earlier]} {token}"
    if token.isdigit() and (before in OPERANDS or before.isdigit()):
        return token if earlier == ANSWER else f"{'.' if before in OPERANDS else ';'} {token}"
    return ". Answer:" if token == ANSWER else f" {token}"
