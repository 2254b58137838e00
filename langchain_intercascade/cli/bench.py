"""`intercascade bench`: replay recorded answers through the cascade and its rivals."""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, cast

import typer
from rich.box import SIMPLE_HEAD
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from langchain_intercascade.cli.screen import err, out
from langchain_intercascade.errors import ConfigurationError, InterCascadeError
from langchain_intercascade.evaluation.metrics import suggested_thresholds
from langchain_intercascade.evaluation.pack import LogprobPack, Pack, PackError, Split, read_pack
from langchain_intercascade.evaluation.replay import (
    MIN_SIMILARITY,
    SURE,
    Replay,
    logprob_replay,
    recorded_scores,
    run_replay,
    transfer_replay,
)
from langchain_intercascade.evaluation.report import (
    ARM_COLUMNS,
    Report,
    Setup,
    arm_rows,
    make_report,
    stream_rows,
    summary,
    write_report,
)
from langchain_intercascade.state import MAX_K
from langchain_intercascade.threshold.base import ALWAYS_DEFER, ThresholdValue, checked_threshold

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from langchain_intercascade.evaluation.arms import Outcome

DEFERRED = (0.2, 0.4, 0.6)
"""Shares of questions for which a threshold is suggested when none is given."""


class Questions(StrEnum):
    """Which questions of a pack are asked."""

    TEST = "test"
    TRAIN = "train"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class _Asked:
    """What was asked for on the command line."""

    pack: Path
    weak: str | None
    strong: str | None
    threshold: str | None
    split: Questions | None
    seed: int
    limit: int | None
    k: int
    min_similarity: float
    json: Path | None


def bench(
    *,
    pack: Annotated[
        Path, typer.Option("--pack", metavar="FILE", help="The pack: .jsonl or .jsonl.gz.")
    ],
    weak: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The weak model, as the pack calls it."),
    ] = None,
    strong: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The strong model, as the pack calls it."),
    ] = None,
    threshold: Annotated[
        str | None,
        typer.Option(
            metavar="T",
            help="Accept the weak answer at this confidence or above, from 0 to 1; or "
            "always_defer. Left out, thresholds are suggested from the train split.",
        ),
    ] = None,
    split: Annotated[
        Questions | None,
        typer.Option(help="Which questions to ask, in a pack with splits; test if left out."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Fixes the order of the questions.")] = 0,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Ask only the first N in that order.")
    ] = None,
    k: Annotated[
        int, typer.Option("--k", min=0, max=MAX_K, help="How many strategies to show at most.")
    ] = 2,
    min_similarity: Annotated[
        float, typer.Option(min=-1, max=1, help="Least similarity of a strategy that is shown.")
    ] = MIN_SIMILARITY,
    json: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Also write the report to this file.")
    ] = None,
) -> None:
    """Replay recorded answers of real models through the cascade and its rivals.

    No model is called: a pack holds what real models answered, and the real cascade decides
    on it, question by question, in an order fixed by the seed. Printed are accuracy, coverage,
    strong calls and recorded cost of the weak model alone, the strong model alone and the
    cascade, with 95 % intervals, and what is recorded and what is assumed.

    A pack with confidences (keys: prompt, models) needs two models and a threshold. The first
    line lists the models, the second suggests thresholds:

    \b
      intercascade bench --pack answers.jsonl.gz
      intercascade bench --pack answers.jsonl.gz --weak small --strong large
      intercascade bench --pack answers.jsonl.gz --weak small --strong large --threshold 0.6

    A pack with answers without and with help (keys: family, question, gold, direct_out,
    direct_ok, cot_out, cot_ok) shows a cascade that learns:

    \b
      intercascade bench --pack families.jsonl.gz --json report.json
      intercascade bench --pack families.jsonl.gz --limit 500 --seed 1 --k 1
    """  # noqa: D301 - \b is the mark that keeps lines apart in the help
    asked = _Asked(pack, weak, strong, threshold, split, seed, limit, k, min_similarity, json)
    try:
        _bench(asked)
    except InterCascadeError as error:
        _refuse(str(error))


def _bench(asked: _Asked) -> None:
    if asked.json is not None and not asked.json.absolute().parent.is_dir():
        _refuse(f"--json {asked.json}: there is no folder {asked.json.parent}.")
    found = read_pack(asked.pack)
    replay = _replay(found, asked)
    setup = Setup(
        pack=found.name,
        pack_sha256=found.digest,
        replay=replay,
        split=_split_name(found, asked),
        seed=asked.seed,
        threshold=_threshold(found, replay, asked),
        command=_command(replay, asked),
    )
    arms = _run(replay, setup.threshold, asked)
    report = make_report(setup, arms)
    if asked.json is not None:
        _write(report, asked.json)
    _show(report, out())


def _replay(pack: Pack, asked: _Asked) -> Replay:
    if isinstance(pack, LogprobPack):
        if asked.weak is None or asked.strong is None:
            msg = (
                f"{pack.name} holds answers of {', '.join(pack.models)}: choose two of them with "
                "--weak NAME --strong NAME."
            )
            raise PackError(msg)
        split = _split_name(pack, asked)
        only = None if split == Questions.ALL else cast("Split", split)
        return logprob_replay(pack, weak=asked.weak, strong=asked.strong, split=only)
    if asked.weak or asked.strong:
        msg = f"{pack.name} holds one model only; leave out --weak and --strong."
        raise PackError(msg)
    if asked.split not in {None, Questions.ALL}:
        msg = f"{pack.name} has no splits; leave out --split."
        raise PackError(msg)
    if math.isnan(asked.min_similarity):
        _refuse("--min-similarity nan: expected a number from -1 to 1.")
    return transfer_replay(pack, k=asked.k, min_similarity=asked.min_similarity)


def _split_name(pack: Pack, asked: _Asked) -> str:
    default = Questions.TEST if isinstance(pack, LogprobPack) else Questions.ALL
    return (asked.split or default).value


def _threshold(pack: Pack, replay: Replay, asked: _Asked) -> ThresholdValue:
    """Return the threshold; without one, suggest some and leave."""
    if asked.threshold == ALWAYS_DEFER:
        return ALWAYS_DEFER
    if asked.threshold is not None:
        try:
            return checked_threshold(float(asked.threshold))
        except (ValueError, ConfigurationError):
            _refuse(
                f"--threshold {asked.threshold}: expected a number from 0 to 1, or {ALWAYS_DEFER}."
            )
    if isinstance(pack, LogprobPack):
        _suggest(pack, replay)
    return SURE


def _suggest(pack: LogprobPack, replay: Replay) -> NoReturn:
    """Print thresholds found on the train split only, and ask for one."""
    rows = pack.rows_of(replay.weak_model, replay.strong_model, "train")
    scores = recorded_scores(rows, replay.weak_model)
    found = suggested_thresholds(scores, DEFERRED)
    if not found:
        msg = f"{replay.weak_model} has no confidence in the train split of {pack.name}."
        raise PackError(msg)
    typer.echo(f"Thresholds from the {len(rows)} train questions of {pack.name}:\n")
    for share, (value, real) in zip(DEFERRED, found, strict=True):
        typer.echo(f"  --threshold {value:.6f}   defers {real:.1%} of them (asked: {share:.0%})")
    typer.echo("")
    _refuse("a threshold is needed: add one of these, or your own.")


def _run(replay: Replay, threshold: ThresholdValue, asked: _Asked) -> dict[str, list[Outcome]]:
    console = err()
    size = min(len(replay.questions), asked.limit or len(replay.questions))
    replayed = partial(run_replay, replay, threshold=threshold, seed=asked.seed, limit=asked.limit)
    if not console.is_terminal:  # even a disabled bar leaves a line behind
        return replayed()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task("Replaying", total=size * len(replay.arms))
        return replayed(tick=lambda: bar.advance(task))


def _show(report: Report, console: Console) -> None:
    cascade = report["arms"]["cascade"]
    console.print(
        f"{report['pack']}: {cascade['n']} questions ({report['split']}), "
        f"{report['models']['weak']} -> {report['models']['strong']}, "
        f"threshold {report['threshold']}, seed {report['seed']}"
    )
    console.print(_table(ARM_COLUMNS, arm_rows(report)))
    console.print(
        "Risk is the share of wrong answers among the accepted ones. The random and the perfect "
        "gate defer as many answers as the cascade. Intervals: 95 %, by resampling "
        f"{cascade['resampled']}."
    )
    console.print(f"\n{summary(report)}")
    if report["learning"] != "off":
        console.print("\nThe stream in windows that double:")
        console.print(_table(*stream_rows(report, "windows")))
    console.print("\nThe stream in tenths:")
    console.print(_table(*stream_rows(report, "tenths")))
    for kind in ("recorded", "assumed"):
        console.print(f"{kind.capitalize()}:")
        for sentence in report[kind]:
            console.print(f"  - {sentence}")


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _write(report: Report, path: Path) -> None:
    try:
        write_report(report, path)
    except OSError as error:
        _refuse(f"--json {path}: it cannot be written ({error.strerror}).")


def _command(replay: Replay, asked: _Asked) -> str:
    """Return what to type to run the same again."""
    words = ["intercascade", "bench", "--pack", str(asked.pack)]
    given: dict[str, object] = {
        "--weak": asked.weak,
        "--strong": asked.strong,
        "--threshold": asked.threshold,
        "--split": asked.split and asked.split.value,
        "--seed": asked.seed,
        "--limit": asked.limit,
    }
    if replay.learns:
        given |= {"--k": asked.k, "--min-similarity": asked.min_similarity}
    for option, value in given.items():
        words += [] if value is None else [option, str(value)]
    return shlex.join(words)


def _refuse(message: str) -> NoReturn:
    """Say in one line what is wrong, and leave with the exit code for wrong usage."""
    err().print(Text(f"Error: {message}", style="red"), soft_wrap=True)
    raise typer.Exit(2)
