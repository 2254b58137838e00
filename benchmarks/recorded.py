"""What does a cascade do with recorded answers of real models, also where strategies do not help?

    python -m benchmarks.recorded [--data FOLDER] [--out FILE] [--quick] [--seeds N]

Each pack is streamed through the real cascade: retrieval, gate, lessons and repository are those
of the package, only what models say is looked up.  Thresholds are the paper's choice, fitted on
other answers beforehand.  The file and the table say of each pack what is recorded and what is
assumed; what was never recorded is counted by a declared rule and, beside it, as wrong.

`not_worse` is the claim that is made of records where strategies do not help: beside the same
cascade without learning no answer is lost, the strong model is not asked for more answers, and
whatever costs more is the overhead of strategies, which is told apart.  "No answer is lost" means
that the interval of the difference does not lie below 0 as a whole.  Intervals are 95 %, by
drawing families (or questions, where there are none) anew.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from benchmarks.recorded_packs import PACKS, records_in
from benchmarks.recorded_report import TOLERATED, claims, figures, show
from benchmarks.recorded_runs import DELTA, LEARNING, TARGETS, Gate, gates_of, play
from benchmarks.recorded_streams import Records
from benchmarks.recordings import DATA, is_there
from benchmarks.usefulness_figures import CUT
from langchain_intercascade.evaluation.arms import Outcome
from langchain_intercascade.evaluation.report import library_versions

OUT: Final = Path(__file__).parent / "results" / "recorded.json"
QUESTIONS: Final = 400
LONGER: Final[Mapping[tuple[str, str], int]] = {
    ("bbh", "coin"): 1200,
    ("memory_claude", "coin"): 1000,
    ("memory_gpt", "coin"): 1000,
}
"""How many questions are streamed, of as many as there are; more where only some families count."""

QUICK: Final = 40


def main(arguments: list[str] | None = None) -> int:
    """Run every pack, write the file, and print the table."""
    given = _given(arguments)
    there = {file: is_there(given.data / file) for file in PACKS.values()}
    if not all(there.values()):
        return 2
    found = [measured(records, given) for records in records_in(given.data)]
    told = [claim for _, each in found for claim in each]
    report = {
        "command": "python -m benchmarks.recorded",
        "kind": "recorded",
        "quick": given.quick,
        "seeds": list(range(given.seeds)),
        "targets": TARGETS,
        "delta": DELTA,
        "learning": LEARNING,
        "packs": {name: _pack(given.data / file) for name, file in PACKS.items()},
        "records": {each["key"]: each for each, _ in found},
        "not_worse": {
            "without_benefit": f"recorded effect of at most {CUT}",
            "tolerated": TOLERATED,
            "claims_made": len(told),
            "holds": all(claim["holds"] for claim in told),
            "beyond_tolerance": sum(not claim["within_tolerance"] for claim in told),
            "worst": min(claim["accuracy_difference"]["value"] for claim in told),
            "claims": told,
        },
        "versions": library_versions(),
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    show(report, Console(width=110))
    return 0


def measured(
    records: Records, given: argparse.Namespace
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Run all gates of some records; return what came of them, and what is claimed of it."""
    gates, told = {}, []
    for gate in gates_of(records):
        arms = _over_seeds(records, gate, given)
        came = figures(records, arms, seed=0)
        came |= {"threshold": gate.threshold, "told": gate.told, "questions": len(arms["plain"])}
        gates[gate.key] = came
        told += claims(records, gate.key, came)
        sys.stderr.write(f"{records.key} {gate.key} done\n")
    replay = records.replay
    return {
        "key": records.key,
        "pack": records.pack,
        "file": PACKS[records.pack],
        "weak": replay.weak_model,
        "strong": replay.strong_model,
        "recorded": list(replay.recorded),
        "assumed": list(replay.assumed),
        "gates": gates,
    }, told


def _over_seeds(
    records: Records, gate: Gate, given: argparse.Namespace
) -> dict[str, list[Outcome]]:
    """Return the outcomes by arm, one order after the other."""
    limit = QUICK if given.quick else LONGER.get((records.key, gate.key), QUESTIONS)
    runs = [play(records, gate, seed=seed, limit=limit) for seed in range(given.seeds)]
    return {arm: _joined([run[arm] for run in runs]) for arm in runs[0]}


def _joined(parts: Sequence[Sequence[Outcome]]) -> list[Outcome]:
    return [outcome for part in parts for outcome in part]


def _pack(file: Path) -> dict[str, str]:
    return {"file": file.name, "sha256": sha256(file.read_bytes()).hexdigest()}


def _given(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.recorded", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--data", type=Path, default=DATA, help="folder with the recordings")
    parser.add_argument("--out", type=Path, default=OUT, help="the file to write")
    parser.add_argument("--quick", action="store_true", help="a few questions of each pack only")
    parser.add_argument("--seeds", type=int, default=1, help="how many orders of the questions")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
