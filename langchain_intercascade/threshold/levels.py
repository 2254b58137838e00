"""Thresholds of several gates in a row, in one file: one for each model but the last.

They belong together.  What a level's threshold promises is about the queries that the levels
before it deferred, so it is served with theirs or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.record import Regime
from langchain_intercascade.threshold.binding import Binding, BoundThreshold
from langchain_intercascade.threshold.file import (
    LEVELS_KIND,
    content_of,
    read_thresholds,
    threshold_in,
    written_whole,
)
from langchain_intercascade.threshold.report import ThresholdReport


def save_levels(
    levels: Sequence[tuple[Mapping[Regime, ThresholdReport], Binding]], path: str | Path
) -> None:
    """Write what was found for each level, the first gate first; `load_levels` reads it.

    The file is written whole or not at all.

    Raises:
        ConfigurationError: There are fewer than two levels, or one has no report.
        OSError: It cannot be written there.
    """
    if len(levels) < 2:  # noqa: PLR2004 - several
        msg = (
            f"Two levels or more are needed, not {len(levels)}: for one there is `save_thresholds`."
        )
        raise ConfigurationError(msg)
    content = [content_of(reports, bound_to) for reports, bound_to in levels]
    written_whole(path, LEVELS_KIND, {"levels": content})


def load_levels(path: str | Path) -> tuple[BoundThreshold, ...]:
    """Read the thresholds of all levels, the first gate first; of one level from a file for one.

    Raises:
        ConfigurationError: The file is missing, damaged, foreign or of a newer version.
    """
    file = Path(path)
    content = read_thresholds(file)
    if content["kind"] != LEVELS_KIND:
        return (threshold_in(content, file.name),)
    levels = content.get("levels")
    if not isinstance(levels, list) or not all(isinstance(each, dict) for each in levels):
        msg = f"{file.name} is damaged: it has no list of levels. Calibrate again or restore it."
        raise ConfigurationError(msg)
    version = {"schema_version": content.get("schema_version")}
    return tuple(
        threshold_in({**version, **level}, f"{file.name}, level {number},")
        for number, level in enumerate(levels, start=1)
    )


def thresholds_of(given: Sequence[Any] | str | Path) -> Sequence[Any]:
    """Return one threshold for each level: what was given, or what lies in the file that was.

    Raises:
        ConfigurationError: The file cannot be used.
    """
    return load_levels(given) if isinstance(given, str | Path) else given
