"""docs/calibration.md is true: its commands run in their order, and its code runs too."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from langchain_intercascade import EdgeRepository
from langchain_intercascade.cli.app import app
from langchain_intercascade.evaluation.questions import read_questions
from langchain_intercascade.testing import problems
from tests.unit_tests.repository.stock import fill, strategy

_BLOCKS = re.MULTILINE | re.DOTALL
GUIDE = (Path(__file__).parents[3] / "docs" / "calibration.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE, flags=_BLOCKS)


def test_the_guide_is_true(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One after the other, each on what the one before has left."""
    monkeypatch.chdir(tmp_path)
    asked = problems(4, 150, families=["more", "groups"])
    rows = [{"question": each.text, "answer": each.answer} for each in asked]
    Path("questions.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    bare = [{"question": row["question"]} for row in rows[:40]]
    Path("unanswered.jsonl").write_text("\n".join(map(json.dumps, bare)), "utf-8")
    with EdgeRepository("strategies") as repository:
        fill(repository, strategy(asked[0].text, tenant="default"))

    done: dict[str, int] = {"bash": 0, "python": 0}
    for language, block in re.findall(r"^```(bash|python)\n(.*?)^```", GUIDE, flags=_BLOCKS):
        if language == "python":
            exec(compile(block, "calibration.md", "exec"), {})  # noqa: S102 - our own guide
        for line in block.splitlines() if language == "bash" else ():
            result = CliRunner().invoke(app, shlex.split(line)[1:])
            assert 0 == result.exit_code, f"{line}\n{result.output}"
        done[language] += 1

    assert {"bash": 7, "python": 2} == done
    printed = capsys.readouterr().out
    assert "calibrated: risk <= 0.1 with confidence 0.9 on 150 plain answers" in printed
    assert "Every plain answer is deferred: cold start" in printed


def test_the_row_that_is_shown_is_one(tmp_path: Path) -> None:
    (row,) = blocks("json")
    (tmp_path / "q.jsonl").write_text(row, "utf-8")

    assert "12" == read_questions(tmp_path / "q.jsonl").rows[0].answer


def test_every_option_that_is_named_exists() -> None:
    told = CliRunner().invoke(app, ["calibrate", "--help"]).stdout
    told += CliRunner().invoke(app, ["gate", "explain", "--help"]).stdout

    assert set() == {option for option in re.findall(r"`(--[a-z-]+)", GUIDE) if option not in told}
