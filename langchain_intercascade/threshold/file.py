"""Thresholds on disk: JSON, versioned, and bound to what they were calibrated with."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ValidationError

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.record import Regime
from langchain_intercascade.threshold.base import ALWAYS_DEFER, Threshold, as_threshold
from langchain_intercascade.threshold.binding import Binding, BoundThreshold
from langchain_intercascade.threshold.calibrated import CalibratedThreshold
from langchain_intercascade.threshold.report import ThresholdReport

SCHEMA_VERSION: Final = 1
"""Version of the file's shape; a newer one is refused."""

KIND: Final = "langchain_intercascade.thresholds"

LEVELS_KIND: Final = "langchain_intercascade.levels"
"""What a file says that holds the thresholds of several levels; see `levels`."""


class _File(BaseModel):
    """What lies on disk, after its version was found to be this one."""

    kind: Literal["langchain_intercascade.thresholds"]
    schema_version: Literal[1]
    bound_to: Binding
    reports: dict[Regime, ThresholdReport]


def save_thresholds(
    reports: ThresholdReport | Mapping[Regime, ThresholdReport],
    path: str | Path,
    *,
    bound_to: Binding,
) -> None:
    """Write one report, or one per regime, so that `load_thresholds` can serve them.

    The file is written whole or not at all.

    Raises:
        ConfigurationError: There is no report, or one is filed under another regime.
        OSError: It cannot be written there.
    """
    written_whole(path, KIND, content_of(reports, bound_to))


def content_of(
    reports: ThresholdReport | Mapping[Regime, ThresholdReport], bound_to: Binding
) -> dict[str, Any]:
    """Return what a file says about the thresholds of one level, as JSON-like data.

    Raises:
        ConfigurationError: There is no report, or one is filed under another regime.
    """
    known = CalibratedThreshold(reports).reports
    return {
        "bound_to": bound_to.model_dump(),
        "reports": {regime: report.as_json() for regime, report in known.items()},
    }


def written_whole(path: str | Path, kind: str, what: Mapping[str, Any]) -> None:
    """Write a file of this kind, whole or not at all.

    Raises:
        OSError: It cannot be written there.
    """
    content = {"kind": kind, "schema_version": SCHEMA_VERSION, **what}
    file = Path(path)
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    part.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    part.replace(file)


def threshold_of(given: Threshold | float | str | Path) -> Threshold:
    """Return `given` as a threshold: one, a number, `ALWAYS_DEFER`, or the path of a file.

    Raises:
        ConfigurationError: It is none of these, or the file cannot be used.

    Examples:
        >>> threshold_of(0.8).cut("plain").value
        0.8
        >>> threshold_of("absent.json")
        Traceback (most recent call last):
        langchain_intercascade.errors.ConfigurationError: absent.json cannot be read (No such ...
    """
    if isinstance(given, str | Path) and given != ALWAYS_DEFER:
        return load_thresholds(given)
    return as_threshold(given)  # type: ignore[arg-type]  # a path was dealt with above


def load_thresholds(path: str | Path, *, beside: Binding | None = None) -> BoundThreshold:
    """Read thresholds.

    Args:
        path: The file.
        beside: What they are to be served beside; `None` if the cascade that they are given
            to will say so, before which they defer everything.

    Raises:
        ConfigurationError: The file is missing, damaged, foreign, of a newer version, or
            belongs to another weak model, confidence function, set of prompts, repository
            or encoder; the message names each difference.
    """
    file = Path(path)
    content = read_thresholds(file)
    if content["kind"] == LEVELS_KIND:
        msg = (
            f"{file.name} holds the thresholds of several levels: give it to "
            "`InterCascade.from_models` as thresholds=, with the models it was calibrated for."
        )
        raise ConfigurationError(msg)
    found = threshold_in(content, file.name)
    if beside is not None:
        found.check(beside)
    return found


def threshold_in(content: Mapping[str, Any], name: str) -> BoundThreshold:
    """Return the threshold that the content of a file, or of a level in it, stands for.

    Raises:
        ConfigurationError: It is damaged, or of a newer version.
    """
    known = _validated(name, {**content, "kind": KIND})
    return BoundThreshold(known.reports, known.bound_to, name=name)


def read_thresholds(file: Path) -> dict[str, Any]:
    """Return the content of a file of thresholds, of one level or several.

    Raises:
        ConfigurationError: The file is missing, or is none of thresholds.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        why = error.strerror or type(error).__name__
        msg = f"{file} cannot be read ({why}). `intercascade calibrate` writes such a file."
        raise ConfigurationError(msg) from error
    except (ValueError, RecursionError) as error:
        msg = f"{file.name} is damaged: it is not JSON. Calibrate again or restore the file."
        raise ConfigurationError(msg) from error
    if not isinstance(found, dict) or found.get("kind") not in (KIND, LEVELS_KIND):
        msg = (
            f"{file.name} is no threshold file: it does not say that its kind is {KIND!r}. Name "
            "one that `intercascade calibrate` or `save_thresholds` has written."
        )
        raise ConfigurationError(msg)
    return found


def _validated(name: str, found: Mapping[str, Any]) -> _File:
    version = found.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        msg = (
            f"{name} has schema version {version}, and this package reads {SCHEMA_VERSION}: it was "
            "written by a newer version. Upgrade the package or calibrate again."
        )
        raise ConfigurationError(msg)
    try:
        return _File.model_validate(found)
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(map(str, wrong["loc"]))
        msg = f"{name} is damaged: {where}: {wrong['msg']}. Calibrate again or restore the file."
        raise ConfigurationError(msg) from error
