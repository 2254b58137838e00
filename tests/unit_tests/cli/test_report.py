"""The report command: a page of one run, several runs compared, and mistakes explained."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from langchain_intercascade.cli.app import app
from tests.unit_tests.evaluation.html_reading import parsed, said
from tests.unit_tests.evaluation.html_stock import full_report, old_report


def run(*words: object) -> Any:
    """Run the command and return what came of it."""
    return CliRunner(env={"COLUMNS": "160"}).invoke(app, ["report", *map(str, words)])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A report in a file."""
    return written(tmp_path / "run.json", full_report())


def written(path: Path, report: dict[str, Any]) -> Path:
    """Write a report."""
    path.write_text(json.dumps(report), "utf-8")
    return path


def test_a_report_is_shown_on_the_screen(file: Path) -> None:
    result = run(file)

    assert 0 == result.exit_code, result.output
    assert result.stdout.startswith("Simulated models Weak and strong are programs")
    for words in (
        "The cascade answered",
        "cascade, no strategies",
        "90.7\N{EN DASH}96.6",
    ):
        assert words in result.stdout
    assert "" == result.stderr


def test_a_page_is_written(file: Path, tmp_path: Path) -> None:
    result = run(file, "--html", tmp_path / "page.html")

    assert 0 == result.exit_code, result.output
    assert "page.html" in result.stderr
    page = parsed((tmp_path / "page.html").read_text("utf-8"))
    assert "A simulated pair on word problems" == said(page.find("body/main/header/h1"))


def test_several_runs_are_compared(file: Path, tmp_path: Path) -> None:
    other = written(tmp_path / "other.json", full_report(k=1))

    result = run(file, other, "--html", tmp_path / "page.html")

    assert 0 == result.exit_code, result.output
    assert "A cascade" in result.stdout
    assert "B cascade" in result.stdout
    assert "Not alike" not in result.stderr
    page = parsed((tmp_path / "page.html").read_text("utf-8"))
    assert "2 runs compared" == said(page.find("body/main/header/h1"))


def test_runs_that_are_not_alike_are_not_compared_silently(file: Path, tmp_path: Path) -> None:
    result = run(file, written(tmp_path / "old.json", old_report()))

    assert 0 == result.exit_code
    assert "Not alike" in result.stderr
    assert "kind of models: A simulated, B recorded" in " ".join(result.stderr.split())


def test_the_page_is_opened_on_request(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)

    result = run(file, "--html", tmp_path / "page.html", "--open")

    assert 0 == result.exit_code, result.output
    assert [(tmp_path / "page.html").as_uri()] == opened


def test_hostile_text_does_nothing_to_a_terminal(tmp_path: Path) -> None:
    file = written(tmp_path / "run.json", full_report(title="\x1b[2Jgone [bold]\x9b"))

    result = run(file)

    assert "\x1b" not in result.stdout
    assert "\x9b" not in result.stdout
    assert "gone [bold]" in result.stdout


@pytest.mark.parametrize(
    ("words", "said_so"),
    [
        (["run.json", "--open"], "--open needs --html"),
        (["absent.json"], "absent.json: it cannot be read (No such file or directory). Name a rep"),
        (["run.json", "--html", "run.json"], "that is a report itself"),
        (["run.json", "--html", "absent/page.html"], "Name a file in a folder that exists"),
    ],
)
def test_mistakes_are_explained_in_one_line(
    file: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said_so: str
) -> None:
    monkeypatch.chdir(file.parent)
    before = file.read_bytes()

    result = run(*words)

    assert 2 == result.exit_code
    assert result.stderr.startswith("Error: ")
    assert said_so in result.stderr
    assert before == file.read_bytes()


GUIDE = (Path(__file__).parents[3] / "docs" / "reading-reports.md").read_text("utf-8")


def test_the_guide_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its commands run, and what it says stands on a page is there."""
    monkeypatch.chdir(tmp_path)
    for name in ("run", "before", "after"):
        written(tmp_path / f"{name}.json", full_report(title=name))

    lines = re.findall(r"^intercascade (.*)$", GUIDE, flags=re.MULTILINE)
    for line in lines:
        done = CliRunner().invoke(app, shlex.split(line))
        assert 0 == done.exit_code, f"{line}\n{done.output}"

    assert 2 == len(lines)
    page = said(parsed((tmp_path / "run.html").read_text("utf-8"))).lower()
    named = re.findall(r"^\*\*([A-Z][\w ]+?)\.?\*\*", GUIDE, flags=re.MULTILINE)
    assert {"Every arm", "Over time", "Money", "How it was made"} <= set(named)
    named += ["no strategies", "random strategies", "past answers as examples", "accuracy and cost"]
    named += ["saved so far", "risk and coverage", "reliability", "when it pays", "calls %"]
    assert [] == [name for name in named if name != "The black line" and name.lower() not in page]


def test_every_option_that_is_named_exists() -> None:
    told = run("--help").stdout

    assert set() == {option for option in re.findall(r"`(--[a-z-]+)", GUIDE) if option not in told}
