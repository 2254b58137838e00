"""The network of the weak model, run with NumPy: what comes next, and how likely it is.

The same network as `training/lab_network.py`, one text at a time.  Keys and values
of what was read are kept, so that each further token costs one pass of one token.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from langchain_intercascade.lab.weights import Array, Weights, read_weights

CONTEXT: Final = 256
"""Most tokens of a prompt and its reply together; training saw about 150."""

SHIPPED: Final = Path(__file__).with_name("weak.safetensors")
"""The weights that come with the package."""

_EPSILON: Final = 1e-5
_TURN: Final = 1000.0
"""Slowest turn of the rotary positions, as in training."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """What may come next.

    Attributes:
        logprobs: Log-probability of every token of the vocabulary.
    """

    logprobs: Array

    @property
    def best(self) -> int:
        """The most likely token; of equals the first."""
        return int(self.logprobs.argmax())

    def top(self, count: int) -> list[int]:
        """Return the `count` most likely tokens, the likeliest first."""
        return [int(token) for token in np.argsort(-self.logprobs, kind="stable")[:count]]


@dataclass(frozen=True, slots=True)
class _Layer:
    qkv: Array
    out: Array
    up: Array
    down: Array


class _Memory:
    """The tokens read so far, and their keys and values, (layers, heads, tokens, head) each."""

    def __init__(self, layers: int, heads: int, head: int) -> None:
        self.keys: Array = np.empty((layers, heads, CONTEXT, head), np.float32)
        self.values: Array = np.empty_like(self.keys)
        self.read: list[int] = []


class Engine:
    """A trained network, ready to run; it keeps nothing between texts, so threads may share it."""

    def __init__(self, weights: Weights) -> None:
        shape, arrays = weights.shape, weights.arrays
        self._heads, self._width = shape["heads"], shape["width"]
        self._half = shape["rotated"] // 2
        tokens, before = arrays["tokens.weight"], arrays["before"]
        self._tables = [_centred(table) for table in (tokens, *(tokens * each for each in before))]
        self._outward = arrays["norm"] * tokens
        head = self._width // self._heads
        names = [f"layers.{at}." for at in range(shape["layers"])]
        self._layers = [_layer(arrays, name, head) for name in names]
        turns = _TURN ** (-np.arange(0, 2 * self._half, 2) / (2 * self._half))
        angles = np.arange(CONTEXT)[:, None] * turns
        self._cos, self._sin = (f(angles).astype(np.float32) for f in (np.cos, np.sin))

    def logits(self, tokens: Sequence[int]) -> Array:
        """Return what the network holds likely after each of `tokens`, (tokens, vocabulary)."""
        return self._said(self._read(tokens, self._memory()))

    def following(self, tokens: Sequence[int]) -> Iterator[Candidates]:
        """Yield what may come after `tokens`, then after that with its likeliest next, and so on.

        It ends only where the context does.

        Raises:
            ValueError: There are no tokens, or more than the context holds.
        """
        if not 0 < len(tokens) <= CONTEXT:
            msg = f"expected 1 to {CONTEXT} tokens, got {len(tokens)}"
            raise ValueError(msg)
        memory = self._memory()
        candidates = _candidates(self._said(self._read(tokens, memory)[-1:])[0])
        yield candidates
        while len(memory.read) < CONTEXT:
            candidates = _candidates(self._said(self._read([candidates.best], memory))[0])
            yield candidates

    def _memory(self) -> _Memory:
        return _Memory(len(self._layers), self._heads, self._width // self._heads)

    def _read(self, tokens: Sequence[int], memory: _Memory) -> Array:
        """Read `tokens` after what is in `memory`, and return the state after each."""
        x = self._joined(tokens, memory)
        for at, layer in enumerate(self._layers):
            x = x + self._attended(at, layer, _normed(x), memory) @ layer.out
            x = x + np.maximum(_normed(x) @ layer.up, 0) @ layer.down
        memory.read.extend(tokens)
        return x

    def _joined(self, tokens: Sequence[int], memory: _Memory) -> Array:
        """Return what stands for each of `tokens`, with what stood just before it."""
        read, start = np.array([*memory.read, *tokens]), len(memory.read)
        x: Array = self._tables[0][read[start:]]
        for back, table in enumerate(self._tables[1:], start=1):
            alone = max(back - start, 0)
            x[alone:] += table[read[start + alone - back : len(read) - back]]
        return x

    def _attended(self, at: int, layer: _Layer, x: Array, memory: _Memory) -> Array:
        """Return what each token gathers from those before it and itself."""
        count, start = len(x), len(memory.read)
        end = start + count
        qkv: Array = (x @ layer.qkv).reshape(count, 3 * self._heads, -1).swapaxes(0, 1)
        self._turn(qkv[: 2 * self._heads], start, end)
        q, k, v = qkv[: self._heads], qkv[self._heads : -self._heads], qkv[-self._heads :]
        memory.keys[at, :, start:end], memory.values[at, :, start:end] = k, v
        scores: Array = q @ memory.keys[at, :, :end].swapaxes(1, 2)
        if count > 1:
            scores += _ahead(count, end)
        scores -= scores.max(axis=2, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=2, keepdims=True)
        seen: Array = scores @ memory.values[at, :, :end]
        return seen.swapaxes(0, 1).reshape(count, self._width)

    def _turn(self, vectors: Array, start: int, end: int) -> None:
        """Turn the first numbers of each vector by its position, in place."""
        cos, sin, half = self._cos[start:end], self._sin[start:end], self._half
        one, other = vectors[..., :half].copy(), vectors[..., half : 2 * half].copy()
        vectors[..., :half] = one * cos - other * sin
        vectors[..., half : 2 * half] = one * sin + other * cos

    def _said(self, x: Array) -> Array:
        logits: Array = _normed(x) @ self._outward.T
        return logits


@cache
def shipped(path: Path = SHIPPED) -> Engine:
    """Return the engine for the weights in a file, read once.

    Raises:
        ConfigurationError: It holds no such weights.
    """
    return Engine(read_weights(path))


def _layer(arrays: Mapping[str, Array], prefix: str, head: int) -> _Layer:
    """Return a layer's matrices, with the gains of the norms and the scale of the scores inside."""
    attention, feed = arrays[f"{prefix}attention_norm"], arrays[f"{prefix}feed_norm"]
    qkv = (arrays[f"{prefix}qkv.weight"] * attention).T.copy()
    qkv[:, : len(attention)] /= np.sqrt(np.float32(head))
    out, down = (_centred(arrays[f"{prefix}{name}.weight"].T.copy()) for name in ("out", "down"))
    return _Layer(qkv, out, (arrays[f"{prefix}up.weight"] * feed).T.copy(), down)


def _candidates(logits: Array) -> Candidates:
    shifted = logits - logits.max()
    return Candidates(shifted - np.log(np.exp(shifted).sum()))


def _centred(rows: Array) -> Array:
    """Return `rows` with a mean of 0 each.

    A norm begins by taking the mean away.  If all that is ever added up has none, it need not.
    """
    centred: Array = rows - rows.mean(axis=1, keepdims=True)
    return centred


def _normed(x: Array) -> Array:
    """Return `x`, whose mean is 0, with a variance of 1."""
    if len(x) == 1:  # nearly always, and many times per answer: spare what can be spared
        return x * np.float32(1 / math.sqrt(float(np.vdot(x, x)) / x.shape[1] + _EPSILON))
    variance = np.einsum("ti,ti->t", x, x)[:, None] / np.float32(x.shape[1])
    normed: Array = x / np.sqrt(variance + np.float32(_EPSILON))
    return normed


def _ahead(count: int, end: int) -> Array:
    """Return what to add to scores so that no token sees those after it."""
    return np.triu(np.full((count, end), -np.inf, np.float32), end - count + 1)
