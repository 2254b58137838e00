"""Commands by which a person decides: review, promote, suspend, activate, archive, undo."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Callable
from typing import Annotated

import typer

from langchain_intercascade._steps import run
from langchain_intercascade.cli.options import JsonOption, TenantOption
from langchain_intercascade.cli.screen import err, out
from langchain_intercascade.cli.strategies.describing import in_full
from langchain_intercascade.cli.strategies.place import (
    ByOption,
    IdArgument,
    at_a_repository,
    every,
    person,
    the_one,
)
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.repository.lifecycle import archived_by, suspended_by
from langchain_intercascade.repository.promotion import SOURCES, approving, promoting
from langchain_intercascade.strategy import State, Strategy

_WAITING = (State.CANDIDATE, State.SUSPENDED)
_CHOICES = "[a]pprove, [s]uspend, archi[v]e, s[k]ip, [q]uit"


@at_a_repository
def review_strategies(
    repository: StrategyRepository,
    *,
    approve: Annotated[
        list[str] | None,
        typer.Option("--approve", metavar="ID", help="Approve this one and ask nothing; repeat."),
    ] = None,
    tenant: TenantOption = "default",
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Go through what waits for a person: candidates, suspended ones.

    \b
      intercascade strategies review --path ./strategies
      intercascade strategies review --path ./strategies --json
      intercascade strategies review --path ./strategies --approve 1f2e3d4c --by ines
    """  # noqa: D301 - \b is the mark that keeps lines apart in the help
    if approve:
        for beginning in approve:
            _approve(repository, the_one(repository, tenant, beginning), person(by))
        return
    waiting = sorted(every(repository, tenant, *_WAITING), key=lambda each: each.created_at)
    if json:
        typer.echo(jsonlib.dumps([each.payload() for each in waiting], indent=2))
        return
    for number, each in enumerate(waiting, start=1):
        out().print(in_full(each))
        err().print(f"({number} of {len(waiting)})")
        if not _decided(repository, each, person(by)):
            return
    err().print(f"{'Nothing more' if waiting else 'Nothing'} of tenant {tenant} waits for review.")


@at_a_repository
def promote_strategy(
    repository: StrategyRepository,
    strategy_id: IdArgument,
    *,
    to: Annotated[str, typer.Option("--to", metavar="NAME", help="The tenant that is the pool.")],
    sources: Annotated[
        int, typer.Option(min=1, help="Different sources that must have led to it.")
    ] = SOURCES,
    tenant: TenantOption = "default",
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Put a copy without queries into a pool, to be reviewed there.

    \b
      intercascade strategies promote 1f2e3d4c --to shared --path ./strategies
      intercascade strategies review --tenant shared --path ./strategies
    """  # noqa: D301 - \b is the mark that keeps lines apart in the help
    found = the_one(repository, tenant, strategy_id)
    who = person(by)
    copy = run(promoting(repository, found.id, tenant=tenant, to=to, sources=sources, reviewer=who))
    _report(
        copy, f"{copy.id} of tenant {to} is {copy.state.value}: {copy.reason or 'in use'}.", json
    )


@at_a_repository
def suspend_strategy(
    repository: StrategyRepository,
    strategy_id: IdArgument,
    *,
    why: Annotated[str, typer.Option(help="Shown beside it.")] = "",
    tenant: TenantOption = "default",
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Take a strategy out of use for now.

    \b
      intercascade strategies suspend 1f2e3d4c --why "it is out of date" --path ./strategies
    """  # noqa: D301 - \b is the mark that keeps lines apart in the help
    found = the_one(repository, tenant, strategy_id)
    _change(repository, found, lambda each: suspended_by(each, person(by), why), "suspended", json)


@at_a_repository
def activate_strategy(
    repository: StrategyRepository,
    strategy_id: IdArgument,
    *,
    tenant: TenantOption = "default",
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Put a candidate or a suspended strategy in use.

    \b
      intercascade strategies activate 1f2e3d4c --path ./strategies
    """  # noqa: D301 - \b is the mark that keeps lines apart in the help
    found = the_one(repository, tenant, strategy_id)
    _approve(repository, found, person(by), json=json)


@at_a_repository
def archive_strategy(
    repository: StrategyRepository,
    strategy_id: IdArgument,
    *,
    why: Annotated[str, typer.Option(help="Shown beside it.")] = "",
    tenant: TenantOption = "default",
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Take a strategy out of use for good; it is kept for its history.

    \b
      intercascade strategies archive 1f2e3d4c --why "replaced by another" --path ./strategies
    """  # noqa: D301 - \b is the mark that keeps lines apart in the help
    found = the_one(repository, tenant, strategy_id)
    _change(repository, found, lambda each: archived_by(each, person(by), why), "archived", json)


@at_a_repository
def undo_change(
    repository: StrategyRepository,
    strategy_id: IdArgument,
    *,
    tenant: TenantOption = "default",
    json: JsonOption = False,
) -> None:
    """Take back the last change; what was counted since is kept.

    \b
      intercascade strategies undo 1f2e3d4c --path ./strategies
    """  # noqa: D301 - \b is the mark that keeps lines apart in the help
    found = the_one(repository, tenant, strategy_id)
    _change(repository, found, _undone, "undone", json)


def _decided(repository: StrategyRepository, strategy: Strategy, who: str) -> bool:
    """Ask what shall become of one, and do it; say whether to go on with the next."""
    match typer.prompt(_CHOICES, default="k", err=True).strip().lower()[:1]:
        case "a":
            _approve(repository, strategy, who)
        case "s":
            _change(repository, strategy, lambda each: suspended_by(each, who), "suspended")
        case "v":
            _change(repository, strategy, lambda each: archived_by(each, who), "archived")
        case "q":
            return False
    return True


def _approve(
    repository: StrategyRepository,
    strategy: Strategy,
    who: str,
    json: bool = False,  # noqa: FBT001, FBT002 - as typed
) -> None:
    done = run(approving(repository, strategy.id, tenant=strategy.tenant, reviewer=who))
    if done is None:
        msg = (
            f"Strategy {strategy.id} cannot be put in use: it is {strategy.state.value}"
            f"{'' if strategy.advice else ' and has no advice yet'}. Only candidates and suspended "
            "strategies can; `intercascade strategies undo` takes back an archiving."
        )
        raise ConfigurationError(msg)
    _report(done, f"{done.id} is in use.", json)


def _change(
    repository: StrategyRepository,
    strategy: Strategy,
    change: Callable[[Strategy], Strategy | None],
    done: str,
    json: bool = False,  # noqa: FBT001, FBT002 - as typed
) -> None:
    changed = repository.update(strategy.id, tenant=strategy.tenant, change=change)
    if changed is None:
        said = (
            f"Strategy {strategy.id} was not {done}: it is {strategy.state.value} already. "
            "`intercascade strategies show` says since when, and who decided."
        )
        raise ConfigurationError(said)
    how = "" if done == changed.state.value else f" ({done})"
    _report(changed, f"{changed.id} is {changed.state.value} now{how}.", json)


def _report(strategy: Strategy, said: str, json: bool) -> None:  # noqa: FBT001 - as typed
    if json:
        typer.echo(jsonlib.dumps(strategy.payload(), indent=2))
    else:
        err().print(said, soft_wrap=True)


def _undone(strategy: Strategy) -> Strategy:
    try:
        return strategy.undone()
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
