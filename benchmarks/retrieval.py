"""How often is the right strategy found, and how often is "nothing suitable" said rightly?

    python -m benchmarks.retrieval [--data DIR] [--out FILE] [--seeds N]

Recorded questions come in families, and what solves one question of a family solves
the others; so a family stands for a strategy.  Of each family a few questions are stored
and others are asked, again and again with other draws.  Written down are recall@1/2/5 and
mean reciprocal rank beside TF-IDF, how both move as more is stored, what the calibrated
floor makes of questions whose family was left out, and what is shown in the end.

Intervals are 95 % for the mean over seeds.  The corpus is the same for all seeds, so they
say how much the draw matters, not how other questions would do.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from benchmarks.recordings import DATA
from benchmarks.retrieval_draws import (
    PACKS,
    Corpus,
    Draw,
    Numbers,
    Places,
    draw,
    intervals,
    leads,
    reciprocal_ranks,
)
from benchmarks.retrieval_shown import shown, wording
from langchain_intercascade.repository.background import background
from langchain_intercascade.repository.embeddings import HashingEmbeddings
from langchain_intercascade.repository.floor import Floor, Lead, floor_above
from langchain_intercascade.repository.ranking import RELATIVE_FLOOR

Flags: TypeAlias = "np.ndarray[tuple[Any, ...], np.dtype[np.bool_]]"

OUT: Final = Path(__file__).parent / "results" / "retrieval.json"
ALL: Final = 10**9

# The last one is the best of ten variants that were tried on these very questions.  It masks
# numbers, as the built-in encoder does.
BASELINES: Final[Mapping[str, Mapping[str, Any]]] = {
    "tfidf_words": {},
    "tfidf_characters": {"analyzer": "char", "ngram_range": (3, 5)},
    "tfidf_tuned": {
        "analyzer": "char",
        "ngram_range": (3, 5),
        "sublinear_tf": True,
        "preprocessor": lambda text: re.sub(r"\d+", "0", text.casefold()),
    },
}
FIXED: Final = (0.3, 0.4, 0.5)


def main(arguments: list[str] | None = None) -> int:
    """Measure, write the file, and print the main figures; 1 if the recordings are absent."""
    given = _given(arguments)
    missing = [name for name in PACKS.values() if not (given.data / name).exists()]
    if missing:
        _say(f"Nothing measured: {', '.join(missing)} not found in {given.data}; see --data.")
        return 1
    packs = {name: measured(given.data / file, given.seeds) for name, file in PACKS.items()}
    report = {
        "command": "python -m benchmarks.retrieval",
        "encoder": HashingEmbeddings().model,
        "seeds": given.seeds,
        "packs": packs,
        "nothing_suitable_overall": _overall(packs),
        "wording": wording(given.data / PACKS["BIG-Bench-Hard"]),
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    for line in _summary(report):
        _say(line)
    return 0


def measured(file: Path, seeds: int) -> dict[str, Any]:
    """Return all that is measured on one pack."""
    corpus = Corpus.read(file)
    vectors = np.array(HashingEmbeddings().embed_documents(corpus.questions))
    families = len(corpus.names)
    return {
        "families": families,
        "questions": len(corpus.questions),
        "recall": _recall(corpus, vectors, seeds),
        "growth_per_family": [
            {"stored_per_family": stored, **_grown(corpus, vectors, seeds, stored=stored)}
            for stored in (1, 2, 3, 5, 8)
        ],
        "growth_families": [
            {"families_stored": known, **_grown(corpus, vectors, seeds, known=known)}
            for known in _sizes(families)
        ],
        "nothing_suitable": [
            {
                "left_out": families - known,
                "stored_per_family": stored,
                "rules": _told_apart(corpus, vectors, seeds, known=known, stored=stored),
            }
            for known in sorted({10, round(families * 0.5), round(families * 0.75)})
            for stored in (1, 3)
        ],
        "second": _seconds(corpus, vectors, seeds),
        "shown": shown(corpus, min(seeds, 3), known=round(families * 0.75)),
    }


def _recall(corpus: Corpus, vectors: Numbers, seeds: int) -> dict[str, Any]:
    """Compare encoders on the same draws: one question stored, all the others asked."""
    encoded: dict[str, Any] = {"built_in": vectors}
    for name, settings in BASELINES.items():
        # Fitted to all questions, those asked included, which can only flatter the baseline.
        encoded[name] = TfidfVectorizer(**settings).fit_transform(corpus.questions)
    rows: dict[str, list[dict[str, float]]] = defaultdict(list)
    for seed in range(seeds):
        drawn = draw(corpus, seed, asked=ALL)
        for name, matrix in encoded.items():
            rows[name].append(_scores(_near(matrix, drawn), corpus, drawn))
    plain = [name for name in BASELINES if name != "tfidf_tuned"]
    ahead = [
        {f"ahead_of_{name}": own["recall@1"] - rows[name][seed]["recall@1"] for name in BASELINES}
        for seed, own in enumerate(rows["built_in"])
    ]
    result: dict[str, Any] = {name: intervals(each) for name, each in rows.items()}
    best = max(result[name]["recall@1"]["mean"] for name in plain)
    reached = result["built_in"]["recall@1"]["mean"] >= best
    return {**result, "built_in_top1_minus": intervals(ahead), "at_least_tfidf": reached}


def _grown(
    corpus: Corpus, vectors: Numbers, seeds: int, *, stored: int = 1, known: int | None = None
) -> dict[str, Any]:
    """Measure recall on the families that are stored, and the floor of a repository that large."""
    rows = []
    for seed in range(seeds):
        drawn = draw(corpus, seed, stored=stored, known=known)
        kept = np.isin(corpus.family[drawn.asked], corpus.family[drawn.stored])
        drawn = Draw(drawn.stored, drawn.asked[kept])
        floor = _calibrated(vectors[drawn.stored], corpus.family[drawn.stored])
        heights = {
            "floor": floor.similarity if floor else np.nan,
            "floor_if_leading": floor.least if floor else np.nan,
            "floor_margin": floor.margin if floor else np.nan,
        }
        rows.append({**_scores(_near(vectors, drawn), corpus, drawn), **heights})
    return {"repository_size": len(drawn.stored), **intervals(rows)}


def _told_apart(
    corpus: Corpus, vectors: Numbers, seeds: int, *, known: int, stored: int
) -> dict[str, Any]:
    """Compare ways to say "nothing suitable", on families stored and families left out."""
    rows: dict[str, list[dict[str, float]]] = defaultdict(list)
    for seed in range(seeds):
        drawn = draw(corpus, seed, stored=stored, known=known)
        family = corpus.family
        nearest, found = leads(_near(vectors, drawn), family[drawn.stored])
        present = np.isin(family[drawn.asked], family[drawn.stored])
        right = nearest == family[drawn.asked]
        floor = _calibrated(vectors[drawn.stored], family[drawn.stored])
        # What a floor would be without noticing that several strategies say the same.
        unmerged = _calibrated(vectors[drawn.stored], np.arange(len(drawn.stored)))
        for name, passes in _rules(floor, unmerged).items():
            passed = np.array([passes(lead) for lead in found])
            rows[name].append(_apart(passed, present=present, right=right))
    return {name: intervals(each) for name, each in rows.items()}


def _rules(floor: Floor | None, unmerged: Floor | None) -> dict[str, Callable[[Lead], bool]]:
    rules: dict[str, Callable[[Lead], bool]] = {}
    for name, each in (("calibrated", floor), ("calibrated_unmerged", unmerged)):
        if each is not None:
            rules[name] = partial(_passes, each)
    if floor is not None:
        rules["percentile_alone"] = lambda lead: lead.similarity >= floor.similarity
        rules["lower_percentile_alone"] = lambda lead: lead.similarity >= floor.least
    for number in FIXED:
        rules[f"fixed_{number}"] = partial(_passes, Floor.fixed(number))
    return rules


def _passes(floor: Floor, lead: Lead) -> bool:
    return floor.passes(*lead)


def _apart(passed: Flags, *, present: Flags, right: Flags) -> dict[str, float]:
    """Return how well "nothing suitable" was said, and what it cost."""
    truly = (~passed & ~present).sum()
    precision, recall = truly / max(1, (~passed).sum()), truly / (~present).sum()
    return {
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(2 * precision * recall / max(1e-9, precision + recall)),
        "right_kept": float((passed & right).sum() / right.sum()),
        "wrong_shown": float((passed & ~right).mean()),
    }


def _overall(packs: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return each rule's mean and worst F1 over all cases in which a floor could be calibrated."""
    cases = [case["rules"] for pack in packs.values() for case in pack["nothing_suitable"]]
    told = [rules for rules in cases if "calibrated" in rules]
    return {
        rule: {
            "f1": round(float(np.mean([rules[rule]["f1"]["mean"] for rules in told])), 4),
            "worst_f1": min(rules[rule]["f1"]["mean"] for rules in told),
            "right_kept": round(
                float(np.mean([rules[rule]["right_kept"]["mean"] for rules in told])), 4
            ),
        }
        for rule in told[0]
    }


def _seconds(corpus: Corpus, vectors: Numbers, seeds: int) -> dict[str, Any]:
    """Measure what a relative floor lets through as the second, one question stored a family."""
    shares = (0.4, 0.5, 0.6, RELATIVE_FLOOR, 0.8, 0.9)
    rows: dict[str, list[dict[str, float]]] = defaultdict(list)
    for seed in range(seeds):
        drawn = draw(corpus, seed)
        near = _near(vectors, drawn)
        order = np.argsort(-near, axis=1)[:, :2]
        families = corpus.family[drawn.stored][order]
        right = families[:, 1] == corpus.family[drawn.asked]
        first, second = np.take_along_axis(near, order, axis=1).T
        for share in shares:
            shown = second >= share * first
            wrong = float((shown & ~right).mean())
            kept = float((shown & right).sum() / max(1, right.sum()))
            rows[f"{share}"].append({"wrong_shown": wrong, "right_kept": kept})
    return {share: intervals(each) for share, each in rows.items()}


def _calibrated(vectors: Numbers, groups: Places) -> Floor | None:
    near = (vectors @ vectors.T).tolist()
    return floor_above(background(near, groups.tolist()))


def _near(matrix: Any, drawn: Draw) -> Numbers:
    near = matrix[drawn.asked] @ matrix[drawn.stored].T
    return np.asarray(near.todense() if hasattr(near, "todense") else near)


def _scores(near: Numbers, corpus: Corpus, drawn: Draw) -> dict[str, float]:
    ranks = reciprocal_ranks(near, corpus.family[drawn.stored], corpus.family[drawn.asked])
    recall = {f"recall@{k}": float((ranks >= 1 / k - 1e-12).mean()) for k in (1, 2, 5)}
    return {**recall, "mrr": float(ranks.mean())}


def _sizes(families: int) -> list[int]:
    return [size for size in (5, 10, 15, 20, 30, 45) if size < families] + [families]


def _given(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, help="where the recordings are")
    parser.add_argument("--out", type=Path, default=OUT, help="the file to write")
    parser.add_argument("--seeds", type=int, default=20, help="how many draws")
    return parser.parse_args(arguments)


def _summary(report: Mapping[str, Any]) -> Iterable[str]:
    for name, pack in report["packs"].items():
        yield f"{name}: {pack['families']} families, {pack['questions']} questions"
        for encoder in ("built_in", *BASELINES):
            each = pack["recall"][encoder].items()
            yield f"  {encoder:18}" + "  ".join(f"{k} {v['mean']:.3f}" for k, v in each)
        means = {k: v["mean"] for k, v in pack["shown"].items() if isinstance(v, dict)}
        yield f"  shown: {means}"
    yield "Nothing suitable, over all cases:"
    for rule, row in report["nothing_suitable_overall"].items():
        yield f"  {rule:24}" + "  ".join(f"{k} {v:.3f}" for k, v in row.items())


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
