"""Where the recordings of real models lie, which are no part of the project."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from langchain_intercascade.evaluation.pack import LogprobPack, read_pack

DATA: Final = Path(
    os.environ.get("INTERCASCADE_DATA") or Path(__file__).parents[2] / "shared" / "data"
)
"""The folder, unless `--data` names another."""


def is_there(file: Path) -> bool:
    """Return whether `file` is there; say where to look if it is not."""
    if not file.is_file():
        sys.stderr.write(f"{file} is not there; say with --data where the recordings are.\n")
    return file.is_file()


def scored(file: Path) -> LogprobPack | None:
    """Return the recorded answers with confidences in `file`; say what is wrong if it has none."""
    if not is_there(file):
        return None
    pack = read_pack(file)
    if isinstance(pack, LogprobPack):
        return pack
    sys.stderr.write(f"{file} holds no confidences.\n")
    return None
