"""The README is true: its code runs, its drawing is the graph's, its figures are those measured."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from langchain_intercascade.testing.stub.server import StubServer
from tests.cascades import cascade_of

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("code", blocks("python"))
def test_a_python_block_runs(code: str, openai: StubServer) -> None:
    """As it stands, in a fresh namespace."""
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


def test_every_figure_is_one_that_was_measured() -> None:
    """A figure stands before the JSON it was read from: `.783 <!-- file.json arms.x.y -->`."""
    claims = re.findall(r"([\d.,]+) ?%? ?<!-- (\S+\.json) (\S+) -->", README)

    assert claims
    for said, file, path in claims:
        found = json.loads((ROOT / "benchmarks/results" / file).read_text("utf-8"))
        for key in path.split("."):
            found = found[int(key)] if isinstance(found, list) else found[key]
        digits = len(said.partition(".")[2])
        measured = 100 * found if f"{said} % <!-- {file} {path}" in README else found
        assert f"{measured:.{digits}f}".lstrip("0") == said.lstrip("0").replace(",", ""), path
