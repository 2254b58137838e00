"""`intercascade doctor`: does everything that a configuration names work, and how is it mended?"""

from __future__ import annotations

import json as jsonlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from langchain_intercascade.cli.doctor_findings import (
    EXIT_CODES,
    Finding,
    Level,
    ok,
    problem,
    summary,
    warning,
    worst,
)
from langchain_intercascade.cli.doctor_models import look_at_models, look_at_prices, roles_of
from langchain_intercascade.cli.doctor_promise import look_at_promise
from langchain_intercascade.cli.doctor_repository import look_at_repository, may_ask
from langchain_intercascade.cli.doctor_surroundings import (
    look_at_gateway,
    look_at_telemetry,
    look_at_variables,
    look_at_versions,
)
from langchain_intercascade.cli.options import JsonOption, PathOption, UrlOption
from langchain_intercascade.cli.screen import err, out
from langchain_intercascade.config.building import SIMULATED, repository_of
from langchain_intercascade.config.config import CONFIG, Config
from langchain_intercascade.config.template import NAME
from langchain_intercascade.errors import ConfigurationError


def doctor(
    *,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", envvar=CONFIG, help="What `init` wrote."),
    ] = None,
    weak: Annotated[
        str | None, typer.Option(metavar="MODEL", help="The cheap model, in place of the file's.")
    ] = None,
    strong: Annotated[
        str | None, typer.Option(metavar="MODEL", help="The expensive model, likewise.")
    ] = None,
    path: PathOption = None,
    url: UrlOption = None,
    collection: Annotated[
        str | None, typer.Option(metavar="NAME", help="Collection on that server.")
    ] = None,
    embeddings: Annotated[
        str | None, typer.Option(metavar="NAME", help="The encoder: hashing, or provider:model.")
    ] = None,
    tenant: Annotated[str | None, typer.Option(metavar="NAME", help="Whose strategies.")] = None,
    calls: Annotated[
        bool, typer.Option("--calls/--no-calls", help="Ask each model one tiny paid question.")
    ] = True,
    tools: Annotated[
        bool, typer.Option("--tools", help="Ask each model to call a tool too; one call more.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Check all that a configuration names, and say how to mend it.

    Models are asked one tiny question each, which is paid for; --no-calls leaves that out.
    Nothing is created or changed. The exit code is 0 if all is well, 1 with warnings, 2 with
    problems.

    \b
      intercascade doctor --config intercascade.toml
      intercascade doctor --weak openai:gpt-4o-mini --strong openai:gpt-4o --path ./strategies
      intercascade doctor --config intercascade.toml --no-calls --json
    """  # noqa: D301 - \b is the mark that keeps lines apart in the help
    place: dict[str, Any] = {"path": path and str(path), "url": url, "collection": collection}
    told: dict[str, Any] = {
        "weak": weak,
        "strong": strong,
        "tenant": tenant,
        "embeddings": embeddings,
    }
    told["repository"] = place
    found: list[Finding] = []
    for finding in _visit(config, told, calls=calls, tools=tools):
        found.append(finding)
        if not json:
            out().print(finding.text(), soft_wrap=True)
    level = worst(found)
    if json:
        typer.echo(jsonlib.dumps(_payload(found, level), indent=2))
    else:
        err().print(f"{summary(found)}.", soft_wrap=True)
    raise typer.Exit(EXIT_CODES[level])


_MODELS: Final = ("INTERCASCADE_WEAK", "INTERCASCADE_STRONG")
_NO_MODELS: Final = {"weak": SIMULATED, "strong": SIMULATED}


def _has_models(file: Path | None, told: dict[str, Any]) -> bool:
    """Say whether there is more to look at than a repository that was named on its own."""
    place = told["repository"]["path"] or told["repository"]["url"]
    named = told["weak"] or told["strong"] or any(map(os.environ.get, _MODELS))
    return bool(file or named or not place)


def _cure(file: Path | None) -> str:
    """Say what to do about mistakes; a file that lies here and was not named is not read."""
    if file is None and Path(NAME).is_file():
        return f"{NAME} was not read, as nobody named it: `intercascade doctor --config {NAME}`."
    return "Mend it and look again; `intercascade init` writes one to begin with."


def _payload(found: list[Finding], level: Level) -> dict[str, Any]:
    return {"worst": level.value, "findings": [each.payload() for each in found]}


def _visit(
    file: Path | None, told: dict[str, Any], *, calls: bool, tools: bool
) -> Iterator[Finding]:
    """Yield the findings one by one, without any key in them."""
    models = _has_models(file, told)
    try:
        config = Config.load(file, **(told if models else {**told, **_NO_MODELS}))
    except ConfigurationError as error:
        yield problem("configuration", str(error), _cure(file)).redacted(())
        config = None
    if config is not None:
        named = tuple(config.variables())
        yield ok("configuration", f"{config.file or 'from options and environment'}: no mistakes")
        if models and calls:
            _announce(config, tools=tools)
        for finding in _look(config, models=models, calls=calls, tools=tools):
            yield finding.redacted(named)
        yield from look_at_gateway(config)
        yield from look_at_telemetry(config)
    yield from look_at_variables(config)
    yield from look_at_versions()


def _announce(config: Config, *, tools: bool) -> None:
    """Say before anything is paid for that it will be, and how it can be left out."""
    roles = roles_of(config)
    several = f"{', '.join(roles[:-1])} and {roles[-1]}"
    times = "two tiny questions" if tools else "one tiny question"
    told = f"Asking {several} {times} each, which is paid for; --no-calls leaves that out."
    err().print(told, soft_wrap=True)


def _look(config: Config, *, models: bool, calls: bool, tools: bool) -> Iterator[Finding]:
    if models:
        yield from look_at_models(config, calls=calls, tools=tools)
        yield from look_at_prices(config)
    else:
        cure = "Name both, or a file with --config, to have the whole cascade looked at."
        yield warning("models", "none are named, so only the repository is looked at", cure)
    try:
        repository = repository_of(config)
    except ConfigurationError as error:
        yield problem("repository", str(error), "Mend the setting; then look again.")
        return
    with repository:
        found = list(look_at_repository(config, repository, calls=calls))
        yield from found
        readable = worst(found) is not Level.PROBLEM and _is_there(found)
        readable = readable and may_ask(repository, calls=calls)
        if models:
            yield from look_at_promise(config, repository, readable=readable)


def _is_there(found: list[Finding]) -> bool:
    return any(each.about == "strategies" for each in found)
