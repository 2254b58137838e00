"""Does a threshold that calibrates itself keep its promise, in one pass, while strategies come in?

    python -m benchmarks.online [--data DIR] [--out FILE] [--seeds N] [--whole N] [--quick]

Nothing is labelled but what a cascade sees: deferred questions, and the accepted ones that the
lot chose to be audited.  A label says whether the weak answer agrees with the strong one.

*packs*: Recorded answers of several pairs of models; strategies have no effect on them.  All
answers of a pair are taken for the whole traffic, and streams are drawn from it with
replacement, so that the true risk of every cut is known exactly.  A few streams are also
played through the whole cascade, which must accept the very same questions.

*pair*: Simulated models, declared as such, while strategies are being learned (`online_pair`
says how that is made fast and what is simpler than in the cascade).  With a careful teacher
the risk falls as strategies come in.  With one that errs at a tenth of the
questions, and a weak model that believes it, the risk at any threshold first
rises and then falls.  A few streams are also played through the whole cascade.

*fixed*: On the same pair, a threshold fitted once, by `calibrate_threshold`, on answers made
without strategies, and then used while strategies are learned.

The true risk at a certified time is the share of disagreement among what the cuts then served
would accept of the whole traffic, with the strategies then stored; it is looked up whenever a
cut changes, and every 100 questions.  A run is broken if it ever exceeds the target.  The
share of broken runs may be at most `delta` plus two standard errors of such a share.

Coverage in the end is compared with that of the best cuts, known with hindsight from the whole
traffic, as the ratio of the means over streams.  Beside it stands how many labels it takes to
tell at all that four fifths of that is safe (`online_streams.labels_needed`): where
these are about as many as the stream is long, no method can get there.

How long the streams are, and what `threshold.certification` is set to (its looks' shares of
delta, its tests, its patience), was chosen on streams of seeds from 1000 on, by their
coverage.  The streams reported here, of seeds from 0 on, were looked at afterwards, once.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from benchmarks.online_cells import (
    PAIRS,
    PARITY_QUESTIONS,
    QUESTIONS,
    SEED,
    STOCK,
    TARGETS,
    TEACHERS,
    WHOLE_QUESTIONS,
    WHOLE_TARGET,
    pack_cell,
    pack_parity,
    pair_cell,
    whole_pair_run,
)
from benchmarks.online_report import allowed, show, whole_summary
from benchmarks.online_streams import DELTA, ENOUGH
from benchmarks.recordings import DATA, scored
from langchain_intercascade.evaluation.pack import LogprobPack
from langchain_intercascade.record import versions
from langchain_intercascade.threshold.self_calibrating import AUDIT_RATE

OUT: Final = Path(__file__).parent / "results" / "online.json"
PACK: Final = "p1_gate_logprob_mmlu.jsonl.gz"
SEEDS: Final = 200
WHOLE: Final = 5


def main(arguments: list[str] | None = None) -> int:
    """Play all, write the file, and print the main figures; 1 if the recordings are absent."""
    given = _given(arguments)
    pack = scored(given.data / PACK)
    if pack is None:
        return 1
    report = _report(pack, given)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(report, indent=1, allow_nan=False) + "\n", "utf-8")
    show(report)
    return 0


def _report(pack: LogprobPack, given: argparse.Namespace) -> dict[str, Any]:
    jobs: list[Callable[[], dict[str, Any]]] = [
        *(
            partial(pair_cell, name, target, given.seeds)
            for name, teacher in TEACHERS.items()
            for target in teacher.targets
        ),
        *(
            partial(pack_cell, pack, *pair, target, given.seeds)
            for pair in PAIRS
            for target in TARGETS
        ),
    ]
    whole: list[Callable[[], Any]] = [
        *(partial(whole_pair_run, seed, given.questions) for seed in range(given.whole)),
        *(
            partial(pack_parity, pack, seed, PARITY_QUESTIONS)
            for seed in range(min(2, given.whole))
        ),
    ]
    found = list(_done([*jobs, *whole], given.jobs))
    played, found = found[: len(jobs)], found[len(jobs) :]
    runs, parity = found[: given.whole], found[given.whole :]
    simulated = [cell for cell in played if "teacher" in cell]
    cells = [cell for cell in played if "teacher" not in cell]
    kept = [*cells, *(cell["self_calibrating"] for cell in simulated)]
    return {
        "benchmark": "online",
        "command": f"python -m benchmarks.online --seeds {given.seeds} --whole {given.whole}",
        "pack": pack.name,
        "pack_sha256": pack.digest,
        "seed": SEED,
        "seeds": given.seeds,
        "delta": DELTA,
        "audit_rate": AUDIT_RATE,
        "allowed_share": allowed(given.seeds),
        "holds": all(cell["broken_share"] <= allowed(given.seeds) for cell in kept),
        "coverage_wanted": ENOUGH,
        "cells": len(kept),
        "cells_with_enough_coverage": sum(cell["enough"] for cell in kept),
        "packs": {
            "traffic": "drawn with replacement from all recorded answers of the pair",
            "questions": QUESTIONS,
            "cells": cells,
            "whole_cascade": parity,
        },
        "pair": {
            "simulated": True,
            "stock": STOCK,
            "questions": QUESTIONS,
            "cells": simulated,
            "whole_cascade": whole_summary(runs, WHOLE_TARGET, given.questions) if runs else None,
        },
        "versions": {
            "langchain-intercascade": versions()["package"],
            **{name: version(name) for name in ("numpy", "scipy")},
            "python": platform.python_version(),
        },
    }


def _done(jobs: Sequence[Callable[[], Any]], workers: int) -> Iterable[Any]:
    """Run `jobs`, several at once, and return what they return in their order."""
    with ProcessPoolExecutor(workers) as pool:
        for number, future in enumerate([pool.submit(job) for job in jobs], 1):
            yield future.result()
            sys.stderr.write(f"{number} of {len(jobs)} parts done\n")


def _given(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.online", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--data", type=Path, default=DATA, help="where the recordings are")
    parser.add_argument("--out", type=Path, default=OUT, help="the file to write")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many streams each")
    parser.add_argument(
        "--whole", type=int, default=WHOLE, help="streams through the whole cascade"
    )
    parser.add_argument(
        "--questions", type=int, default=WHOLE_QUESTIONS, help="how long those streams are"
    )
    parser.add_argument("--jobs", type=int, default=1, help="how many processes")
    parser.add_argument("--quick", action="store_true", help="a tenth of the streams")
    given = parser.parse_args(arguments)
    if given.quick:
        given.seeds, given.whole = max(1, given.seeds // 10), given.whole // 10
    return given


if __name__ == "__main__":
    raise SystemExit(main())
