"""What does the cascade cost above what cannot be avoided, and where is the limit?

    python -m benchmarks.overhead [--quick] [--only NAME ...] [--out FILE] [--packages DIR]

Models that answer at once take the place of live ones, so that everything measured is ours,
LangChain's or the engine's.  Ratios come from one run in which all contenders take turns; see
`overhead_clock`.  Each figure stands beside its target, where there is one, and what misses
its target is named.  Peers are measured where they are installed, or lie in `--packages`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, TypeAlias

from benchmarks.overhead_calls import calls
from benchmarks.overhead_clock import Row
from benchmarks.overhead_graph import graphs
from benchmarks.overhead_length import gates, prompts
from benchmarks.overhead_load import concurrency
from benchmarks.overhead_start import starts
from benchmarks.overhead_store import insertion, repeats, retrieval

Measure: TypeAlias = Callable[[], list[Row]]

OUT: Final = Path(__file__).parent / "results" / "overhead.json"
_SHOWN: Final = ("langchain-core", "langgraph", "qdrant-edge-py", "pydantic", "numpy")

FULL: Final[Mapping[str, Measure]] = {
    "calls": partial(calls, rounds=100, per_round=4),
    "graph": partial(graphs, rounds=80, per_round=4),
    "retrieval": partial(retrieval, sizes=(1_000, 10_000, 100_000), rounds=200),
    "insert": partial(insertion, rounds=500),
    "concurrency": partial(concurrency, levels=(1, 10, 100, 1000), rounds=7),
    "prompt": partial(prompts, rounds=40),
    "gate": partial(gates, rounds=100),
    "start": partial(starts, rounds=15),
    "cache": partial(repeats, rounds=100),
}
QUICK: Final[Mapping[str, Measure]] = {
    "calls": partial(calls, rounds=30, per_round=2),
    "graph": partial(graphs, rounds=15, per_round=2),
    "retrieval": partial(retrieval, sizes=(1_000, 10_000), rounds=100),
    "insert": partial(insertion, rounds=200),
    "concurrency": partial(concurrency, levels=(1, 100, 1000), rounds=2),
    "prompt": partial(prompts, rounds=8),
    "gate": partial(gates, rounds=20),
    "start": partial(starts, rounds=3),
    "cache": partial(repeats, rounds=30),
}


def main(arguments: list[str] | None = None) -> int:
    """Measure, print the table, and write the file unless it was done in haste."""
    given = _given(arguments)
    if given.packages is not None:
        sys.path.append(str(given.packages))
    plan = QUICK if given.quick else FULL
    parts = {name: measured(plan[name], quick=given.quick) for name in given.only or plan}
    for line in table([row for rows, _ in parts.values() for row in rows]):
        sys.stdout.write(line + "\n")
    if given.out is not None or not given.quick:
        _write(given.out or OUT, parts)
    return 0


def measured(measure: Measure, *, quick: bool) -> tuple[list[Row], dict[str, Any]]:
    """Measure one part; return its rows, and under which circumstances they came about."""
    began = time.perf_counter()
    rows = measure()
    return rows, {
        "quick": quick,
        "seconds": round(time.perf_counter() - began),
        "load": round(os.getloadavg()[0], 1),
    }


def table(rows: list[Row]) -> list[str]:
    r"""Return the figures as lines, those with a target first, and then what is missed.

    Examples:
        >>> print("\n".join(table([Row(name="a call", ratio=1.5, target=1.3, why="why")])))
        figure        value  target
        a call        1.5 x  <= 1.3  missed
        <BLANKLINE>
        1 of 1 targets is missed:
          a call: 1.5, not <= 1.3 (why)
    """
    ordered = sorted(rows, key=lambda row: row.target is None)
    width = max(len(row.name) for row in rows) + 2 if rows else 0
    width = max(width, 12)
    lines = [f"{'figure':<{width}}{'value':>9}  target"]
    lines += [_line(row, width) for row in ordered]
    return [*lines, "", *_missed(rows)]


def _line(row: Row, width: int) -> str:
    value = "-" if row.ratio is None else f"{row.ratio:.4g} {row.unit}"
    verdict = {True: "met", False: "missed", None: ""}[row.met]
    return f"{row.name:<{width}}{value:>9}  {_aim(row):<6}  {verdict}".rstrip()


def _missed(rows: list[Row]) -> list[str]:
    aimed = [row for row in rows if row.met is not None]
    missed = [row for row in aimed if not row.met]
    if not missed:
        return [f"All {len(aimed)} targets are met."]
    verb = "is" if len(missed) == 1 else "are"
    return [
        f"{len(missed)} of {len(aimed)} targets {verb} missed:",
        *(f"  {row.name}: {row.ratio:.4g}, not {_aim(row)} ({row.why})" for row in missed),
    ]


def _aim(row: Row) -> str:
    if row.target is None:
        return ""
    return f"{'<=' if row.bound == 'at most' else '>='} {row.target:g}"


def slug(name: str) -> str:
    """Return `name` as pages quote it.

    Examples:
        >>> slug("chat model, accepted, sync")
        'chat_model_accepted_sync'
    """
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _write(out: Path, parts: Mapping[str, tuple[list[Row], dict[str, Any]]]) -> None:
    """Write the file; what it holds of parts that were not measured now is kept."""
    before: dict[str, Any] = json.loads(out.read_text("utf-8")) if out.exists() else {}
    kept = [
        row
        for row in [*before.get("targets", []), *before.get("figures", [])]
        if row["part"] not in parts
    ]
    new = [{"part": name, **row.payload()} for name, (rows, _) in parts.items() for row in rows]
    order = list(FULL)
    rows = sorted([*kept, *new], key=lambda row: order.index(row["part"]))
    circumstances = before.get("parts", {}) | {name: told for name, (_, told) in parts.items()}
    report = {
        "command": "python -m benchmarks.overhead",
        "parts": {name: circumstances[name] for name in order if name in circumstances},
        "machine": {
            "python": platform.python_version(),
            "system": platform.system(),
            "cores": len(os.sched_getaffinity(0)),
        },
        "versions": {name: version(name) for name in _SHOWN},
        "values": {slug(row["name"]): row["ratio"] for row in rows},
        "targets": [row for row in rows if row["target"] is not None],
        "figures": [row for row in rows if row["target"] is None],
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(report, indent=1) + "\n", "utf-8")


def _given(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds, in two minutes")
    parser.add_argument("--only", action="append", choices=[*FULL], help="measure this part only")
    parser.add_argument("--out", type=Path, help=f"where to write; {OUT.name}, unless in haste")
    parser.add_argument("--packages", type=Path, help="a folder of site packages with the peers")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
