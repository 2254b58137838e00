"""docs/strategies.md is true: its commands run in their order, and its code runs too."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from string import Template

import pytest
from typer.testing import CliRunner

from langchain_intercascade.cli.app import app
from langchain_intercascade.repository.edge import EdgeRepository
from langchain_intercascade.repository.lifecycle import on_probation
from langchain_intercascade.strategy import Example
from tests.unit_tests.repository.stock import confirmed, fill, pending, strategy

GUIDE = (Path(__file__).parents[3] / "docs" / "strategies.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE, flags=re.MULTILINE | re.DOTALL)


def test_the_guide_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other, each on what the one before has left."""
    monkeypatch.chdir(tmp_path)
    Path("key").write_text("a key of sixteen bytes and more", "utf-8")
    example = Example(query="2+2?", answer="four")
    mine = confirmed(strategy(tenant="default", source="ben"), ("Another?", "user-7"))
    waiting = on_probation(strategy("w", tenant="default", example=example), "not tried yet")
    theirs = pending("a lesson of user-7", tenant="default", source="user-7")
    with EdgeRepository("strategies") as repository:
        fill(repository, mine, waiting, theirs)

    lines = [line for block in blocks("bash") for line in block.splitlines()]
    assert len(lines) > 15
    for line in lines:
        words = shlex.split(Template(line).substitute(ID=mine.id, CANDIDATE=waiting.id[:8]))
        done = CliRunner().invoke(app, words[1:])
        assert 0 == done.exit_code, f"{line}\n{done.output}"

    for code in blocks("python"):
        exec(compile(code, "strategies.md", "exec"), {})  # noqa: S102 - our own guide
    for file in ("train.jsonl", "few-shot.json"):
        assert "four" in Path(file).read_text("utf-8")
    assert "user-7" not in Path("backup.jsonl").read_text("utf-8")


def test_every_command_is_in_the_guide() -> None:
    from langchain_intercascade.cli.strategies import strategies  # noqa: PLC0415 - slow to import

    for command in strategies.registered_commands:
        assert re.search(rf"`?{command.name}\b", GUIDE), command.name
