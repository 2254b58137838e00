"""The crash suite: nothing that was acknowledged is lost, whenever a process is killed.

Killed are owners of folders, learners that share a server, and a process at each
operation of one lesson's life.  Stores that nobody should open are refused, and any
sequence of changes and restarts leaves in an engine what it leaves in a dictionary.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from benchmarks.reliability_deaths import deaths
from benchmarks.reliability_found import Found
from benchmarks.reliability_kills import Place, Tell, Worker, kills
from benchmarks.reliability_refusals import refusals
from benchmarks.reliability_sequences import sequences
from tests.qdrant_server import qdrant_server

FOLDERS: Final = 3
"""How many processes, each with a folder of its own, are killed at once."""

SHARING: Final = 2
"""How many processes on one server are killed at once."""

LIVES: Final = {"folder": 30, "server": 15}
"""How often each process is killed in the long form: 90 times, and 30 over each protocol."""

SEQUENCES: Final = {"edge": 90, "qdrant": 80}
"""Sequences of forty changes each, in the long form."""

SHORT: Final = 10
"""The short form has so many times less of each."""


def crash(*, thorough: bool, seed: int, tell: Tell = lambda _: None) -> Found:
    """Run the suite.

    Args:
        thorough: The long form, of more than a hundred kills; otherwise about a tenth of it.
        seed: Of what is drawn at random.
        tell: Told how far it is.
    """
    times = 1 if thorough else SHORT
    with tempfile.TemporaryDirectory(prefix="crash-") as name:
        parts = _parts(Path(name), times, seed, tell)
        return joined("crash", list(parts))


def _parts(folder: Path, times: int, seed: int, tell: Tell) -> Iterator[Found]:
    yield killed_owners(
        _made(folder / "owners"), lives=LIVES["folder"] // times, seed=seed, tell=tell
    )
    for with_grpc in (True, False):
        here = _made(folder / f"server {with_grpc}")
        lives = max(2, LIVES["server"] // times)
        yield killed_sharers(here, lives=lives, seed=seed, with_grpc=with_grpc, tell=tell)
    for before in (True, False):
        tell(f"dying {'before' if before else 'after'} each operation")
        yield deaths(_made(folder / f"deaths {before}"), before=before)
    tell("stores to refuse")
    yield refusals(_made(folder / "refusals"), thorough=times == 1)
    for engine, number in SEQUENCES.items():
        tell(f"sequences of changes ({engine})")
        yield sequences(engine, number // times, seed=seed)


def killed_owners(folder: Path, *, lives: int, seed: int, tell: Tell = lambda _: None) -> Found:
    """Kill processes that own a folder each: while they make it, recover, write, and learn."""
    numbers = range(FOLDERS)
    workers = [Worker(folder / f"store {at}", folder / f"notes {at}") for at in numbers]
    return kills("owners", "killed owner of a folder", workers, lives=lives, seed=seed, tell=tell)


def killed_sharers(
    folder: Path, *, lives: int, seed: int, with_grpc: bool, tell: Tell = lambda _: None
) -> Found:
    """Kill processes that share a server: others take over when the leases end."""
    with qdrant_server(with_grpc=with_grpc) as (address, _):
        place: Place = address
        workers = [Worker(place, folder / "notes")] * SHARING
        protocol = "gRPC" if with_grpc else "REST"
        kind = f"killed learner on a server ({protocol})"
        return kills(protocol.lower(), kind, workers, lives=lives, seed=seed, tell=tell)


def joined(suite: str, parts: Sequence[Found]) -> Found:
    """Put what was found in parts into one line of the table."""
    figures: dict[str, float] = {}
    for part in parts:
        figures |= part.figures
    return Found(
        suite=suite,
        injected=sum(part.injected for part in parts),
        kinds=tuple(sorted({kind for part in parts for kind in part.kinds})),
        survived=sum(part.survived for part in parts),
        lost=sum(part.lost for part in parts),
        leaked=sum(part.leaked for part in parts),
        seconds=round(sum(part.seconds for part in parts), 1),
        failures=tuple(each for part in parts for each in part.failures),
        figures=figures,
    )


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
