"""The embedded engine: the real Qdrant shard, inside this process, on a folder of its own.

It needs no server, survives being killed, and searches a hundred thousand
strategies in about two milliseconds.  One process owns a folder.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

from langchain_core.embeddings import Embeddings

from langchain_intercascade._steps import run
from langchain_intercascade.errors import RepositoryCorruptError, RepositoryError
from langchain_intercascade.repository._edge_errors import calling
from langchain_intercascade.repository._edge_folder import dimension_of, is_vacant
from langchain_intercascade.repository._edge_seal import Seal
from langchain_intercascade.repository._edge_shard import (
    REMEMBERED,
    EdgeShard,
    Payloads,
    changed_by,
    compacted,
    found_by,
    opened_shard,
    request_of,
    swapped,
)
from langchain_intercascade.repository._edge_upkeep import FLUSHED_AFTER, Upkeep
from langchain_intercascade.repository._recent import Recent
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.repository.operations import Operation, Search, Swap


class EdgeRepository(StrategyRepository):
    """A repository in a folder that belongs to this process.

    With a `path` it is kept; without one it lives in a temporary folder that is
    removed on `close`, on garbage collection, or when the interpreter exits.
    Nothing is opened before the first use.  Every thread and event loop of the
    process may share one object.

    A write that returned survives the death of the process.  It survives a
    power cut once it was flushed to disk: by `close`, by `compact`, or after ten
    thousand changes, which freezes the process for some tenths of a second and
    lets the engine use again what was overwritten.  Deleting a strategy hides it
    at once; its bytes stay in the files until they are reused.

    Examples:
        >>> with EdgeRepository() as repository:
        ...     repository.count(tenant="default")
        0
    """

    engine: ClassVar[str] = "edge"
    exclusive: ClassVar[bool] = True
    keeps_after_delete: ClassVar[str] = (
        "Deleted strategies are out of every search at once; their bytes stay in the folder's "
        "files until those are reused, and in backups of the folder."
    )

    def __init__(
        self, path: str | Path | None = None, *, embeddings: Embeddings | None = None
    ) -> None:
        """Keep the strategies in the folder `path`, or in a temporary one.

        Args:
            path: A folder that is empty, absent, or was filled by this class.
            embeddings: See `StrategyRepository`.
        """
        super().__init__(embeddings=embeddings)
        self._path = None if path is None else Path(path)
        self._lock = threading.Lock()
        self._swapping = threading.Lock()
        self._opened: _Opened | None = None
        self._closed = False
        self._payloads: Payloads = Recent(room=REMEMBERED)

    @property
    def location(self) -> str:
        """The folder."""
        return "a temporary folder" if self._path is None else str(self._path)

    def create(self, dimension: int) -> None:
        """Open the folder, once; make a repository in it if it is empty.

        Raises:
            EncoderMismatchError: It holds vectors of another length.
            RepositoryLockedError: It is in use.
            RepositoryCorruptError: It is damaged or holds something else; nothing was changed.
        """
        with self._lock:
            self._check_not_closed()
            if self._opened is None:
                self._opened = calling(
                    self.location, lambda: self._open(dimension), otherwise=RepositoryCorruptError
                )

    async def acreate(self, dimension: int) -> None:
        """Do as `create` does, in a thread: file systems may be slow."""
        await asyncio.to_thread(self.create, dimension)

    def execute(self, operation: Operation) -> Any:
        """Carry out one operation."""
        shard = self._shard()
        if isinstance(operation, Search):
            return calling(self.location, lambda: found_by(shard, operation, self._payloads))
        if changed := changed_by(operation):
            return self._changed(shard, operation, changed)
        return calling(self.location, lambda: request_of(operation).sent_to(shard))

    def _changed(self, shard: EdgeShard, operation: Operation, changed: list[int]) -> Any:
        self._changing(changed)
        try:
            reply = calling(self.location, lambda: self._sent(shard, operation))
        finally:  # also if it failed: who knows how far it came
            self._payloads.drop(changed)
        if (opened := self._opened) is not None:
            opened.upkeep.after(len(changed))
        return reply

    def _sent(self, shard: EdgeShard, operation: Operation) -> Any:
        if not isinstance(operation, Swap):
            return request_of(operation).sent_to(shard)
        # One process owns the folder, so its own lock keeps swaps apart; the engine's
        # conditional write does not say whether it wrote.
        with self._swapping:
            return swapped(shard, operation)

    def _changing(self, what: object) -> None:
        """Break the seal if anything is about to be changed."""
        if what and (opened := self._opened) is not None:
            opened.seal.break_()

    async def aexecute(self, operation: Operation) -> Any:
        """Carry out one operation, here and now.

        It takes well under two milliseconds and holds the interpreter lock all
        the while, so a hop to a thread would cost more and free nobody.  Only the seal,
        before the first change, is a file to be removed.
        """
        opened = self._opened
        if opened is not None and not opened.seal.is_broken and changed_by(operation):
            await asyncio.to_thread(opened.seal.break_)
        return self.execute(operation)

    def stored_dimension(self) -> int | None:
        """Return the length of the stored vectors; `None` where there is no repository yet."""
        if self._path is None or is_vacant(self._path):
            return None
        return calling(
            self.location,
            lambda: dimension_of(cast("Path", self._path)),
            otherwise=RepositoryCorruptError,
        )

    def compact(self) -> bool:
        """Build the search index and write everything to disk; say whether there was work to do.

        **It freezes the whole process**, every thread and event loop in it, for
        about half a millisecond a strategy.  Run it from a maintenance job while
        nothing is served.  It pays from several thousand new strategies on, and puts off
        the flush that comes after ten thousand changes.
        """
        run(self.preparing())
        shard = self._shard()
        self._changing("everything")
        was_work = calling(self.location, lambda: compacted(shard))
        if (opened := self._opened) is not None:
            opened.upkeep.flushed()
        return was_work

    def close(self) -> None:
        """Flush to disk and let go of the folder; closing twice is harmless.

        In a forked child it only forgets the folder, which is still its parent's.
        """
        with self._lock:
            self._closed = True
            opened, self._opened = self._opened, None
        if opened is not None:
            calling(self.location, opened.release)

    async def aclose(self) -> None:
        """Do as `close` does, in a thread."""
        await asyncio.to_thread(self.close)

    def _open(self, dimension: int) -> _Opened:
        doomed = Path(tempfile.mkdtemp(prefix="intercascade-")) if self._path is None else None
        folder, process = self._path or cast("Path", doomed), os.getpid()
        seal = Seal(folder)
        try:
            shard = opened_shard(folder, dimension, seal)
        except BaseException:
            _remove(doomed)
            raise
        release = weakref.finalize(self, _release, shard, seal, doomed, process)
        place = self.location  # whoever kept `self` here would keep it from being collected
        upkeep = Upkeep(lambda: calling(place, shard.flush), every=FLUSHED_AFTER)
        return _Opened(shard, process, seal, upkeep, release)

    def _shard(self) -> EdgeShard:
        self._check_not_closed()
        if (opened := self._opened) is None:
            msg = f"{self!r} was not opened; call `create` first."
            raise RepositoryError(msg)
        if opened.process != os.getpid():
            msg = (
                f"{self!r} was opened by process {opened.process}, and this process is a fork of "
                "it. Open a repository in each process, or share one through `QdrantRepository`."
            )
            raise RepositoryError(msg)
        return opened.shard

    def _check_not_closed(self) -> None:
        if self._closed:
            msg = f"{self!r} is closed. Make another on the same folder to go on."
            raise RepositoryError(msg)


@dataclass(frozen=True, slots=True)
class _Opened:
    """An open shard, its process, its seal, its upkeep, and how to give it back (once)."""

    shard: EdgeShard
    process: int
    seal: Seal
    upkeep: Upkeep
    release: weakref.finalize[..., EdgeRepository]


def _release(shard: EdgeShard, seal: Seal, doomed: Path | None, process: int) -> None:
    """Give the folder back: sealed if it is kept, removed if it was a temporary one."""
    if os.getpid() != process:
        return
    try:
        if doomed is None:
            shard.flush()
    finally:
        shard.close()
        _remove(doomed)
    if doomed is None:
        seal.renew()


def _remove(doomed: Path | None) -> None:
    if doomed is not None:
        shutil.rmtree(doomed, ignore_errors=True)
