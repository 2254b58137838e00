"""The embedded engine is flushed now and then, or it would grow with every change."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from langchain_intercascade import EdgeRepository, HashingEmbeddings
from langchain_intercascade.errors import RepositoryError
from langchain_intercascade.repository import edge
from langchain_intercascade.repository._edge_upkeep import Upkeep
from langchain_intercascade.strategy import Lesson, Origin, Strategy, pending_lesson
from tests.conftest import Colour

ROOT = Path(__file__).parents[3]
QUERY = "How many apples remain?"


def lesson() -> Strategy:
    """A strategy that is large, of words that do not pack well."""
    answer = os.urandom(1500).hex()
    return pending_lesson(
        tenant="a",
        query=QUERY,
        lesson=Lesson(query=QUERY, answer=answer),
        origin=Origin(run_id="r", strong_model="m", prompt_version=1),
    )


def put(colour: Colour, repository: EdgeRepository, strategy: Strategy) -> None:
    colour.run(lambda: repository.put(strategy), lambda: repository.aput(strategy))


def bytes_in(folder: Path) -> int:
    """What the payloads take on disk."""
    files = folder.glob("segments/*/payload_storage/*")
    return sum(file.stat().st_blocks * 512 for file in files)


@pytest.mark.skipif(sys.platform == "win32", reason="it does not say how large a sparse file is")
def test_what_is_overwritten_is_used_again(
    tmp_path: Path, colour: Colour, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine takes new places for ever if nobody flushes it."""
    monkeypatch.setattr(edge, "FLUSHED_AFTER", 20)
    sizes = []
    with EdgeRepository(tmp_path / "kept", embeddings=HashingEmbeddings(8)) as repository:
        for _ in range(2):
            for _ in range(100):
                changed = lesson()
                put(colour, repository, changed)
            sizes.append(bytes_in(tmp_path / "kept"))
        stored = repository.get(changed.id, tenant="a")

    assert changed == stored
    assert sizes[0] <= sizes[1] < 1.2 * sizes[0]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_what_was_acknowledged_around_a_flush_survives_a_kill(tmp_path: Path) -> None:
    """Before it, by it, and after it."""
    lines = (
        "import os, signal, sys",
        "from langchain_intercascade.repository import edge",
        "from tests.unit_tests.repository.test_edge_upkeep import lesson",
        "edge.FLUSHED_AFTER = 3",
        "repository = edge.EdgeRepository(sys.argv[1])",
        "for number in range(8):",
        "    repository.put(lesson().model_copy(update={'id': str(number)}))",
        "os.kill(os.getpid(), signal.SIGKILL)",
    )
    command = [sys.executable, "-c", "\n".join(lines), str(tmp_path / "killed")]
    done = subprocess.run(command, cwd=ROOT, check=False)

    assert -signal.SIGKILL == done.returncode
    with EdgeRepository(tmp_path / "killed") as repository:
        found = repository.scan(tenant="a")
    assert set(map(str, range(8))) == {each.id for each in found}


def flushing(told: list[str], *errors: Exception | None) -> Callable[[], None]:
    """Return a flush that tells that it was called, and fails as said."""
    outcomes = iter(errors)

    def flush() -> None:
        told.append("flushed")
        if (error := next(outcomes, None)) is not None:
            raise error

    return flush


def test_many_changes_at_once_count_as_many() -> None:
    told: list[str] = []
    upkeep = Upkeep(flushing(told), every=10)

    flushes = []
    for changes in (9, 1, 25, 9, 1):
        upkeep.after(changes)
        flushes.append(len(told))

    assert [0, 1, 2, 2, 3] == flushes


def test_whoever_flushes_puts_off_the_next_flush() -> None:
    told: list[str] = []
    upkeep = Upkeep(flushing(told), every=3)
    upkeep.after(2)
    upkeep.flushed()
    upkeep.after(2)

    assert [] == told


def test_a_change_stands_though_it_could_not_be_flushed(caplog: pytest.LogCaptureFixture) -> None:
    """It is told, by the type of the error alone, and tried again after as many changes."""
    full = RepositoryError("secret")
    full.__cause__ = OSError("secret")
    told: list[str] = []
    upkeep = Upkeep(flushing(told, full), every=2)
    for _ in range(4):
        upkeep.after(1)

    assert ["flushed"] * 2 == told
    (line,) = caplog.records
    assert ("flush_failed", "OSError") == (line.__dict__["event"], line.__dict__["error"])
    assert "secret" not in caplog.text


def test_what_is_not_of_the_repository_is_not_hidden() -> None:
    upkeep = Upkeep(flushing([], KeyboardInterrupt()), every=1)  # type: ignore[arg-type]

    with pytest.raises(KeyboardInterrupt):
        upkeep.after(1)
