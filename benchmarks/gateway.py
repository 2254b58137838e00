"""How many calls a second does the gateway take on a core, beside a bare route in its place?

    python -m benchmarks.gateway [--quick] [--out FILE]

Four servers (see `gateway_servers`), each a process of its own, take turns: in every round
each gets the same load over kept connections on this machine. Counted is the CPU time of the
server's process, so that a busy machine, and the client, distort the calls per core little;
latencies are what the client saw, and a busy machine does distort them, for all alike.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from benchmarks.gateway_client import Load, latencies

OUT: Final = Path(__file__).parent / "results" / "gateway.json"
NAMES: Final = ("route", "passthrough", "cascade", "gateway")
LOADS: Final = (
    Load("one at a time", in_flight=1, calls=200),
    Load("32 in flight", in_flight=32, calls=640),
    Load("256 in flight, a model of 50 ms", in_flight=256, calls=1024, delay=0.05),
)
WARM: Final = 256


@dataclass(slots=True)
class Seen:
    """What one server did under one load, round by round."""

    cpu: list[float] = field(default_factory=list)
    """CPU seconds for each call."""
    rate: list[float] = field(default_factory=list)
    """Calls per second of the clock."""
    taken: list[float] = field(default_factory=list)
    """Seconds that each call took."""


def main(arguments: list[str] | None = None) -> int:
    """Measure, print a table and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two rounds, a quarter of the calls")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args(arguments)
    rounds, share = (2, 4) if given.quick else (5, 1)
    rows = [each for load in LOADS for each in measured(_scaled(load, share), rounds)]
    report = {
        "command": "python -m benchmarks.gateway",
        "rounds": rounds,
        "machine": {"python": platform.python_version(), "cores": os.cpu_count()},
        "versions": {name: version(name) for name in ("fastapi", "uvicorn", "langchain-core")},
        "rows": rows,
    }
    given.out.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    for each in rows:
        sys.stdout.write(_line(each) + "\n")
    return 0


def measured(load: Load, rounds: int) -> list[dict[str, Any]]:
    """Return a row for each server: how it did under `load`."""
    with ExitStack() as stack:
        servers = {name: stack.enter_context(_serving(name, load.delay)) for name in NAMES}
        seen = {name: Seen() for name in NAMES}
        for process, port in servers.values():
            _round(process, port, Load("", load.in_flight, WARM), Seen())
        for turn in range(rounds):
            for name in NAMES if turn % 2 else NAMES[::-1]:
                _round(*servers[name], load, seen[name])
    return [row(load, name, seen) for name in NAMES]


def _round(process: subprocess.Popen[str], port: int, load: Load, seen: Seen) -> None:
    spent, began = _cpu(process), time.perf_counter()
    taken = asyncio.run(latencies(port, load))
    seen.rate.append(load.calls / (time.perf_counter() - began))
    seen.cpu.append((_cpu(process) - spent) / load.calls)
    seen.taken.extend(taken)


def row(load: Load, name: str, seen: dict[str, Seen]) -> dict[str, Any]:
    """Return the figures of one server; ratios are medians of the rounds' own ratios."""
    own = seen[name]
    return {
        "load": load.name,
        "server": name,
        "calls_per_second_and_core": round(1 / statistics.median(own.cpu), 1),
        "calls_per_second": round(statistics.median(own.rate), 1),
        "cpu_ms_per_call": round(1000 * statistics.median(own.cpu), 3),
        "cpu_to_passthrough": _ratio(own, seen["passthrough"]),
        "cpu_to_cascade": _ratio(own, seen["cascade"]),
        "p50_ms": round(1000 * _quantile(own.taken, 0.5), 2),
        "p99_ms": round(1000 * _quantile(own.taken, 0.99), 2),
    }


def _ratio(one: Seen, other: Seen) -> float:
    pairs = zip(one.cpu, other.cpu, strict=True)
    return round(statistics.median(mine / theirs for mine, theirs in pairs), 2)


def _line(each: dict[str, Any]) -> str:
    return (
        f"{each['load']:<32} {each['server']:<12} "
        f"{each['calls_per_second_and_core']:>8} calls/s and core  "
        f"{each['cpu_to_passthrough']:>5} x passthrough {each['cpu_to_cascade']:>5} x cascade  "
        f"p50 {each['p50_ms']:>7} ms  p99 {each['p99_ms']:>7} ms"
    )


@contextmanager
def _serving(name: str, delay: float) -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = [sys.executable, "-m", "benchmarks.gateway_servers", name, str(delay)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        try:
            told = process.stdout.readline() if process.stdout else ""
            yield process, int(told)
        finally:
            process.terminate()


def _cpu(process: subprocess.Popen[str]) -> float:
    """Return the CPU seconds that a process has used, all its threads together."""
    # What clock_getcpuclockid(3) returns on Linux, which Python has for threads only.
    return time.clock_gettime((~process.pid << 3) | 2)


def _scaled(load: Load, share: int) -> Load:
    return Load(load.name, load.in_flight, max(load.in_flight, load.calls // share), load.delay)


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


if __name__ == "__main__":
    sys.exit(main())
