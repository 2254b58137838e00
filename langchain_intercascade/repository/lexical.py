"""Words instead of vectors: how much two texts share, and BM25 over a handful of candidates.

Pure and cheap: a comparison takes microseconds, so it can be done for every hit
of every query.  What it sees is wording, not meaning: two strategies that say
the same in other words count as different, which costs some tokens, never an answer.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

SAME: Final = 0.6
"""Least `overlap` at which two pieces of advice can be taken to say the same.

Measured on worked explanations that a real model wrote for 18 families of
BIG-Bench-Hard (`benchmarks.retrieval`, `wording`): two of different families
overlap by .12 in the median and by .36 at the 99th percentile, two of one family by
.51 in the median.  So this misses many that say the same, and confuses next to none.
"""

# Chinese and Japanese put no spaces between words: there, each sign is one.
_SIGNS: Final = "\u3040-\u30ff\u3400-\u9fff"
_WORD: Final = re.compile(rf"[{_SIGNS}]|[^\W{_SIGNS}]+")

# The usual constants of BM25: "The Probabilistic Relevance Framework: BM25 and Beyond" by
# Robertson and Zaragoza, 2009.  The logarithm is the variant that cannot become negative.
_SATURATION: Final = 1.5
_LENGTH: Final = 0.75

RRF_CONSTANT: Final = 2
"""Added to each rank before it is inverted, as Qdrant does; ranks start at 0.

With 60, usual elsewhere, the ranks of a dozen candidates hardly differ, and the lexical ranking
overrules the dense one in spite of its smaller weight.
"""

DENSE_WEIGHT: Final = 3.0
"""What the dense ranking counts when the lexical one counts 1."""


def words(text: str) -> list[str]:
    """Return the words of `text`, evened out in case, width and Unicode form.

    Examples:
        >>> words("Error E-1042: can't OPEN the file.")
        ['error', 'e', '1042', 'can', 't', 'open', 'the', 'file']
    """
    plain = text.encode("utf-8", "replace").decode()
    return _WORD.findall(unicodedata.normalize("NFKC", plain).casefold())


def overlap(one: str, other: str) -> float:
    """Return the share of all different words of two texts that both have, in [0, 1].

    This is the Jaccard index.  Two texts without any word share nothing, so 0.

    Examples:
        >>> overlap("count the vowels", "count the letters")
        0.5
    """
    ones, others = _word_set(one), _word_set(other)
    common = len(ones & others)
    return common / (len(ones) + len(others) - common) if common else 0.0


@lru_cache(maxsize=512)
def _word_set(text: str) -> frozenset[str]:
    """Return the different words of `text`; the same advice is compared again and again."""
    return frozenset(words(text))


def bm25(query: str, texts: Sequence[str]) -> list[float]:
    """Return how well each of `texts` answers to the words of `query`; 0 for no common word.

    How rare a word is, is judged by `texts` alone: among the few candidates that a
    dense search found, a word that all of them have decides nothing.

    Examples:
        >>> scores = bm25("error 1042", ["what error 1042 means", "what error 7 means"])
        >>> scores[0] > scores[1] > 0
        True
    """
    counts = [Counter(words(text)) for text in texts]
    mean = sum(map(Counter.total, counts)) / len(counts) if counts else 0.0
    holders = Counter(word for count in counts for word in count)
    # Sorted, because the order of a set, and so of the sum, is another in each process.
    asked = sorted(set(words(query)))
    return [
        math.fsum(
            _rarity(holders[word], len(counts)) * _weight(word, count, mean) for word in asked
        )
        for count in counts
    ]


def fused(dense: Sequence[float], lexical: Sequence[float]) -> list[float]:
    """Return one score for each candidate out of two rankings of them, in (0, 1].

    This is reciprocal rank fusion: each ranking adds its weight over `RRF_CONSTANT`
    plus the rank.  Equal scores share a rank, and a candidate whose lexical score is 0
    was not found there.  At 3:1 and constant 2 the lexical ranking can at most lift the
    second level with the first of the dense one; above all it decides who comes second.

    Raises:
        ValueError: The two are not of the same length.

    Examples:
        >>> fused([0.9, 0.6, 0.5], [0.0, 0.0, 4.0])
        [0.75, 0.5, 0.625]
    """
    highest = (DENSE_WEIGHT + 1.0) / RRF_CONSTANT
    by_words = [
        1.0 / (RRF_CONSTANT + rank) if score > 0.0 else 0.0
        for rank, score in zip(_ranks(lexical), lexical, strict=True)
    ]
    return [
        (DENSE_WEIGHT / (RRF_CONSTANT + rank) + added) / highest
        for rank, added in zip(_ranks(dense), by_words, strict=True)
    ]


def _ranks(scores: Sequence[float]) -> list[int]:
    return [sum(other > score for other in scores) for score in scores]


def _rarity(holders: int, texts: int) -> float:
    return math.log1p((texts - holders + 0.5) / (holders + 0.5))


def _weight(word: str, count: Counter[str], mean: float) -> float:
    """Return how much `word` says about a text: repetition counts less and less."""
    if word not in count:
        return 0.0
    length = 1.0 - _LENGTH + _LENGTH * count.total() / mean
    return count[word] * (_SATURATION + 1.0) / (count[word] + _SATURATION * length)
