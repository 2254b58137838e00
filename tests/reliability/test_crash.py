"""Whenever the process is killed, nothing acknowledged is lost and nothing half-written is seen.

The long form is `python -m benchmarks.reliability --only crash`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.reliability_crash import joined, killed_owners, killed_sharers
from benchmarks.reliability_deaths import deaths
from benchmarks.reliability_found import Found
from benchmarks.reliability_kills import Worker, is_whole, kills
from benchmarks.reliability_refusals import fingerprints, refusals
from benchmarks.reliability_sequences import sequences
from langchain_intercascade import EdgeRepository, State
from tests.lessons import CAN_FORK, learned, lesson, note

needs_forks = pytest.mark.skipif(not CAN_FORK, reason="processes cannot be forked here")


def check(found: Found, *, injected: int) -> None:
    """All is well, and it was not for want of trying."""
    assert () == found.failures
    assert found.injected >= injected
    assert (found.survived, found.lost, found.leaked) == (found.injected, 0, 0)


@needs_forks
def test_killing_the_owner_of_a_folder_loses_nothing(tmp_path: Path) -> None:
    """At random moments, also while the folder is made and while what was left is recovered."""
    found = killed_owners(tmp_path, lives=3, seed=1)

    check(found, injected=9)
    assert found.figures["acknowledged_owners"] > 9


@needs_forks
@pytest.mark.parametrize("with_grpc", [True, False])
def test_killing_those_who_use_a_server_loses_nothing(tmp_path: Path, *, with_grpc: bool) -> None:
    """What they were at work on is taken over when their leases end."""
    found = killed_sharers(tmp_path, lives=2, seed=1, with_grpc=with_grpc)

    check(found, injected=4)


@needs_forks
@pytest.mark.parametrize("before", [True, False])
def test_dying_at_any_operation_loses_nothing(tmp_path: Path, *, before: bool) -> None:
    """From opening the folder to the strategy in use, each operation in turn is the last."""
    check(deaths(tmp_path, before=before), injected=9)


def test_stores_that_cannot_be_trusted_are_refused_and_left_alone(tmp_path: Path) -> None:
    """To the last byte of every file; and with the damaged files restored all is there again."""
    check(refusals(tmp_path, thorough=False), injected=8)


def test_restarts_without_closing_change_nothing() -> None:
    """Any sequence of changes leaves in the engine what it leaves in a dictionary."""
    found = sequences("edge", 1, seed=2)

    check(found, injected=0)
    assert 0 < found.figures["steps_edge"] <= 40


# The suite sees what it is there to see.


@needs_forks
def test_a_lesson_that_is_gone_is_reported(tmp_path: Path) -> None:
    """Somebody was told that it is written down, and it is not."""
    worker = Worker(tmp_path / "store", tmp_path / "notes")
    note(worker.notes, "acknowledged nonsense")

    found = kills("owner", "owner", [worker], lives=1, seed=0)

    assert (found.lost > 0, found.survived) == (True, 0)
    assert "1 lessons that were acknowledged are gone" in found.failures[0]


def test_half_a_strategy_is_told_from_a_whole_one() -> None:
    pending = lesson("How many?")
    used = learned(pending)

    assert is_whole(pending)
    assert is_whole(used)
    assert not is_whole(pending.changed(advice=used.advice))
    assert not is_whole(pending.changed(state=State.ACTIVE))
    assert not is_whole(used.changed(advice=None))


def test_a_change_of_one_byte_is_seen(tmp_path: Path) -> None:
    with EdgeRepository(tmp_path / "store") as repository:
        repository.put(lesson("How many?"))
    before = fingerprints(tmp_path / "store")
    (file,) = (tmp_path / "store").glob("segments/*/payload_storage/page_0.dat")
    with file.open("r+b") as stream:
        stream.seek(-1, 2)
        stream.write(b"\x01")

    after = fingerprints(tmp_path / "store")

    assert [str(file.relative_to(tmp_path / "store"))] == [
        name for name in before if before[name] != after[name]
    ]


def test_what_was_found_in_parts_adds_up() -> None:
    one = Found("crash", 3, ("a",), 2, 1, 0, 1.25, ("no",), {"x": 1})
    other = Found("crash", 2, ("b", "a"), 2, 0, 1, 1.0, (), {"y": 2})

    assert joined("crash", [one, other]) == Found(
        "crash", 5, ("a", "b"), 4, 1, 1, 2.2, ("no",), {"x": 1, "y": 2}
    )
