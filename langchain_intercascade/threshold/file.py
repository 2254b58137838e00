"""Thresholds on disk: JSON, versioned, and bound to what they were calibrated with.

A calibrated threshold speaks about one weak model, one confidence function, one set of
prompts and one state of the repository.  Beside anything else it promises nothing, and
would be served all the same; so a file names what it belongs to, and reading it beside
something else is refused with each difference.  What strategies are in use can change
later: then the answers made with strategies are deferred again, and the record says why.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from langchain_intercascade._steps import Fault, Steps, attempt
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.record import Regime
from langchain_intercascade.threshold.base import ALWAYS_DEFER, Cut, Threshold, as_threshold
from langchain_intercascade.threshold.calibrated import CalibratedThreshold
from langchain_intercascade.threshold.report import ThresholdReport

SCHEMA_VERSION: Final = 1
"""Version of the file's shape; a newer one is refused."""

KIND: Final = "langchain_intercascade.thresholds"

LEVELS_KIND: Final = "langchain_intercascade.levels"
"""What a file says that holds the thresholds of several levels; see `levels`."""

PATIENCE: Final = 60.0
"""Seconds between two looks at whether the strategies are still those of the calibration."""

Fingerprint: TypeAlias = Callable[[], Steps[str]]
"""Steps that tell which strategies are in use now."""


class Binding(BaseModel):
    """What a threshold was calibrated with.

    Attributes:
        weak_model: The weak model's name, with its version if it has one.
        confidence: The confidence function's method.
        prompts: Version of the prompts.
        repository: What tells one state of the repository from another; `None` without one.
        encoder: The encoder's label; `None` without one.

    What was not there when a threshold was calibrated binds it to nothing.

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
            if then not in (None, getattr(now, name))
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


class BoundThreshold(CalibratedThreshold):
    """A calibrated threshold that knows what it belongs to; beside anything else it is refused.

    Until it was told what it serves beside (`check`), it defers everything.
    """

    def __init__(
        self,
        reports: ThresholdReport | Mapping[Regime, ThresholdReport],
        bound_to: Binding,
        *,
        name: str = "The threshold",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Serve `reports`, beside what `bound_to` says and nothing else.

        Args:
            reports: One report, or one per regime.
            bound_to: What they were calibrated with.
            name: What it is called in messages, such as the file's name.
            clock: Tells seconds; replaceable for tests.

        Raises:
            ConfigurationError: There is no report, or one is filed under another regime.
        """
        super().__init__(reports)
        self.bound_to = bound_to
        self._name, self._clock = name, clock
        self._checked = False
        self._fingerprint: Fingerprint | None = None
        self._next_look = -float("inf")
        self._changed = ""

    def check(self, here: Binding, fingerprint: Fingerprint | None = None) -> None:
        """Accept `here` as what it serves beside; the strategies are looked at later.

        Args:
            here: What there is; its `repository` may be left open if `fingerprint` is given.
            fingerprint: Tells which strategies are in use.

        Raises:
            ConfigurationError: It belongs to something else; each difference is named.
        """
        known = self.bound_to
        if fingerprint is not None:
            known = known.model_copy(update={"repository": None})
        if differences := known.differences(here):
            msg = (
                f"{self._name} was calibrated with something else: {'; '.join(differences)}. Its "
                "thresholds promise nothing here; calibrate again."
            )
            raise ConfigurationError(msg)
        self._checked, self._fingerprint = True, fingerprint

    def preparing(self) -> Steps[None]:
        """Look, from time to time, whether the strategies are still the same ones.

        Once they were seen to differ, it stays like that; a look that fails counts as
        different until the next one.
        """
        then = self.bound_to.repository
        # The repository is asked only if a promise hangs on the answer.
        if self._fingerprint is None or then is None or "augmented" not in self.reports:
            return
        if self._clock() < self._next_look:
            return
        self._next_look = self._clock() + PATIENCE
        now = yield from attempt(self._fingerprint())
        if isinstance(now, Fault):
            self._changed = f"nobody can tell which strategies are in use ({now})"
        elif now != then:
            self._changed = f"calibrated with {then}, and now there are {now}"
            self._fingerprint = None
        else:
            self._changed = ""

    def cut(self, regime: Regime) -> Cut:
        """Return the regime's calibrated cut; `ALWAYS_DEFER` where it promises nothing."""
        if not self._checked:
            return Cut(ALWAYS_DEFER, "calibrated, but not checked against the cascade it is in")
        if regime == "augmented" and self._changed:
            return Cut(ALWAYS_DEFER, self._changed)
        return super().cut(regime)

    def words(self) -> list[str]:
        """Return sentences for people, about the promises that hold now."""
        told = [
            sentence
            for regime, report in self.reports.items()
            if not (regime == "augmented" and self._changed)
            for sentence in report.words()
        ]
        if not self._changed:
            return told
        return [*told, f"Every augmented answer is deferred ({self._changed}). Calibrate again."]


def threshold_of(given: Threshold | float | str | Path) -> Threshold:
    """Return `given` as a threshold: one, a number, `ALWAYS_DEFER`, or the path of a file.

    Raises:
        ConfigurationError: It is none of these, or the file cannot be used.

    Examples:
        >>> threshold_of(0.8).cut("plain").value
        0.8
        >>> threshold_of("absent.json")
        Traceback (most recent call last):
        langchain_intercascade.errors.ConfigurationError: absent.json cannot be read (No such...).
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
        msg = f"{file} cannot be read ({error.strerror or type(error).__name__})."
        raise ConfigurationError(msg) from error
    except (ValueError, RecursionError) as error:
        msg = f"{file.name} is damaged: it is not JSON. Calibrate again or restore the file."
        raise ConfigurationError(msg) from error
    if not isinstance(found, dict) or found.get("kind") not in (KIND, LEVELS_KIND):
        msg = f"{file.name} is no threshold file: it does not say that its kind is {KIND!r}."
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
