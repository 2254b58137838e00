"""Writes two pages while the site is built: every public name, and every command.

They are made from the package itself, so they cannot fall behind it.  `mkdocs`
calls `on_files`.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import langchain_intercascade
from langchain_intercascade.cli.app import COMMANDS, loaded

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

ROOMS: Final = {
    "": "The cascade",
    "confidence": "Confidence: how sure is the weak answer?",
    "threshold": "Threshold: where is the cut?",
    "repository": "Repository: what was taught so far?",
    "learning": "Learning",
    "costs": "Costs",
    "resilience": "Resilience",
    "telemetry": "Telemetry",
    "config": "Configuration",
}
"""The rooms of the package that have public names, with their headings on the page."""

TESTING: Final = "langchain_intercascade.testing"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the two pages to the files of the site."""
    from mkdocs.structure.files import File  # noqa: PLC0415 - the page makers need no mkdocs

    for path, text in (("reference/python.md", python_page()), ("reference/cli.md", cli_page())):
        files.append(File.generated(config, path, content=text))
    return files


def python_page() -> str:
    """Return the page of public names, by room, each with its docstring."""
    where = {name: _home(name) for name in langchain_intercascade.__all__}
    lines = [
        "# Python",
        "",
        "All of these are imported from `langchain_intercascade`; the fakes, simulated models and",
        f"contract suites at the end from `{TESTING}`.",
    ]
    for room, heading in ROOMS.items():
        names = sorted(name for name, home in where.items() if _room(home) == room)
        lines += ["", f"## {heading}", *_directives(f"{where[name]}.{name}" for name in names)]
    lines += ["", "## Testing", *_directives(_tested())]
    return "\n".join(lines) + "\n"


def cli_page() -> str:
    """Return the page of commands, each with its help and options."""
    lines = ["# Command line", "", "`intercascade --help` lists the commands:", ""]
    lines += [f"- [`{name}`](#intercascade-{name}): {line}" for name, line in COMMANDS.items()]
    for name in COMMANDS:
        lines += _command(f"intercascade {name}", loaded(name), level=2)
    return "\n".join(lines) + "\n"


def _home(name: str) -> str:
    found = langchain_intercascade._WHERE[name]  # noqa: SLF001 - the package's own table
    return f"langchain_intercascade.{found}"


def _room(module: str) -> str:
    """Return the folder of the package that `module` lies in; empty at the top."""
    parts = module.split(".")[1:-1]
    return parts[0] if parts else ""


def _tested() -> Iterator[str]:
    testing = import_module(TESTING)
    for name in testing.__all__:
        found = getattr(testing, name)
        yield f"{getattr(found, '__module__', TESTING)}.{name}" if callable(found) else ""


def _directives(paths: Any) -> list[str]:
    return [line for path in paths if path for line in ("", f"::: {path}")]


def _command(path: str, command: Any, level: int) -> list[str]:
    lines = ["", f"{'#' * level} {path}", "", *_help(command.help or "")]
    shown = [each for each in command.params if not getattr(each, "hidden", False)]
    if shown:
        lines += ["", "| option | meaning |", "|---|---|", *map(_option, shown)]
    for name, child in getattr(command, "commands", {}).items():
        lines += _command(f"{path} {name}", child, level + 1)
    return lines


def _help(text: str) -> list[str]:
    """Return the help as Markdown: paragraphs after the mark of kept lines are code."""
    lines: list[str] = []
    for paragraph in text.strip().split("\n\n"):
        if paragraph.startswith("\b"):
            kept = [line.strip() for line in paragraph.split("\n")[1:]]
            lines += ["", "```bash", *kept, "```"]
        else:
            lines += ["", " ".join(line.strip() for line in paragraph.split("\n"))]
    return lines[1:]


def _option(parameter: Any) -> str:
    named = parameter.opts if parameter.param_type_name == "option" else [parameter.name.upper()]
    names = ", ".join(f"`{each}`" for each in named)
    help_text = (getattr(parameter, "help", None) or "").replace("|", "\\|").replace("\n", " ")
    default = _default(parameter)
    return f"| {names} | {help_text}{default} |"


def _default(parameter: Any) -> str:
    value = parameter.default
    if value is None or value is False or callable(value) or parameter.required:
        return " Required." if parameter.required else ""
    return f" Default: `{getattr(value, 'value', value)}`."
