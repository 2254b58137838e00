"""A seal lets a cut file be noticed, and must not take a sound folder for a damaged one."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from langchain_intercascade import EdgeRepository, HashingEmbeddings
from langchain_intercascade.errors import RepositoryCorruptError
from langchain_intercascade.repository._edge_seal import SEAL
from langchain_intercascade.strategy import Lesson, Origin, Strategy, pending_lesson
from tests.conftest import Colour


def lesson(query: str) -> Strategy:
    """A lesson to write."""
    return pending_lesson(
        tenant="a",
        query=query,
        lesson=Lesson(query=query, answer="An answer."),
        origin=Origin(run_id="r", strong_model="m", prompt_version=1),
    )


def put(colour: Colour, repository: EdgeRepository, strategy: Strategy) -> None:
    colour.run(lambda: repository.put(strategy), lambda: repository.aput(strategy))


def opened(folder: Path) -> EdgeRepository:
    """The repository in `folder`."""
    return EdgeRepository(folder, embeddings=HashingEmbeddings(8))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sealed folder with one lesson."""
    with opened(tmp_path / "kept") as repository:
        repository.put(lesson("How many apples remain?"))
    assert (tmp_path / "kept" / SEAL).exists()
    return tmp_path / "kept"


def log_of(folder: Path) -> list[bytes]:
    """The beginnings of the files of the engine's log."""
    return [file.read_bytes()[:65536] for file in sorted((folder / "wal").iterdir())]


@pytest.mark.skipif(sys.platform == "win32", reason="a folder cannot be synced there")
def test_the_seal_is_off_the_disk_before_anything_is_changed(
    folder: Path, colour: Colour, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a power cut could bring it back beside files that are others by then."""
    seen, sync, log = [], os.fsync, log_of(folder)

    def syncing(file: int) -> None:
        if os.path.samestat(os.fstat(file), folder.stat()):
            seen.append(((folder / SEAL).exists(), log == log_of(folder)))
        sync(file)

    monkeypatch.setattr(os, "fsync", syncing)
    with opened(folder) as repository:
        assert repository.count(tenant="a") == 1
        assert [] == seen
        for query in ("When do the trains meet?", "Which word is longest?"):
            put(colour, repository, lesson(query))
        assert log != log_of(folder)

    assert [(False, True)] == seen


def test_a_seal_that_outlived_its_folder_is_refused_with_what_to_do(
    folder: Path, tmp_path: Path, colour: Colour
) -> None:
    """As after a restore of some files only; in a copy all is there that was."""
    noted = json.loads((folder / SEAL).read_text("utf-8"))
    (folder / SEAL).write_text(json.dumps({**noted, "wal/closed-0": 1}), "utf-8")

    with opened(folder) as repository, pytest.raises(RepositoryCorruptError) as caught:
        colour.run(lambda: repository.count(tenant="a"), lambda: repository.acount(tenant="a"))
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy" / SEAL).unlink()
    with opened(tmp_path / "copy") as repository:
        found = repository.count(tenant="a")

    assert "wal/closed-0 was cut or deleted" in str(caught.value)
    assert f"delete {SEAL} in a copy of the folder" in str(caught.value)
    assert found == 1
