"""Strategies out of a repository, into a file: private by default."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_intercascade._steps import Steps
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.repository.export_file import Header, exported
from langchain_intercascade.repository.pages import turning
from langchain_intercascade.repository.transplant import general_key
from langchain_intercascade.strategy import State, Strategy, checked_tenant, now

if TYPE_CHECKING:
    from langchain_intercascade.repository.base import StrategyRepository


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote.

    Attributes:
        path: The file.
        count: How many strategies are in it.
        unreadable: How many are damaged, and so are not in it.
        signed: Whether it bears a signature.
    """

    path: str
    count: int
    unreadable: int
    signed: bool

    def payload(self) -> dict[str, Any]:
        """Return this as JSON-like data."""
        return asdict(self)


def exporting(
    repository: StrategyRepository,
    path: Path,
    *,
    tenant: str,
    states: Sequence[State] | None = None,
    without_queries: bool = False,
    lessons: bool = False,
    pack: str | None = None,
    key: bytes | None = None,
    force: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Steps[Exported]:
    """Write the strategies of `tenant` into a file, which appears whole or not at all.

    Args:
        repository: From where; its engine must be able to list what it holds.
        path: The file.
        tenant: Whose strategies.
        states: In which states; all but pending ones if `None`, and those too with `lessons`.
        without_queries: Leave out every text that a user wrote: each strategy is then found by
            its title and when to use it, and says on nobody's behalf it was learned.
        lessons: Include pending lessons, and what those on probation are still tried with: the
            query and both answers.  They are private, so nobody gets them without asking.
        pack: Name of the collection, for a file that is to be given to others.  It stands in
            place of tenant, sources and experience.
        key: Sign with it (HMAC-SHA256), so that an importer who has it can tell the file is yours.
        force: Whether a file of that name may be replaced.
        progress: Told how many were written so far.

    Raises:
        ConfigurationError: The file cannot be written there, the key is too short, or pending
            lessons are asked for without `lessons`, or together with `without_queries`.
        RepositoryError: The engine cannot list what it holds.
    """
    outward = _Outward(without_queries=without_queries, lessons=lessons, pack=pack)
    wanted = outward.states(states)
    place = outward.tenant(checked_tenant(tenant))
    label = repository.encoder.label
    header = Header(package=_package(), tenant=place, encoder=label, created_at=now())
    unreadable, after = 0, None
    with exported(path, header, key=key, force=force) as export:
        while page := (yield from turning(repository, tenant=tenant, states=wanted, after=after)):
            for each in page.strategies:
                export.add(outward.of(each))
            unreadable, after = unreadable + len(page.damaged), page.last
            if progress is not None:
                progress(export.count)
    return Exported(str(path), export.count, unreadable, signed=key is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outward:
    """What of a strategy is shown outside."""

    without_queries: bool
    lessons: bool
    pack: str | None

    def states(self, wanted: Sequence[State] | None) -> tuple[State, ...]:
        """Return which states are exported."""
        if self.lessons and self.without_queries:
            msg = (
                "Lessons are queries and their answers, so `lessons` (--lessons) and "
                "`without_queries` (--without-queries) exclude each other: leave one out."
            )
            raise ConfigurationError(msg)
        if wanted and State.PENDING in wanted and not self.lessons:
            msg = (
                "Pending lessons hold queries and answers: ask for `lessons` (--lessons) if you "
                "mean it, or leave the state pending out."
            )
            raise ConfigurationError(msg)
        return tuple(wanted or (each for each in State if self.lessons or each != State.PENDING))

    def tenant(self, tenant: str) -> str:
        """Return whose strategies they are called outside."""
        return tenant if self.pack is None else self._pack

    @property
    def _pack(self) -> str:
        return f"pack:{self.pack}"

    def of(self, strategy: Strategy) -> Strategy:
        """Return what is exported: never what could be undone, for that may be anything."""
        lesson = strategy.lesson.model_copy(update={"lease": None}) if strategy.lesson else None
        shown = strategy.model_copy(
            update={
                "lesson": lesson if self.lessons else None,
                "history": tuple(
                    each.model_copy(update={"undo": None}) for each in strategy.history
                ),
            }
        )
        return self._packed(self._anonymous(shown) if self.without_queries else shown)

    def _anonymous(self, strategy: Strategy) -> Strategy:
        if strategy.advice is None:
            return strategy
        nowhere = {"source": "", "run_id": f"exported {strategy.id}"}
        return strategy.model_copy(
            update={
                "keys": (general_key(strategy.advice),),
                "origin": strategy.origin.model_copy(update=nowhere),
                "merged": (),
                "example": None,
                "similar_to": (),
                "distinct_from": (),
                "history": (),
            }
        )

    def _packed(self, strategy: Strategy) -> Strategy:
        if self.pack is None:
            return strategy
        origin = strategy.origin.model_copy(update={"source": self._pack})
        merged = tuple(each.model_copy(update={"source": self._pack}) for each in strategy.merged)
        news: dict[str, Any] = {"tenant": self._pack, "origin": origin, "merged": merged}
        return strategy.model_copy(update={**news, "ledger": {}})


def _package() -> str:
    try:
        return version("langchain-intercascade")
    except PackageNotFoundError:  # a source tree that was never installed
        return "unknown"
