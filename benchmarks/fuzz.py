"""Does anything but a typed error come out of a reader, whatever goes in?

    python -m benchmarks.fuzz [--minutes 10] [--target NAME] [--seed N] [--out FILE]

Every reader of something that somebody else wrote (replies of models, exports, packs,
threshold and question files, requests) is given hostile inputs for its share of the time.
A finding is any error that it did not promise, a result that is not sound, or an input that
takes longer than `SLOW` seconds of computing.  What is found is shrunk to the least input
that does it, written down, and makes the exit code 1; the tests run the same for a moment.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from hypothesis import HealthCheck, Phase, given, seed, settings

from benchmarks.fuzz_targets import TARGETS, BrokenPromiseError, Target
from langchain_intercascade.record import versions

OUT: Final = Path(__file__).parent / "results" / "fuzz.json"
ROUND: Final = 100
"""Inputs that are drawn with one seed; then the next one is taken."""
SLOW: Final = 5.0
"""Seconds of computing for an input that nobody should be able to ask for."""


@dataclass(slots=True)
class Fuzzed:
    """What came of one reader.

    Attributes:
        inputs: How many it was given.
        seconds: How long that took.
        slowest: Seconds of computing that the worst of them took.
        findings: What went wrong, each with the least input that does it.
    """

    inputs: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    findings: list[str] = field(default_factory=list)


def main(arguments: list[str] | None = None) -> int:
    """Attack the readers, write the file, and print a table; 1 if anything was found."""
    asked = _given(arguments)
    names = [asked.target] if asked.target else list(TARGETS)
    share = 60.0 * asked.minutes / len(names)
    found = {name: fuzzed(TARGETS[name], seconds=share, begin=asked.seed) for name in names}
    report = {
        "benchmark": "fuzz",
        "command": f"python -m benchmarks.fuzz --minutes {asked.minutes:g}",
        "package": versions()["package"],
        "seed": asked.seed,
        "slow": SLOW,
        "readers": len(found),
        "inputs": sum(each.inputs for each in found.values()),
        "findings": sum(len(each.findings) for each in found.values()),
        "targets": {name: asdict(each) for name, each in found.items()},
    }
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    for line in _lines(found):
        sys.stdout.write(f"{line}\n")
    return 1 if report["findings"] else 0


def fuzzed(target: Target, *, seconds: float, begin: int = 0) -> Fuzzed:
    """Attack one reader for so long, or until something is found."""
    done, began, number = Fuzzed(), time.monotonic(), begin
    while not done.findings and time.monotonic() < began + seconds:
        _one_round(target, number, done)
        number += 1
    done.seconds = round(time.monotonic() - began, 3)
    done.slowest = round(done.slowest, 3)
    return done


def _one_round(target: Target, number: int, done: Fuzzed) -> None:
    @seed(number)
    @settings(
        max_examples=ROUND,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(target.inputs)
    def attacked(given_input: Any) -> None:
        done.inputs += 1
        began = time.process_time()
        target.attack(given_input)
        spent = time.process_time() - began
        done.slowest = max(done.slowest, spent)
        if spent > SLOW:
            msg = f"it took {spent:.1f} s"
            raise BrokenPromiseError(msg)

    try:
        attacked()
    except Exception as error:  # noqa: BLE001 - whatever comes out is what is looked for
        notes = " ".join(getattr(error, "__notes__", ()))
        done.findings.append(f"seed {number}: {type(error).__name__}: {error} {notes}"[:2000])


def _lines(found: dict[str, Fuzzed]) -> Iterator[str]:
    yield f"{'reader':20} {'inputs':>9} {'seconds':>8} {'slowest':>8}  findings"
    for name, each in found.items():
        told = each.findings[0] if each.findings else "none"
        yield f"{name:20} {each.inputs:9} {each.seconds:8.1f} {each.slowest:8.3f}  {told}"


def _given(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fuzz",
        description="Hostile inputs for every reader of what somebody else wrote.",
    )
    parser.add_argument("--out", type=Path, default=OUT, help="where the findings are written")
    parser.add_argument("--minutes", type=float, default=10.0, help="for all readers together")
    parser.add_argument("--target", choices=sorted(TARGETS), help="only this reader")
    parser.add_argument("--seed", type=int, default=0, help="where drawing begins")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
