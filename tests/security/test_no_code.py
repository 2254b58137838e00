"""Data stays data: nothing in the package could run what it reads, or ask a shell."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

import pytest

from tests.test_architecture import PACKAGE, imports, modules

# Modules that turn bytes into objects or code, or that run other programs.
FORBIDDEN: Final = frozenset(
    (
        *("pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"),
        *("yaml", "ruamel", "code", "codeop", "runpy", "pty", "ctypes", "subprocess", "dbm"),
        *("xml.etree", "xml.dom", "xml.sax.parse", "xml.sax.make_parser", "lxml", "xmlrpc"),
        *("torch", "tensorflow", "langchain_core.load"),
    )
)
CALLS: Final = frozenset(
    (
        *("eval", "exec", "compile", "__import__", "breakpoint", "os.system", "os.popen"),
        *("os.execv", "os.execvp", "os.execve", "os.spawnv", "os.spawnl", "os.startfile"),
        *("builtins.eval", "builtins.exec", "logging.config.fileConfig", "numpy.load", "np.load"),
    )
)


def dotted(node: ast.expr) -> str:
    """Return a name as it stands in the source, or nothing."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


def faults(tree: ast.AST) -> Iterator[str]:
    """Yield what could run data, as a sentence."""
    for name in imports(tree):
        parts = name.split(".")
        if any(".".join(parts[:n]) in FORBIDDEN for n in range(1, len(parts) + 1)):
            yield f"imports {name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if (name := dotted(node.func)) in CALLS:
                yield f"calls {name}"
            yield from (f"says {each.arg}=True" for each in node.keywords if is_dangerous(each))


def is_dangerous(keyword: ast.keyword) -> bool:
    """Say whether an argument asks for a shell, or lets objects be loaded."""
    names = {"shell", "allow_pickle", "allow_dangerous_deserialization", "trust_remote_code"}
    return keyword.arg in names and not (
        isinstance(keyword.value, ast.Constant) and keyword.value.value is False
    )


@pytest.fixture(scope="module")
def sources() -> list[tuple[str, ast.Module]]:
    """Every module of the package, with its path."""
    return [*modules(PACKAGE)]


def test_nothing_in_the_package_runs_data(sources: list[tuple[str, ast.Module]]) -> None:
    """No pickle, no evaluation, no shell, no loader of objects."""
    found = [f"{path} {fault}" for path, tree in sources for fault in faults(tree)]

    assert [] == found


def test_only_names_in_the_source_are_imported_by_name(
    sources: list[tuple[str, ast.Module]],
) -> None:
    """What a file, a model or a strategy says can name a part of a known package at most."""
    found = [
        f"{path}: {ast.unparse(node)}"
        for path, tree in sources
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and dotted(node.func).rpartition(".")[2] in {"import_module", "find_spec"}
        and not begins_in_the_source(node.args[0])
    ]

    assert [] == found


def begins_in_the_source(name: ast.expr) -> bool:
    """Say whether a module's name is written out, at least its package."""
    first = name.values[0] if isinstance(name, ast.JoinedStr) else name
    if isinstance(first, ast.FormattedValue):
        return dotted(first.value) == "__name__"
    return isinstance(first, ast.Constant) and "." in str(first.value)


@pytest.mark.parametrize(
    "line",
    [
        *("import pickle", "from pickle import loads", "import langchain_core.load.load"),
        *("from langchain_core import load", "import yaml", "import subprocess", "eval('1')"),
        *("os.system('ls')", "np.load(f, allow_pickle=True)", "f(shell=True)", "__import__('os')"),
        *("FAISS.load_local(p, e, allow_dangerous_deserialization=given)",),
    ],
)
def test_what_runs_data_is_found(line: str) -> None:
    """The check itself fails where it should."""
    assert [] != list(faults(ast.parse(line)))


@pytest.mark.parametrize("line", ["re.compile('a')", "json.loads('1')", "f(shell=False)"])
def test_what_does_not_is_not(line: str) -> None:
    """And only there."""
    assert [] == list(faults(ast.parse(line)))
