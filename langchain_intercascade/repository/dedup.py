"""Do two strategies teach the same?  A ladder: equal text, near in query and words, a question.

Merging too little costs tokens; merging too much costs a strategy.  So only what
is certain is merged, what is likely is proposed to people, and strategies whose
numbers, order or direction differ are never merged, however much they share.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from langchain_intercascade.repository.lexical import overlap, words
from langchain_intercascade.strategy import normalised

if TYPE_CHECKING:
    from langchain_intercascade.strategy import Advice, Strategy

SAME_QUERY: Final = 0.95
"""Cosine from which on two queries count as one, up to names and numbers."""

LIKE_QUERY: Final = 0.85
"""Cosine from which on a likeness of two strategies is put to people."""

SAME_WORDS: Final = 0.6
"""Share of common words from which on two pieces of advice may say the same."""

LIKE_WORDS: Final = 0.4
"""The same, for a proposal."""

SAME_KIND: Final = 0.75
"""Share of common words in title and "Use when" from which on two tell of one kind of problem."""

Relation: TypeAlias = Literal["same", "alike", "different"]

# What turns a piece of advice into another one with hardly another word: numbers, places in an
# order, denials, and directions.  These cut-offs and words are judgement, not measurement.
_DECISIVE: Final = frozenset(
    (
        # The "t" is what is left of "don't" and its like.
        *("no", "not", "never", "without", "except", "unless", "neither", "nor", "avoid", "ignore"),
        *("t", "cannot", "always", "only", "instead", "other", "rather", "stop", "skip"),
        *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
        *("first", "second", "third", "fourth", "fifth", "sixth", "last", "next", "previous"),
        *("half", "twice", "hundred", "thousand", "sum", "difference", "product", "quotient"),
        *("plus", "minus", "times", "numerator", "denominator", "odd", "even", "row", "column"),
        *("more", "less", "fewer", "greater", "smaller", "larger", "bigger", "higher", "lower"),
        *("most", "least", "max", "min", "maximum", "minimum", "highest", "lowest"),
        *("longest", "shortest", "largest", "smallest", "early", "late", "earlier", "later"),
        *("before", "after", "above", "below", "left", "right", "up", "down", "from", "to"),
        *("start", "end", "begin", "beginning", "top", "bottom", "upper", "over", "under"),
        *("and", "or", "all", "any", "none", "some", "true", "false", "yes", "valid", "invalid"),
        *("forward", "backward", "forwards", "backwards", "clockwise", "same", "positive"),
        *("opposite", "towards", "away", "cheaper", "dearer", "gain", "loss", "negative"),
        *("inside", "outside", "in", "out", "on", "off", "north", "south", "east", "west"),
        # Denials in other languages; most of the rest is English only.
        *("nicht", "kein", "keine", "ohne", "nie", "pas", "jamais", "sans", "nunca", "sin"),
        *("non", "mai", "senza", "não", "sem", "niet", "geen", "zonder"),
    )
)
_DECISIVE_STEMS: Final = (
    *("add", "subtract", "multipl", "divid", "increas", "decreas", "doubl", "halv", "tripl"),
    *("ascend", "descend", "includ", "exclud", "anticlock", "counterclock"),
)
# A number with its sign, but no ordinal.
_NUMBER: Final = re.compile(r"(?:(?<!\w)-)?\b\d+(?:[.,]\d+)*\b")
# A minus is a decisive sign, a hyphen is not.
_SIGN: Final = re.compile(r"[<>\u2264\u2265=\u2260+\u00d7\u00f7*/^%]|(?<!\w)-(?=\w)|(?<=\s)-(?=\s)")


def relation(one: Strategy, other: Strategy, *, similarity: float) -> Relation:
    """Say whether two strategies of one tenant teach the same.

    Args:
        one: A strategy with advice.
        other: Another.
        similarity: The cosine of their nearest keys.

    Returns:
        `"same"`: they may be merged.  `"alike"`: people should look.  `"different"`.
    """
    if one.advice is None or other.advice is None or one.kind is not other.kind:
        return "different"
    if other.id in one.distinct_from or one.id in other.distinct_from:
        return "different"
    if _said(one.advice) == _said(other.advice):
        return "same"
    if contradict(one.advice.text(), other.advice.text()):
        return "different"
    shared = overlap(one.advice.text(), other.advice.text())
    if similarity >= SAME_QUERY and shared >= SAME_WORDS:
        return "same"
    return "alike" if similarity >= LIKE_QUERY and shared >= LIKE_WORDS else "different"


def rivals(one: Strategy, other: Strategy, *, similarity: float) -> bool:
    """Say whether two strategies tell of one kind of problem, and not the same about it.

    At least one of them is then wrong.  They are known by how they say the kind is
    recognised, or by queries that are one but for names and numbers.

    Args:
        one: A strategy with advice.
        other: Another.
        similarity: The cosine of their nearest keys.
    """
    if one.advice is None or other.advice is None or _said(one.advice) == _said(other.advice):
        return False
    texts = _recognised(one.advice), _recognised(other.advice)
    one_kind = overlap(*texts) >= SAME_KIND and not contradict(*texts)
    return one_kind or similarity >= SAME_QUERY


def same_question(one: str, other: str) -> bool:
    """Say whether two near-equal queries ask the same but for their names and numbers.

    Examples:
        >>> same_question("Is 12 more than 7?", "Is 9 more than 8?")
        True
        >>> same_question("Is 12 more than 7?", "Is 12 less than 7?")
        False
    """
    return _turns(one) == _turns(other)


def contradict(one: str, other: str) -> bool:
    """Say whether numbers, order, denials or directions of two texts differ.

    Examples:
        >>> contradict("Subtract the first from the second.", "Subtract the second from the first.")
        True
        >>> contradict("Find both prices, then add them.", "Look up both prices and then add them.")
        True
        >>> contradict("Find both prices, then add them.", "Find the two prices; add them.")
        True
        >>> contradict("Find both prices, then add them.", "Look for both prices, then add these.")
        False
    """
    return _decisive(one) != _decisive(other)


@lru_cache(maxsize=512)
def _decisive(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the words and the signs of `text` that decide, in order."""
    deciding = tuple(word for word in words(text) if _decides(word))
    return deciding, tuple(_SIGN.findall(text))


def _turns(query: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what decides in a query without its numbers, which a strategy does not hold."""
    return _decisive(_NUMBER.sub(" ", query))


def _decides(word: str) -> bool:
    return word in _DECISIVE or word.startswith(_DECISIVE_STEMS) or any(map(str.isdigit, word))


def _recognised(advice: Advice) -> str:
    return f"{advice.title}\n{advice.when_to_use}"


def _said(advice: Advice) -> str:
    return normalised(advice.text())
