"""What a process holds on to: memory, threads, files, tasks."""

from __future__ import annotations

import asyncio
import gc
import re
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from statistics import linear_regression
from typing import NamedTuple

_SELF = Path("/proc/self")


class Held(NamedTuple):
    """What this process holds on to at one moment; 0 where the system does not say.

    Attributes:
        kib: Memory of its own, without files that are mapped into it.
        threads: Threads of Python.
        files: Open files, sockets and pipes.
        tasks: Tasks of the event loop that is running; 0 where none is.
        blocks: Pieces of memory that Python's own allocator has given out: what `kib` says
            without the noise of pages, and without what other libraries hold.
    """

    kib: float
    threads: int
    files: int
    tasks: int
    blocks: int = 0


def held() -> Held:
    """Return what is held, after garbage was collected."""
    gc.collect()
    tasks = 0
    with suppress(RuntimeError):
        tasks = len(asyncio.all_tasks())
    blocks = sys.getallocatedblocks()
    return Held(_own_memory(), threading.active_count(), _open_files(), tasks, blocks)


def _own_memory() -> float:
    status = _SELF / "status"
    found = re.search(r"RssAnon:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return float(found[1]) if found else 0.0


def _open_files() -> int:
    return len(list((_SELF / "fd").iterdir())) - 1 if (_SELF / "fd").exists() else 0


def halfway(measured: Sequence[object]) -> int:
    """Return the place of the first measurement that is judged; the first half only fills."""
    return len(measured) // 2


def growth(done: Sequence[int], measured: Sequence[float]) -> float:
    """Return by how much something grew with each query in the second half, by least squares.

    Args:
        done: How many queries were done when it was measured.
        measured: What was measured.

    Examples:
        >>> growth([100, 200, 300, 400], [50, 90, 100, 200])
        1.0
    """
    half = halfway(done)
    return linear_regression(done[half:], measured[half:]).slope


def at_rest(before: Held, *, seconds: float) -> Held:
    """Return what is held once it is no more than `before`, or after so many seconds.

    A call that was given up on may sit in its thread until the other side ends it.
    """
    deadline = time.monotonic() + seconds
    while left_behind(before, now := held()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return now


def left_behind(before: Held, after: Held) -> list[str]:
    """Say what is held afterwards that was not before; memory is another matter."""
    told = {
        "threads": after.threads - before.threads,
        "open files": after.files - before.files,
        "tasks": after.tasks - before.tasks,
    }
    return [f"{more} more {what} than before" for what, more in told.items() if more > 0]
