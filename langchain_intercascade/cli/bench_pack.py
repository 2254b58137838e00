"""`intercascade bench --pack`: replay recorded answers through the cascade and its rivals."""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, cast

import typer
from rich.box import SIMPLE_HEAD
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from langchain_intercascade.cli.screen import err, out
from langchain_intercascade.errors import ConfigurationError, how_many
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
from langchain_intercascade.evaluation.replay_report import (
    ARM_COLUMNS,
    Report,
    Setup,
    arm_rows,
    make_report,
    stream_rows,
    summary,
)
from langchain_intercascade.evaluation.report import write_report
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


@dataclass(frozen=True, slots=True, kw_only=True)
class PackAsked:
    """What was asked for on the command line."""

    pack: Path
    weak: str | None
    strong: str | None
    threshold: str | None
    split: Questions | None
    seed: int
    limit: int | None
    k: int
    min_similarity: float | None
    json: Path | None


def replay_pack(asked: PackAsked) -> None:
    """Replay a pack, print what came of it, and write it down if that was asked for.

    Raises:
        PackError: The pack cannot be replayed like this.
    """
    if asked.json is not None and not asked.json.absolute().parent.is_dir():
        refuse(f"--json {asked.json}: there is no folder {asked.json.parent}.")
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


def _replay(pack: Pack, asked: PackAsked) -> Replay:
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
    return transfer_replay(pack, k=asked.k, min_similarity=_floor(asked))


def _floor(asked: PackAsked) -> float:
    given = MIN_SIMILARITY if asked.min_similarity is None else asked.min_similarity
    if math.isnan(given):
        refuse("--min-similarity nan: expected a number from -1 to 1.")
    return given


def _split_name(pack: Pack, asked: PackAsked) -> str:
    default = Questions.TEST if isinstance(pack, LogprobPack) else Questions.ALL
    return (asked.split or default).value


def _threshold(pack: Pack, replay: Replay, asked: PackAsked) -> ThresholdValue:
    """Return the threshold; without one, suggest some and leave."""
    if asked.threshold == ALWAYS_DEFER:
        return ALWAYS_DEFER
    if asked.threshold is not None:
        try:
            return checked_threshold(float(asked.threshold))
        except (ValueError, ConfigurationError):
            refuse(
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
        msg = (
            f"{replay.weak_model} has no confidence in the train split of {pack.name}, so no "
            "threshold can be suggested: give one with --threshold, or choose another --weak."
        )
        raise PackError(msg)
    typer.echo(f"Thresholds from the {how_many(len(rows), 'train question')} of {pack.name}:\n")
    for share, (value, real) in zip(DEFERRED, found, strict=True):
        typer.echo(f"  --threshold {value:.6f}   defers {real:.1%} of them (asked: {share:.0%})")
    typer.echo("")
    refuse("a threshold is needed: add one of these, or your own.")


def _run(replay: Replay, threshold: ThresholdValue, asked: PackAsked) -> dict[str, list[Outcome]]:
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
        f"{report['pack']}: {how_many(cascade['n'], 'question')} ({report['split']}), "
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
        why = error.strerror or type(error).__name__
        refuse(f"--json {path}: it cannot be written ({why}). Name another file, or make room.")


def _command(replay: Replay, asked: PackAsked) -> str:
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
        given |= {"--k": asked.k, "--min-similarity": _floor(asked)}
    for option, value in given.items():
        words += [] if value is None else [option, str(value)]
    return shlex.join(words)


def refuse(message: str) -> NoReturn:
    """Say in one line what is wrong, and leave with the exit code for wrong usage."""
    err().print(Text(f"Error: {message}", style="red"), soft_wrap=True)
    raise typer.Exit(2)
