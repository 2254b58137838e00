"""Sequences of changes and restarts: an engine must always hold what a dictionary holds."""

from __future__ import annotations

import time
from typing import Final

from hypothesis import seed as seeded
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from benchmarks.reliability_found import Found
from tests.unit_tests.repository import lifecycle_machine as machines

MACHINES: Final[dict[str, type[machines.Lifecycle]]] = {
    "edge": machines.OnEdge,
    "qdrant": machines.OnQdrant,
}


def sequences(engine: str, number: int, *, seed: int) -> Found:
    """Change an engine in so many ways, forty steps each, and count the steps.

    Args:
        engine: `"edge"`, whose process also crashes now and then, or `"qdrant"`.
        number: How many sequences.
        seed: Of what is drawn.
    """
    began = time.monotonic()
    # A class of its own, because the seed is written into it.
    machine: type[machines.Lifecycle] = type(engine, (MACHINES[engine],), {})
    seeded(seed)(machine)
    steps, crashed = machine.steps(), machine.crashed
    plan = settings(machines.sequences(number), database=None)
    wrong = ""
    try:
        run_state_machine_as_test(machine, settings=plan)
    except Exception as error:  # noqa: BLE001 - whatever comes out is what is looked for
        wrong = f"sequences ({engine}, seed {seed}): {type(error).__name__}: {error}"[:2000]
    crashed = machine.crashed - crashed
    return Found(
        suite="crash",
        injected=crashed,
        kinds=("restart without closing",) if crashed else (),
        survived=0 if wrong else crashed,
        lost=0,
        leaked=0,
        seconds=round(time.monotonic() - began, 1),
        failures=(wrong,) if wrong else (),
        figures={f"steps_{engine}": machine.steps() - steps},
    )
