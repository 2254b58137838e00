"""The `intercascade` command: a table of commands, each imported when it is called.

`intercascade --help` therefore loads no graph, no engine and no LangChain.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command

from langchain_intercascade.cli.screen import complain
from langchain_intercascade.errors import ConfigurationError, InterCascadeError

COMMANDS: Final = {
    "demo": "Watch a cascade learn, offline, with models that come along.",
    "ask": "Answer one question with two models of your choice.",
    "strategies": "Look at what a repository has been taught.",
    "calibrate": "Find a safe threshold for a weak model on labelled questions.",
    "gate": "Say what the confidence gate promises, and why.",
    "bench": "Measure a cascade beside its rivals.",
    "report": "Show the report of a bench, or compare several.",
    "init": "Write a configuration to begin with.",
    "doctor": "Check all that a configuration names, and say how to mend it.",
    "serve": "Serve a cascade to everything that can talk to OpenAI.",
    "graph": "Draw the six nodes.",
}
"""Each command with its line in the help, which is how the command's own help begins."""

USAGE_ERROR: Final = 2
RUN_ERROR: Final = 1


class _LazyGroup(TyperGroup):
    """Lists commands from the table, and imports one when it is called.

    Errors that this package raises on purpose are shown as one line: they say
    what to do, and a traceback would bury it.
    """

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that `args` begin with, loaded from its file."""
        name, listed, rest = super().resolve_command(ctx, args)
        return name, loaded(name) if name and listed else listed, rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command; 2 is the exit code for wrong usage, 1 for a failed run."""
        try:
            return super().invoke(ctx)
        except InterCascadeError as error:
            complain(error)
            wrong_usage = isinstance(error, ConfigurationError)
            raise typer.Exit(USAGE_ERROR if wrong_usage else RUN_ERROR) from error


def loaded(name: str) -> Any:
    """Import the file of the command `name` and return the command in it."""
    found = getattr(import_module(f"langchain_intercascade.cli.{name}"), name)
    if isinstance(found, typer.Typer):
        return get_command(found)
    single = typer.Typer(add_completion=False, rich_markup_mode=None)
    single.command(name)(found)
    return get_command(single)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it with the flag's value
    if not wanted:
        return
    try:
        typer.echo(f"langchain-intercascade {version('langchain-intercascade')}")
    except PackageNotFoundError:  # a source tree that was never installed
        typer.echo("langchain-intercascade, from a source tree that is not installed")
    raise typer.Exit


app = typer.Typer(
    cls=_LazyGroup,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(epilog="Begin with: intercascade demo")
def _intercascade(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """A weak chat model that learns from a strong one while serving."""


def _listed() -> None:
    """Stand in the list of commands for one that is not imported yet."""


for _name, _help in COMMANDS.items():
    app.command(_name, help=_help)(_listed)
