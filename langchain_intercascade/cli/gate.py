"""`intercascade gate`: what the gate promises now, on what data, and what would loosen it."""

from __future__ import annotations

import json as jsonlib
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
from langchain_intercascade.learning.pledge import reading_pledges
from langchain_intercascade.learning.promise import Promise
from langchain_intercascade.models import name_of
from langchain_intercascade.record import Regime
from langchain_intercascade.threshold.file import load_thresholds
from langchain_intercascade.threshold.outlook import outlook

if TYPE_CHECKING:
    from langchain_intercascade.learning.pledge import Listed, Pledge
    from langchain_intercascade.repository.base import StrategyRepository
    from langchain_intercascade.threshold.self_calibrating import SelfCalibrating

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
        typer.Option(metavar="MODEL", help="Only about this weak model, as records name it."),
    ] = None,
    target_risk: Annotated[
        float | None,
        typer.Option(metavar="R", help="Refuse to explain another promise; likewise the next two."),
    ] = None,
    delta: Annotated[float | None, typer.Option(metavar="D")] = None,
    audit_rate: Annotated[float | None, typer.Option(metavar="A")] = None,
    json: JsonOption = False,
) -> None:
    """Say what is promised now, on what data, and since when.

    Also what would loosen it. Either about a file of thresholds, or about cascades with
    target_risk=, which keep in their repository what they have promised and found out.

    \b
      intercascade gate explain --threshold thresholds.json
      intercascade gate explain --path ./strategies
    """  # noqa: D301 - \b is the mark that keeps lines apart in the help
    if (threshold is None) == (path is None and url is None):
        msg = "Name one: --threshold FILE, or a repository with --path DIR or --url URL."
        raise ConfigurationError(msg)
    if threshold is not None:
        _show(_of_file(threshold), json=json)
        return
    meant = {"target_risk": target_risk, "delta": delta, "audit_rate": audit_rate}
    with given.existing_repository(
        path, url, collection=collection, api_key=api_key, encoder=given.embeddings(embeddings)
    ) as where:
        listed = _chosen(where, tenant, weak)
        for each in listed:
            _verify(each.pledge, meant)
        promises = [_of_promise(where, tenant, each) for each in listed]
        found = {"repository": where.location, "tenant": tenant, "promises": promises}
    _show(found, json=json)


def _chosen(where: StrategyRepository, tenant: str, weak: str | None) -> list[Listed]:
    """Return what each weak model is pledged to now, or the one that was named.

    Raises:
        ConfigurationError: Nothing was pledged, or nothing about this model.
    """
    # Of several about one model, the last is the one in use.
    latest = {each.pledge.weak_model: each for each in run(reading_pledges(where, tenant=tenant))}
    if not latest:
        msg = (
            f"Nothing is promised in {where.location} for the tenant {tenant!r}. A cascade with "
            "target_risk= writes down what it promises with its first answer; see --tenant."
        )
        raise ConfigurationError(msg)
    if weak is None:
        return list(latest.values())
    found = next((latest[name] for name in _names(weak) if name in latest), None)
    if found is None:
        msg = f"Nothing is promised about {weak}, only about {', '.join(latest)}: see --weak."
        raise ConfigurationError(msg)
    return [found]


def _names(weak: str) -> list[str]:
    """Return what the model `weak` may be called in records, with or without its provider."""
    if weak == given.SIMULATED:
        return [name_of(given.model(weak, "weak"))]
    return [weak, weak.partition(":")[2]]


def _verify(pledge: Pledge, meant: dict[str, float | None]) -> None:
    """Refuse to explain something else than what the caller believes to be promised."""
    wrong = [
        f"{name.replace('_', ' ')} is {getattr(pledge, name):g} there, not {value:g}"
        for name, value in meant.items()
        if value is not None and value != getattr(pledge, name)
    ]
    if wrong:
        msg = (
            f"Something else is promised about {pledge.weak_model}: {'; '.join(wrong)}. Leave the "
            "options out to have it explained, or see whether this is the right repository."
        )
        raise ConfigurationError(msg)


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


def _of_promise(where: StrategyRepository, tenant: str, listed: Listed) -> dict[str, Any]:
    """Return what is promised about one weak model, regime by regime."""
    promise = Promise(listed.pledge, where, tenant=tenant)
    run(promise.syncing())
    since = promise.since()
    first = f"The first label is of {since}." if since else "There is no label yet."
    return {
        "pledge": listed.pledge.model_dump(mode="json"),
        "pledged": listed.since,
        "since": since or None,
        "regimes": {
            regime: _regime(promise.calibrating, regime) for regime in listed.pledge.regimes
        },
        "words": [_pledged(listed), first],
    }


def _pledged(listed: Listed) -> str:
    """Return what was pledged, and beside what it holds."""
    pledge = listed.pledge
    beside = {
        "strong model": pledge.strong_model,
        "confidence": pledge.confidence,
        "agreement": pledge.agreement,
        "prompts": pledge.prompts,
    }
    named = "; ".join(f"{name} {value}" for name, value in beside.items() if value)
    return (
        f"Pledged since {listed.since} about {pledge.weak_model}: risk <= {pledge.target_risk:g} "
        f"with confidence {1 - pledge.delta:g}, {pledge.audit_rate:g} of accepted answers audited"
        f"{f'; beside {named}' if named else ''}."
    )


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
    for each in found.get("promises", [found]):
        _tell(each)


def _tell(told: dict[str, Any]) -> None:
    for regime, sentences in told["regimes"].items():
        out().print(f"{regime.capitalize()} answers", soft_wrap=True)
        for sentence in sentences["words"]:
            out().print(f"  {sentence}", soft_wrap=True)
        out().print()
    for sentence in told["words"]:
        out().print(sentence, soft_wrap=True)
