"""`intercascade gate`: what the gate promises now, on what data, and what would loosen it."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from langchain_intercascade._steps import run
from langchain_intercascade.cli import given
from langchain_intercascade.cli.options import (
    ApiKeyOption,
    CollectionOption,
    EmbeddingsOption,
    JsonOption,
    PathOption,
    TenantOption,
    UrlOption,
)
from langchain_intercascade.cli.screen import out
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.learning.promise import Promise
from langchain_intercascade.parts import name_of
from langchain_intercascade.record import Regime
from langchain_intercascade.threshold.bounds import checked_delta, checked_target
from langchain_intercascade.threshold.file import load_thresholds
from langchain_intercascade.threshold.outlook import outlook
from langchain_intercascade.threshold.self_calibrating import (
    AUDIT_RATE,
    REGIMES,
    SelfCalibrating,
)

if TYPE_CHECKING:
    from langchain_intercascade.repository.base import StrategyRepository

gate = typer.Typer(
    name="gate",
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    help="Say what the confidence gate promises, and why.",
)


@gate.callback()
def _gate() -> None:
    """Keep `explain` a command of its own, although there is no other."""


@gate.command("explain")
def explain_gate(
    *,
    threshold: Annotated[
        Path | None,
        typer.Option("--threshold", metavar="FILE", help="Thresholds that `calibrate` wrote."),
    ] = None,
    path: PathOption = None,
    url: UrlOption = None,
    collection: CollectionOption = "inter_cascade",
    api_key: ApiKeyOption = None,
    embeddings: EmbeddingsOption = given.HASHING,
    tenant: TenantOption = "default",
    weak: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="The weak model's name, as records give it."),
    ] = None,
    target_risk: Annotated[
        float | None,
        typer.Option(metavar="R", help="What the cascade was built with."),
    ] = None,
    delta: Annotated[float, typer.Option(metavar="D", help="Likewise.")] = 0.1,
    audit_rate: Annotated[float, typer.Option(metavar="A", help="Likewise.")] = AUDIT_RATE,
    json: JsonOption = False,
) -> None:
    """Say what is promised now, on what data, since when, and what would loosen it.

    Either about a file of thresholds, or about a cascade with target_risk=, which keeps in its
    repository what it has found out; for that the weak model and the target risk are needed too.

    \b
      intercascade gate explain --threshold thresholds.json
      intercascade gate explain --path ./strategies --weak gpt-4o-mini --target-risk 0.1
    """  # noqa: D301 - \b is the mark that keeps lines apart in the help
    if (threshold is None) == (path is None and url is None):
        msg = "Name one: --threshold FILE, or a repository with --path DIR or --url URL."
        raise ConfigurationError(msg)
    if threshold is not None:
        _show(_of_file(threshold), json=json)
        return
    if weak is None or target_risk is None:
        msg = (
            "A repository keeps what was found out about each weak model, whatever was promised: "
            "add --weak MODEL and --target-risk R as the cascade was built."
        )
        raise ConfigurationError(msg)
    terms: dict[str, Any] = {"delta": checked_delta(delta), "audit_rate": audit_rate}
    with given.existing_repository(
        path, url, collection=collection, api_key=api_key, encoder=given.embeddings(embeddings)
    ) as where:
        make = partial(SelfCalibrating, checked_target(target_risk), **terms)
        promise = _read(where, tenant, make, weak)
        found = {"repository": where.location, "tenant": tenant, **_of_promise(promise)}
    _show(found, json=json)


def _read(
    where: StrategyRepository, tenant: str, make: Callable[[], SelfCalibrating], weak: str
) -> Promise:
    """Return the threshold of the model `weak`, which may be named with its provider."""
    names = [name_of(given.model(weak, "weak"))] if weak == given.SIMULATED else [weak]
    names += [weak.partition(":")[2]] if ":" in weak else []
    for name in names:
        promise = Promise(make, where, tenant=tenant, weak_model=name)
        run(promise.syncing())
        if promise.since():
            break
    return promise


def _of_file(file: Path) -> dict[str, Any]:
    found = load_thresholds(file)
    bound_to = {name: value for name, value in found.bound_to if value is not None}
    return {
        "file": file.name,
        "bound_to": bound_to,
        "regimes": {
            regime: {"threshold": report.threshold, "words": report.words()}
            for regime, report in found.reports.items()
        },
        "words": [_bound(bound_to)],
    }


def _bound(bound_to: dict[str, str]) -> str:
    belongs = "; ".join(f"{name.replace('_', ' ')} {value}" for name, value in bound_to.items())
    return f"It holds beside nothing but {belongs}, and is refused beside anything else."


def _of_promise(promise: Promise) -> dict[str, Any]:
    """Return what a self-calibrating threshold promises, regime by regime."""
    calibrating = promise.calibrating
    since = promise.since()
    return {
        "since": since or None,
        "regimes": {regime: _regime(calibrating, regime) for regime in REGIMES},
        "words": [f"The first label is of {since}." if since else "There is no label yet."],
    }


def _regime(calibrating: SelfCalibrating, regime: Regime) -> dict[str, Any]:
    cut = calibrating.cut(regime)
    return {
        "standing": calibrating.standing(regime),
        "threshold": cut.value,
        "words": outlook(calibrating, regime),
    }


def _show(found: dict[str, Any], *, json: bool) -> None:
    if json:
        typer.echo(jsonlib.dumps(found, indent=2))
        return
    for regime, told in found["regimes"].items():
        out().print(f"{regime.capitalize()} answers", soft_wrap=True)
        for sentence in told["words"]:
            out().print(f"  {sentence}", soft_wrap=True)
        out().print()
    for sentence in found["words"]:
        out().print(sentence, soft_wrap=True)
