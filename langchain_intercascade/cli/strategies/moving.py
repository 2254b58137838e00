"""Commands that move strategies between repositories and files: export, import."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from langchain_intercascade._steps import run
from langchain_intercascade.cli.options import JsonOption, TenantOption
from langchain_intercascade.cli.screen import err
from langchain_intercascade.cli.strategies.place import (
    KeyFileOption,
    at_a_repository,
    counting,
    key_from,
)
from langchain_intercascade.errors import ConfigurationError, how_many
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.repository.exporting import exporting
from langchain_intercascade.repository.importing import Imported, importing
from langchain_intercascade.repository.tuning import Examples, Shape, exporting_examples
from langchain_intercascade.strategy import State

_SHOWN_PROBLEMS = 20


class As(StrEnum):
    """What a file is for."""

    STRATEGIES = "strategies"
    CHAT = "chat"
    FEW_SHOT = "few-shot"


@at_a_repository
def export_strategies(
    repository: StrategyRepository,
    file: Annotated[Path, typer.Argument(help="The file to write.")],
    *,
    as_: Annotated[
        As,
        typer.Option(
            "--as",
            help="strategies, to import elsewhere; chat, to fine-tune with; few-shot, a JSON list.",
        ),
    ] = As.STRATEGIES,
    state: Annotated[
        list[State] | None, typer.Option(help="Only those in this state; repeat for more.")
    ] = None,
    without_queries: Annotated[
        bool, typer.Option("--without-queries", help="Leave out every text that a user wrote.")
    ] = False,
    lessons: Annotated[
        bool, typer.Option("--lessons", help="Include pending lessons: queries and answers.")
    ] = False,
    pack: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name it, and leave out whose it was.")
    ] = None,
    key_file: KeyFileOption = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
    tenant: TenantOption = "default",
    json: JsonOption = False,
) -> None:
    """Write the strategies of one tenant into a file.

    \b
      intercascade strategies export backup.jsonl --lessons --path ./strategies
      intercascade strategies export sums.jsonl --pack sums --without-queries --path ./strategies
      intercascade strategies export train.jsonl --as chat --path ./strategies
    """  # noqa: D301 - \b is the mark that keeps lines apart in the help
    if as_ is not As.STRATEGIES:
        if without_queries or lessons or pack:
            msg = (
                f"--as {as_.value} writes solved examples: leave out --without-queries, --lessons "
                "and --pack, which are for --as strategies."
            )
            raise ConfigurationError(msg)
        states = tuple(state or (State.ACTIVE,))
        shape = Shape(as_.value)
        examples = run(
            exporting_examples(
                repository, file, tenant=tenant, shape=shape, states=states, force=force
            )
        )
        _report(examples.payload(), _examples_in_words(examples), json=json)
        return
    with counting("Exported") as told:
        done = run(
            exporting(
                repository,
                file,
                tenant=tenant,
                states=state or None,
                without_queries=without_queries,
                lessons=lessons,
                pack=pack,
                key=key_from(key_file),
                force=force,
                progress=told,
            )
        )
    lost = how_many(done.unreadable, "is damaged", "are damaged")
    damaged = f" {lost} and not in it." if done.unreadable else ""
    signed = "signed" if done.signed else "not signed"
    count = how_many(
        done.count, f"strategy of tenant {tenant} is", f"strategies of tenant {tenant} are"
    )
    said = f"{count} in {file}, {signed}.{damaged}"
    _report(done.payload(), said, json=json)


@at_a_repository
def import_strategies(
    repository: StrategyRepository,
    file: Annotated[Path, typer.Argument(help="A file that `export` wrote.")],
    *,
    trust: Annotated[
        bool,
        typer.Option("--trust", help="Use at once what is in use there; needs the key."),
    ] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Take the good lines of a damaged file.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done.")
    ] = False,
    key_file: KeyFileOption = None,
    tenant: TenantOption = "default",
    json: JsonOption = False,
) -> None:
    """Take strategies from a file; here they are on probation.

    They are used when they have proved themselves or somebody approves them; with --trust, at once.

    \b
      intercascade strategies import sums.jsonl --path ./strategies
      intercascade strategies import backup.jsonl --trust --key-file ./key --path ./strategies
    """  # noqa: D301 - \b is the mark that keeps lines apart in the help
    with counting("Looked at") as told:
        done = run(
            importing(
                repository,
                file,
                tenant=tenant,
                key=key_from(key_file),
                trust=trust,
                skip_bad=skip_bad,
                dry_run=dry_run,
                progress=told,
            )
        )
    _report(done.payload(), _imported_in_words(done), json=json)


def _report(payload: object, said: str, *, json: bool) -> None:
    if json:
        typer.echo(jsonlib.dumps(payload, indent=2))
    else:
        err().print(said, soft_wrap=True)


def _examples_in_words(done: Examples) -> str:
    said = f"{how_many(done.count, 'solved example is', 'solved examples are')} in {done.path}."
    if not done.without:
        return said
    return (
        f"{said} {how_many(done.without, 'strategy has', 'strategies have')} none: a cascade keeps "
        "them only if it is made with keep_examples=True."
    )


def _passed_over(done: Imported) -> Iterator[tuple[int, tuple[str, str]]]:
    yield done.present, ("was there already", "were there already")
    yield done.forgotten, ("was forgotten here and stays so", "were forgotten here and stay so")
    yield done.lessons, ("pending lesson was left out", "pending lessons were left out")


def _imported_in_words(done: Imported) -> str:
    one, several = ("would be", "would be") if done.dry_run else ("is", "are")
    parts = [how_many(done.written, f"strategy {one} imported", f"strategies {several} imported")]
    parts += [how_many(each, *words) for each, words in _passed_over(done) if each]
    said = "; ".join(parts) + "."
    if done.written and not done.trusted:
        said += " What is in use there is on probation here: `review` shows it."
    shown = done.problems[:_SHOWN_PROBLEMS]
    more = len(done.problems) - len(shown)
    said += "".join(f"\n  line {each.line}: {each.why}" for each in shown)
    return said + (f"\n  and {more} more" if more else "")
