"""`intercascade serve`: a cascade for everything that can talk to OpenAI."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from langchain_intercascade.cli.screen import err, out
from langchain_intercascade.config.config import CONFIG, Config
from langchain_intercascade.errors import ConfigurationError, how_many


def serve(
    *,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", envvar=CONFIG, help="What `init` wrote."),
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="The address to listen on, in place of the file's.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(metavar="PORT", help="Likewise; 0 takes any that is free.")
    ] = None,
) -> None:
    """Serve a cascade to everything that can talk to OpenAI.

    Whose strategies a request uses is what its key says: [serve.api_keys] in the file. Without
    keys only this machine may ask. SIGTERM lets those inside finish, and nobody new in.

    \b
      intercascade serve --config intercascade.toml
      intercascade serve --config intercascade.toml --port 0
    """  # noqa: D301 - \b is the mark that keeps lines apart in the help
    found = Config.load(config, serve={"host": host, "port": port})
    try:
        from langchain_intercascade.serve import server  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        msg = (
            f"The gateway needs a package that is missing ({error.name}): "
            "pip install 'langchain-intercascade[serve]'"
        )
        raise ConfigurationError(msg) from error
    left = server.serve(found, ready=_announce)
    if left:
        lessons = how_many(left, "lesson is", "lessons are")
        err().print(f"{lessons} left for the next time.")


def _announce(address: str) -> None:
    said = f"Listening on {address}/v1 (dashboard: {address}/). Stop with Ctrl+C."
    out().print(said, soft_wrap=True)
