"""The network of `LabWeak`, as it is trained; `langchain_intercascade/lab/engine.py` runs it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Shape:
    """How large the network is.

    Attributes:
        vocabulary: Number of tokens.
        width: Length of the vector that stands for a token.
        layers: Number of layers.
        heads: Attention heads in each.
        hidden: Width of the middle of each feed-forward part.
        back: How many tokens before it each token knows of from the start.
        rotated: How many numbers of each head carry the position; the others only the content, so
            that finding a word again does not depend on how far away it is.
    """

    vocabulary: int
    width: int = 128
    layers: int = 4
    heads: int = 4
    hidden: int = 256
    rotated: int = 16
    back: int = 3

    @property
    def head(self) -> int:
        """Length of a head's vectors."""
        return self.width // self.heads


class Network(nn.Module):
    """A decoder-only transformer: norms before each part, rotary positions, tied embeddings."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.tokens = nn.Embedding(shape.vocabulary, shape.width)
        self.before = nn.Parameter(0.5 * torch.randn(shape.back, shape.width))
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = nn.Parameter(torch.ones(shape.width))
        nn.init.normal_(self.tokens.weight, std=0.05)

    def forward(self, tokens: Tensor, where: Tensor) -> Tensor:
        """Return the logits at the flat places `where` of a batch of `tokens`, (batch, length)."""
        turns = rotations(tokens.shape[1], self.shape.rotated, tokens.device)
        x = self.joined(self.tokens(tokens))
        for at, layer in enumerate(self.layers, start=1):
            # Nothing looks back at the last layer: only the places asked for go through it all.
            x = layer(x, turns, where if at == len(self.layers) else None)
        return functional.linear(normed(x, self.norm), self.tokens.weight)

    def joined(self, x: Tensor) -> Tensor:
        """Add to each token what stood just before it, so that a place is known by its context.

        To say what a strategy says, the network has to find the place in it where the last few
        tokens were the same; without this it needs a layer, and most of its time, to learn how.
        """
        y = x
        for back in range(1, self.shape.back + 1):
            y = y + functional.pad(x[:, :-back], (0, 0, back, 0)) * self.before[back - 1]
        return y


class Layer(nn.Module):
    """Attention, then a feed-forward part."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.attention_norm = nn.Parameter(torch.ones(shape.width))
        self.feed_norm = nn.Parameter(torch.ones(shape.width))
        self.qkv = nn.Linear(shape.width, 3 * shape.width, bias=False)
        self.out = nn.Linear(shape.width, shape.width, bias=False)
        self.up = nn.Linear(shape.width, shape.hidden, bias=False)
        self.down = nn.Linear(shape.hidden, shape.width, bias=False)
        for matrix in (self.qkv, self.up):
            nn.init.normal_(matrix.weight, std=shape.width**-0.5)
        for matrix in (self.out, self.down):
            nn.init.normal_(matrix.weight, std=(2 * shape.layers * shape.width) ** -0.5)

    def forward(self, x: Tensor, turns: tuple[Tensor, Tensor], where: Tensor | None) -> Tensor:
        """Return `x` after this layer, at the flat places `where` if they are given."""
        batch, length, width = x.shape
        qkv = self.qkv(normed(x, self.attention_norm))
        qkv = qkv.view(batch, length, 3, self.shape.heads, self.shape.head).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        q, k = rotated(q, turns), rotated(k, turns)
        seen = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        seen = seen.transpose(1, 2).reshape(batch, length, width)
        if where is not None:
            x, seen = x.reshape(-1, width)[where], seen.reshape(-1, width)[where]
        x = x + self.out(seen)
        return x + self.down(functional.relu(self.up(normed(x, self.feed_norm))))


def normed(x: Tensor, gain: Tensor) -> Tensor:
    """Return `x` with a mean of 0 and a variance of 1, times `gain`."""
    return functional.layer_norm(x, gain.shape, gain, None, 1e-5)


def rotations(length: int, size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return cosines and sines by which positions turn, (length, size / 2) each.

    Rotary positions as in RoFormer, arXiv 2104.09864, with 1000 in place of 10000: a text has at
    most about 150 tokens.
    """
    turn = 1000.0 ** (-torch.arange(0, size, 2, device=device) / size)
    angle = torch.arange(length, device=device)[:, None] * turn
    return angle.cos(), angle.sin()


def rotated(x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
    """Turn the first numbers of each vector by its position, and leave the others."""
    cos, sin = turns
    half = cos.shape[1]
    # Splitting is cheaper to differentiate than slicing.
    one, other, rest = x.split((half, half, x.shape[-1] - 2 * half), dim=-1)
    return torch.cat((one * cos - other * sin, one * sin + other * cos, rest), dim=-1)
