"""`init` writes a file that `doctor` and every other reader can use, and never over another."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from langchain_intercascade import ConfigurationError
from langchain_intercascade.cli.init import init
from langchain_intercascade.config.config import Config

app = typer.Typer()
app.command()(init)


def test_it_writes_a_file_that_can_be_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, [])

    assert 0 == result.exit_code
    assert "intercascade doctor --config intercascade.toml" in result.stdout
    assert "openai:gpt-4o-mini" == Config.load("intercascade.toml", environment={}).weak.name


def test_it_never_writes_over_a_file_unless_forced(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("mine", "utf-8")
    refused = CliRunner().invoke(app, [str(file)])
    kept = file.read_text("utf-8")
    forced = CliRunner().invoke(app, [str(file), "--force"])

    assert isinstance(refused.exception, ConfigurationError)
    assert "mine" == kept
    assert 0 == forced.exit_code
    assert "weak = " in file.read_text("utf-8")
