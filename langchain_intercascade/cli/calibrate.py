"""`intercascade calibrate`: try a weak model on labelled questions, and find a safe threshold."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from langchain_intercascade.cli import given
from langchain_intercascade.cli.calibrate_report import as_json, as_words
from langchain_intercascade.cli.calibrate_run import Asked, run_calibration
from langchain_intercascade.cli.options import (
    ApiKeyOption,
    CollectionOption,
    EmbeddingsOption,
    JsonOption,
    TenantOption,
)
from langchain_intercascade.cli.screen import err
from langchain_intercascade.cli.screen import out as console
from langchain_intercascade.errors import ConfigurationError, how_many
from langchain_intercascade.evaluation.questions import Questions, read_questions
from langchain_intercascade.repository.edge import EdgeRepository
from langchain_intercascade.threshold.bounds import checked_delta, checked_target
from langchain_intercascade.threshold.self_calibrating import checked_abstain

if TYPE_CHECKING:
    from langchain_intercascade.repository.base import StrategyRepository

UNFINISHED: Final = 1
"""The exit code of a run that was stopped before it could promise anything."""


def calibrate(
    *,
    data: Annotated[Path, typer.Option(metavar="FILE", help="Questions, one JSON object a line.")],
    weak: Annotated[
        list[str],
        typer.Option(
            metavar="MODEL",
            help="The cheap model: provider:name, or simulated; again for the next level.",
        ),
    ],
    target_risk: Annotated[
        float, typer.Option(metavar="R", help="Share of accepted answers that may be wrong.")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the thresholds are written.")],
    strong: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Asked where a question has no answer in the file."),
    ] = None,
    delta: Annotated[
        float, typer.Option(metavar="D", help="Probability with which the promise may fail.")
    ] = 0.1,
    on_abstain: Annotated[
        str,
        typer.Option(
            metavar="POLICY", help="Answers that nobody can judge count as wrong, or skip them."
        ),
    ] = "wrong",
    confidence: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="auto, logprobs, self_consistency, validity or verbalized, as in the cascade.",
        ),
    ] = "logprobs",
    repository: Annotated[
        str | None,
        typer.Option(
            metavar="DIR|URL", help="Strategies to answer with, where some fit the question."
        ),
    ] = None,
    tenant: TenantOption = "default",
    collection: CollectionOption = "inter_cascade",
    api_key: ApiKeyOption = None,
    embeddings: EmbeddingsOption = given.HASHING,
    price: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=IN,OUT",
            help="Dollars per million tokens read and written; again for another model.",
        ),
    ] = None,
    max_cost: Annotated[
        float | None,
        typer.Option(
            min=0, metavar="USD", help="Stop before this run costs more, by the mean so far."
        ),
    ] = None,
    concurrency: Annotated[
        int, typer.Option(min=1, max=64, metavar="N", help="Questions under way at once.")
    ] = 4,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Use only the first N questions.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also draw risk against coverage, as SVG.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Find a safe threshold for a weak model on labelled questions.

    Each line of the file has a question and, if it is known, its answer; where there is none,
    the strong model's answer is what the weak one is compared with. The lowest threshold is
    found whose accepted answers are wrong in at most a share R of cases, with confidence 1 - D,
    or it is said that none is safe. With a repository, questions that strategies fit are
    answered with them, as in a cascade, and get a threshold of their own.

    Several weak models, the cheapest first, are the levels of one cascade: each is calibrated on
    a part of the questions, of which those count that the levels before it defer, and D is
    divided among all thresholds, so that they hold together.

    It may be stopped at any time, and goes on when the same command is given again.

    \b
      intercascade calibrate --data questions.jsonl --weak openai:gpt-4o-mini \\
          --target-risk 0.1 --out thresholds.json --plot curve.svg
      intercascade calibrate --data questions.jsonl --weak simulated --strong simulated \\
          --target-risk 0.1 --out thresholds.json --repository ./strategies
    """  # noqa: D301 - \b is the mark that keeps lines apart in the help
    asked = Asked(
        questions=_checked(read_questions(data, limit), strong),
        weak=[given.model(each, "weak") for each in weak],
        strong=None if strong is None else given.model(strong, "strong"),
        confidence=confidence,
        prices=given.prices(price, {*weak, strong or ""}),
        target_risk=checked_target(target_risk),
        delta=checked_delta(delta),
        on_abstain=checked_abstain(on_abstain),
        tenant=tenant,
        out=_writable("--out", out),
        plot=None if plot is None else _writable("--plot", plot),
        max_cost=max_cost,
        concurrency=concurrency,
    )
    with _strategies(repository, collection, api_key, embeddings) as (where, augmented):
        results = run_calibration(asked, where, augmented=augmented)
    if isinstance(results, str):
        err().print(results, soft_wrap=True)
        raise typer.Exit(UNFINISHED)
    if json:
        typer.echo(jsonlib.dumps(as_json(results), indent=2))
    else:
        _print(as_words(results))


def _checked(questions: Questions, strong: str | None) -> Questions:
    """Return `questions`, unless one has no answer and there is nobody to ask."""
    unknown = [row.line for row in questions.rows if row.answer is None]
    if unknown and strong is None:
        msg = (
            f"{questions.name}: {how_many(len(unknown), 'line has', 'lines have')} no answer, the "
            f"first is line {unknown[0]}. Add --strong MODEL, whose answers then count as right."
        )
        raise ConfigurationError(msg)
    return questions


def _writable(option: str, path: Path) -> Path:
    if path.is_dir() or not path.absolute().parent.is_dir():
        msg = f"{option} {path}: name a file in a folder that exists."
        raise ConfigurationError(msg)
    return path


@contextmanager
def _strategies(
    place: str | None, collection: str, api_key: str | None, encoder: str
) -> Iterator[tuple[StrategyRepository, bool]]:
    """Open the repository that was named, or an empty one that is forgotten at the end."""
    if place is None:
        with EdgeRepository() as empty:
            yield empty, False
        return
    is_url = "://" in place
    with given.existing_repository(
        None if is_url else Path(place),
        place if is_url else None,
        collection=collection,
        api_key=api_key,
        encoder=given.embeddings(encoder),
    ) as found:
        yield found, True


def _print(paragraphs: Sequence[str]) -> None:
    for paragraph in paragraphs:
        console().print(paragraph, soft_wrap=True)
