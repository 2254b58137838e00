"""The house stands: imports go down only, and each outside engine has one door."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "langchain_intercascade"

# Lowest first.  A part is a module, or a folder with all that lies in it.  It may import from lower
# floors only: neighbours never import each other, modules inside one folder may.
FLOORS = (
    ("errors", "prompts", "reply"),
    ("_steps", "record"),
    ("label", "state", "strategy"),
    ("conclusion", "equipment", "models"),
    ("agreement",),
    ("confidence", "threshold", "repository", "costs"),
    ("learning",),
    ("resilience",),
    ("telemetry",),
    ("nodes",),
    ("ground", "options", "parts"),
    ("assembly",),
    ("_events", "_face", "_parser", "_pieces", "_seal", "_trace"),
    ("walk",),
    ("graph",),
    ("chat_model",),
    ("lab", "middleware", "testing"),
    ("config",),
    ("evaluation", "studio"),
    ("serve",),
    ("cli",),
    ("__main__",),
)
FLOOR_OF = {part: number for number, parts in enumerate(FLOORS) for part in parts}

# Drawers without a label: whatever is put there could be anywhere.
DRAWERS = {"utils", "helpers", "common", "types", "core"}

# A cascade takes any chat model, so it knows none.  Every `langchain_*` package but these two is an
# integration with somebody's service.
LANGCHAIN_ITSELF = {"langchain_core", "langchain_intercascade"}
PROVIDER_CLIENTS = {
    *("anthropic", "boto3", "cohere", "fireworks", "google", "groq", "litellm", "mistralai"),
    *("ollama", "openai", "together", "transformers"),
}


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield every imported name in full, wherever the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from (f"{module}.{alias.name}" for alias in node.names)


def modules(package: Path) -> Iterator[tuple[str, ast.Module]]:
    """Yield each module below the facade: its path inside the package, and its syntax tree."""
    for file in sorted(package.rglob("*.py")):
        if file != package / "__init__.py":
            yield file.relative_to(package).as_posix(), ast.parse(file.read_text("utf-8"))


def part_of(path: str) -> str:
    """Return the part that a file belongs to: its folder at the top, else its own name."""
    return path.split("/", maxsplit=1)[0].removesuffix(".py")


def floor_faults(package: Path) -> list[str]:
    """Return a sentence for each import that does not go down, and each part without a floor."""
    faults = []
    for path, tree in modules(package):
        part = part_of(path)
        if part not in FLOOR_OF:
            faults.append(f"{path} is on no floor")
            continue
        for name in imports(tree):
            root, _, rest = f"{name}.".partition(".")
            if root != package.name:
                continue
            target = rest.split(".", maxsplit=1)[0]
            if target not in FLOOR_OF:
                faults.append(f"{path} imports {name}, which is on no floor")
            elif target != part and FLOOR_OF[target] >= FLOOR_OF[part]:
                faults.append(f"{path} imports {name}, which is not below it")
    return faults


def importers(package: Path, library: str) -> set[str]:
    """Return the files that import `library` or something in it."""
    return {
        path
        for path, tree in modules(package)
        if any(name.split(".", maxsplit=1)[0] == library for name in imports(tree))
    }


def is_type_checking(node: ast.AST) -> bool:
    """Say whether `node` is an `if TYPE_CHECKING:` block."""
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def eager_imports(package: Path) -> set[str]:
    """Return what importing the package itself imports beyond the standard library."""
    facade = ast.parse((package / "__init__.py").read_text("utf-8"))
    running = ast.Module([node for node in facade.body if not is_type_checking(node)], [])
    return {
        name
        for name in imports(running)
        if name.split(".", maxsplit=1)[0] not in sys.stdlib_module_names
    }


def test_imports_go_down_only() -> None:
    """Every part has a floor and imports from lower ones, also for types, also inside functions."""
    faults = floor_faults(PACKAGE)

    assert not faults, "\n".join(faults)


def test_the_contributing_guide_shows_these_floors() -> None:
    """Who reads the guide sees the house as it is."""
    guide = (PACKAGE.parent / "CONTRIBUTING.md").read_text("utf-8")
    lines = re.findall(r"^\d+\. ((?:`\w+/?`(?:, )?)+)$", guide, flags=re.MULTILINE)
    shown = [tuple(re.findall(r"`(\w+)/?`", line)) for line in lines]

    assert list(FLOORS) == shown


def test_the_facade_imports_nothing_eagerly() -> None:
    """Names are fetched when they are first used, so that importing the package is free."""
    assert set() == eager_imports(PACKAGE)


@pytest.mark.parametrize(
    ("library", "door"),
    [
        ("genai_prices", "costs/table.py"),
        ("qdrant_client", "repository/_qdrant_client.py"),
        ("qdrant_edge", "repository/_edge_shard.py"),
    ],
)
def test_an_engine_is_imported_in_one_file(library: str, door: str) -> None:
    """What an engine calls things stays behind one door."""
    assert {door} == importers(PACKAGE, library)


def test_statistics_are_imported_under_threshold_only() -> None:
    """Scipy is slow to import and needed only where a bound is computed."""
    assert {"threshold"} >= {part_of(path) for path in importers(PACKAGE, "scipy")}


def test_no_chat_provider_is_imported() -> None:
    """The weak and the strong model come from the caller."""
    roots = {
        name.split(".", maxsplit=1)[0] for _, tree in modules(PACKAGE) for name in imports(tree)
    }
    integrations = {root for root in roots if re.match("langchain_", root)} - LANGCHAIN_ITSELF

    assert set() == integrations | (roots & PROVIDER_CLIENTS)


def test_there_is_no_drawer_without_a_label() -> None:
    """Every file is named after an idea."""
    assert set() == DRAWERS & {path.stem for path in PACKAGE.rglob("*")}


def build(root: Path, files: Mapping[str, str]) -> Path:
    """Write a small package named like ours below `root` and return its folder."""
    package = root / PACKAGE.name
    for path, text in files.items():
        file = package / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    return package


def test_a_sound_house_passes(tmp_path: Path) -> None:
    """Down, sideways within a folder, and outside are all allowed."""
    house = build(
        tmp_path,
        {
            "__init__.py": "from langchain_intercascade.graph import create_inter_cascade",
            "errors.py": "import json",
            "nodes/store.py": "from langchain_intercascade.nodes.weak_generate import QUIET",
            "nodes/weak_generate.py": "from langchain_intercascade import errors",
            "graph.py": "import langchain_intercascade.nodes.store",
        },
    )

    assert [] == floor_faults(house)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("from langchain_intercascade.graph import build", id="upward"),
        pytest.param("import langchain_intercascade.graph", id="upward, whole module"),
        pytest.param("from langchain_intercascade import graph", id="upward, from the root"),
        pytest.param("from langchain_intercascade.threshold.base import Cut", id="neighbour"),
        pytest.param("from langchain_intercascade import InterCascade", id="the facade"),
        pytest.param("from langchain_intercascade.extras import a", id="on no floor"),
        pytest.param(
            "if TYPE_CHECKING:\n    from langchain_intercascade.graph import build", id="for types"
        ),
        pytest.param(
            "def late():\n    from langchain_intercascade.graph import build", id="in a function"
        ),
    ],
)
def test_an_import_that_does_not_go_down_is_found(tmp_path: Path, line: str) -> None:
    """The check itself fails where it should, and names the file."""
    house = build(tmp_path, {"__init__.py": "", "confidence/judge.py": line})

    (fault,) = floor_faults(house)

    assert fault.startswith("confidence/judge.py imports langchain_intercascade")


def test_a_part_without_a_floor_is_found(tmp_path: Path) -> None:
    """A new module must be given its place."""
    house = build(tmp_path, {"__init__.py": "", "novelty.py": ""})

    assert ["novelty.py is on no floor"] == floor_faults(house)


def test_an_eager_facade_is_found(tmp_path: Path) -> None:
    """Imports for type checkers are free; any other costs every user."""
    lazy = "import importlib\nif TYPE_CHECKING:\n    from langchain_intercascade.graph import a\n"
    house = build(tmp_path, {"__init__.py": lazy + "from langchain_intercascade.errors import b"})

    assert {"langchain_intercascade.errors.b"} == eager_imports(house)
