"""`intercascade strategies`: what a repository has been taught, as a list or one by one."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from langchain_intercascade.cli.given import existing_repository
from langchain_intercascade.cli.options import (
    ApiKeyOption,
    CollectionOption,
    JsonOption,
    PathOption,
    TenantOption,
    UrlOption,
)
from langchain_intercascade.cli.screen import dollars, err, out
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.strategy import State, Strategy

if TYPE_CHECKING:
    from langchain_intercascade.repository.base import StrategyRepository

PAGE = 500

strategies = typer.Typer(
    name="strategies",
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    help="Look at what a repository has been taught.",
)


@strategies.command("list")
def list_strategies(
    *,
    path: PathOption = None,
    url: UrlOption = None,
    collection: CollectionOption = "inter_cascade",
    api_key: ApiKeyOption = None,
    tenant: TenantOption = "default",
    state: Annotated[
        State | None, typer.Option(help="Only those in this state; all if left out.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """List the strategies of one tenant, oldest first.

    \b
      intercascade strategies list --path ./strategies
      intercascade strategies list --url http://localhost:6333 --tenant acme --state pending
    """  # noqa: D301 - \b is the mark that keeps lines apart in the help
    with existing_repository(path, url, collection=collection, api_key=api_key) as repository:
        found = sorted(_all(repository, tenant, state), key=lambda each: each.created_at)
        where = repository.location
    if json:
        typer.echo(jsonlib.dumps([each.payload() for each in found], indent=2))
        return
    if found:
        out().print(_table(found))
    kind = f"{state.value} " if state else ""
    err().print(f"{len(found)} {kind}strategies of tenant {tenant} in {where}.", soft_wrap=True)


@strategies.command("show")
def show_strategy(
    strategy_id: Annotated[
        str, typer.Argument(metavar="ID", help="The strategy's id, or how it begins.")
    ],
    *,
    path: PathOption = None,
    url: UrlOption = None,
    collection: CollectionOption = "inter_cascade",
    api_key: ApiKeyOption = None,
    tenant: TenantOption = "default",
    json: JsonOption = False,
) -> None:
    """Show one strategy in full: what it advises, where it comes from, how it is found.

    \b
      intercascade strategies show 1f2e3d4c --path ./strategies
    """  # noqa: D301 - \b is the mark that keeps lines apart in the help
    with existing_repository(path, url, collection=collection, api_key=api_key) as repository:
        found = _the_one(repository, tenant, strategy_id)
    if json:
        typer.echo(jsonlib.dumps(found.payload(), indent=2))
    else:
        out().print(_in_full(found))


def _all(repository: StrategyRepository, tenant: str, state: State | None) -> Iterator[Strategy]:
    """Read page by page, so that a large repository does not have to fit in one answer."""
    states = tuple(State) if state is None else (state,)
    after: str | None = None
    while page := repository.scan(tenant=tenant, states=states, limit=PAGE, after=after):
        yield from page
        after = page[-1].id


def _the_one(repository: StrategyRepository, tenant: str, beginning: str) -> Strategy:
    wanted = beginning.lower()
    fitting = [each for each in _all(repository, tenant, None) if each.id.startswith(wanted)]
    if len(fitting) == 1:
        return fitting[0]
    problem = f"{len(fitting)} strategies begin" if fitting else "no strategy begins"
    msg = (
        f"In {repository.location}, {problem} with {beginning!r} for tenant {tenant}. "
        "`intercascade strategies list` shows the ids."
    )
    raise ConfigurationError(msg)


def _table(found: list[Strategy]) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("id", no_wrap=True)
    table.add_column("state")
    table.add_column("title, or why there is none", overflow="fold")
    table.add_column("learned from", justify="right")
    table.add_column("cost", justify="right")
    for each in found:
        title = each.advice.title if each.advice else each.reason or "not distilled yet"
        taught = f"{each.support} deferral" + ("s" if each.support != 1 else "")
        table.add_row(each.id[:8], each.state.value, title, taught, dollars(each.cost))
    return table


def _in_full(strategy: Strategy) -> Table:
    lines = Table.grid(padding=(0, 2))
    lines.add_column(style="dim")
    for label, text in _described(strategy):
        if text:
            lines.add_row(label, text)
    return lines


def _described(strategy: Strategy) -> Iterator[tuple[str, str]]:
    yield "id", strategy.id
    yield "state", strategy.state.value
    yield "reason", strategy.reason
    if advice := strategy.advice:
        yield "title", advice.title
        yield "use when", advice.when_to_use
        yield "not when", advice.when_not_to_use
        yield "steps", "\n".join(f"{at}. {step}" for at, step in enumerate(advice.steps, start=1))
        yield "pitfalls", "\n".join(advice.pitfalls)
    yield "found by", "\n".join(strategy.keys)
    yield "taught by", f"{strategy.origin.strong_model}, run {strategy.origin.run_id}"
    yield "cost", dollars(strategy.cost)
    yield "made", f"{strategy.created_at}, last changed {strategy.updated_at}"
