"""Stores that are damaged, foreign or from the future are refused, and left as they are."""

from __future__ import annotations

import hashlib
import math
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple
from unittest.mock import patch

from langchain_core.embeddings import Embeddings

from benchmarks.reliability_found import Found
from langchain_intercascade import EdgeRepository, HashingEmbeddings, QdrantRepository
from langchain_intercascade.errors import RepositoryCorruptError, RepositoryError
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.repository.operations import Operation
from tests.damage import (
    DAMAGE,
    FOREIGN,
    copied,
    cut,
    damaged,
    from_the_future,
)
from tests.unit_tests.repository.stock import TENANT, strategy

JOURNAL: Final = "tracker_journal.dat"
"""The engine's own: it clears them whenever it opens a folder, also one that is then refused."""

QUERIES: Final = ("How many pears are there?", "Which river is longer?", "Who comes last?")
WAYS_OUT: Final = ("another path", "backup", "Upgrade")
_ZEROS: Final = bytes(1 << 16)
UNUSABLE: Final = (math.nan, math.inf, -math.inf)


class Case(NamedTuple):
    """A store that must be refused."""

    kind: str
    name: str
    spoil: Callable[[Path], object]
    """Makes it of a good one, or of an empty folder if it is a foreign one."""


def refusals(folder: Path, *, thorough: bool) -> Found:
    """Let the embedded engine open what it must not, and both engines store what they must not.

    Args:
        folder: Where the stores are made.
        thorough: Try all there are, instead of every eighth.
    """
    began = time.monotonic()
    template = folder / "template"
    with EdgeRepository(template) as repository:
        for query in QUERIES:
            repository.put(strategy(query))
    every = 1 if thorough else 8
    cases = [*_cases(), *_cuts(template)][::every]
    told = {case: _refused(case, template, folder / str(at)) for at, case in enumerate(cases)}
    vectors = [(engine, bad) for bad in UNUSABLE for engine in ENGINES][::every]
    wrong = {f"{case.kind} store ({case.name})": why for case, why in told.items() if why}
    for engine, bad in vectors:
        if why := _vector_refused(ENGINES[engine], bad):
            wrong[f"a vector with {bad} ({engine})"] = why
    tried = len(cases) + len(vectors)
    return Found(
        suite="crash",
        injected=tried,
        kinds=tuple(sorted({f"{case.kind} store" for case in cases} | {"vector not finite"})),
        survived=tried - len(wrong),
        lost=0,
        leaked=0,
        seconds=round(time.monotonic() - began, 1),
        failures=tuple(f"{what}: {why}" for what, why in wrong.items()),
        figures={"stores_refused": len(cases), "vectors_refused": len(vectors)},
    )


def _cases() -> Iterator[Case]:
    yield Case("future", "edge", from_the_future)
    for pattern, damage in DAMAGE:
        name = f"{damage.__name__} {pattern}"
        yield Case("damaged", name, partial(damaged, pattern=pattern, damage=damage))
    for make in FOREIGN:
        yield Case("foreign", make.__name__, make)


def _cuts(template: Path) -> Iterator[Case]:
    """Each file of a folder that was closed in order, cut to half its length."""
    for file in sorted(template.glob("*/**/*")):
        if file.is_file() and file.name != JOURNAL:
            name = str(file.relative_to(template))
            yield Case("cut", name, partial(lambda at, name: cut(at / name), name=name))


def _refused(case: Case, template: Path, store: Path) -> str:
    """Say what is wrong with the way in which this store is refused; nothing if it is right."""
    if case.kind == "foreign":
        store.mkdir()
    else:
        copied(template, store)
    case.spoil(store)
    before = fingerprints(store)
    try:
        with EdgeRepository(store) as repository:
            repository.count(tenant=TENANT)
    except RepositoryCorruptError as error:
        said = str(error)
    except Exception as error:  # noqa: BLE001 - any other is what is looked for
        return f"{type(error).__name__} instead of RepositoryCorruptError"
    else:
        return "it was opened"
    after = fingerprints(store)
    changed = [name for name in {*before, *after} if before.get(name) != after.get(name)]
    if changed:
        return f"{', '.join(changed)} changed"
    if str(store) not in said or not any(way in said for way in WAYS_OUT):
        return f"the message does not help: {said}"
    return _mended(template, store) if case.kind in {"damaged", "cut"} else ""


def fingerprints(folder: Path) -> dict[str, str]:
    """Return a digest of every file below `folder` but the engine's journals."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return {str(each.relative_to(folder)): _digest(each) for each in files if each.name != JOURNAL}


def _digest(file: Path) -> str:
    """Return a digest of all bytes of `file`; most of the engine's are zeros, and soon read."""
    digest = hashlib.blake2b(str(file.stat().st_size).encode())
    with file.open("rb") as stream:
        number = 0
        while chunk := stream.read(len(_ZEROS)):
            if chunk != _ZEROS[: len(chunk)]:
                digest.update(number.to_bytes(8, "big") + chunk)
            number += 1
    return digest.hexdigest()


def _mended(template: Path, store: Path) -> str:
    """Put the damaged files back, and say what is still missing then."""
    there = fingerprints(store)
    for name, digest in fingerprints(template).items():
        if there.get(name) != digest:
            (store / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(template / name, store / name)
    with EdgeRepository(store) as repository:
        found = {each.keys[0] for each in repository.scan(tenant=TENANT)}
    return "" if found == set(QUERIES) else "with its files restored it is not whole again"


# Vectors that no engine may get.


class Failing(Embeddings):
    """Makes good vectors, but of one text: its last number is `bad`."""

    def __init__(self, bad: float) -> None:
        """Spoil the vector of `SPOILT` with this number."""
        self.bad = bad
        self.good = HashingEmbeddings(32)

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a text."""
        vector = self.good.embed_query(text)
        return [*vector[:-1], self.bad] if text == QUERIES[0] else vector

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return the vectors of texts."""
        return [self.embed_query(text) for text in texts]


def _vector_refused(engine: Callable[..., StrategyRepository], bad: float) -> str:
    """Say what is wrong with the way in which such a vector is refused; nothing if it is right."""
    with engine(embeddings=Failing(bad)) as repository, _overheard(repository) as asked:
        repository.put(strategy(QUERIES[1]))
        asked.clear()
        for act in (
            lambda: repository.put(strategy(QUERIES[0])),
            lambda: repository.search(QUERIES[0], tenant=TENANT, k=1),
        ):
            try:
                act()
            except RepositoryError:
                continue
            return "it was taken"
        if asked:
            return "the engine was asked"
        stored = repository.count(tenant=TENANT)
        hits = repository.search(QUERIES[1], tenant=TENANT, k=3)
    return "" if (stored, len(hits)) == (1, 1) else "it left something behind"


@contextmanager
def _overheard(repository: StrategyRepository) -> Iterator[list[Any]]:
    """Note what is asked of the engine."""
    asked: list[Any] = []
    execute = repository.execute

    def noted(operation: Operation) -> Any:
        asked.append(operation)
        return execute(operation)

    with patch.object(repository, "execute", noted):
        yield asked


ENGINES: Final[dict[str, Callable[..., StrategyRepository]]] = {
    "edge": EdgeRepository,
    "qdrant": lambda **options: QdrantRepository(":memory:", **options),
}
