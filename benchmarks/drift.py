"""Both models are replaced in the middle of a stream: when is it noticed, and what did it cost?

    python -m benchmarks.drift [--data DIR] [--out FILE] [--seeds N] [--quick]

Recorded answers to "is this number prime?" of gpt-3.5 (weak) and gpt-4 (strong), of March and
of June 2023.  No confidences were recorded: `drift_streams` declares the score.  It was chosen
after looking at the answers of both halves, and it is weak, so the target is generous.
Streams are drawn with replacement from the March answers, and from the June answers after the
switch; the threshold calibrates itself.

*silent*: The models do not say who they are. The audits have to notice.
*unshifted*: The same without a switch: an alarm is a false one.
*named*: The models' names are in their answers, and the threshold is kept with its log of
labels in a repository, as in the cascade.  Certification starts anew where another name is met:
the weak model's before its answer is gated, the strong one's as soon as it is asked.
Written down is how many answers were accepted from the switch until then, if both
models change, and if only the strong one does.

Risk is disagreement with the strong model: that is all a cascade can see, and all that it
promises.  Errors against the truth stand beside it; here the strong model becomes the worse one.
Intervals are 95 % for means over streams.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.drift_report import (
    Named,
    Silent,
    named_summary,
    shifted_summary,
    show,
    unshifted_summary,
)
from benchmarks.drift_streams import (
    AFTER,
    BEFORE,
    Answers,
    Stream,
    Tally,
    ask_named,
    recorded,
)
from benchmarks.online_streams import DELTA
from benchmarks.recordings import DATA, is_there
from langchain_intercascade import EdgeRepository
from langchain_intercascade._steps import run
from langchain_intercascade.learning.pledge import Pledge
from langchain_intercascade.learning.promise import Promise
from langchain_intercascade.record import versions
from langchain_intercascade.threshold.base import ALWAYS_DEFER
from langchain_intercascade.threshold.self_calibrating import AUDIT_RATE, SelfCalibrating

OUT: Final = Path(__file__).parent / "results" / "drift.json"
PACK: Final = "p9_drift.jsonl.gz"
TARGET: Final = 0.5
STRETCH: Final = 5000
"""Questions before the switch, and as many after it."""
NAMED_STRETCH: Final = 4000
EVERY: Final = 100
"""Before the switch the labels of so many questions are written to the log at once."""
SEEDS: Final = 200
NAMED_SEEDS: Final = 10
SEED: Final = 20230613


def main(arguments: list[str] | None = None) -> int:
    """Play all, write the file, and print the main figures; 1 if the recordings are absent."""
    given = _given(arguments)
    file = given.data / PACK
    if not is_there(file):
        return 1
    march, june, mixed = recorded(file, BEFORE, AFTER, (BEFORE[0], AFTER[1]))
    silent = [_silent(march, june, seed) for seed in _told(given.seeds, "silent")]
    unshifted = [_silent(march, march, seed) for seed in _told(given.seeds, "unshifted")]
    both = [_named(march, june, seed) for seed in _told(given.named, "named")]
    strong = [_named(march, mixed, seed) for seed in _told(given.named, "strong only")]
    report = {
        "benchmark": "drift",
        "command": f"python -m benchmarks.drift --seeds {given.seeds} --named {given.named}",
        "pack": PACK,
        "pack_sha256": sha256(file.read_bytes()).hexdigest(),
        "seed": SEED,
        "seeds": given.seeds,
        "score": "declared, not recorded: 1 for yes, else 0.5 / (1 + tokens / 200)",
        "target_risk": TARGET,
        "delta": DELTA,
        "audit_rate": AUDIT_RATE,
        "stretch": STRETCH,
        "recorded": {
            "before": _alone(march, BEFORE),
            "after": _alone(june, AFTER),
        },
        "silent": shifted_summary(silent),
        "unshifted": unshifted_summary(unshifted, 2 * STRETCH),
        "named": {"both": named_summary(both), "strong_only": named_summary(strong)},
        "versions": {
            "langchain-intercascade": versions()["package"],
            **{name: version(name) for name in ("numpy", "scipy")},
            "python": platform.python_version(),
        },
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(report, indent=1, allow_nan=False) + "\n", "utf-8")
    show(report)
    return 0


def _told(seeds: int, what: str) -> range:
    sys.stderr.write(f"{what}: {seeds} streams\n")
    return range(seeds)


def _silent(first: Answers, second: Answers, seed: int) -> Silent:
    rng = np.random.default_rng([SEED, seed])
    threshold = SelfCalibrating(TARGET, delta=DELTA, regimes=("plain",))
    stream, cold, before, until, later = Stream(threshold), Tally(), Tally(), Tally(), Tally()
    for number, at in enumerate(rng.integers(0, len(first.scores), STRETCH).tolist()):
        serving = threshold.standing("plain") == "serving"
        stream.ask(first, at, f"{seed}/{number}", before if serving else cold)
    served = threshold.standing("plain") == "serving"
    early, audited = threshold.standing("plain") == "withdrawn", threshold.monitor("plain").n
    alarm = None
    for number, at in enumerate(rng.integers(0, len(second.scores), STRETCH).tolist(), 1):
        stream.ask(second, at, f"{seed}/after {number}", until if alarm is None else later)
        if alarm is None and not early and threshold.standing("plain") == "withdrawn":
            alarm = number
    audits = threshold.monitor("plain").n - audited
    return Silent(served, early, alarm, audits, before, until, later)


def _named(first: Answers, second: Answers, seed: int) -> Named:
    rng = np.random.default_rng([SEED, seed, 1])
    with EdgeRepository() as repository:
        pledge = Pledge(weak_model="weak", target_risk=TARGET, delta=DELTA, regimes=("plain",))
        promise = Promise(pledge, repository, tenant="default")
        for number, at in enumerate(rng.integers(0, len(first.scores), NAMED_STRETCH).tolist(), 1):
            ask_named(promise, first, at, f"{seed}/{number}", Tally())
            if number % EVERY == 0:
                run(promise.syncing())
        served, tally = promise.cut("plain").value != ALWAYS_DEFER, Tally()
        for number, at in enumerate(rng.integers(0, len(second.scores), NAMED_STRETCH).tolist()):
            if ask_named(promise, second, at, f"{seed}/after {number}", tally):
                run(promise.syncing())
            if promise.cut("plain").value == ALWAYS_DEFER:
                break
        return Named(served, tally.questions, tally.accepted, promise.cut("plain").origin)


def _alone(answers: Answers, names: tuple[str, str]) -> dict[str, Any]:
    return {
        "weak_model": names[0],
        "strong_model": names[1],
        "questions": len(answers.scores),
        "weak_accuracy": float(answers.weak_right.mean()),
        "strong_accuracy": float(answers.strong_right.mean()),
        "agreement": float(np.nanmean(answers.agrees)),
    }


def _given(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.drift", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--data", type=Path, default=DATA, help="where the recordings are")
    parser.add_argument("--out", type=Path, default=OUT, help="the file to write")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many streams each")
    parser.add_argument("--named", type=int, default=NAMED_SEEDS, help="streams with names")
    parser.add_argument("--quick", action="store_true", help="a tenth of the streams")
    given = parser.parse_args(arguments)
    if given.quick:
        given.seeds, given.named = max(2, given.seeds // 10), max(1, given.named // 10)
    return given


if __name__ == "__main__":
    raise SystemExit(main())
