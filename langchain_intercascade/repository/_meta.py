"""The point that says what a repository is: written before any other, and checked on opening."""

from __future__ import annotations

import math
from typing import Final

from langchain_intercascade.errors import EncoderMismatchError, RepositoryCorruptError
from langchain_intercascade.repository.embeddings import Vector, cosine
from langchain_intercascade.repository.operations import Point
from langchain_intercascade.repository.points import META_ID
from langchain_intercascade.strategy import SCHEMA_VERSION

PROBE_AGREEMENT: Final = 0.999
"""Least cosine between the stored and the present encoding of the probe text.

Remote encoders repeat themselves to within 1e-4; another engine for the same
weights (int8 against float32) was measured at 0.94 to 0.98, and mixing those
moves neighbours about.
"""


def meta_point(probe: Vector, *, encoder: str) -> Point:
    """Return the point of a repository that is filled with this encoder.

    Args:
        probe: How it encodes the probe text.
        encoder: Its label.
    """
    data = {"kind": "meta", "schema_version": SCHEMA_VERSION, "encoder": encoder}
    return Point(META_ID, (probe,), data)


def check_meta(meta: Point, probe: Vector, *, encoder: str, where: str) -> None:
    """Refuse a repository that this package, or this encoder, must not use.

    Args:
        meta: The point as it is stored.
        probe: How the present encoder encodes the probe text.
        encoder: Its label.
        where: The repository, for messages.

    Raises:
        EncoderMismatchError: It was filled with another encoder.
        RepositoryCorruptError: It is foreign, damaged, or from a newer version.
    """
    written = meta.payload.get("schema_version")
    if meta.payload.get("kind") != "meta" or not isinstance(written, int):
        msg = (
            f"{where} does not hold strategies of langchain-intercascade. Nothing was changed; use "
            "another path or collection."
        )
        raise RepositoryCorruptError(msg)
    if written > SCHEMA_VERSION:
        msg = (
            f"{where} was written with schema version {written}, and this version of "
            f"langchain-intercascade reads up to {SCHEMA_VERSION}. Upgrade the package."
        )
        raise RepositoryCorruptError(msg)
    # Zeroed and overwritten vector files open without complaint, as zeros and NaN.
    if not meta.vectors or not math.hypot(*meta.vectors[0]) > 0.0:
        msg = (
            f"{where} is damaged: it has lost the vector that tells its encoder. Restore it from a "
            "backup."
        )
        raise RepositoryCorruptError(msg)
    stored = meta.vectors[0]
    agreement = cosine(stored, probe) if len(stored) == len(probe) else 0.0
    if agreement < PROBE_AGREEMENT:
        msg = (
            f"{where} was filled with the encoder {meta.payload.get('encoder')!r}, and the "
            f"present one is {encoder!r} (they agree to {agreement:.3f} on a probe "
            f"text, {PROBE_AGREEMENT} is needed). Similarities between the two mean nothing. "
            "Use the old encoder, or a new path or collection, or copy the strategies into one "
            "with `intercascade strategies reembed`."
        )
        raise EncoderMismatchError(msg)
