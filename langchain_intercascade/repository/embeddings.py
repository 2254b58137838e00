"""Text to vectors: the checks around any LangChain encoder, and a built-in one.

An encoder's answer is checked before it can reach an engine: a single infinite
component makes some engines rank that point first for every query, for ever.
"""

from __future__ import annotations

import math
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise
from operator import mul
from typing import Final, TypeAlias, cast

from langchain_core.embeddings import Embeddings

from langchain_intercascade._steps import Steps, either
from langchain_intercascade.errors import ConfigurationError, RepositoryError
from langchain_intercascade.repository._recent import Recent

Vector: TypeAlias = Sequence[float]

PROBE: Final = "How many apples are left if Mira had twelve and gave five away? (probe text 1)"
"""Encoded once per repository, to recognise the encoder by what it does."""


class Encoder:
    """An encoder that remembers recent texts and refuses unusable vectors."""

    def __init__(self, embeddings: Embeddings, *, remembered: int = 2048) -> None:
        """Wrap `embeddings`; keep the vectors of the last `remembered` texts."""
        self.embeddings = embeddings
        self.label = _label(embeddings)
        self._dimension: int | None = None
        self._vectors: Recent[str, Vector] = Recent(room=remembered)

    def encoding(self, text: str) -> Steps[Vector]:
        """Return the vector of `text`, scaled to length one.

        Raises:
            RepositoryError: The encoder's vector is empty, not finite, all zero, or not as
                long as that of the probe text.
        """
        if (known := self._vectors.get(text)) is not None:
            return known
        answer = yield from either(
            lambda: self.embeddings.embed_query(text),
            lambda: self.embeddings.aembed_query(text),
        )
        vector = self._checked(answer)
        self._vectors.put(text, vector)
        return vector

    def probing(self) -> Steps[Vector]:
        """Return the vector of the probe text, whose length is the encoder's dimension."""
        vector = yield from self.encoding(PROBE)
        self._dimension = len(vector)
        return vector

    def _checked(self, answer: object) -> Vector:
        """Return `answer` as plain numbers with norm one, which no engine can overflow."""
        vector = _numbers(answer)
        fits = len(vector) == (self._dimension or len(vector))
        if (unit := _unit(vector) if fits else None) is not None:
            return unit
        msg = (
            f"The encoder {self.label!r} returned a vector that cannot be used: expected "
            f"{self._dimension or 'some'} finite numbers, not all zero, not {len(vector)} "
            f"numbers of which {sum(map(math.isfinite, vector))} are finite. See that it is the "
            "encoder that the strategies were stored with, and that it serves."
        )
        raise RepositoryError(msg)


class HashingEmbeddings(Embeddings):
    """A lexical encoder without weights: the same words give the same vector.

    Words, pairs of words and runs of three to five characters are hashed into
    `dimension` signed slots with sub-linear counts.  Numbers are masked, because
    what a query is about does not depend on them.  It finds strategies for
    queries that *share wording*; use a learned encoder to find them by meaning.

    Examples:
        >>> encoder = HashingEmbeddings()
        >>> len(encoder.embed_query("How far does the train travel?"))
        512
        >>> encoder.embed_query("12 apples") == encoder.embed_query("7 apples")
        True
    """

    def __init__(self, dimension: int = 512) -> None:
        """Make vectors of length `dimension`."""
        if dimension < 1:
            msg = f"The dimension must be at least 1, not {dimension}."
            raise ValueError(msg)
        self.dimension = dimension
        self.model = f"hashing-v1-{dimension}"

    def embed_query(self, text: str) -> list[float]:
        """Return the unit vector of `text`."""
        slots, dimension = [0.0] * self.dimension, self.dimension
        for feature, count in Counter(_features(text)).items():
            number, sign = _known_hash(feature) if len(feature) < _LONG else _hash(feature)
            slots[number % dimension] += sign if count == 1 else sign * (1.0 + math.log(count))
        norm = math.sqrt(sum(map(mul, slots, slots)))
        if norm == 0.0:  # blank text, or everything cancelled out: still a legal unit vector
            slots[0] = norm = 1.0
        return [x / norm for x in slots]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return the unit vector of each text."""
        return [self.embed_query(text) for text in texts]

    async def aembed_query(self, text: str) -> list[float]:
        """Return the unit vector of `text`; pure computation, so there is nothing to await."""
        return self.embed_query(text)


def cosine(one: Vector, other: Vector) -> float:
    """Return the cosine of the angle between two vectors of the same length.

    Raises:
        ConfigurationError: The lengths differ.
    """
    if len(one) != len(other):
        msg = f"Vectors of length {len(one)} and {len(other)} cannot be compared. "
        msg += "Encode both with one encoder."
        raise ConfigurationError(msg)
    # In C throughout: every query that something was misled on is compared, on the serving path.
    norms = math.hypot(*one) * math.hypot(*other)
    return math.fsum(map(mul, one, other)) / norms if norms else 0.0


def _features(text: str) -> Iterator[str]:
    plain = unicodedata.normalize("NFKC", text.encode("utf-8", "replace").decode()).casefold()
    words = re.findall(r"\w+|[^\w\s]", re.sub(r"\d+(?:[.,]\d+)*", "0", plain))
    yield from (f"w:{word}" for word in words)
    yield from (f"b:{a} {b}" for a, b in pairwise(words))
    for word in words:
        yield from _known_pieces(word) if len(word) < _LONG else _pieces(word)


def _pieces(word: str) -> tuple[str, ...]:
    padded = f"^{word}$"
    return tuple(
        f"c:{padded[i : i + size]}" for size in (3, 4, 5) for i in range(len(padded) - size + 1)
    )


def _hash(feature: str) -> tuple[int, float]:
    """Return the number that `feature` is hashed to, and its sign."""
    digest = int.from_bytes(blake2b(feature.encode(), digest_size=8).digest(), "big")
    return digest >> 1, 1.0 if digest & 1 else -1.0


# The same words come again and again, whatever the text; what is no word of any language is not
# kept.  Together a few megabytes.
_LONG: Final = 64
_known_pieces = lru_cache(maxsize=4096)(_pieces)
_known_hash = lru_cache(maxsize=32768)(_hash)


_ROUNDING: Final = 1e-12
"""How far from one a norm may be that is one but for rounding."""


def _unit(vector: Sequence[float]) -> Vector | None:
    """Return `vector` with norm one; `None` if it has no direction, or a number is not finite."""
    norm = math.hypot(*vector)
    if abs(norm - 1.0) < _ROUNDING:  # as most encoders answer
        return tuple(vector)
    if sys.float_info.min < norm < math.inf:  # only if each number is finite, and some are not 0
        return tuple([x / norm for x in vector])
    if not (any(vector) and all(map(math.isfinite, vector))):
        return None
    # Too small or too large for an exact norm, though every number is a good one.
    largest = max(map(abs, vector))
    return _unit([x / largest for x in vector])


def _numbers(answer: object) -> list[float]:
    """Return the numbers in `answer`, or none: some encoders answer with arrays, or `None`."""
    try:
        return list(map(float, cast("Iterable[float]", answer)))
    except (TypeError, ValueError, OverflowError):
        return []


def _label(embeddings: Embeddings) -> str:
    names = (getattr(embeddings, name, None) for name in ("model", "model_name", "deployment"))
    models = [name for name in names if isinstance(name, str) and name]
    return ":".join([type(embeddings).__name__, *models[:1]])
