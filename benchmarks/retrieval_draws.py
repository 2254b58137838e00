"""What the retrieval benchmark asks and stores: families of questions, draws, and what is found."""

from __future__ import annotations

import gzip
import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from langchain_intercascade.repository.floor import Lead

Numbers: TypeAlias = NDArray[np.float64]
Places: TypeAlias = NDArray[np.intp]

PACKS: Final = {
    "BIG-Bench-Hard": "p5_bbh_transfer.jsonl.gz",
    "Reasoning-Gym": "p2_families_easy.jsonl.gz",
}
FEWEST_QUESTIONS: Final = 10
"""Families with fewer questions than this are left out: one to store, and some to ask."""


@dataclass(frozen=True)
class Corpus:
    """The questions of a pack, and the number of the family of each."""

    questions: list[str]
    family: Places
    names: list[str]

    @classmethod
    def read(cls, file: Path) -> Corpus:
        """Read the pack `file`: JSON lines with a `family` and a `question`."""
        by_family: dict[str, list[str]] = defaultdict(list)
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                by_family[row["family"]].append(row["question"])
        names = sorted(name for name, asked in by_family.items() if len(asked) >= FEWEST_QUESTIONS)
        family = [at for at, name in enumerate(names) for _ in by_family[name]]
        questions = [question for name in names for question in by_family[name]]
        return cls(questions, np.array(family), names)


@dataclass(frozen=True)
class Draw:
    """Which questions are stored and which are asked, as places in the corpus."""

    stored: Places
    asked: Places


def draw(
    corpus: Corpus, seed: int, *, stored: int = 1, asked: int = 20, known: int | None = None
) -> Draw:
    """Store `stored` questions of each of `known` families, and ask `asked` of every family.

    Args:
        corpus: What to draw from.
        seed: Which draw.
        stored: Questions stored of each known family.
        asked: Other questions asked of each family, known or not; as many as there are at most.
        known: Families to store; all if `None`.
    """
    chance = np.random.default_rng(seed)
    count = len(corpus.names)
    kept = set(chance.permutation(count)[:known].tolist())
    storing, asking = [], []
    for family in range(count):
        places = chance.permutation(np.flatnonzero(corpus.family == family))
        cut = stored if family in kept else 0
        storing.append(places[:cut])
        asking.append(places[cut : cut + asked])
    return Draw(np.concatenate(storing), np.concatenate(asking))


def reciprocal_ranks(near: Numbers, stored: Places, asked: Places) -> Numbers:
    """Return one over the rank of the right family for each question asked; ties count against us.

    Args:
        near: Similarity of each question asked (rows) to each one stored (columns).
        stored: Families of the columns; each row's own is among them.
        asked: Families of the rows.
    """
    right = stored[None, :] == asked[:, None]
    best = np.where(right, near, -np.inf).max(axis=1)
    # What counts is the rank among strategies, and a strategy is a family here.
    better = [
        len(set(stored[(row >= own) & ~mine].tolist()))
        for row, own, mine in zip(near, best, right, strict=True)
    ]
    return 1.0 / (1.0 + np.array(better))


def leads(near: Numbers, groups: Places) -> tuple[Places, list[Lead]]:
    """Return the nearest group of each row, and how far it leads the next group."""
    kinds = sorted(set(groups.tolist()))
    best = np.stack([near[:, groups == kind].max(axis=1) for kind in kinds], axis=1)
    ordered = -np.sort(-best, axis=1)
    margins = ordered[:, 0] - ordered[:, 1]
    found = [Lead(*pair) for pair in zip(ordered[:, 0].tolist(), margins.tolist(), strict=True)]
    return np.array(kinds)[best.argmax(axis=1)], found


def interval(values: Sequence[float]) -> dict[str, float]:
    """Return the mean over seeds and its 95 % interval, by the normal approximation."""
    mean = float(np.mean(values))
    half = 1.96 * float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return {"mean": round(mean, 4), "low": round(mean - half, 4), "high": round(mean + half, 4)}


def intervals(rows: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Return the `interval` of each measure over `rows`, one row a seed; NaN is left out."""
    kept = {name: [row[name] for row in rows if not math.isnan(row[name])] for name in rows[0]}
    return {name: interval(values) for name, values in kept.items() if values}
