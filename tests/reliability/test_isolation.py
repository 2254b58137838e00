"""The isolation suite in its short form; `tests/security/test_isolation.py` has more to say.

The long form is `python -m benchmarks.reliability --only isolation`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.reliability_isolation import isolation
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.strategy import State, Strategy
from tests.security import thefts
from tests.security.impostors import QUERY


def test_no_tenant_reaches_another() -> None:
    found = isolation(thorough=False, seed=1)

    assert () == found.failures
    assert found.injected == found.survived > 150
    assert {*thefts.REPOSITORY, *thefts.CUSTODY, *thefts.STEPS, "answer"} == set(found.kinds)


def all_at_once(repository: StrategyRepository, thief: str, prey: Strategy, _: Path) -> Any:
    """A call that forgets whose question it is."""
    return (thief, repository.search(QUERY, tenant=prey.tenant, k=50, states=tuple(State)))


def gone(repository: StrategyRepository, thief: str, prey: Strategy, _: Path) -> Any:
    """A call that removes what is not the caller's."""
    return (thief, repository.remove(prey.id, tenant=prey.tenant))


@pytest.mark.parametrize(
    ("call", "leaked", "lost"), [(all_at_once, True, False), (gone, False, True)]
)
def test_a_door_that_is_open_is_found(
    monkeypatch: pytest.MonkeyPatch,
    call: thefts.Call,
    leaked: bool,  # noqa: FBT001 - a case
    lost: bool,  # noqa: FBT001 - a case
) -> None:
    monkeypatch.setattr(thefts, "REPOSITORY", {"open door": call})
    monkeypatch.setattr(thefts, "CUSTODY", {})
    monkeypatch.setattr(thefts, "STEPS", {})

    found = isolation(thorough=False, seed=1)

    assert (leaked, lost) == (found.leaked > 0, found.lost > 0)
    assert found.failures
    assert "open door: '" in found.failures[0]
