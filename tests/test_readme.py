"""The README is true: its code runs, its drawing is the graph's, its figures are those measured."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import figures
from langchain_intercascade.testing.stub.server import StubServer
from tests.cascades import cascade_of

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("code", blocks("python"))
def test_a_python_block_runs(
    code: str, openai: StubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it stands, in a fresh namespace and an empty folder."""
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    exec(compile(code, "README.md", "exec", dont_inherit=True), namespace)  # noqa: S102 - our own README

    assert openai.calls("gpt-4o-mini") == ("ChatOpenAI" in code)
    cascade = namespace.get("cascade")
    if cascade is not None:
        cascade.close()  # type: ignore[attr-defined]  # an InterCascade


def test_the_drawing_is_the_graphs_own() -> None:
    """Generated, and compared."""
    with cascade_of() as cascade:
        drawing = cascade.get_graph().draw_mermaid()

    assert [block.strip() for block in blocks("mermaid")] == [drawing.strip()]


def test_every_command_exists() -> None:
    """Each `intercascade` line of a shell block is a command with help."""
    typer_testing = pytest.importorskip("typer.testing")
    from langchain_intercascade.cli.app import app  # noqa: PLC0415 - needs the extra

    lines = [line for block in blocks("bash") for line in block.splitlines()]
    commands = {line.split()[1] for line in lines if line.startswith("intercascade ")}
    for command in commands:
        done = typer_testing.CliRunner().invoke(app, [command, "--help"])
        assert done.exit_code == 0, command


@pytest.mark.parametrize("page", [*figures.pages()], ids=lambda page: page.name)
def test_every_figure_is_one_that_was_measured(page: Path) -> None:
    """As `python -m benchmarks.figures` would write it, so that command cures a failure."""
    text = page.read_text("utf-8")

    assert figures.renewed(text) == text
    assert len(figures.FIGURE.findall(text)) == len(re.findall(r"\.json \S+ -->", text))


def test_a_stale_figure_is_found_and_renewed() -> None:
    stale = "about 9.99 % <!-- guarantee.json delta -->, and .77 <!-- guarantee.json delta -->"

    assert figures.renewed(stale) == (
        "about 10.00 % <!-- guarantee.json delta -->, and .10 <!-- guarantee.json delta -->"
    )


def test_the_readme_quotes_figures() -> None:
    assert figures.FIGURE.search(README)
