"""The isolation suite: no call of a tenant reaches another, whatever the two are called.

The tests try a few pairs of tenants; this tries hundreds, whose names are made to look
alike to people, to file systems or to databases, with every public call there is.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from benchmarks.reliability_found import Found
from benchmarks.reliability_kills import Tell
from tests.security.impostors import CANARY, everything_of, evicted, moved_in, pairs
from tests.security.thefts import Theft, cascade_over, thefts
from tests.unit_tests.repository.stock import ENGINES

PAIRS: Final = 150
"""Pairs of tenants for each engine, in the long form; each makes every call there is."""

ANSWERS: Final = 60
"""Pairs of tenants of a cascade, for each engine."""

SHORT: Final = 30
"""The short form has so many times fewer pairs."""


@dataclass(slots=True)
class Tried:
    """What was tried so far."""

    calls: Counter[str] = field(default_factory=Counter)
    seen: int = 0
    changed: int = 0
    pairs: int = 0
    failures: list[str] = field(default_factory=list)

    def add(self, theft: Theft, names: tuple[str, str]) -> None:
        """Add one call."""
        self.calls[theft.call] += 1
        self.seen += theft.seen
        self.changed += theft.changed
        if theft.seen or theft.changed:
            did = "saw" if theft.seen else "changed"
            msg = f"{theft.call}: {names[1]!r} {did} what is {names[0]!r}'s"
            raise TheftError(msg)


class TheftError(Exception):
    """Something of another tenant's was seen or changed."""


def isolation(*, thorough: bool, seed: int, tell: Tell = lambda _: None) -> Found:
    """Run the suite.

    Args:
        thorough: The long form; otherwise a few pairs.
        seed: Of the tenants' names.
        tell: Told how far it is.
    """
    began, tried, times = time.monotonic(), Tried(), 1 if thorough else SHORT
    with tempfile.TemporaryDirectory(prefix="isolation-") as name:
        for engine in ENGINES:
            tell(f"{engine}: every call")
            with ENGINES[engine]() as repository:
                _drawn(_calls(repository, tried, Path(name)), PAIRS // times, seed, tried)
            tell(f"{engine}: answers")
            _drawn(_answers(engine, tried), ANSWERS // times, seed, tried)
    calls = tried.calls.total()
    return Found(
        suite="isolation",
        injected=calls,
        kinds=tuple(sorted(tried.calls)),
        survived=calls - tried.seen - tried.changed,
        lost=tried.changed,
        leaked=tried.seen,
        seconds=round(time.monotonic() - began, 1),
        failures=tuple(tried.failures),
        figures={"pairs": tried.pairs, "calls": calls},
    )


def _drawn(
    theft: Callable[[tuple[str, str], int], None], number: int, seed: int, tried: Tried
) -> None:
    """Let so many pairs try `theft`, and keep the simplest pair that succeeds."""

    @seeded(seed)
    @settings(
        max_examples=number,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(names=pairs(), which=st.integers(0, 2))
    def trying(names: tuple[str, str], which: int) -> None:
        tried.pairs += 1
        theft(names, which)

    try:
        trying()
    except Exception as error:  # noqa: BLE001 - whatever comes out is what is looked for
        tried.failures.append(f"{type(error).__name__}: {error}")


def _calls(repository: Any, tried: Tried, folder: Path) -> Callable[[tuple[str, str], int], None]:
    """Try every call of a repository and of those who look after it."""

    def theft(names: tuple[str, str], which: int) -> None:
        victim, thief = names
        try:
            prey = moved_in(repository, victim)[which]
            for each in thefts(repository, victim, thief, prey, folder):
                tried.add(each, names)
        finally:
            evicted(repository)

    return theft


def _answers(engine: str, tried: Tried) -> Callable[[tuple[str, str], int], None]:
    """Ask a cascade of which both are tenants, and which shows and tells all that it may."""

    def theft(names: tuple[str, str], _: int) -> None:
        victim, thief = names
        with ENGINES[engine]() as repository, cascade_over(repository) as cascade:
            cascade.invoke("How many pears are there?", tenant=victim)
            before = everything_of(repository, victim)
            own = cascade.invoke("How many pears are here?", tenant=victim, force="weak")
            if CANARY not in own.text:
                msg = f"{victim!r} does not see its own strategies, so nothing is shown by this"
                raise TheftError(msg)
            answer = cascade.invoke("How many pears are here?", tenant=thief, force="weak")
            told = f"{answer.text} {answer.response_metadata} {cascade.spending(thief)}"
            changed = before != everything_of(repository, victim)
            tried.add(Theft("answer", CANARY in told, changed), names)

    return theft
