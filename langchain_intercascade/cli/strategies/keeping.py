"""Commands for the whole of it: forget, sweep, reembed."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Annotated, Any

import typer

from langchain_intercascade._steps import run
from langchain_intercascade.cli.given import HASHING, embeddings, existing_repository
from langchain_intercascade.cli.given import repository as repository_at
from langchain_intercascade.cli.options import (
    ApiKeyOption,
    CollectionOption,
    JsonOption,
    PathOption,
    TenantOption,
    UrlOption,
)
from langchain_intercascade.cli.screen import err
from langchain_intercascade.cli.strategies.place import (
    KeyFileOption,
    YesOption,
    at_a_repository,
    confirm,
    counting,
    key_from,
)
from langchain_intercascade.errors import ConfigurationError, how_many
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.repository.forgetting import forgetting
from langchain_intercascade.repository.receipt import Receipt
from langchain_intercascade.repository.reembedding import reembedding
from langchain_intercascade.repository.sweeping import CANDIDATE_DAYS, Swept, sweeping

_INCOMPLETE = 1


@at_a_repository
def forget_strategies(
    repository: StrategyRepository,
    *,
    source: Annotated[
        str | None, typer.Option(metavar="NAME", help="All that was learned on its behalf.")
    ] = None,
    query: Annotated[
        str | None, typer.Option(metavar="TEXT", help="All that was learned from it.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--everything", help="All that the tenant has.")
    ] = False,
    shared: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Tenant that may have copies; repeat for more."),
    ] = None,
    export: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Export that shall forget it too; repeat for more."),
    ] = None,
    key_file: KeyFileOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done.")
    ] = False,
    yes: YesOption = False,
    tenant: TenantOption = "default",
    json: JsonOption = False,
) -> None:
    """Erase for good what was learned from a source or a query.

    It is looked for wherever it went. The receipt says what was removed, and where else
    something may be left.

    \b
      intercascade strategies forget --source user-7 --dry-run --path ./strategies
      intercascade strategies forget --source user-7 --shared pool --path ./strategies
      intercascade strategies forget --everything --tenant acme --yes --path ./strategies --json
    """  # noqa: D301 - \b is the mark that keeps lines apart in the help
    if everything == (source is not None or query is not None):
        msg = "Say what to forget: --source NAME, --query TEXT or both; or --everything."
        raise ConfigurationError(msg)
    what: dict[str, Any] = {
        "tenant": tenant,
        "source": source,
        "query": query,
        "shared": tuple(shared or ()),
        "exports": tuple(export or ()),
        "key": key_from(key_file),
    }
    if not (dry_run or yes):
        confirm(_in_words(run(forgetting(repository, **what, dry_run=True))), yes=yes)
    receipt = run(forgetting(repository, **what, dry_run=dry_run))
    if json:
        typer.echo(jsonlib.dumps(receipt.payload(), indent=2))
    else:
        _tell(receipt)
    if not receipt.complete:
        raise typer.Exit(_INCOMPLETE)


@at_a_repository
def sweep_strategies(
    repository: StrategyRepository,
    *,
    max_active: Annotated[int | None, typer.Option(min=0, help="How many may be in use.")] = None,
    candidate_days: Annotated[
        float, typer.Option(min=0, help="Give up candidates that nothing happened to for so long.")
    ] = CANDIDATE_DAYS,
    unused_days: Annotated[
        float | None, typer.Option(min=0, help="Archive what was not used for so long.")
    ] = None,
    purge_days: Annotated[
        float | None, typer.Option(min=0, help="Delete for good what was archived so long ago.")
    ] = None,
    yes: YesOption = False,
    tenant: TenantOption = "default",
    json: JsonOption = False,
) -> None:
    """Archive what is over or stale, and what is too many.

    Of too many, those go that have the least to show.

    \b
      intercascade strategies sweep --max-active 5000 --path ./strategies
      intercascade strategies sweep --purge-days 90 --yes --path ./strategies
    """  # noqa: D301 - \b is the mark that keeps lines apart in the help
    if purge_days is not None:
        question = f"What was archived {how_many(purge_days, 'day')} ago will be deleted for good."
        confirm(question, yes=yes)
    swept = run(
        sweeping(
            repository,
            tenant=tenant,
            max_active=max_active,
            candidate_days=candidate_days,
            unused_days=unused_days,
            purge_days=purge_days,
        )
    )
    if json:
        typer.echo(jsonlib.dumps(swept.payload(), indent=2))
    else:
        err().print(_swept_in_words(swept))


def reembed_strategies(
    *,
    path: PathOption = None,
    url: UrlOption = None,
    collection: CollectionOption = "inter_cascade",
    api_key: ApiKeyOption = None,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="Folder of the new repository.")
    ] = None,
    to_url: Annotated[
        str | None, typer.Option("--to-url", metavar="URL", help="Server of the new repository.")
    ] = None,
    to_collection: Annotated[
        str, typer.Option("--to-collection", metavar="NAME", help="Collection on that server.")
    ] = "inter_cascade",
    encoder: Annotated[
        str,
        typer.Option(
            "--embeddings",
            metavar="NAME",
            help="The new encoder: hashing, which is built in, or provider:model.",
        ),
    ] = HASHING,
    json: JsonOption = False,
) -> None:
    """Copy a repository, all tenants, to one with another encoder.

    The old one is only read. If it is broken off, the same command goes on with it.

    \b
      intercascade strategies reembed --path ./old --to ./new --embeddings openai:text-embedding-3-small
      intercascade strategies reembed --url http://localhost:6333 --to ./new
    """  # noqa: D301, E501 - \b is the mark that keeps lines apart in the help; a command is one line
    new = embeddings(encoder)
    words = ("--to", "--to-url")
    with (
        existing_repository(path, url, collection=collection, api_key=api_key) as source,
        repository_at(
            to, to_url, collection=to_collection, api_key=api_key, encoder=new, words=words
        ) as target,
        counting("Copied") as told,
    ):
        done = run(reembedding(source, target, progress=lambda each: told(each.seen)))
        where = target.location
    if json:
        typer.echo(jsonlib.dumps(done.payload(), indent=2))
        return
    said = f"{done.copied} copied to {where}, {done.present} there already"
    lost = f", {done.damaged} damaged and left behind" if done.damaged else ""
    err().print(f"{said}{lost}.", soft_wrap=True)


def _tell(receipt: Receipt) -> None:
    err().print(_in_words(receipt), soft_wrap=True)
    for each in receipt.exports:
        removed = how_many(each.removed, "strategy")
        said = f"{each.path}: {removed} removed, {each.changed} changed."
        err().print(said, soft_wrap=True)
    if not receipt.complete:
        err().print("Others were writing more of it all the while: forget again.")
    if not receipt.dry_run:
        err().print(f"{receipt.kept_by_engine} Not reached:", soft_wrap=True)
        for where in receipt.out_of_reach:
            err().print(f"  - {where}")


def _in_words(receipt: Receipt) -> str:
    total = sum(receipt.removed.values())
    states = ", ".join(f"{count} {state}" for state, count in receipt.removed.items())
    kinds = f" ({states})" if states else ""
    verb = "would be" if receipt.dry_run else "was" if total == 1 else "were"
    queries = how_many(receipt.keys_removed, "query")
    return (
        f"{how_many(total, 'strategy')}{kinds} {verb} removed for good, and {queries} taken out of "
        "strategies that stay."
    )


def _swept_in_words(swept: Swept) -> str:
    parts = [f"{len(ids)} {heading}" for heading, ids in swept.payload().items() if ids]
    return f"Put away: {', '.join(parts)}." if parts else "Nothing had to go."
