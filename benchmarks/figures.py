"""Write the measured figures anew into README and documentation.

    python -m benchmarks.figures

A figure stands before the place that it was read from: `.783 <!-- file.json arms.x.y -->`, the
file being one of `benchmarks/results`.  It keeps its digits, and the sign for hundredths if it
has one (`78.3 % <!-- ... -->`).  The tests fail wherever a figure is not the measured one.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent
RESULTS: Final = ROOT / "benchmarks" / "results"

FIGURE: Final = re.compile(
    r"(?P<said>-?[\d.,]*\d)(?P<unit> %|) <!-- (?P<file>\S+\.json) (?P<path>\S+) -->"
)


def pages() -> Iterator[Path]:
    """Return every page that may quote figures."""
    yield ROOT / "README.md"
    yield from sorted((ROOT / "docs").rglob("*.md"))


def renewed(text: str) -> str:
    """Return `text` with every figure as it was measured.

    Raises:
        KeyError: There is nothing at a place that is named.
        FileNotFoundError: There is no such file.
    """
    return FIGURE.sub(_renewed, text)


def _renewed(found: re.Match[str]) -> str:
    said = found["said"]
    measured = _measured(found["file"], found["path"]) * (100 if found["unit"] else 1)
    digits = len(said.partition(".")[2])
    written = f"{measured:,.{digits}f}" if "," in said else f"{measured:.{digits}f}"
    if said.lstrip("-").startswith("."):
        written = re.sub(r"^(-?)0\.", r"\1.", written)
    return found[0].replace(said, written, 1)


def _measured(file: str, path: str) -> float:
    value: Any = _read(file)
    for key in path.split("."):
        value = value[int(key)] if isinstance(value, list) else value[key]
    return float(value)


@cache
def _read(file: str) -> Any:
    return json.loads((RESULTS / file).read_text("utf-8"))


def main() -> int:
    """Renew all pages, and say which have changed."""
    argparse.ArgumentParser(
        prog="python -m benchmarks.figures",
        description="Write the measured figures anew into README and documentation.",
    ).parse_args()
    for page in pages():
        before = page.read_text("utf-8")
        after = renewed(before)
        if after != before:
            page.write_text(after, "utf-8")
            sys.stdout.write(f"{page.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
