"""The site: its reference leaves nothing out, every page can be found, its code runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import langchain_intercascade
from langchain_intercascade.testing.stub.server import StubServer

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"

pytest.importorskip("typer")
from docs.site.reference import cli_page, python_page  # noqa: E402 - needs the extra


def test_every_public_name_is_on_the_page() -> None:
    directives = re.findall(r"^::: (\S+)$", python_page(), flags=re.MULTILINE)

    shown = {path.rpartition(".")[2] for path in directives}
    assert set(langchain_intercascade.__all__) <= shown
    assert len(directives) == len(set(directives))


def test_every_command_is_on_the_page_with_its_options() -> None:
    page = cli_page()

    assert "### intercascade strategies forget" in page
    section = page.partition("## intercascade calibrate\n")[2].partition("\n## ")[0]
    assert "| `--target-risk` |" in section
    assert "| `--data` |" in section
    assert "\b" not in page


def test_every_page_is_in_the_navigation() -> None:
    listed = set(re.findall(r"(\S+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE))
    pages = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}

    assert pages | {"reference/python.md", "reference/cli.md"} == listed


def test_the_code_of_the_first_page_runs(
    openai: StubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code = re.findall(r"```python\n(.*?)```", (DOCS / "index.md").read_text("utf-8"), re.DOTALL)
    namespace: dict[str, object] = {}
    exec(compile("".join(code), "index.md", "exec", dont_inherit=True), namespace)  # noqa: S102 - our own page

    assert openai.calls("gpt-4o-mini") == 1
    namespace["cascade"].close()  # type: ignore[attr-defined]  # an InterCascade
