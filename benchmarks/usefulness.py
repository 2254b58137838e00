"""Does the ledger find out which strategies help, and are the others taken out of use?

    python -m benchmarks.usefulness [--data FOLDER] [--out FILE] [--seeds N] [--limit N] [--jobs N]

Recorded answers of real models, to each question without help and with help of its kind, are
streamed through a cascade.  Its ledger is fed by what a cascade sees: deferrals, audits of
accepted answers with the paired replay without strategies, and a holdout.  While the worth of a
strategy is open, answers with it are audited more often; what that costs is in the file, too.
Written down are, by family of questions, what the ledger believes of its strategies beside the
effect that was recorded, how often strategies were shown in each fifth of the stream, and what
was suspended.

What was not recorded is assumed, and said so in the file.  Intervals are 95 % for the mean over
seeds (Student's t); each seed is another order of the questions and other lots.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from benchmarks.recordings import DATA
from benchmarks.usefulness_figures import CUT, Drawn, drawn, pooled, summary
from benchmarks.usefulness_runs import Setting, stream
from benchmarks.usefulness_streams import Corpus, memory_corpora, transfer_corpus
from langchain_intercascade.evaluation.pack import TransferPack, read_pack
from langchain_intercascade.evaluation.replay import MIN_SIMILARITY
from langchain_intercascade.learning.aftermath import EAGER
from langchain_intercascade.learning.books import OPEN
from langchain_intercascade.repository import ledger
from langchain_intercascade.repository.belief import CREDIT

OUT: Final = Path(__file__).parent / "results" / "usefulness.json"
TRANSFER: Final = "p5_bbh_transfer"
MEMORY: Final = "p6_memory_runs"
BARS: Final = {"rank_correlation": 0.8, "injected": 0.1}

MAIN: Final = "audits .2"
CHOSEN_FROM: Final = 1000
"""The first of the seeds on which constants are chosen; what is reported begins at 0."""

SETTINGS: Final = {
    MAIN: Setting(audit_rate=0.2, holdout=0.05),
    "replay": Setting(audit_rate=0.2, holdout=0.05, admission="replay"),
    "audits .3": Setting(audit_rate=0.3, holdout=0.05),
    "audits .1": Setting(audit_rate=0.1, holdout=0.05),
    "coin": Setting(audit_rate=0.2, holdout=0.05, gate="coin"),
}
"""What is run; the first as often as asked, the others a sixth as often."""

ASSUMED: Final = (
    "The strong model is perfect: it answers with the gold.",
    "Weak answers are judged as their recordings were graded, by an `agreement` that looks it up.",
    (
        "What would be distilled was not recorded. A stand-in that only names the family goes "
        "through the real steps, and is taken to help as much as the recorded help did."
    ),
    (
        "The answer with help is played only if a strategy of the question's family is in the "
        "prompt; one of another family is taken to have no effect."
    ),
    (
        "Confidences were not recorded. `sure when helped`: the weak model is sure if any strategy "
        "is in its prompt, and else is not. `coin`: half the questions pass, helped or not."
    ),
    f"The floor of similarity is {MIN_SIMILARITY}, as for `intercascade bench` on this pack.",
    "A question that was recorded twice is asked once.",
    (
        "CREDIT, DOUBT, PROVEN, OPEN and the rates of audits were chosen on these same recordings, "
        f"on seeds from {CHOSEN_FROM} on: the orders and the lots of this file are others, but the "
        "questions are the same, so these figures are no independent test of them."
    ),
)


def main(arguments: list[str] | None = None) -> int:
    """Run every setting on every seed, write the file, and print tables."""
    given = _given(arguments)
    missing = [name for name in (TRANSFER, MEMORY) if not _file(given.data, name).exists()]
    if missing:
        sys.stderr.write(f"There is no {' and no '.join(missing)} in {given.data}; see --data.\n")
        return 2
    packs = {name: _pack(given, name) for name in (TRANSFER, MEMORY)}
    report = {
        "command": "python -m benchmarks.usefulness",
        "simulated": False,
        "seeds": _seeds(given.seeds),
        "assumed": ASSUMED,
        "constants": constants(),
        "bars": BARS,
        "without_benefit": f"recorded effect of at most {CUT}",
        "headline": headline(packs),
        "packs": packs,
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(report, indent=2) + "\n", "utf-8")
    for name, found in packs.items():
        _print(name, found)
    return 0


def one(data: Path, pack: str, setting: str, seed: int, limit: int | None) -> Drawn:
    """Run one seed of one setting over all models of a pack."""
    return pooled(
        {
            corpus.name: drawn(corpus, stream(corpus, SETTINGS[setting], seed, limit=limit))
            for corpus in corpora(data, pack)
        }
    )


@cache
def corpora(data: Path, pack: str) -> Sequence[Corpus]:
    """Return what `pack` in the folder `data` has to stream, one corpus for each model."""
    if pack == MEMORY:
        return memory_corpora(_file(data, pack))
    found = read_pack(_file(data, pack))
    if not isinstance(found, TransferPack):
        msg = f"{found.name} is no transfer pack."
        raise TypeError(msg)
    return [transfer_corpus(found)]


def constants() -> dict[str, Any]:
    """Return the constants of the ledger and of audits that these figures are about."""
    names = ("PROBATION", "SURE", "WORTH", "DOUBT", "PROVEN", "COMPARED")
    others = {"CREDIT": CREDIT, "OPEN": OPEN, "EAGER": EAGER}
    return {name: getattr(ledger, name) for name in names} | others


def headline(packs: Mapping[str, Any]) -> dict[str, Any]:
    """Return of each pack the figures of the main setting that the bars are about, and their cost.

    `without_benefit_shown_most` is the family without benefit that is still shown strategies in
    the largest share of its queries: the mean over families may hide one.
    """
    return {name: _headline(found["settings"][MAIN]) for name, found in packs.items()}


def _headline(main: Mapping[str, Any]) -> dict[str, Any]:
    names = ("rank_correlation", "injected_without_benefit", "strong_calls", "audits_of_new")
    useless = {
        name: each["injected_last"]["mean"]
        for name, each in main["families"].items()
        if each["recorded"] <= CUT
    }
    most = max(useless, key=useless.__getitem__)
    shown = {"family": most, "share": useless[most]}
    return {name: main[name] for name in names} | {"without_benefit_shown_most": shown}


def _pack(given: argparse.Namespace, pack: str) -> dict[str, Any]:
    seeds = _seeds(given.seeds)
    tasks = [(name, seed) for name in SETTINGS for seed in range(seeds[name])]
    drawn_all: dict[str, list[Drawn]] = {name: [] for name in SETTINGS}
    for (name, seed), run in zip(tasks, _runs(given, pack, tasks), strict=True):
        drawn_all[name].append(run)
        sys.stderr.write(f"{pack}: {name}, seed {seed + 1} of {seeds[name]}\n")
    described = corpora(given.data, pack)
    return {
        "corpora": {each.name: _described(each) for each in described},
        "settings": {
            name: {**SETTINGS[name].payload(), **summary(runs, SETTINGS[name].audit_rate)}
            for name, runs in drawn_all.items()
        },
    }


def _runs(
    given: argparse.Namespace, pack: str, tasks: Sequence[tuple[str, int]]
) -> Iterator[Drawn]:
    run = partial(_one, given.data, pack, given.limit)
    if given.jobs == 1:
        yield from map(run, tasks)
        return
    # Not forked: the encoder's and the engine's threads would not come along.
    with ProcessPoolExecutor(given.jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(run, tasks)


def _one(data: Path, pack: str, limit: int | None, task: tuple[str, int]) -> Drawn:
    return one(data, pack, *task, limit)


def _described(corpus: Corpus) -> dict[str, Any]:
    return {
        "questions": len(corpus.pairs),
        "families": {
            name: {"questions": len(pairs), "help": corpus.help[name]}
            for name, pairs in corpus.families.items()
        },
        "assumed": corpus.assumed,
    }


def _seeds(seeds: int) -> dict[str, int]:
    return {name: seeds if name == MAIN else max(1, seeds // 6) for name in SETTINGS}


def _file(data: Path, name: str) -> Path:
    return data / f"{name}.jsonl.gz"


def _print(pack: str, found: dict[str, Any]) -> None:
    _say(f"\n{pack}")
    for name, figures in found["settings"].items():
        calls = ", ".join(f"{role} {each['mean']:.2f}" for role, each in figures["calls"].items())
        _say(
            f"{name:10} rank correlation {_shown(figures['rank_correlation'])}, without benefit "
            f"shown {_shown(figures['injected_without_benefit'])}, right "
            f"{_shown(figures['right'])}; calls per question: {calls}, of the audits "
            f"{figures['audits_of_new']['mean']:.3f} because their worth was open"
        )
    _say("family", " " * 40, "recorded  estimate              shown by fifth            suspended")
    for family, each in found["settings"][MAIN]["families"].items():
        fifths = " ".join(f"{share:.2f}" for share in each["injected"])
        _say(
            f"{family:48} {each['recorded']:+.2f}  {_shown(each['estimate'])}  {fifths}  "
            f"{each['suspended']:.2f}"
        )
    for reason in found["settings"][MAIN]["reasons"]:
        _say("suspended:", reason)


def _shown(figure: dict[str, float]) -> str:
    return f"{figure['mean']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


def _say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")


def _given(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.usefulness",
        description="What the ledger believes of strategies, beside what was recorded of them.",
    )
    parser.add_argument("--data", type=Path, default=DATA, help="the folder with the packs")
    parser.add_argument("--out", type=Path, default=OUT, help="where the figures are written")
    parser.add_argument("--seeds", type=int, default=6, help="how many streams")
    parser.add_argument("--limit", type=int, default=None, help="how long each is at most")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
