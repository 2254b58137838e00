"""The families that simulated problems are drawn from, read from `families.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from langchain_intercascade.testing.simulated.family import Family


def _read() -> dict[str, Family]:
    data = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
    return {name: _family(name, fields) for name, fields in data.items()}


def _family(name: str, fields: Mapping[str, Any]) -> Family:
    numbers = tuple(range(*bounds) for bounds in fields["numbers"])
    lists = {key: tuple(fields[key]) for key in ("stories", "steps")}
    return Family(**{**fields, **lists, "name": name, "numbers": numbers})


FAMILIES: Final[Mapping[str, Family]] = MappingProxyType(_read())
"""Every family by its name."""

KNOWN: Final = frozenset(name for name, family in FAMILIES.items() if family.easy)
"""The families that a `SimulatedWeak` can do unaided unless it is told otherwise: one in three."""
