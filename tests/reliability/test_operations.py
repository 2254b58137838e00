"""What docs/operations.md says was found is what was found."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/operations.md").read_text("utf-8")


def found(file: str, path: str) -> Any:
    """The value at `path` in a file of results."""
    value = json.loads((ROOT / "benchmarks/results" / file).read_text("utf-8"))
    for key in path.split("."):
        value = value[key]
    return value


def test_every_figure_is_one_that_was_measured() -> None:
    """A figure stands before the JSON it was read from: `90 <!-- file.json suites.x.y -->`."""
    claims = re.findall(r"([\d.,]+) ?<!-- (\S+\.json) (\S+) -->", PAGE)

    assert claims
    for said, file, path in claims:
        digits = len(said.partition(".")[2])
        assert f"{found(file, path):,.{digits}f}" == said, path


def test_every_test_that_is_named_is_there() -> None:
    named = set(re.findall(r"`(tests/[\w/.]+)`", PAGE))

    assert named
    assert [] == [name for name in sorted(named) if not (ROOT / name).exists()]


@pytest.mark.parametrize("suite", ["faults", "crash", "soak", "isolation"])
def test_a_suite_held(suite: str) -> None:
    """The file is the long forms', of versions that are said in it."""
    entry = found("reliability.json", "suites")[suite]

    assert "--quick" not in entry["command"]
    assert entry["lost"] == entry["leaked"] == 0
    assert entry["held"], entry["failures"]
