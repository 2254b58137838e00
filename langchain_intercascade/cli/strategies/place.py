"""Where the commands work: a repository that was named, a strategy in it, a person who says yes."""

from __future__ import annotations

import getpass
import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias, get_type_hints
from uuid import UUID

import typer

from langchain_intercascade._steps import run
from langchain_intercascade.cli.given import HASHING, embeddings, existing_repository
from langchain_intercascade.cli.options import (
    ApiKeyOption,
    CollectionOption,
    EmbeddingsOption,
    PathOption,
    UrlOption,
)
from langchain_intercascade.cli.screen import err
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.repository.pages import turning
from langchain_intercascade.strategy import State, Strategy

KEY_VARIABLE: Final = "INTERCASCADE_EXPORT_KEY"

IdArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="ID", help="The strategy's id, or how it begins.")
]
ByOption: TypeAlias = Annotated[
    str | None, typer.Option("--by", metavar="NAME", help="Who decides; you, if left out.")
]
YesOption: TypeAlias = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
KeyFileOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--key-file",
        metavar="FILE",
        help=f"The key that files are signed with; or set {KEY_VARIABLE}.",
    ),
]

_PLACE: Final[dict[str, tuple[Any, Any]]] = {
    "path": (PathOption, None),
    "url": (UrlOption, None),
    "collection": (CollectionOption, "inter_cascade"),
    "api_key": (ApiKeyOption, None),
    "encoder": (EmbeddingsOption, HASHING),
}


def at_a_repository(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` the options that name a repository, and hand it that repository first."""
    hints = get_type_hints(command, include_extras=True)
    own = list(inspect.signature(command).parameters.values())[1:]

    @wraps(command)
    def opened(**given: Any) -> None:
        place = {name: given.pop(name) for name in _PLACE}
        encoder = embeddings(place.pop("encoder"))
        path, url = place.pop("path"), place.pop("url")
        with existing_repository(path, url, **place, encoder=encoder) as repository:
            command(repository, **given)

    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [each.replace(annotation=hints[each.name], kind=keyword) for each in own]
    parameters += [
        inspect.Parameter(name, keyword, annotation=kind, default=default)
        for name, (kind, default) in _PLACE.items()
    ]
    opened.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what typer reads
    opened.__annotations__ = {each.name: each.annotation for each in parameters}
    return opened


def every(repository: StrategyRepository, tenant: str, *states: State) -> Iterator[Strategy]:
    """Yield the strategies of `tenant`, page by page; those in all states if none is named."""
    after = None
    while page := run(
        turning(repository, tenant=tenant, states=states or tuple(State), after=after)
    ):
        yield from page.strategies
        after = page.last


def the_one(repository: StrategyRepository, tenant: str, beginning: str) -> Strategy:
    """Return the strategy whose id begins so.

    Raises:
        ConfigurationError: There is none, or there are several.
    """
    wanted = beginning.lower()
    if _is_whole(wanted):
        whole = repository.get(wanted, tenant=tenant)
        fitting = [] if whole is None else [whole]
    else:
        fitting = [each for each in every(repository, tenant) if each.id.startswith(wanted)]
    if len(fitting) == 1:
        return fitting[0]
    problem = f"{len(fitting)} strategies begin" if fitting else "no strategy begins"
    msg = (
        f"In {repository.location}, {problem} with {beginning!r} for tenant {tenant}. "
        f"{'Type more of the id' if fitting else 'See --tenant'}; `intercascade strategies list` "
        "shows the ids."
    )
    raise ConfigurationError(msg)


def confirm(question: str, *, yes: bool) -> None:
    """Ask whether to go on, unless `yes` was said already; end the command if not."""
    if not yes:
        typer.confirm(f"{question} (--yes answers this.) Go on?", abort=True, err=True)


def person(by: str | None) -> str:
    """Return who decides: the name that was given, or the user's."""
    if by is not None:
        return by
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # in containers a user may have no name
        return "the command line"


def key_from(file: Path | None) -> bytes | None:
    """Return the key in `file`, or in the environment; never from the command line, which is seen.

    Raises:
        ConfigurationError: The file cannot be read.
    """
    if file is None:
        found = os.environ.get(KEY_VARIABLE)
        return found.encode() if found else None
    try:
        return file.read_bytes().strip()
    except OSError as error:
        msg = (
            f"--key-file {file} cannot be read ({error.strerror or error}). Name a file that you "
            f"may read, or set {KEY_VARIABLE}."
        )
        raise ConfigurationError(msg) from error


@contextmanager
def counting(what: str) -> Iterator[Callable[[int], None]]:
    """Show on a terminal how far something is; quiet elsewhere."""
    with err().status(f"{what} ...") as status:
        yield lambda count: status.update(f"{what}: {count} ...")


def _is_whole(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
