"""docs/evaluation.md is true: its commands run in their order, and its code runs too."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from langchain_intercascade.cli.app import app
from langchain_intercascade.evaluation.contest import ARMS
from langchain_intercascade.evaluation.grading import GRADERS
from langchain_intercascade.evaluation.questions import (
    ANSWER_KEYS,
    FAMILY_KEYS,
    QUESTION_KEYS,
    read_questions,
)
from langchain_intercascade.testing import problems
from tests.benches import FAMILIES

_BLOCKS = re.MULTILINE | re.DOTALL
GUIDE = (Path(__file__).parents[3] / "docs" / "evaluation.md").read_text("utf-8")


def test_the_guide_is_true(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One after the other, each on what the one before has left."""
    monkeypatch.chdir(tmp_path)
    asked = problems(4, 6, families=FAMILIES)
    rows = [{"question": each.text, "answer": each.answer, "family": each.family} for each in asked]
    Path("questions.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")

    done: dict[str, int] = {"bash": 0, "python": 0}
    for language, block in re.findall(r"^```(bash|python)\n(.*?)^```", GUIDE, flags=_BLOCKS):
        if language == "python":
            exec(compile(block, "evaluation.md", "exec"), {})  # noqa: S102 - our own guide
        for line in block.splitlines() if language == "bash" else ():
            result = CliRunner().invoke(app, shlex.split(line)[1:])
            assert 0 == result.exit_code, f"{line}\n{result.output}"
        done[language] += 1

    assert {"bash": 4, "python": 1} == done
    assert {"journal.jsonl", "report.json"} == {each.name for each in Path("runs/first").iterdir()}
    assert 0 < float(capsys.readouterr().out) <= 1


def test_the_row_that_is_shown_is_one(tmp_path: Path) -> None:
    """With its answer and its family."""
    (row,) = re.findall(r"^```json\n(.*?)^```", GUIDE, flags=_BLOCKS)
    (tmp_path / "q.jsonl").write_text(row, "utf-8")

    (found,) = read_questions(tmp_path / "q.jsonl").rows
    assert ("12", "adding") == (found.answer, found.family)


def test_every_arm_grader_column_and_option_is_told_and_exists() -> None:
    """Neither more nor fewer."""
    told = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["bench", "--help"]).stdout

    named = re.findall(r"`(--[a-z-]+)", GUIDE)
    assert set() == {option for option in named if option not in told} - {"--html"}
    for rows in (ARMS, GRADERS):
        assert set() == {each for each in rows if f"| `{each}` |" not in GUIDE}
    for names in (QUESTION_KEYS, ANSWER_KEYS, FAMILY_KEYS):
        assert ", ".join(f"`{name}`" for name in names) in GUIDE
