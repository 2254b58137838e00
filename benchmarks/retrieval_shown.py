"""What the weak model would be shown in the end, and how alike two pieces of advice look."""

from __future__ import annotations

import gzip
import json
import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.retrieval_draws import Corpus, Draw, draw, intervals
from langchain_intercascade._steps import run
from langchain_intercascade.repository.background import calibrating_floor
from langchain_intercascade.repository.edge import EdgeRepository
from langchain_intercascade.repository.floor import Floor
from langchain_intercascade.repository.lexical import overlap
from langchain_intercascade.repository.ranking import chosen, fetch_size
from langchain_intercascade.strategy import Advice, Origin, State, Strategy

UNCALIBRATED = 0.3
"""The floor where there is too little to calibrate one."""


def wording(file: Path, seed: int = 0, pairs: int = 60) -> dict[str, Any]:
    """Measure how many words two worked explanations share, within a family and between families.

    The explanations (`cot_out`) stand in for advice: a real model wrote them.
    """
    told: dict[str, list[str]] = defaultdict(list)
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            told[row["family"]].append(row["cot_out"])
    chance = random.Random(seed)
    within, between = [], []
    for family, texts in sorted(told.items()):
        others = [name for name in sorted(told) if name != family]
        for _ in range(pairs):
            within.append(overlap(*chance.sample(texts, 2)))
            other = chance.choice(told[chance.choice(others)])
            between.append(overlap(chance.choice(texts), other))
    return {"within_a_family": _spread(within), "between_families": _spread(between)}


def _spread(values: list[float]) -> dict[str, float]:
    shares = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
    return {f"p{100 * share:.0f}": round(float(np.quantile(values, share)), 3) for share in shares}


def shown(corpus: Corpus, seeds: int, *, known: int) -> dict[str, Any]:
    """Ask a real repository, calibrate its floor, and look at what would be shown at k = 2."""
    rows = []
    for seed in range(seeds):
        drawn = draw(corpus, seed, known=known)
        with EdgeRepository() as repository:
            for place in drawn.stored:
                repository.put(_strategy(corpus, int(place)))
            floor = run(calibrating_floor(repository, tenant="bench"))
            rows.append(_counted(repository, corpus, drawn, floor or Floor.fixed(UNCALIBRATED)))
    return {"families_stored": known, "k": 2, **intervals(rows)}


def _counted(
    repository: EdgeRepository, corpus: Corpus, drawn: Draw, floor: Floor
) -> dict[str, float]:
    stored = set(corpus.family[drawn.stored].tolist())
    counts: dict[str, list[float]] = defaultdict(list)
    for place in drawn.asked.tolist():
        family = int(corpus.family[place])
        hits = repository.search(
            corpus.questions[place], tenant="bench", k=fetch_size(2), min_similarity=-1.0
        )
        names = [hit.strategy.id for hit in chosen(hits, k=2, floor=floor).hits]
        counts["strategies_shown"].append(len(names))
        if family in stored:
            counts["known_right_among_shown"].append(corpus.names[family] in names)
            counts["known_nothing_shown"].append(not names)
        else:
            counts["left_out_nothing_shown"].append(not names)
    return {name: float(np.mean(values)) for name, values in counts.items()}


def _strategy(corpus: Corpus, place: int) -> Strategy:
    name = corpus.names[corpus.family[place]]
    return Strategy(
        id=name,
        tenant="bench",
        state=State.ACTIVE,
        keys=(corpus.questions[place],),
        # Its own words, so that no two strategies are taken for the same.
        advice=Advice(title=name, when_to_use=f"{name}?", steps=(f"{name}: {name}",)),
        origin=Origin(run_id="bench", strong_model="recorded", prompt_version=0),
        created_at="2026-01-01T00:00:00+00:00",
        updated_at="2026-01-01T00:00:00+00:00",
    )
