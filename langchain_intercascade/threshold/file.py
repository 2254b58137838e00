"""Thresholds on disk: JSON, versioned, and bound to what they were calibrated with.

A calibrated threshold speaks about one weak model, one confidence function, one set of
prompts and one state of the repository.  Beside anything else it promises nothing, and
would be served all the same; so a file names what it belongs to, and reading it beside
something else is refused with each difference.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.record import Regime
from langchain_intercascade.threshold.calibrated import CalibratedThreshold
from langchain_intercascade.threshold.report import ThresholdReport

SCHEMA_VERSION: Final = 1
"""Version of the file's shape; a newer one is refused."""

KIND: Final = "langchain_intercascade.thresholds"


class Binding(BaseModel):
    """What a threshold was calibrated with.

    Attributes:
        weak_model: The weak model's name, with its version if it has one.
        confidence: The confidence function's method.
        prompts: Version of the prompts.
        repository: What tells one state of the repository from another; `None` without one.
        encoder: The encoder's label; `None` without one.

    Examples:
        >>> then = Binding(weak_model="small-1", confidence="top2", prompts="3")
        >>> then.differences(then.model_copy(update={"weak_model": "small-2"}))
        ["weak model: 'small-1' then, 'small-2' now"]
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    weak_model: str
    confidence: str
    prompts: str
    repository: str | None = None
    encoder: str | None = None

    def differences(self, now: Binding) -> list[str]:
        """Return a phrase for each thing that is not as it was."""
        return [
            f"{name.replace('_', ' ')}: {then!r} then, {getattr(now, name)!r} now"
            for name, then in self
            if then != getattr(now, name)
        ]


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
    known = CalibratedThreshold(reports).reports
    content = {
        "kind": KIND,
        "schema_version": SCHEMA_VERSION,
        "bound_to": bound_to.model_dump(),
        "reports": {regime: report.as_json() for regime, report in known.items()},
    }
    file = Path(path)
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    part.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    part.replace(file)


def load_thresholds(path: str | Path, *, beside: Binding) -> CalibratedThreshold:
    """Read thresholds, to be served beside `beside`.

    Raises:
        ConfigurationError: The file is missing, damaged, foreign, of a newer version, or
            belongs to another weak model, confidence function, set of prompts, repository
            or encoder; the message names each difference.
    """
    file = Path(path)
    content = _validated(file.name, _read(file))
    if differences := content.bound_to.differences(beside):
        msg = (
            f"{file.name} was calibrated with something else: {'; '.join(differences)}. Its "
            "thresholds promise nothing here; calibrate again."
        )
        raise ConfigurationError(msg)
    return CalibratedThreshold(content.reports)


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"{file} cannot be read ({error.strerror or type(error).__name__})."
        raise ConfigurationError(msg) from error
    except (ValueError, RecursionError) as error:
        msg = f"{file.name} is damaged: it is not JSON. Calibrate again or restore the file."
        raise ConfigurationError(msg) from error
    if not isinstance(found, dict) or found.get("kind") != KIND:
        msg = f"{file.name} is no threshold file: it does not say that its kind is {KIND!r}."
        raise ConfigurationError(msg)
    return found


def _validated(name: str, found: dict[str, Any]) -> _File:
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
