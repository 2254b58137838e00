"""`intercascade strategies`: look at what a repository has been taught, decide, and keep it."""

from __future__ import annotations

import typer

from langchain_intercascade.cli.strategies.deciding import (
    activate_strategy,
    archive_strategy,
    promote_strategy,
    review_strategies,
    suspend_strategy,
    undo_change,
)
from langchain_intercascade.cli.strategies.keeping import (
    forget_strategies,
    reembed_strategies,
    sweep_strategies,
)
from langchain_intercascade.cli.strategies.looking import (
    explain_query,
    list_strategies,
    measure_floor,
    show_stats,
    show_strategy,
)
from langchain_intercascade.cli.strategies.moving import export_strategies, import_strategies

strategies = typer.Typer(
    name="strategies",
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    help="Look at what a repository has been taught, decide about it, move it and forget it.",
)

for _name, _command in {
    "list": list_strategies,
    "show": show_strategy,
    "stats": show_stats,
    "explain": explain_query,
    "floor": measure_floor,
    "review": review_strategies,
    "activate": activate_strategy,
    "suspend": suspend_strategy,
    "archive": archive_strategy,
    "undo": undo_change,
    "promote": promote_strategy,
    "forget": forget_strategies,
    "sweep": sweep_strategies,
    "export": export_strategies,
    "import": import_strategies,
    "reembed": reembed_strategies,
}.items():
    strategies.command(_name)(_command)
