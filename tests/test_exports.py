"""The public names are true, sorted, and free until they are used."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from importlib.metadata import version
from pkgutil import walk_packages

import pytest

import langchain_intercascade

HEAVY = ("langgraph", "langchain_core", "qdrant_client", "qdrant_edge", "numpy", "scipy")

# What an extra brings.  A module that needs one may fail to import without it, for no other reason.
EXTRAS = {
    *("fastapi", "langchain", "opentelemetry", "prometheus_client", "rich", "starlette", "typer"),
    "uvicorn",
}

MODULES = sorted(
    module.name
    for module in walk_packages(langchain_intercascade.__path__, "langchain_intercascade.")
    if not module.name.endswith("__main__")
)


def test_the_list_of_public_names_is_sorted() -> None:
    """A sorted list shows at a glance what is there, and two additions seldom collide."""
    assert sorted(langchain_intercascade.__all__) == langchain_intercascade.__all__


@pytest.mark.parametrize("name", langchain_intercascade.__all__)
def test_a_public_name_resolves(name: str) -> None:
    """What the list promises is there, and is public where it is written."""
    thing = getattr(langchain_intercascade, name)

    assert thing is not None
    assert not name.startswith("_") or name == "__version__"


def test_dir_shows_the_public_names() -> None:
    """Completion in an editor or a shell offers lazy names too."""
    assert set(langchain_intercascade.__all__) <= set(dir(langchain_intercascade))


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A typing error reads as it would for any module."""
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = langchain_intercascade.no_such_name


def test_the_version_is_the_installed_one() -> None:
    """The version is written in one place only."""
    assert version("langchain-intercascade") == langchain_intercascade.__version__


def test_importing_the_package_imports_nothing_heavy() -> None:
    """A program that only mentions the package does not wait for graphs, engines or numbers."""
    code = "import json, sys, langchain_intercascade; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert set() == set(HEAVY) & set(json.loads(run.stdout))


def missing_when_importing(name: str) -> str | None:
    """Import a module; return the package that it could not do without, if one is missing."""
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as absent:
        return f"{absent.name}".split(".", maxsplit=1)[0]
    return None


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_or_lacks_an_extra(name: str) -> None:
    """Docstring examples in a module that cannot be imported are skipped; this is why one may."""
    assert missing_when_importing(name) in {None, *EXTRAS}


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [("OpenTelemetry", "opentelemetry", "otel"), ("InterCascadeMiddleware", "langchain", "agents")],
)
def test_a_name_without_its_extra_says_how_to_get_it(name: str, package: str, extra: str) -> None:
    code = f"import sys; sys.modules[{package!r}] = None; from langchain_intercascade import {name}"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    cure = f"{name} needs {package}, which is not installed: pip install 'langchain-intercascade"
    assert f"{cure}[{extra}]'." in run.stderr
