"""`intercascade report`: a page to read of one run, or several runs compared."""

from __future__ import annotations

import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.table import Table as RichTable
from rich.text import Text

from langchain_intercascade.cli.screen import err, out
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.evaluation.html.comparison import (
    comparison_page,
    comparison_table,
    warning,
)
from langchain_intercascade.evaluation.html.markup import words
from langchain_intercascade.evaluation.html.page import run_page, write_page
from langchain_intercascade.evaluation.html.parts import Table, without_empty_columns
from langchain_intercascade.evaluation.html.reading import Run, read_run
from langchain_intercascade.evaluation.html.sections.arms import arms_table
from langchain_intercascade.evaluation.html.sections.headline import (
    in_words,
    incomplete_banner,
    kind_banner,
    title,
)

ON_SCREEN: Final = {"right %", "weak right %", "strong calls %", "risk %", "$ per 1,000"}
"""The columns that a terminal of 80 letters has room for."""


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN.json...", help="Reports that `intercascade bench` wrote."),
    ],
    *,
    html: Annotated[
        Path | None,
        typer.Option(metavar="OUT.html", help="Write the page to this file."),
    ] = None,
    show: Annotated[
        bool, typer.Option("--open", help="Open the page in the browser; needs --html.")
    ] = False,
) -> None:
    """Show the report of a bench, or compare several.

    On the screen, or as a page to read, to print and to send.

    The page is one file that needs no network: every arm with its intervals, what was saved over
    time, how far the confidence can be trusted, where the money went, and how to run it again.
    Runs that were not asked the same questions are not compared without a warning.

    \b
      intercascade report run.json --html run.html --open
      intercascade report before.json after.json --html compared.html
    """  # noqa: D301 - \b is the mark that keeps lines apart in the help
    if show and html is None:
        msg = "--open needs --html OUT.html, the page to open."
        raise ConfigurationError(msg)
    found = [read_run(path) for path in runs]
    _print(found)
    if html is not None:
        _write(found, _checked(html, runs))
        err().print(f"Wrote {html}.", soft_wrap=True)
    if show and html is not None:
        webbrowser.open(html.absolute().as_uri())


def _checked(html: Path, runs: Sequence[Path]) -> Path:
    """Return where the page goes, unless that would overwrite a report."""
    if html.absolute() in {path.absolute() for path in runs}:
        msg = f"--html {html}: that is a report itself. Name another file."
        raise ConfigurationError(msg)
    return html


def _write(runs: Sequence[Run], path: Path) -> None:
    page = run_page(runs[0]) if len(runs) == 1 else comparison_page(runs)
    try:
        write_page(page, path)
    except OSError as error:
        msg = (
            f"--html {path}: it cannot be written ({error.strerror or type(error).__name__}). Name "
            "a file in a folder that exists and that you may write to."
        )
        raise ConfigurationError(msg) from None


def _print(runs: Sequence[Run]) -> None:
    """Print what a page begins with: what was measured, on what, and every arm."""
    if len(runs) > 1:
        _print_compared(runs)
        return
    (run,) = runs
    for line in (kind_banner(run), incomplete_banner(run)):
        if line is not None:
            out().print(Text(words(line), style="bold"), soft_wrap=True)
    out().print(words(title(run)), words(in_words(run)), sep="\n", soft_wrap=True)
    _print_table(without_empty_columns(arms_table(run))[0])


def _print_compared(runs: Sequence[Run]) -> None:
    why = warning(runs)
    if why is not None:
        err().print(Text(f"Not alike: {why}", style="red"), soft_wrap=True)
    _print_table(comparison_table(runs))


def _print_table(table: Table) -> None:
    kept = [at for at, head in enumerate(table.head) if at == 0 or _plain(head) in ON_SCREEN]
    shown = RichTable(box=None, pad_edge=False, header_style="dim")
    for at, head in enumerate(table.head):
        if at in kept:
            shown.add_column(_broken(head), justify="right" if at else "left", no_wrap=at > 0)
    for row in table.rows:
        shown.add_row(*(Text(words(row[at])) for at in kept))
    out().print(shown)


def _plain(head: str) -> str:
    return head.replace("\N{NO-BREAK SPACE}", " ")


def _broken(head: str) -> str:
    """Return a column's head on two lines, if it has several words."""
    return head.replace(" ", "\n", 1)
