"""What importing the package costs, and the command line until it has said what it can do."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Sequence
from functools import partial
from typing import Final

from benchmarks.overhead_clock import Row, compared, interleaved, lasting

_CHAT_MODELS: Final = "from langchain_core.language_models import BaseChatModel"
_NEVER_KEPT: Final = "PYTHONDONTWRITEBYTECODE"
_PROGRAMS: Final = {
    "python": ["-c", "pass"],
    "names": ["-c", "import langchain_intercascade"],
    "cascade": ["-c", "from langchain_intercascade import InterCascade"],
    "chat models": ["-c", _CHAT_MODELS],
    "help": ["-m", "langchain_intercascade", "--help"],
}


def starts(*, rounds: int) -> list[Row]:
    """Measure processes of their own, by the processor time that the system counts for them."""
    blocks = {name: partial(_processes, program) for name, program in _PROGRAMS.items()}
    times = interleaved(blocks, rounds=rounds, calls=1, clock=_children)
    return [
        compared(
            "import langchain_intercascade, to langchain_core's chat models",
            times,
            "names",
            "chat models",
            target=1.1,
            note="both with the start of Python",
        ),
        compared(
            "import InterCascade, to langchain_core's chat models",
            times,
            "cascade",
            "chat models",
            note="both with the start of Python; what any use of a cascade loads",
        ),
        compared(
            "intercascade --help, to bare Python and the import",
            times,
            "help",
            ["python", "names"],
            target=3.0,
        ),
        *(lasting(f"start: {name}", times[name], scale=1e3, unit="ms") for name in times),
    ]


def _processes(program: Sequence[str], number: int) -> None:
    # Compiled once and kept, as is usual; the round that does not count sees to it.
    usual = {name: value for name, value in os.environ.items() if name != _NEVER_KEPT}
    for _ in range(number):
        silent = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in (1, 2)]
        arguments = [sys.executable, *program]
        process = os.posix_spawn(sys.executable, arguments, usual, file_actions=silent)
        _, status = os.waitpid(process, 0)
        if status:
            msg = f"{' '.join(arguments)} ended with status {status}."
            raise RuntimeError(msg)


def _children() -> float:
    """Return the seconds of processor time of all processes that were waited for."""
    told = resource.getrusage(resource.RUSAGE_CHILDREN)
    return told.ru_utime + told.ru_stime
