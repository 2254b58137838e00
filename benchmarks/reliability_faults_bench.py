"""Runs with one fault each: where they may be put, and what came of them."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.reliability_faults_kinds import (
    BEHIND,
    BROKEN,
    CANCELLED,
    EMPTY,
    MALFORMED,
    Kind,
    kinds_of,
)
from benchmarks.reliability_faults_plan import Plan, Site
from benchmarks.reliability_faults_promises import broken
from benchmarks.reliability_faults_runs import Asked, Colour, Seen, Setting, plain, seen
from benchmarks.reliability_faults_scenarios import Scenario
from benchmarks.reliability_faults_taps import DIMENSION, model
from langchain_intercascade import EdgeRepository, HashingEmbeddings

_COLOURS: Final[tuple[Colour, ...]] = ("sync", "async")


class Cell(NamedTuple):
    """A run with a fault: where it is, and which call fails."""

    setting: Setting
    site: Site

    def __str__(self) -> str:
        """Say in one line how to see it again."""
        (scenario, host, colour), (who, call, kind) = self
        return f"{scenario.name} / {host} / {colour}: {who} fails at call {call} ({kind.name})"


class Clean(NamedTuple):
    """A run without faults: what was seen, how often everybody was called, and who wrote when."""

    seen: Seen
    counts: dict[str, int]
    writes: frozenset[tuple[str, int]]


class Bench:
    """Runs cells, over one folder and one event loop, which take long to make."""

    def __init__(self, folder: EdgeRepository, loop: asyncio.Runner) -> None:
        """Keep strategies in `folder`, and await in `loop`."""
        self._folder = folder
        self._loop = loop
        self._plan = Plan()
        self._clean: dict[Setting, Clean] = {}
        self._plain: dict[tuple[str, str], Asked] = {}

    def clean(self, setting: Setting) -> Clean:
        """Return what is seen in `setting` without faults."""
        if setting not in self._clean:
            found = seen(setting, None, self._plan, self._folder, self._loop)
            counts, writes = dict(self._plan.counts), frozenset(self._plan.writes)
            self._clean[setting] = Clean(found, counts, writes)
        return self._clean[setting]

    def tried(self, cell: Cell) -> tuple[Seen, list[str]]:
        """Run one cell; return what was seen, and which promises were broken."""
        clean = self.clean(cell.setting)
        found = seen(*cell, self._plan, self._folder, self._loop)
        return found, broken(found, clean.seen, self._strong_alone(cell))

    def cells(self, scenario: Scenario) -> dict[tuple[str, int], list[Cell]]:
        """Return, for each call that is made in `scenario`, the runs in which it fails.

        They stand in the order of hosts and colours, and then of kinds.
        """
        found: dict[tuple[str, int], list[Cell]] = {}
        for host in scenario.hosts:
            for colour in _COLOURS:
                setting = Setting(scenario, host, colour)
                for site in self._sites(setting):
                    found.setdefault((site.who, site.call), []).append(Cell(setting, site))
        return found

    def _sites(self, setting: Setting) -> Iterator[Site]:
        clean, about = self.clean(setting), setting.scenario.about
        for who, calls in sorted(clean.counts.items()):
            for call in range(1, calls + 1 if not about or who in about else 1):
                writes = (who, call) in clean.writes
                for kind in kinds_of(who):
                    apt = not (kind.reads if writes else kind.writes)
                    if apt and _happens(who, kind, setting):
                        yield Site(who, call, kind)

    def _strong_alone(self, cell: Cell) -> Asked:
        """Return what the strong model alone would have given, failing as it fails here."""
        (scenario, _, _), (who, _, kind) = cell
        flawed = who == "strong" and kind.error is None and kind is not CANCELLED
        key = (scenario.name, kind.name if flawed else "")
        if key not in self._plain:
            plan = Plan()
            reply = plan.said(kind if flawed else None, scenario.strong)
            strong = model(plan, "strong", lambda _: reply)
            self._plain[key] = plain(Setting(scenario, "chat_model", "sync"), strong, self._loop)
        return self._plain[key]


@contextmanager
def bench() -> Iterator[Bench]:
    """Open a bench in a temporary folder."""
    with (
        tempfile.TemporaryDirectory(prefix="intercascade-") as place,
        EdgeRepository(Path(place) / "s", embeddings=HashingEmbeddings(DIMENSION)) as folder,
        asyncio.Runner() as loop,
    ):
        yield Bench(folder, loop)


def _happens(who: str, kind: Kind, setting: Setting) -> bool:
    """Say whether that can happen there, and is a fault."""
    asking = setting.scenario.asking
    if kind is BROKEN:
        return asking == "stream" and not who.endswith(BEHIND)
    # A tool call without a score is as it should be.
    return not (who == "confidence" and kind in (EMPTY, MALFORMED) and asking == "tools")
