"""This is where a report's JSON is read: what is there is taken, what is not is `None`.

Older reports lack keys and newer ones have more, so nothing here insists on one
beyond `arms`.  A value of another kind than expected counts as not there.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn, TypeAlias

from langchain_intercascade.errors import ConfigurationError

Node: TypeAlias = Mapping[str, Any]
Interval: TypeAlias = tuple[float, float]

_LARGEST: Final = sys.float_info.max

MAIN_ARMS: Final = ("cascade", "cascade_plain")
"""The arm that a report is about: the first of these that it has, else its last."""


@dataclass(frozen=True, slots=True)
class Run:
    """One report.

    Attributes:
        name: Its file's name.
        data: What the file says.
    """

    name: str
    data: Node

    @property
    def arms(self) -> dict[str, Node]:
        """The arms by name, in the report's order."""
        return {name: arm for name, arm in node(self.data, "arms").items() if is_node(arm)}

    @property
    def main(self) -> str:
        """The name of the arm that the report is about."""
        arms = self.arms
        return next((name for name in MAIN_ARMS if name in arms), next(reversed(arms)))

    @property
    def main_arm(self) -> Node:
        """The arm that the report is about."""
        return self.arms[self.main]

    @property
    def kind(self) -> str | None:
        """Which sort of models: "live", "simulated", "recorded" or "trained"."""
        # Reports from before there were other kinds are all of packs.
        return text(self.data, "kind") or ("recorded" if text(self.data, "pack") else None)


def read_run(path: Path) -> Run:
    """Return the report in `path`.

    Raises:
        ConfigurationError: It cannot be read, or is no report.
    """
    try:
        data = json.loads(path.read_text("utf-8"), parse_constant=_no_number)
    except OSError as error:
        msg = (
            f"{path}: it cannot be read ({error.strerror or type(error).__name__}). Name a report "
            "that `intercascade bench --json FILE` wrote."
        )
        raise ConfigurationError(msg) from None
    except ValueError as error:
        msg = f"{path}: it is not JSON ({error}). Name a report that `intercascade bench` wrote."
        raise ConfigurationError(msg) from None
    except RecursionError:
        msg = (
            f"{path}: it is nested too deeply for a report. Name a report that `intercascade "
            "bench` wrote."
        )
        raise ConfigurationError(msg) from None
    run = Run(path.name, data if is_node(data) else {})
    if not run.arms:
        msg = f"{path}: it has no `arms`. Name a report that `intercascade bench` wrote."
        raise ConfigurationError(msg)
    return run


def is_node(value: Any) -> bool:
    """Say whether `value` is a JSON object."""
    return isinstance(value, Mapping)


def at(where: Any, *path: str) -> Any:
    """Return what lies at `path` below `where`, or `None`."""
    for key in path:
        where = where.get(key) if isinstance(where, Mapping) else None
    return where


def node(where: Any, *path: str) -> Node:
    """Return the object at `path`, or an empty one."""
    found = at(where, *path)
    return found if isinstance(found, Mapping) else {}


def text(where: Any, *path: str) -> str | None:
    """Return the text at `path`; nothing at all if it is empty."""
    found = at(where, *path)
    return found if isinstance(found, str) and found.strip() else None


def number(where: Any, *path: str) -> float | None:
    """Return the number at `path`; truth is not a number, nor is what no `float` can hold.

    Examples:
        >>> number({"a": {"b": 0.5}}, "a", "b"), number({"a": True}, "a"), number(None, "a")
        (0.5, None, None)
    """
    found = at(where, *path)
    if not isinstance(found, int | float) or isinstance(found, bool):
        return None
    return found if -_LARGEST <= found <= _LARGEST else None


def interval(where: Any, *path: str) -> Interval | None:
    """Return the pair of numbers at `path`."""
    found = at(where, *path)
    if not isinstance(found, list | tuple) or len(found) != len(("low", "high")):
        return None
    low, high = number({"end": found[0]}, "end"), number({"end": found[1]}, "end")
    return None if low is None or high is None else (low, high)


def nodes(where: Any, *path: str) -> list[Node]:
    """Return the objects in the list at `path`."""
    found = at(where, *path)
    return [each for each in found if is_node(each)] if isinstance(found, list) else []


def texts(where: Any, *path: str) -> list[str]:
    """Return the texts in the list at `path`; one text alone is a list of one."""
    found = at(where, *path)
    if isinstance(found, str):
        found = [found]
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []


def _no_number(name: str) -> NoReturn:
    msg = f"{name} is no number in JSON"
    raise ValueError(msg)
