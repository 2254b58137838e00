"""Draws the two pictures of the README, from what was measured and from the graph itself.

    python -m benchmarks.pictures [--out FOLDER]

savings.svg   strong calls and right answers along the stream, out of `results/lab.json`
graph.svg     the compiled graph: its nodes, its edges, and what is said on them

Each is one file that loads nothing, and reads on a light and on a dark page.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.picture_of_graph import graph_picture
from benchmarks.picture_of_savings import savings_picture
from langchain_intercascade.graph import create_inter_cascade
from langchain_intercascade.testing import ScriptedChatModel

ROOT: Final = Path(__file__).parent.parent
RESULTS: Final = ROOT / "benchmarks/results/lab.json"
FOLDER: Final = ROOT / "docs/images"


def main(argv: Sequence[str] | None = None) -> int:
    """Write the pictures, and say where."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pictures")
    parser.add_argument("--out", type=Path, default=FOLDER, help="The folder for them.")
    out: Path = parser.parse_args(argv).out
    out.mkdir(parents=True, exist_ok=True)
    for name, text in pictures().items():
        (out / name).write_text(text, "utf-8")
        sys.stdout.write(f"{out / name}\n")
    return 0


def pictures() -> dict[str, str]:
    """Return the pictures, by the names of their files."""
    measured: Mapping[str, Any] = json.loads(RESULTS.read_text("utf-8"))
    model = ScriptedChatModel(replies=["4"])
    compiled = create_inter_cascade(model, model).compile()
    return {
        "savings.svg": savings_picture(measured),
        "graph.svg": graph_picture(compiled.get_graph()),
    }


if __name__ == "__main__":
    sys.exit(main())
