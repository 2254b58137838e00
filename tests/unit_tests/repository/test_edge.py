"""The embedded engine: its folder, its one owner, and what happens when files go wrong."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from qdrant_client import QdrantClient
from qdrant_edge import (
    EdgeShard,
    KeywordIndexParams,
)

from langchain_intercascade import QdrantRepository
from langchain_intercascade.errors import (
    ConfigurationError,
    EncoderMismatchError,
    RepositoryCorruptError,
    RepositoryError,
    RepositoryLockedError,
)
from langchain_intercascade.repository._edge_errors import calling
from langchain_intercascade.repository._edge_folder import fill
from langchain_intercascade.repository.edge import EdgeRepository
from langchain_intercascade.repository.embeddings import HashingEmbeddings
from langchain_intercascade.strategy import (
    Advice,
    Origin,
    State,
    Strategy,
    now,
    strategy_id,
)
from tests.conftest import Colour
from tests.damage import (
    DAMAGE,
    FOREIGN,
    Damage,
    copied,
    cut,
    damaged,
    delete,
    from_the_future,
    mined,
    shard_of_somebody_else,
)

ROOT = Path(__file__).parents[3]
QUERIES = ("How many apples remain?", "When do the trains meet?", "Which word is longest?")


def strategy(query: str) -> Strategy:
    return Strategy(
        id=strategy_id(tenant="a", query=query, strong_model="m"),
        tenant="a",
        state=State.ACTIVE,
        keys=(query,),
        advice=Advice(title="A title", when_to_use="Always.", steps=("Think.",)),
        origin=Origin(run_id="r", strong_model="m", prompt_version=1),
        created_at=now(),
        updated_at=now(),
    )


def count(colour: Colour, repository: EdgeRepository) -> int:
    return colour.run(lambda: repository.count(tenant="a"), lambda: repository.acount(tenant="a"))


def listing(folder: Path) -> dict[str, bytes]:
    """Return every file below `folder` with its contents, if it is not one of the huge ones."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return {str(file.relative_to(folder)): file.read_bytes()[:4096] for file in files}


def script(*lines: str) -> list[str]:
    """Return the command for a process of its own that has the package at hand."""
    head = (
        "import os, sys",
        "from langchain_intercascade.errors import *",
        "from langchain_intercascade.repository.edge import EdgeRepository",
        "from langchain_intercascade.strategy import Lesson, Origin, pending_lesson",
        f"QUERIES = {QUERIES}",
        "def strategy(query):",
        "    origin = Origin(run_id='r', strong_model='m', prompt_version=1)",
        "    lesson = Lesson(query=query, answer='An answer.')",
        "    return pending_lesson(tenant='a', query=query, lesson=lesson, origin=origin)",
    )
    return [sys.executable, "-c", "\n".join((*head, *lines))]


def outcome(*lines: str, arguments: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run `lines` in a process of their own."""
    return subprocess.run(
        [*script(*lines), *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three strategies in it, closed, and not to be touched."""
    folder = tmp_path_factory.mktemp("template") / "filled"
    with EdgeRepository(folder) as repository:
        for query in QUERIES:
            repository.put(strategy(query))
    return folder


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    """A folder with three strategies in it, closed."""
    return copied(template, tmp_path / "filled")


# The folder.


def test_nothing_is_opened_before_the_first_use(tmp_path: Path, colour: Colour) -> None:
    with EdgeRepository(tmp_path / "deep" / "down") as repository:
        assert [] == list(tmp_path.iterdir())

        assert 0 == count(colour, repository)

    assert (tmp_path / "deep" / "down").exists()


def test_an_empty_folder_may_be_used(tmp_path: Path, colour: Colour) -> None:
    with EdgeRepository(str(tmp_path)) as repository:
        assert 0 == count(colour, repository)


@pytest.mark.parametrize("ending", ["close", "garbage"])
def test_a_temporary_folder_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    repository = EdgeRepository()
    repository.put(strategy(QUERIES[0]))
    assert 1 == len(list(tmp_path.iterdir()))

    if ending == "close":
        repository.close()
    del repository
    gc.collect()

    assert [] == list(tmp_path.iterdir())


def test_a_temporary_folder_is_removed_when_it_could_not_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, colour: Colour
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    repository = EdgeRepository()
    # No engine makes room for vectors of no length.
    with pytest.raises(RepositoryError):
        colour.run(lambda: repository.create(-1), lambda: repository.acreate(-1))

    assert [] == list(tmp_path.iterdir())


def test_a_new_folder_is_indexed_by_tenant(folder: Path) -> None:
    indexes = EdgeShard.load(str(folder)).info().payload_schema

    assert {"tenant", "state"} == indexes.keys()
    assert isinstance(indexes["tenant"].params, KeywordIndexParams)
    assert indexes["tenant"].params.is_tenant


def test_a_folder_is_filled_at_once_or_not_at_all(tmp_path: Path) -> None:
    """Whoever is interrupted leaves nothing half-built."""

    def interrupted(workshop: Path) -> None:
        (workshop / "wal").mkdir()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fill(tmp_path, interrupted)

    assert [] == list(tmp_path.iterdir())


def test_whoever_fills_a_folder_second_changes_nothing(tmp_path: Path) -> None:
    def filling(word: str) -> Callable[[Path], None]:
        def make(workshop: Path) -> None:
            for part in ("wal", "segments"):
                (workshop / part).mkdir()
                (workshop / part / "file").write_text(word)
            (workshop / "edge_config.json").write_text(word)

        return make

    fill(tmp_path, filling("first"))
    before = listing(tmp_path)
    fill(tmp_path, filling("second"))

    assert before == listing(tmp_path)


def test_compacting_keeps_everything(folder: Path) -> None:
    with EdgeRepository(folder) as repository:
        repository.compact()

        assert set(QUERIES) == {found.keys[0] for found in repository.scan(tenant="a")}


def test_a_folder_deleted_in_mid_run_gives_answers_or_clear_errors(
    folder: Path, colour: Colour
) -> None:
    repository = EdgeRepository(folder)
    count(colour, repository)
    shutil.rmtree(folder)

    for act in (
        lambda: count(colour, repository),
        lambda: repository.put(strategy("new")),
        lambda: repository.search(QUERIES[0], tenant="a", k=1),
        repository.compact,
        repository.close,
    ):
        try:
            act()
        except RepositoryError:
            continue


# Foreign folders.


@pytest.mark.parametrize(("made", "word"), FOREIGN.items())
def test_a_foreign_folder_is_refused_and_left_alone(
    tmp_path: Path, colour: Colour, made: Callable[[Path], None], word: str
) -> None:
    made(tmp_path)
    before = listing(tmp_path)

    with EdgeRepository(tmp_path) as repository, pytest.raises(RepositoryCorruptError, match=word):
        count(colour, repository)

    if made is shard_of_somebody_else:  # the engine opened it, which tidies its journals
        assert 1 == EdgeShard.load(str(tmp_path)).info().points_count
    else:
        assert before == listing(tmp_path)


def test_no_pickle_of_local_mode_is_read(tmp_path: Path, colour: Colour) -> None:
    """Its rows run whatever they like in whoever opens them; the client itself falls for it."""
    folder, proof = tmp_path / "folder", tmp_path / "proof"
    folder.mkdir()
    mined(folder, proof)

    with EdgeRepository(folder) as repository, pytest.raises(RepositoryCorruptError):
        count(colour, repository)
    with pytest.raises(ConfigurationError):
        QdrantRepository(str(folder))

    assert not proof.exists()
    with pytest.raises(AttributeError):
        QdrantClient(path=str(folder))
    assert proof.exists()


def test_a_file_where_the_folder_should_be_is_refused(tmp_path: Path, colour: Colour) -> None:
    (tmp_path / "file").write_text("mine")

    with pytest.raises(RepositoryError):
        count(colour, EdgeRepository(tmp_path / "file"))

    assert "mine" == (tmp_path / "file").read_text()


def test_vectors_of_another_length_are_refused(folder: Path, colour: Colour) -> None:
    with (
        EdgeRepository(folder, embeddings=HashingEmbeddings(64)) as short,
        pytest.raises(EncoderMismatchError, match=r"length 512.*length 64"),
    ):
        count(colour, short)

    with EdgeRepository(folder) as right:
        assert 3 == count(colour, right)


def test_a_newer_version_is_refused(folder: Path, colour: Colour) -> None:
    from_the_future(folder)

    with EdgeRepository(folder) as old, pytest.raises(RepositoryCorruptError, match="Upgrade"):
        count(colour, old)


# Damaged files.


@pytest.mark.parametrize(("pattern", "damage"), DAMAGE)
def test_damage_is_recognised_and_never_taken_for_an_empty_repository(
    folder: Path, pattern: str, damage: Damage
) -> None:
    damaged(folder, pattern, damage)

    with EdgeRepository(folder) as repository, pytest.raises(RepositoryCorruptError):
        repository.count(tenant="a")


@pytest.mark.parametrize("damage", [cut, delete])
def test_a_file_that_was_cut_after_closing_is_noticed(
    folder: Path, colour: Colour, damage: Damage
) -> None:
    """The engine would open with fewer strategies, as after a crash, and tell nobody."""
    (file,) = folder.glob("segments/*/mutable_id_tracker.mappings")
    damage(file)
    before = listing(folder)

    with EdgeRepository(folder) as repository, pytest.raises(RepositoryCorruptError) as caught:
        count(colour, repository)

    assert "mutable_id_tracker.mappings was cut or deleted" in str(caught.value)
    assert before == listing(folder)


def test_what_was_written_after_closing_is_no_damage(folder: Path) -> None:
    """Nor is a folder that was only read, or whose owner was killed after a change."""
    for changes in (1, 0, 2):
        with EdgeRepository(folder) as repository:
            for number in range(changes):
                repository.put(strategy(f"How many of {changes} {number}?"))
            assert repository.count(tenant="a") > 2
            open_now = listing(folder).keys()
        assert ("sealed.json" in open_now) == (changes == 0)
        assert "sealed.json" in listing(folder)
    (folder / "sealed.json").write_text("[")

    with EdgeRepository(folder) as repository:
        assert repository.count(tenant="a") == 6


def test_random_damage_never_escapes_as_anything_but_our_errors(
    template: Path, tmp_path: Path
) -> None:
    """In a process of its own, which a crash of the engine would take down."""
    dice = random.Random(7)
    files = sorted(file for file in template.rglob("*") if file.is_file())
    for number in range(6):
        copy = copied(template, tmp_path / f"{number}")
        with (copy / dice.choice(files).relative_to(template)).open("r+b") as stream:
            stream.seek(dice.randrange(4096))
            stream.write(dice.randbytes(16))

    done = outcome(
        "for folder in sys.argv[1:]:",
        "    repository = EdgeRepository(folder)",
        "    for act in (",
        "        lambda: repository.scan(tenant='a'),",
        "        lambda: repository.search(QUERIES[0], tenant='a', k=3),",
        "        lambda: repository.put(strategy('new')),",
        "        lambda: repository.close(),",
        "    ):",
        "        try:",
        "            act()",
        "        except InterCascadeError:",
        "            pass",
        "print('survived')",
        arguments=tuple(map(str, tmp_path.iterdir())),
    )

    assert "survived\n" == done.stdout, done.stderr


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_what_is_not_an_error_passes(error: type[BaseException]) -> None:
    """Only the engine's panics are caught among what is not an `Exception`."""

    def interrupted() -> None:
        raise error

    with pytest.raises(error):
        calling("somewhere", interrupted)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "secret"),
        RuntimeError(f"Service error: secret (os error {errno.ENOSPC})"),
    ],
)
def test_a_full_disk_is_called_so(error: Exception) -> None:
    """By the system's own words, not by the engine's, which may quote what is stored."""

    def full() -> None:
        raise error

    with pytest.raises(RepositoryError) as caught:
        calling("somewhere", full, otherwise=RepositoryCorruptError)

    assert RepositoryError is caught.type
    assert os.strerror(errno.ENOSPC) in str(caught.value)
    assert "secret" not in str(caught.value)


def test_messages_do_not_quote_what_is_stored(folder: Path, colour: Colour) -> None:
    unstorable = strategy("secret \ud800")
    with EdgeRepository(folder) as repository, pytest.raises(RepositoryError) as caught:
        colour.run(lambda: repository.put(unstorable), lambda: repository.aput(unstorable))

    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is not None


# Processes.


def test_a_folder_in_use_is_refused_with_the_ways_out(folder: Path, colour: Colour) -> None:
    with EdgeRepository(folder) as owner:
        owner.count(tenant="a")

        with pytest.raises(RepositoryLockedError) as here:
            count(colour, EdgeRepository(folder))

    for way_out in ("one process", "one EdgeRepository", "QdrantRepository"):
        assert way_out in str(here.value)


@pytest.fixture
def workers() -> Iterator[list[subprocess.Popen[str]]]:
    """Two processes that open the folder they are told, at the same time, and hold it."""
    opening = script(
        "print('ready', flush=True)",
        "repository = EdgeRepository(input())",
        "try:",
        "    repository.count(tenant='a')",
        "    print('open', flush=True)",
        "except RepositoryError as error:",
        "    print(type(error).__name__, flush=True)",
        "input()",
        "repository.close()",
    )
    pipe = subprocess.PIPE
    both = [
        subprocess.Popen(opening, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) for _ in range(2)
    ]
    yield both
    for worker in both:
        worker.communicate("\n")


def test_of_two_workers_that_start_together_one_is_told_of_the_other(
    tmp_path: Path, workers: list[subprocess.Popen[str]]
) -> None:
    assert ["ready", "ready"] == [said(worker) for worker in workers]
    for worker in workers:
        tell(worker, f"{tmp_path / 'new'}")

    assert ["RepositoryLockedError", "open"] == sorted(said(worker) for worker in workers)


def said(worker: subprocess.Popen[str]) -> str:
    assert worker.stdout
    return worker.stdout.readline().strip()


def tell(worker: subprocess.Popen[str], line: str) -> None:
    assert worker.stdin
    worker.stdin.write(line + "\n")
    worker.stdin.flush()


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    done = outcome(
        "import signal",
        "repository = EdgeRepository(sys.argv[1])",
        "for query in QUERIES:",
        "    repository.put(strategy(query))",
        "    print(query, flush=True)",
        "os.kill(os.getpid(), signal.SIGKILL)",
        arguments=(str(tmp_path / "killed"),),
    )
    assert QUERIES == tuple(done.stdout.splitlines())

    with EdgeRepository(tmp_path / "killed") as repository:
        assert len(QUERIES) == repository.count(tenant="a")
        assert set(QUERIES) == {found.keys[0] for found in repository.scan(tenant="a")}


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_forked_child_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    """Neither using, closing nor leaving may touch what belongs to the parent."""
    done = outcome(
        "import tempfile",
        "tempfile.tempdir = sys.argv[1]",
        "repository = EdgeRepository()",
        "repository.put(strategy(QUERIES[0]))",
        "if child := os.fork():",
        "    status = os.waitpid(child, 0)[1]",
        "    print('folders', len(os.listdir(sys.argv[1])))",
        "    repository.put(strategy(QUERIES[1]))",
        "    print('parent', os.waitstatus_to_exitcode(status), repository.count(tenant='a'))",
        "else:",
        "    try:",
        "        repository.count(tenant='a')",
        "    except RepositoryError as error:",
        "        print('child', 'fork' in str(error), flush=True)",
        "    repository.close()",
        arguments=(str(tmp_path),),
    )

    assert ["child True", "folders 1", "parent 0 2"] == done.stdout.splitlines(), done.stderr


def test_leaving_without_closing_is_clean(tmp_path: Path) -> None:
    """Nothing is left behind, neither a temporary folder nor a word on the error stream."""
    done = outcome(
        "import tempfile",
        "tempfile.tempdir = sys.argv[1]",
        "repository = EdgeRepository()",
        "repository.put(strategy(QUERIES[0]))",
        "print(len(os.listdir(sys.argv[1])))",
        arguments=(str(tmp_path),),
    )

    assert ("1\n", "", 0) == (done.stdout, done.stderr, done.returncode)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits")
def test_trouble_of_the_system_is_not_called_damage(folder: Path) -> None:
    """Somebody who reads "damaged" may delete a good folder."""
    done = outcome(
        "import resource",
        "repository = EdgeRepository(sys.argv[1])",
        "free = os.open(os.devnull, os.O_RDONLY)",
        "os.close(free)",
        "resource.setrlimit(resource.RLIMIT_NOFILE, (free + 1, free + 1))",
        "try:",
        "    repository.count(tenant='a')",
        "except RepositoryError as error:",
        "    print(type(error).__name__, 'damaged' in str(error))",
        arguments=(str(folder),),
    )

    assert "RepositoryError False\n" == done.stdout, done.stderr
    with EdgeRepository(folder) as repository:
        assert len(QUERIES) == repository.count(tenant="a")
