"""`intercascade demo`: two small models, generated questions, and a cascade that learns."""

from __future__ import annotations

import json as jsonlib
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from langchain_intercascade.chat_model import InterCascade
from langchain_intercascade.cli import given
from langchain_intercascade.cli.demo_pair import PairName, pair_named
from langchain_intercascade.cli.demo_report import printed
from langchain_intercascade.cli.demo_run import Outcome, answered, measured, strong_share
from langchain_intercascade.cli.options import JsonOption, PathOption, ThresholdOption
from langchain_intercascade.cli.screen import err, out, percent
from langchain_intercascade.repository.edge import EdgeRepository
from langchain_intercascade.strategy import State

if TYPE_CHECKING:
    from collections.abc import Iterator

TENANT = "default"
RECENT = 30
"""How many questions the live view looks back."""
LINES = 5
"""How many lines tell of the progress where there is no terminal."""


def demo(
    *,
    questions: Annotated[int, typer.Option(min=1, metavar="N", help="How many questions.")] = 300,
    seed: Annotated[int, typer.Option(help="Another seed draws other questions.")] = 0,
    models: Annotated[
        PairName, typer.Option(help="A neural weak model, or a scripted one.")
    ] = PairName.TRAINED,
    path: PathOption = None,
    threshold: ThresholdOption = None,
    json: JsonOption = False,
) -> None:
    """Watch a cascade learn, offline, with models that come along.

    A stream of generated questions goes through a cascade of two models. The weak one, a neural
    network trained from scratch for this package, knows a third of the kinds by heart, some of
    them wrongly; for the rest it needs strategies, which the strong one writes whenever a question
    is deferred to it. The same questions are put to both models alone, and everything printed is
    computed from that run. With --models simulated both are scripted, and tell arithmetic stories.

    \b
      intercascade demo
      intercascade demo --questions 1000 --seed 7 --path ./strategies
      intercascade demo --models simulated --json > demo.json
    """  # noqa: D301 - \b is the mark that keeps lines apart in the help
    pair = pair_named(models)
    with (
        EdgeRepository(path) as repository,
        InterCascade(
            weak=pair.weak(),
            strong=pair.strong(),
            repository=repository,
            tenant=TENANT,
            threshold=pair.threshold if threshold is None else given.threshold(threshold),
            learning="inline",
            prices=pair.prices,
        ) as cascade,
    ):
        known = repository.count(tenant=TENANT, states=[State.ACTIVE])
        stream = answered(cascade, pair.stream(seed, questions), pair)
        outcomes = list(_watched(stream, questions, known))
        kept = path is not None
        run = measured(outcomes, repository, pair, seed=seed, known=known, kept=kept)
    if json:
        typer.echo(jsonlib.dumps(run, indent=1))
    else:
        printed(run, out())


@dataclass(slots=True)
class _Tally:
    """What the live view shows: strong calls of late, and how many strategies there are."""

    strategies: int
    recent: deque[Outcome] = field(default_factory=lambda: deque(maxlen=RECENT))

    def saw(self, outcome: Outcome) -> None:
        """Count one more question."""
        self.recent.append(outcome)
        self.strategies += outcome.record["lesson"]["state"] == "stored"

    @property
    def share(self) -> str:
        """The share of strong calls among the last questions."""
        return percent(strong_share(self.recent))


def _watched(stream: Iterator[Outcome], questions: int, known: int) -> Iterator[Outcome]:
    """Hand on the stream, and show how it goes: live on a terminal, else in a few lines."""
    show = _live if err().is_terminal else _plain
    return show(stream, questions, _Tally(known))


def _live(stream: Iterator[Outcome], questions: int, tally: _Tally) -> Iterator[Outcome]:
    columns = (
        TextColumn("Questions"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(f"strong calls, last {RECENT}: {{task.fields[share]:>5}}"),
        TextColumn("strategies: {task.fields[strategies]}"),
    )
    with Progress(*columns, console=err(), transient=True) as bar:
        task = bar.add_task("", total=questions, share="", strategies=tally.strategies)
        for outcome in stream:
            tally.saw(outcome)
            bar.update(task, advance=1, share=tally.share, strategies=tally.strategies)
            yield outcome


def _plain(stream: Iterator[Outcome], questions: int, tally: _Tally) -> Iterator[Outcome]:
    for done, outcome in enumerate(stream, start=1):
        tally.saw(outcome)
        if done % max(1, questions // LINES) == 0:
            err().print(
                f"{done} of {questions} questions; strong calls, last "
                f"{len(tally.recent)}: {tally.share}; strategies: {tally.strategies}",
                soft_wrap=True,
            )
        yield outcome
