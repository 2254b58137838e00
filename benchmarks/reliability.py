"""Is anything lost, and is anybody let in, when everything goes wrong?

    python -m benchmarks.reliability [--quick] [--only SUITE] [--seed N] [--out FILE]

Four suites: `faults` fails every call of every collaborator in every way; `crash` kills
processes that learn; `soak` answers ten thousand queries of many tenants while requests
fail; `isolation` lets tenants try each other's doors.  It prints one line a suite, writes
what it found, and ends with 1 if any promise was broken.

`--quick` is what the tests run, and writes nothing unless `--out` says where.  With
`--only` the other suites' entries in the file stay as they are; each entry says by which
command, versions and seed it was made.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from benchmarks.reliability_found import Found
from langchain_intercascade.record import versions

OUT: Final = Path(__file__).parent / "results" / "reliability.json"
ENGINES: Final = ("qdrant-client", "qdrant-edge-py")
FAILURES_SHOWN: Final = 5

Suite = Callable[..., Found]
Tell = Callable[[str], None]

# Imported when they are run: each of them needs other packages, and the processes that are killed
# import this module anew.
SUITES: Final[dict[str, tuple[str, str]]] = {
    "faults": ("benchmarks.reliability_faults", "matrix"),
    "crash": ("benchmarks.reliability_crash", "crash"),
    "soak": ("benchmarks.reliability_soak", "soak"),
    "isolation": ("benchmarks.reliability_isolation", "isolation"),
}


def main(
    arguments: Sequence[str] | None = None, *, suites: Mapping[str, Suite] | None = None
) -> int:
    """Run the suites, print the table, and write the file; 1 if any promise was broken.

    Args:
        arguments: As on the command line.
        suites: What is run in place of the four.
    """
    asked = _given(arguments)
    known = suites or {name: partial(_suite, name) for name in SUITES}
    chosen = {asked.only: known[asked.only]} if asked.only else known
    found = {}
    for name, suite in chosen.items():
        tell = partial(_tell, name)
        tell("begins")
        found[name] = suite(thorough=not asked.quick, seed=asked.seed, tell=tell)
        tell(f"took {found[name].seconds:.0f} s")
    if (out := asked.out or (None if asked.quick else OUT)) is not None:
        _write(out, {name: _entry(each, asked) for name, each in found.items()})
    for line in table(list(found.values())):
        sys.stdout.write(f"{line}\n")
    return 0 if all(map(held, found.values())) else 1


def _suite(name: str, *, thorough: bool, seed: int, tell: Tell) -> Found:
    """Import a suite and run it; the faults tell by themselves how far they are."""
    module, function = SUITES[name]
    options: dict[str, Any] = {} if name == "faults" else {"tell": tell}
    try:
        suite: Suite = getattr(import_module(module), function)
    except ModuleNotFoundError as error:
        why = f"it could not be run: there is no {error.name}"
        return Found(name, 0, (), 0, 0, 0, 0.0, (why,))
    return suite(thorough=thorough, seed=seed, **options)


def held(found: Found) -> bool:
    """Whether all that is promised held.

    Examples:
        >>> held(Found("crash", 100, ("kill",), 100, 0, 0, 1.0))
        True
        >>> held(Found("crash", 100, ("kill",), 99, 0, 0, 1.0))
        False
    """
    whole = found.survived == found.injected > 0
    return whole and not (found.lost or found.leaked or found.failures)


def table(found: Sequence[Found]) -> Iterator[str]:
    """Yield the lines of the table, and below it what went wrong, if anything did."""
    heads = ("suite", "faults injected", "kinds", "survived", "lost", "leaked", "time", "")
    rows = [
        (
            each.suite,
            f"{each.injected:,}",
            str(len(each.kinds)),
            f"{each.survived:,}",
            str(each.lost),
            str(each.leaked),
            f"{each.seconds:.0f} s",
            "held" if held(each) else "BROKEN",
        )
        for each in found
    ]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for suite, *numbers in (heads, *rows):
        cells = (cell.rjust(width) for cell, width in zip(numbers, widths[1:], strict=True))
        yield "  ".join([suite.ljust(widths[0]), *cells]).rstrip()
    for each in found:
        yield from (f"{each.suite}: {failure}" for failure in each.failures[:FAILURES_SHOWN])
        if (more := len(each.failures) - FAILURES_SHOWN) > 0:
            yield f"{each.suite}: and {more} more"


def _entry(found: Found, asked: argparse.Namespace) -> dict[str, Any]:
    """Return what is written about a suite."""
    quick = " --quick" if asked.quick else ""
    return {
        "command": f"python -m benchmarks.reliability --only {found.suite}{quick}"
        f" --seed {asked.seed}",
        "seed": asked.seed,
        "package": versions()["package"],
        "python": platform.python_version(),
        "engines": {name: version(name) for name in ENGINES},
        "held": held(found),
        **{name: each for name, each in found._asdict().items() if name != "suite"},
    }


def _write(out: Path, entries: Mapping[str, Any]) -> None:
    """Put `entries` into the file, beside those of suites that were not run."""
    before = json.loads(out.read_text("utf-8"))["suites"] if out.exists() else {}
    suites = {name: each for name in SUITES if (each := {**before, **entries}.get(name))}
    report = {
        "benchmark": "reliability",
        "injected": sum(each["injected"] for each in suites.values()),
        "lost": sum(each["lost"] for each in suites.values()),
        "leaked": sum(each["leaked"] for each in suites.values()),
        "suites": suites,
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(report, indent=1) + "\n", "utf-8")


def _tell(suite: str, what: str) -> None:
    sys.stderr.write(f"{suite}: {what}\n")
    sys.stderr.flush()


def _given(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reliability",
        description="Fail, kill, soak and rob a cascade; nothing may be lost, nobody let in.",
    )
    parser.add_argument("--quick", action="store_true", help="the short forms")
    parser.add_argument("--only", choices=list(SUITES), help="only this suite")
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn at random")
    parser.add_argument("--out", type=Path, help="where to write what was found")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
