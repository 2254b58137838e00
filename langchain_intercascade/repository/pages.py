"""Reading everything a tenant has, page by page, so that it never has to fit in memory at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from langchain_intercascade._steps import Steps
from langchain_intercascade.errors import RepositoryCorruptError, RepositoryError
from langchain_intercascade.repository.operations import Scope
from langchain_intercascade.repository.points import point_id
from langchain_intercascade.strategy import State, Strategy

if TYPE_CHECKING:
    from langchain_intercascade.repository.base import StrategyRepository

PAGE: Final = 200
"""Strategies read at once."""


@dataclass(frozen=True, slots=True)
class Page:
    """What was read at once.

    Attributes:
        strategies: Those that can be read.
        damaged: Those that cannot, as they are stored.
        last: Where the next page goes on.
    """

    strategies: tuple[Strategy, ...]
    damaged: tuple[dict[str, Any], ...]
    last: str


def turning(
    repository: StrategyRepository,
    *,
    tenant: str,
    states: Sequence[State] = tuple(State),
    after: str | None = None,
) -> Steps[Page | None]:
    """Read the page after the one that ended with `after`; `None` after the last page.

    A page with nothing but damage is a page like any other.  Strategies may be
    changed and deleted between two pages; what is added in front of them is missed.

    Raises:
        RepositoryCorruptError: A newer version of the package wrote one of them.
        RepositoryError: The engine cannot list what it holds.
    """
    scope = Scope(tenant, tuple(states))
    payloads = yield from repository.leafing(scope, limit=PAGE, after=after)
    _check_owner(repository, payloads, scope)
    named = (each["id"] for each in payloads if isinstance(each.get("id"), str))
    last = max((point_id(tenant, each) for each in named), default="")
    if last <= (after or ""):  # nothing, or damage that has lost its id and cannot be gone past
        return None
    read = [(payload, _read(payload)) for payload in payloads]
    return Page(
        tuple(strategy for _, strategy in read if strategy is not None),
        tuple(payload for payload, strategy in read if strategy is None),
        last,
    )


def _read(payload: dict[str, Any]) -> Strategy | None:
    try:
        return Strategy.from_payload(payload)
    except RepositoryCorruptError as error:
        if error.__cause__ is None:  # not damaged: a newer version wrote it
            raise
        return None


def _check_owner(
    repository: StrategyRepository, payloads: Sequence[dict[str, Any]], scope: Scope
) -> None:
    if any(payload.get("tenant") != scope.tenant for payload in payloads):
        msg = (
            f"{repository!r} listed a strategy of another tenant than {scope.tenant!r}; nothing "
            "was done with it. The engine does not keep to the filter it is given: "
            "`check_repository` shows where."
        )
        raise RepositoryError(msg)
