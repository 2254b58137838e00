"""Which versions are at work, do they go together, and is the environment read as it is meant?"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from importlib.metadata import PackageNotFoundError, requires, version
from typing import TYPE_CHECKING, Final

from packaging.requirements import InvalidRequirement, Requirement

from langchain_intercascade.cli.doctor_findings import Finding, ok, problem, warning
from langchain_intercascade.config.building import telemetry_of
from langchain_intercascade.config.config import Config
from langchain_intercascade.config.reading import PREFIX, variables
from langchain_intercascade.config.tables import LOOPBACK
from langchain_intercascade.errors import ConfigurationError, how_many

if TYPE_CHECKING:
    from collections.abc import Sequence

PACKAGE: Final = "langchain-intercascade"
SHOWN: Final = ("langchain-core", "langgraph", "langchain", "qdrant-client", "qdrant-edge-py")
OTHERS: Final = ("INTERCASCADE_EXPORT_KEY",)
"""Variables that are read elsewhere."""

ALIKE: Final = 0.8
"""How much a name must look like one that is read to be taken for it."""


def look_at_versions(needed: Sequence[str] | None = None) -> Iterator[Finding]:
    """Compare what is installed with what this package needs, extras included.

    Args:
        needed: Requirements; those of this package if `None`.
    """
    told = [f"Python {platform.python_version()}", *_named((PACKAGE, *SHOWN))]
    bad = list(_unfit(_needed() if needed is None else needed))
    for name, have, want in bad:
        cure = f"pip install '{name}{want}'"
        yield problem("versions", f"{name} {have} is installed, and {want} is needed", cure)
    if not bad:
        yield ok("versions", ", ".join(told))


def look_at_gateway(config: Config) -> Iterator[Finding]:
    """Say whether the keys of the gateway are there, if it has any."""
    host = config.serve.host
    try:
        keys = config.gateway_keys()
    except ConfigurationError as error:
        yield problem("gateway", str(error), "The gateway does not start without it.")
        return
    if keys:
        yield ok(
            "gateway", f"{how_many(len(keys), 'key')}, for {', '.join(sorted(set(keys.values())))}"
        )
    elif host not in LOOPBACK:
        seen = f"without a key it refuses to listen on {host}, open to whoever reaches it"
        yield problem("gateway", seen, "Name the variables that hold keys in [serve.api_keys].")


def look_at_telemetry(config: Config) -> Iterator[Finding]:
    """Say whether what `telemetry` asks for is installed, if it asks for anything."""
    if config.telemetry is None:
        return
    try:
        telemetry_of(config)
    except ConfigurationError as error:
        mend = "Install it, or leave the setting out: with it and without the extra nothing starts."
        yield problem("telemetry", str(error), mend)
        return
    yield ok("telemetry", "OpenTelemetry is told, once the application sets up its SDK")


def look_at_variables(
    config: Config | None, environment: Mapping[str, str] | None = None
) -> Iterator[Finding]:
    """Find variables that nobody reads, though they look much like one that is read."""
    here = os.environ if environment is None else environment
    known = sorted(variables(Config) | set(OTHERS))
    named = set(config.variables()) if config else set()
    for name in sorted(here):
        first = name.split("__", maxsplit=1)[0]
        if not name.startswith(PREFIX) or first in known or name in named:
            continue
        if close := get_close_matches(first, known, n=1, cutoff=ALIKE):
            cure = f"Did you mean {name.replace(first, close[0])}?"
            yield warning("environment", f"{name} is set, and nobody reads it", cure)


def _needed() -> Sequence[str]:
    try:
        return requires(PACKAGE) or ()
    except PackageNotFoundError:  # a source tree that was never installed
        return ()


def _named(names: Sequence[str]) -> Iterator[str]:
    for name in names:
        if (found := _installed(name)) is not None:
            yield f"{name} {found}"


def _unfit(needed: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Yield name, version and what is needed of each package that does not fit.

    Examples:
        >>> [name for name, *_ in _unfit(["pydantic>=99", "pydantic>=1", "no-such-thing>=1"])]
        ['pydantic']
    """
    for each in needed:
        try:
            wanted = Requirement(each)
        except InvalidRequirement:  # in a form of a later standard; the installer has judged it
            continue
        have = _installed(wanted.name)
        if have is not None and not wanted.specifier.contains(have, prereleases=True):
            yield wanted.name, have, str(wanted.specifier)


@cache  # reading them is slow, and they do not change while a process runs
def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
