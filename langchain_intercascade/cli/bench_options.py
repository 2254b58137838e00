"""The options of `intercascade bench`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from langchain_intercascade.cli.bench_pack import Questions
from langchain_intercascade.state import MAX_K


class Admission(StrEnum):
    """How strategies are admitted."""

    ALWAYS = "always"
    REPLAY = "replay"


PackOption: TypeAlias = Annotated[
    Path | None,
    typer.Option("--pack", metavar="FILE", help="A pack of recorded answers to replay."),
]
DataOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="FILE",
        help="Questions with answers: .jsonl, .json or .csv, each also .gz.",
    ),
]
QuestionColumnOption: TypeAlias = Annotated[
    str | None, typer.Option(metavar="NAME", help="The column with the question.")
]
AnswerColumnOption: TypeAlias = Annotated[
    str | None, typer.Option(metavar="NAME", help="The column with the right answer.")
]
FamilyColumnOption: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The column with the kind of question; resampled whole."),
]
QuestionsOption: TypeAlias = Annotated[
    int, typer.Option(min=1, metavar="N", help="How many problems of simulated or lab models.")
]
LimitOption: TypeAlias = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Ask only the first N, in each seed's order."),
]
SplitOption: TypeAlias = Annotated[
    Questions | None,
    typer.Option(help="Which questions of a pack with splits; test if left out."),
]
WeakOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL",
        help="The cheap model: provider:name, simulated or lab; or as the pack calls it.",
    ),
]
MiddleOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(metavar="MODEL", help="A model between the two; again for another."),
]
StrongOption: TypeAlias = Annotated[
    str | None, typer.Option(metavar="MODEL", help="The expensive model, likewise.")
]
ModelOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(metavar="MODEL", help="All models, again for each, the cheapest first."),
]
ThresholdsOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="T",
        help="Accept the weak answer at this confidence or above, from 0 to 1, or always_defer; "
        "with models between, one for each gate: 0.8,0.7. For a pack, suggested if left out.",
    ),
]
TargetRiskOption: TypeAlias = Annotated[
    float | None,
    typer.Option(
        metavar="R",
        help="In place of --threshold: each cascade finds its own, so that at most this share of "
        "what it accepts says something else than the strong model, such as 0.1.",
    ),
]
AdmissionOption: TypeAlias = Annotated[
    Admission,
    typer.Option(
        help="Whether a strategy is used at once, or first tried by the weak model, as in the "
        "cascade."
    ),
]
ConfidenceOption: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="auto, logprobs, self_consistency, validity or verbalized, as in the cascade.",
    ),
]
KOption: TypeAlias = Annotated[
    int, typer.Option("--k", min=0, max=MAX_K, help="How many strategies to show at most.")
]
SimilarityOption: TypeAlias = Annotated[
    float | None,
    typer.Option(
        min=-1,
        max=1,
        help="Least similarity of a strategy that is shown; measured from the repository if left "
        "out, and 0.4 for a pack.",
    ),
]
GraderOption: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="auto, exact, numeric, choice, contains, regex:PATTERN or judge:MODEL.",
    ),
]
ArmsOption: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="A,B", help="Which arms; all that can be run if left out."),
]
SeedsOption: TypeAlias = Annotated[
    int, typer.Option(min=1, max=100, metavar="N", help="How many orders of the questions.")
]
SeedOption: TypeAlias = Annotated[int, typer.Option(min=0, help="The first seed.")]
WarmOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Begin with a copy of the repository in this folder; it is not changed."
    ),
]
PriceOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=IN,OUT",
        help="Dollars per million tokens read and written; again for another model.",
    ),
]
MaxCostOption: TypeAlias = Annotated[
    float | None,
    typer.Option(
        min=0,
        metavar="USD",
        help="Stop before the run, with all that it has cost already, costs more.",
    ),
]
ConcurrencyOption: TypeAlias = Annotated[
    int, typer.Option(min=1, max=64, metavar="N", help="Questions under way at once.")
]
RunOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Keep every reply in this folder, so that the same command goes on where it stopped.",
    ),
]
JsonOutOption: TypeAlias = Annotated[
    Path | None, typer.Option(metavar="OUT", help="Also write the report to this file.")
]
TitleOption: TypeAlias = Annotated[
    str, typer.Option(metavar="TEXT", help="What the report is called.")
]
