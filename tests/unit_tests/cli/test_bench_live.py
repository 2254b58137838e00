"""The bench command on questions: what it prints and writes, and how it answers mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from typer.testing import CliRunner

from langchain_intercascade.cli.app import app
from langchain_intercascade.evaluation.report import Report
from langchain_intercascade.evaluation.report_arms import ArmReport
from langchain_intercascade.testing import problems
from tests.benches import FAMILIES, untimed

SIMULATED = ("--weak", "simulated", "--strong", "simulated")
FEW = (*SIMULATED, "--seeds", 1, "--questions", 5)


def run(*words: object) -> Any:
    """Run the command and return what came of it."""
    runner = CliRunner(env={"COLUMNS": "100"})
    return runner.invoke(app, ["bench", *(str(word) for word in words)])


def report_of(*words: object, out: Path) -> Any:
    """Run the command and return the report that it writes."""
    result = run(*words, "--json", out)
    assert 0 == result.exit_code, result.output
    return json.loads(out.read_text("utf-8"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of questions that the simulated models can read."""
    rows = [
        {"problem": each.text, "solution": each.answer, "kind": each.family}
        for each in problems(3, 8, families=FAMILIES)
    ]
    path = tmp_path / "questions.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return path


COLUMNS = (
    *("--question-column", "problem", "--answer-column", "solution"),
    *("--family-column", "kind"),
)


def test_a_file_of_questions_is_measured(file: Path, tmp_path: Path) -> None:
    """The report has every key that its form promises; and it is simulated, said first."""
    words = ("--data", file, *COLUMNS, *SIMULATED, "--seeds", 2, "--seed", 3, "--limit", 6)
    out = tmp_path / "report.json"
    result = run(*words, "--json", out)
    report = json.loads(out.read_text("utf-8"))

    assert 0 == result.exit_code, result.output
    assert set(get_type_hints(Report)) == set(report)
    optional = {"pessimistic"}
    assert all(
        set(ArmReport.__annotations__) - optional <= set(arm) for arm in report["arms"].values()
    )
    assert ("questions.jsonl", 6, "auto", [3, 4], "simulated") == (
        report["data"]["name"],
        report["data"]["questions"],
        report["data"]["grader"],
        report["seeds"],
        report["kind"],
    )
    assert result.stdout.startswith("The models are simulated by scripts.")
    for word in ("weak only", "oracle", "past answers", "Beside the cascade without strategies"):
        assert word in result.stdout
    assert "96 of 96 questions answered" not in result.stdout


def test_the_command_in_the_report_gives_the_report_again(file: Path, tmp_path: Path) -> None:
    """It holds what was typed, and nothing else."""
    arms = "weak_only,cascade_plain"
    words = ("--data", file, *COLUMNS, *SIMULATED, "--arms", arms, "--seeds", 1, "--k", 1)
    report = report_of(*words, out=tmp_path / "report.json")
    _, command, *typed = report["command"].split()

    again = report_of(*typed[:-2], out=tmp_path / "report.json")

    assert "bench" == command
    assert ["--json", str(tmp_path / "report.json")] == typed[-2:]
    assert untimed(report) == untimed(again)


def test_a_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """Under a ceiling it ends early with exit code 1, and says how to go on."""
    words = (*FEW, "--arms", "strong_only,cascade", "--run", tmp_path / "run")
    short = run(*words, "--max-cost", 0.004)
    rest = run(*words, "--max-cost", 1)

    assert (1, 0) == (short.exit_code, rest.exit_code)
    assert "the cost ceiling was reached" in short.stderr
    assert "give the same command again with a higher --max-cost" in short.stderr
    assert "Going on:" in rest.stderr
    report = json.loads((tmp_path / "run" / "report.json").read_text("utf-8"))
    assert report["incomplete"] is None
    assert ["strong_only", "cascade"] == list(report["arms"])


def test_three_levels_may_be_named_one_by_one(tmp_path: Path) -> None:
    """In either way."""
    few = ("--seeds", 1, "--questions", 4, "--arms", "cascade_plain", "--threshold", "0.9,0.8")
    one = report_of(*SIMULATED, "--middle", "simulated", *few, out=tmp_path / "one.json")
    names = ("--model", "simulated") * 3
    two = report_of(*names, *few, out=tmp_path / "two.json")

    assert one["models"] == two["models"]
    assert one["arms"]["cascade_plain"]["cost"] == two["arms"]["cascade_plain"]["cost"] is not None
    assert [0.9, 0.8] == one["threshold"]


def test_each_cascade_may_find_its_own_threshold(tmp_path: Path) -> None:
    """The report says so, in place of a number, and how strategies were admitted."""
    words = (*FEW, "--arms", "cascade_plain,cascade", "--target-risk", 0.2, "--admission", "replay")
    report = report_of(*words, out=tmp_path / "report.json")

    assert "found for a target risk of 0.2" == report["threshold"]
    assert "replay" == report["admission"]
    assert any("finds its threshold in its own stream" in each for each in report["assumed"])
    assert [0, 0] == [arm["coverage"] for arm in report["arms"].values()]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "Two models are needed"),
        (("--weak", "simulated"), "Two models are needed"),
        (("--model", "simulated"), "Two models are needed"),
        ((*SIMULATED, "--model", "simulated"), "not both"),
        (("--weak", "a:b", "--strong", "c:d"), "--data FILE is needed"),
        ((*FEW, "--arms", "all"), "There is no arm 'all'"),
        ((*FEW, "--grader", "magic"), "There is no grader 'magic'"),
        ((*FEW, "--threshold", "2"), "--threshold 2: expected a number"),
        ((*FEW, "--threshold", "0.5,0.6"), "2 models and 2 thresholds"),
        ((*FEW, "--threshold", "0.5", "--target-risk", "0.1"), "thresholds and a target risk"),
        ((*FEW, "--target-risk", "1"), "target_risk=1.0 cannot be promised"),
        ((*FEW, "--admission", "never"), "--admission"),
        (("--pack", "a.jsonl", "--target-risk", "0.1"), "--target-risk is not for a pack"),
        (("--pack", "a.jsonl", "--admission", "replay"), "--admission is not for a pack"),
        ((*FEW, "--price", "cheap"), "--price cheap: expected NAME=INPUT,OUTPUT"),
        ((*FEW, "--warm", "no/such"), "no such folder. Name the folder of a repository"),
        ((*FEW, "--json", "no/such/a.json"), "--json no/such/a.json: name a file"),
        (("--pack", "a.jsonl", "--seeds", 2), "--seeds is not for a pack"),
        (("--pack", "a.jsonl", "--run", "b"), "--run is not for a pack"),
    ],
)
def test_a_mistake_is_one_clear_line(words: tuple[object, ...], complaint: str) -> None:
    """No traceback, exit code 2, and nothing printed that looks like a result."""
    result = run(*words)

    assert 2 == result.exit_code, result.output
    assert complaint in result.stderr
    assert "" == result.stdout


def test_a_question_without_an_answer_is_refused(tmp_path: Path) -> None:
    """Before anything is paid for; the line is named."""
    file = tmp_path / "q.jsonl"
    file.write_text('{"question": "a", "answer": 1}\n{"question": "b"}\n', "utf-8")

    result = run("--data", file, *SIMULATED)

    assert 2 == result.exit_code
    assert "q.jsonl: 1 line has no answer, the first is line 2. Give each" in result.stderr
