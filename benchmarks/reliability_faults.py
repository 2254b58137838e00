"""Does what is promised hold, whoever fails at whichever call, and in whichever way?

    python -m benchmarks.reliability_faults [--thorough] [--seed N] [--again "LINE"]

Every scenario is run once with everybody well, and the calls of everybody are counted.  Then
it is run again for each call and each kind of fault, in the chat model and in the graph, sync
and async, and followed by a run without faults on the same cascade.  After each everything
that `reliability_faults_promises` names is checked.  A failure is told in one line, which
`--again` takes.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Final

from benchmarks.reliability_faults_bench import Bench, Cell, bench
from benchmarks.reliability_faults_promises import leaked
from benchmarks.reliability_faults_scenarios import SCENARIOS, Scenario
from benchmarks.reliability_found import Found

_EVERY: Final = 250
"""Runs between two lines of progress."""

_CALLBACKS: Final = 3
"""Calls of a tracer that fail in the short form: there are many, and LangChain makes them."""

_LOSSES: Final = ("never learned", "not there")


def matrix(
    *,
    thorough: bool,
    seed: int,
    scenarios: Sequence[Scenario] = SCENARIOS,
    on: Bench | None = None,
    again: str = "",
) -> Found:
    """Run the matrix and return what was found.

    Args:
        thorough: Every kind at every call in every host and colour; else each call once (of a
            tracer the first few), in a host, a colour and a way that `seed` draws.
        seed: Draws those.
        scenarios: Which of them.
        on: Where; on a bench of its own if `None`.
        again: The line of the only run to make; all if empty.
    """
    began = time.monotonic()
    done, survived, leaks, lost = 0, 0, 0, 0
    kinds: set[str] = set()
    failures: list[str] = []
    with ExitStack() as stack:
        here = on or stack.enter_context(bench())
        asked = [each for each in scenarios if again.startswith(f"{each.name} /") or not again]
        every = _cells(here, asked, thorough=thorough or bool(again), seed=seed)
        cells = [cell for cell in every if again in ("", str(cell))]
        for number, cell in enumerate(cells, start=1):
            found, wrong = here.tried(cell)
            done += found.fired
            survived += 0 if wrong else found.fired
            kinds.add(cell.site.kind.name)
            leaks += leaked(found)
            lost += sum(loss in each for each in wrong for loss in _LOSSES)
            failures += [f"{cell}: {each}" for each in wrong]
            if thorough and number % _EVERY == 0:
                sys.stderr.write(f"faults: {number} of {len(cells)}, {len(failures)} failures\n")
    return Found(
        suite="faults",
        injected=done,
        kinds=tuple(sorted(kinds)),
        survived=survived,
        lost=lost,
        leaked=leaks,
        seconds=round(time.monotonic() - began, 1),
        failures=tuple(failures),
        figures={"runs": float(len(cells)), "scenarios": float(len(asked))},
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the matrix by itself, and print what was found; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reliability_faults")
    parser.add_argument("--thorough", action="store_true", help="every kind at every call")
    parser.add_argument("--seed", type=int, default=0, help="draws what is run, if not everything")
    parser.add_argument("--again", default="", metavar="LINE", help="run only what LINE tells of")
    asked = parser.parse_args(arguments)
    found = matrix(thorough=asked.thorough, seed=asked.seed, again=asked.again)
    for line in found.failures:
        sys.stdout.write(f"{line}\n")
    runs = int(found.figures["runs"])
    sys.stdout.write(
        f"{found.injected} faults of {len(found.kinds)} kinds in {runs} runs: {found.survived} "
        f"survived, {found.lost} lost, {found.leaked} leaked, in {found.seconds:.0f} seconds\n"
    )
    return 1 if found.failures else 0


def _cells(
    here: Bench, scenarios: Sequence[Scenario], *, thorough: bool, seed: int
) -> Iterator[Cell]:
    chance = random.Random(seed)
    for scenario in scenarios:
        for (who, call), ways in sorted(here.cells(scenario).items()):
            if thorough:
                yield from ways
            elif who != "callback" or call <= _CALLBACKS:
                yield chance.choice(ways)


if __name__ == "__main__":
    sys.exit(main())
