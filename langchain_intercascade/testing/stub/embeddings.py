"""Vectors for the stub server: the same for the same words, whatever the day or the process."""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from collections.abc import Mapping
from typing import Any

from langchain_intercascade.testing._tokens import split_tokens


def embed(text: str, dimensions: int) -> list[float]:
    """Return a vector of length one that counts the words of `text`, hashed.

    Texts that share words are similar; other likeness is not seen.
    """
    counts = [0.0] * dimensions
    for word in text.lower().split() or [""]:
        digest = hashlib.blake2b(word.encode(), digest_size=8).digest()
        counts[int.from_bytes(digest, "big") % dimensions] += 1.0
    length = math.hypot(*counts)
    return [count / length for count in counts]


def embeddings_body(request: Mapping[str, Any], dimensions: int) -> dict[str, Any]:
    """Return the response to an embeddings request, in the encoding it asks for."""
    texts = _texts(request["input"])
    vectors = [embed(text, request.get("dimensions") or dimensions) for text in texts]
    encoded = map(_base64, vectors) if request.get("encoding_format") == "base64" else vectors
    tokens = sum(len(split_tokens(text)) for text in texts)
    return {
        "object": "list",
        "model": request["model"],
        "data": [
            {"object": "embedding", "index": index, "embedding": vector}
            for index, vector in enumerate(encoded)
        ],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _texts(inputs: Any) -> list[str]:
    """Return the texts to embed: the API takes one or many, as strings or as token numbers."""
    if isinstance(inputs, str):
        return [inputs]
    if all(isinstance(item, int) for item in inputs):
        return [" ".join(map(str, inputs))]
    return [item if isinstance(item, str) else " ".join(map(str, item)) for item in inputs]


def _base64(vector: list[float]) -> str:
    """Return the vector as the openai client reads it: little-endian 32-bit floats."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
