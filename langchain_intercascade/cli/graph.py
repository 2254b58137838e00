"""`intercascade graph`: the six nodes, drawn by LangGraph from the graph itself."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.graph import create_inter_cascade
from langchain_intercascade.testing import SimulatedStrong, SimulatedWeak


class Format(StrEnum):
    """How the graph is drawn."""

    MERMAID = "mermaid"
    ASCII = "ascii"


def graph(
    *,
    format: Annotated[  # noqa: A002 - the option's name
        Format,
        typer.Option(help="mermaid: text for a Markdown page; ascii: a drawing for the terminal."),
    ] = Format.MERMAID,
) -> None:
    """Draw the six nodes.

    Mermaid text needs nothing; a drawing for the terminal needs the grandalf package.

    \b
      intercascade graph > cascade.mmd
      intercascade graph --format ascii
    """  # noqa: D301 - \b is the mark that keeps lines apart in the help
    # Any pair of models gives the same drawing; these need no key.
    drawn = create_inter_cascade(SimulatedWeak(), SimulatedStrong()).compile().get_graph()
    if format is Format.MERMAID:
        typer.echo(drawn.draw_mermaid())
        return
    try:
        typer.echo(drawn.draw_ascii())
    except ImportError:
        msg = "A drawing for the terminal needs the `grandalf` package: pip install grandalf"
        raise ConfigurationError(msg) from None
