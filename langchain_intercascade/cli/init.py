"""`intercascade init`: a configuration to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from langchain_intercascade.cli.screen import out
from langchain_intercascade.config.template import NAME, write_template


def init(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="What to call it.", show_default=True)
    ] = Path(NAME),
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a file that is there already.")
    ] = False,
) -> None:
    """Write a configuration to begin with.

    It holds every setting, with what it is for. `doctor` says whether it works as it is.

    \b
      intercascade init
      intercascade init config/cascade.toml
    """  # noqa: D301 - \b is the mark that keeps lines apart in the help
    write_template(file, force=force)
    out().print(f"Wrote {file}. Name your two models in it, then:", soft_wrap=True)
    out().print(f"  intercascade doctor --config {file}", soft_wrap=True)
