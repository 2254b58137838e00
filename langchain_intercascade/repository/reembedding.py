"""From one encoder to another: every point is copied, and every key encoded anew.

Vectors of two encoders mean nothing to each other, even where they are equally long.
The old repository is only read.  Copying may be broken off and begun again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from langchain_intercascade._steps import Fault, Steps, attempt
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.repository.operations import Point
from langchain_intercascade.repository.pages import PAGE

if TYPE_CHECKING:
    from langchain_intercascade.repository.base import StrategyRepository


@dataclass(slots=True)
class Reembedded:
    """What became of the points of the old repository: strategies, notes and marks.

    Attributes:
        copied: How many were written now.
        present: How many were there already, as they are or in a later version.
        damaged: How many cannot be copied because their keys are lost.
    """

    copied: int = 0
    present: int = 0
    damaged: int = 0

    @property
    def seen(self) -> int:
        """How many there are in the old repository."""
        return self.copied + self.present + self.damaged

    def payload(self) -> dict[str, Any]:
        """Return this as JSON-like data."""
        return asdict(self)


def reembedding(
    source: StrategyRepository,
    target: StrategyRepository,
    *,
    progress: Callable[[Reembedded], None] | None = None,
) -> Steps[Reembedded]:
    """Copy everything of every tenant from `source` to `target`, with the encoder of `target`.

    What `target` has already in the same or a later version is left as it is, so
    that copying may go on where it was broken off.

    Args:
        source: The old repository; its encoder is not needed.
        target: The new one, empty or filled in part.
        progress: Told after every page what was done so far.

    Raises:
        ConfigurationError: There is no old repository, or the two are the same.
        RepositoryError: The engine cannot list what it holds.
    """
    yield from _checking(source, target)
    done = Reembedded()
    after = None
    while page := (yield from source.dumping(limit=PAGE, after=after)):
        there = yield from target.fetching([point.id for point in page])
        versions = {point.id: _version(point.payload) for point in there}
        for point in page:
            yield from _copying(point, target, versions, done)
        after = page[-1].id
        if progress is not None:
            progress(done)
    return done


def _copying(
    point: Point, target: StrategyRepository, versions: dict[str, int], done: Reembedded
) -> Steps[None]:
    """Copy one point, unless it is there already."""
    if versions.get(point.id, -1) >= _version(point.payload):
        done.present += 1
        return
    if (keys := _keys(point.payload)) is None:
        done.damaged += 1
        return
    vectors = []
    for key in keys:
        vectors.append((yield from target.encoder.encoding(key)))  # noqa: PERF401 - a step
    if not vectors:  # a note or a mark, which nobody searches for
        vectors.append((yield from target.encoder.probing()))
    yield from target.loading((Point(point.id, vectors, point.payload),))
    done.copied += 1


def _keys(payload: dict[str, Any]) -> list[str] | None:
    """Return what a point is found by: nothing for what is no strategy; `None` if it is lost."""
    if "kind" in payload:
        return []
    keys = payload.get("keys")
    sound = isinstance(keys, list) and keys and all(isinstance(key, str) for key in keys)
    return keys if sound else None


def _version(payload: dict[str, Any]) -> int:
    version = payload.get("version", 0)
    return version if isinstance(version, int) else 0


def _checking(source: StrategyRepository, target: StrategyRepository) -> Steps[None]:
    if source is target or (source.location == target.location and not source.exclusive):
        msg = f"{source!r} cannot be copied onto itself; name a new path or collection."
        raise ConfigurationError(msg)
    if not source.lists or source.stored_dimension() is not None:
        return
    # A temporary one that is open has strategies, and nothing that lasts.
    looked = yield from attempt(source.dumping(limit=1))
    if isinstance(looked, Fault):
        msg = f"There is no repository in {source.location}, so there is nothing to copy."
        raise ConfigurationError(msg) from looked.error
