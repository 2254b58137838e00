"""The cookbook is true: every notebook runs, offline, and leaves nothing open."""

from __future__ import annotations

import ast
import asyncio
import gc
import inspect
import json
import re
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest
from langchain_openai import ChatOpenAI

COOKBOOK = Path(__file__).parent.parent / "cookbook"
NOTEBOOKS = sorted(COOKBOOK.glob("*.ipynb"))

every_notebook = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)


def cells_of(notebook: Path) -> list[dict[str, Any]]:
    """The cells, in order."""
    cells: list[dict[str, Any]] = json.loads(notebook.read_text("utf-8"))["cells"]
    return cells


async def executed(notebook: Path, namespace: dict[str, Any]) -> None:
    """Run the code cells in order in one namespace and one event loop, as Jupyter does."""
    for cell in cells_of(notebook):
        if cell["cell_type"] == "code":
            code = compile(
                "".join(cell["source"]),
                f"{notebook.name}, cell {cell['id']}",
                "exec",
                flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
                dont_inherit=True,  # this file's `annotations` are not the notebook's
            )
            awaited = eval(code, namespace)  # noqa: S307 - our own cookbook
            if inspect.iscoroutine(awaited):
                await awaited


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder for all that a notebook writes, and an environment without models."""
    for name in ("OPENAI_API_KEY", "OPENAI_API_BASE", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("WEAK", "STRONG", "PATH", "THRESHOLD"):
        monkeypatch.delenv(f"INTERCASCADE_{name}", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@every_notebook
def test_a_notebook_runs_and_closes_what_it_opened(
    notebook: Path, room: Path, event_loop_runner: asyncio.Runner
) -> None:
    """No file, server or connection is left; warnings are errors here as everywhere."""
    before = set(threading.enumerate())
    namespace: dict[str, Any] = {"__name__": "__main__"}
    event_loop_runner.run(executed(notebook, namespace))

    clients = [value for value in namespace.values() if isinstance(value, ChatOpenAI)]
    assert all(client.root_async_client.is_closed() for client in clients)
    assert list(room.iterdir()) == []
    namespace.clear()
    gc.collect()  # what was not closed warns when it is collected
    left = {thread.name for thread in set(threading.enumerate()) - before}
    assert not {name for name in left if re.search("stub|intercascade", name)}


@every_notebook
def test_a_notebook_is_kept_without_what_came_out(notebook: Path) -> None:
    """Outputs would make every run a change, and would be believed long after they were true."""
    code = [cell for cell in cells_of(notebook) if cell["cell_type"] == "code"]

    assert code
    assert [(cell["outputs"], cell["execution_count"]) for cell in code] == [([], None)] * len(code)


@every_notebook
def test_every_cell_is_preceded_by_its_reason(notebook: Path) -> None:
    """Prose and code alternate, after the title."""
    title, *cells = [cell["cell_type"] for cell in cells_of(notebook)]

    assert title == "markdown"
    assert cells == ["markdown", "code"] * (len(cells) // 2)


def test_the_list_names_every_notebook() -> None:
    """Once each."""
    listed = re.findall(r"\]\((\w+\.ipynb)\)", (COOKBOOK / "README.md").read_text("utf-8"))

    assert sorted(listed) == [notebook.name for notebook in NOTEBOOKS]
