"""Commands that only look: list, show, stats, explain, floor."""

from __future__ import annotations

import json as jsonlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer

from langchain_intercascade._steps import run
from langchain_intercascade.cli.options import JsonOption, TenantOption
from langchain_intercascade.cli.screen import dollars, err, out
from langchain_intercascade.cli.strategies.describing import columns, in_full, pairs, table_of
from langchain_intercascade.cli.strategies.place import (
    IdArgument,
    at_a_repository,
    every,
    the_one,
)
from langchain_intercascade.errors import ConfigurationError, how_many
from langchain_intercascade.repository.background import calibrating_floor
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.repository.floor import FEWEST, PERCENTILE, Floor
from langchain_intercascade.repository.ledger import standing
from langchain_intercascade.repository.points import META_ID
from langchain_intercascade.repository.retrieval import Floors, Wanted, retrieving
from langchain_intercascade.strategy import State, Strategy


@at_a_repository
def list_strategies(
    repository: StrategyRepository,
    *,
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
    states = () if state is None else (state,)
    found = sorted(every(repository, tenant, *states), key=lambda each: each.created_at)
    if json:
        typer.echo(jsonlib.dumps([each.payload() for each in found], indent=2))
        return
    if found:
        out().print(table_of(found))
    kind = f"{state.value} strategy" if state else "strategy"
    said = f"{how_many(len(found), kind)} of tenant {tenant} in {repository.location}."
    err().print(said, soft_wrap=True)


@at_a_repository
def show_strategy(
    repository: StrategyRepository,
    strategy_id: IdArgument,
    *,
    tenant: TenantOption = "default",
    json: JsonOption = False,
) -> None:
    """Show one strategy in full: its advice, its origin, what it did.

    \b
      intercascade strategies show 1f2e3d4c --path ./strategies
    """  # noqa: D301 - \b is the mark that keeps lines apart in the help
    found = the_one(repository, tenant, strategy_id)
    if json:
        typer.echo(jsonlib.dumps(found.payload(), indent=2))
    else:
        out().print(in_full(found))


@at_a_repository
def show_stats(
    repository: StrategyRepository,
    *,
    tenant: TenantOption = "default",
    json: JsonOption = False,
) -> None:
    """Count what one tenant has, and what it cost and brought.

    \b
      intercascade strategies stats --path ./strategies
    """  # noqa: D301 - \b is the mark that keeps lines apart in the help
    stats = _Stats()
    for each in every(repository, tenant):
        stats.add(each)
    found = {"tenant": tenant, **stats.payload(), **_place(repository)}
    if json:
        typer.echo(jsonlib.dumps(found, indent=2))
    else:
        out().print(pairs(_told(found)))


@at_a_repository
def explain_query(
    repository: StrategyRepository,
    query: Annotated[str, typer.Argument(help="A query as a user would write it.")],
    *,
    tenant: TenantOption = "default",
    k: Annotated[int, typer.Option("-k", min=0, help="How many strategies to show.")] = 2,
    floor: Annotated[
        float | None,
        typer.Option(help="Least similarity; left out, the one that was measured, or the default."),
    ] = None,
    shared: Annotated[
        str | None, typer.Option(metavar="NAME", help="Search this tenant's strategies too.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Say what the weak model would be shown for a query, and why.

    \b
      intercascade strategies explain "How far apart are the trains?" --path ./strategies
    """  # noqa: D301 - \b is the mark that keeps lines apart in the help
    least = run(Floors(repository).reading(tenant)) if floor is None else Floor.fixed(floor)
    wanted = Wanted(tenant=tenant, k=k, floor=least, shared=shared)
    choice = run(retrieving(repository, query, wanted))
    if json:
        typer.echo(jsonlib.dumps(choice.payload(), indent=2))
        return
    table = columns("id", "similarity", "outcome", "title", "why", right=("similarity",))
    for each in choice.considered:
        one = each.hit.strategy
        title = one.advice.title if one.advice else ""
        outcome = each.outcome.value
        table.add_row(one.id[:8], f"{each.hit.similarity:.2f}", outcome, title, each.why)
    if choice.considered:
        out().print(table)
    origin = "no other was measured yet" if floor is None else "as you said"
    err().print(f"{choice.reason} {_floor_in_words(least, origin)}", soft_wrap=True)


@at_a_repository
def measure_floor(
    repository: StrategyRepository,
    *,
    tenant: TenantOption = "default",
    percentile: Annotated[
        float, typer.Option(help="Share of unrelated strategies that it turns away.")
    ] = PERCENTILE,
    sample: Annotated[int, typer.Option(help="Strategies to measure with.")] = 500,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Measure, but keep the old.")] = False,
    json: JsonOption = False,
) -> None:
    """Measure how near is near enough, and use that from now on.

    It is measured from the strategies of the tenant themselves.

    \b
      intercascade strategies floor --path ./strategies
      intercascade strategies floor --path ./strategies --percentile 0.95 --dry-run
    """  # noqa: D301 - \b is the mark that keeps lines apart in the help
    options: dict[str, Any] = {"percentile": percentile, "sample": sample}
    found = run(
        calibrating_floor(repository, tenant=tenant, **options)
        if dry_run
        else Floors(repository).measuring(tenant, **options)
    )
    if found is None:
        msg = (
            f"Tenant {tenant} has too few strategies in use to measure a floor with: {FEWEST} "
            "different kinds of problem are needed. The default stays in force; measure again "
            "when more was learned, or see --tenant."
        )
        raise ConfigurationError(msg)
    if json:
        typer.echo(jsonlib.dumps(found.payload(), indent=2))
        return
    out().print(_floor_in_words(found), soft_wrap=True)
    err().print("Measured, not kept." if dry_run else "In force from now on.")


@dataclass(slots=True)
class _Stats:
    """Sums over the strategies of a tenant."""

    states: Counter[str] = field(default_factory=Counter)
    standings: Counter[str] = field(default_factory=Counter)
    support: int = 0
    cost: float = 0.0
    cost_unknown: int = 0
    saved: float = 0.0
    uses: int = 0
    labels: int = 0
    oldest: str = ""
    newest: str = ""

    def add(self, strategy: Strategy) -> None:
        self.states[strategy.state.value] += 1
        self.support += strategy.support
        self.cost += strategy.cost or 0.0
        self.cost_unknown += strategy.cost is None
        self.oldest = min(self.oldest or strategy.created_at, strategy.created_at)
        self.newest = max(self.newest, strategy.created_at)
        for tally in strategy.ledger.values():
            self.standings[standing(tally)] += 1
            self.saved += tally.saved
            self.uses += tally.uses
            self.labels += tally.labels

    def payload(self) -> dict[str, Any]:
        return {
            "states": {each.value: self.states[each.value] for each in State},
            "support": self.support,
            "cost": self.cost,
            "cost_unknown": self.cost_unknown,
            "saved": self.saved,
            "shown": self.uses,
            "labels": self.labels,
            "standings": dict(sorted(self.standings.items())),
            "oldest": self.oldest,
            "newest": self.newest,
        }


def _place(repository: StrategyRepository) -> dict[str, Any]:
    (meta,) = run(repository.fetching((META_ID,)))
    return {
        "unreadable": repository.unreadable,
        "encoder": str(meta.payload.get("encoder", "")),
        "dimension": repository.stored_dimension(),
        "engine": repository.engine,
        "location": repository.location,
    }


def _told(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "tenant", found["tenant"]
    yield "strategies", ", ".join(f"{count} {state}" for state, count in found["states"].items())
    yield "learned from", how_many(found["support"], "deferral")
    unknown = f", and {found['cost_unknown']} of unknown cost" if found["cost_unknown"] else ""
    yield "cost", f"{dollars(found['cost'])}{unknown}"
    yield "saved", dollars(found["saved"])
    yield "shown", f"{how_many(found['shown'], 'time')}, {how_many(found['labels'], 'label')}"
    yield "proved", ", ".join(f"{count} {name}" for name, count in found["standings"].items())
    yield "oldest", found["oldest"]
    yield "newest", found["newest"]
    yield "unreadable", str(found["unreadable"] or "")
    yield "encoder", f"{found['encoder']}, {how_many(found['dimension'], 'number')}"
    yield "place", f"{found['location']} ({found['engine']})"


def _floor_in_words(floor: Floor, origin: str = "") -> str:
    """Return the figures of a floor and where it comes from: `origin`, if it was not measured."""
    said = f"The floor is {floor.similarity:.2f}"
    if floor.margin:
        said += f", or {floor.least:.2f} for one that leads by {floor.margin:.2f}"
    if not floor.made_at:
        return f"{said}; {origin}."
    sample = how_many(floor.sample_size, "strategy")
    return f"{said}; measured on {floor.made_at[:10]} with {sample}."
