"""An engine and a dictionary that are changed alike, and must always hold the same.

The tests take a few sequences of changes, `benchmarks.reliability` takes thousands of steps.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from langchain_intercascade import EdgeRepository, HashingEmbeddings, QdrantRepository
from langchain_intercascade._steps import run
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.repository.forgetting import forgetting
from langchain_intercascade.repository.ledger import counted
from langchain_intercascade.repository.lifecycle import (
    activated,
    archived,
    merged,
    on_probation,
    reinstated,
    suspended,
    unmerged,
)
from langchain_intercascade.strategy import State, Strategy, normalised
from tests.unit_tests.repository.stock import pending, strategy

CRASHES = 3
"""In one sequence, because opening a folder takes a while."""

TENANTS = ("acme", "globex")
QUERIES = (
    "How many pears are there?",
    "Which river is longer?",
    "When does the train leave?",
    "Is the argument valid?",
)
SOURCES = ("", "user-1", "user-2")
STANDING = (State.CANDIDATE, State.ACTIVE, State.SUSPENDED)

Key = tuple[str, str]
ANY_TENANT = st.sampled_from(TENANTS)
ANY_QUERY = st.sampled_from(QUERIES)
ANY_SOURCE = st.sampled_from(SOURCES)
ANY_NUMBER = st.integers(0, 99)

CHANGES: dict[str, tuple[tuple[State, ...], Callable[[Strategy], Strategy]]] = {
    "activate": ((State.CANDIDATE,), lambda each: activated(each, "why")),
    "doubt": ((State.ACTIVE,), lambda each: on_probation(each, "why")),
    "suspend": ((State.ACTIVE, State.CANDIDATE), lambda each: suspended(each, "why")),
    "reinstate": ((State.SUSPENDED,), lambda each: reinstated(each, "why")),
    "archive": (STANDING, lambda each: archived(each, "why")),
    "label": (STANDING, lambda each: counted(each, "weak", with_it=False, without=True)),
}


class Lifecycle(RuleBasedStateMachine):
    """An engine, and the dictionary that it is held against."""

    engine: ClassVar[type[StrategyRepository]]
    begun: ClassVar[int] = 0
    looked: ClassVar[int] = 0
    crashed: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).begun += 1
        self.folder = Path(tempfile.mkdtemp(prefix="lifecycle-"))
        self.lives = 0
        self.repository = self.opened()
        self.model: dict[Key, dict[str, Any]] = {}

    def opened(self) -> StrategyRepository:
        """The engine as a new process finds it."""
        encoder = HashingEmbeddings(32)
        if self.engine is EdgeRepository:
            return EdgeRepository(self.folder / str(self.lives), embeddings=encoder)
        return QdrantRepository(":memory:", embeddings=encoder)

    def teardown(self) -> None:
        self.repository.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    @classmethod
    def steps(cls) -> int:
        """Steps taken so far, by all machines of this class: all looks but the first of each."""
        return cls.looked - cls.begun

    # What is done.

    def put(self, one: Strategy) -> None:
        """Write it to both."""
        self.repository.put(one)
        self.model[one.tenant, one.id] = one.payload()

    def change(self, key: Key, change: Callable[[Strategy], Strategy | None]) -> None:
        """Change it in both: the engine's is what `change` makes of the dictionary's."""
        tenant, name = key
        before = Strategy.from_payload(self.model[key])
        done = self.repository.update(name, tenant=tenant, change=change)
        expected = change(before)
        assert (done is None) == (expected is None)
        if done is not None and expected is not None:
            assert _essence(done.payload()) == _essence(expected.payload())
            self.model[key] = done.payload()

    def chosen(self, number: int, *states: State) -> Key | None:
        """Some strategy in one of `states`."""
        able = sorted(key for key, payload in self.model.items() if payload["state"] in states)
        return able[number % len(able)] if able else None

    @rule(tenant=ANY_TENANT, query=ANY_QUERY, source=ANY_SOURCE, candidate=st.booleans())
    def teach(self, tenant: str, query: str, source: str, candidate: bool) -> None:  # noqa: FBT001 - a case
        """Put a strategy there, over whatever was."""
        state = State.CANDIDATE if candidate else State.ACTIVE
        self.put(strategy(query, tenant=tenant, source=source, state=state))

    @rule(tenant=ANY_TENANT, query=ANY_QUERY, source=ANY_SOURCE)
    def lesson(self, tenant: str, query: str, source: str) -> None:
        """Write a lesson down, unless it is there."""
        one = pending(query, tenant=tenant, source=source)
        written = self.repository.swap(one, version=None)
        assert written == ((tenant, one.id) not in self.model)
        if written:
            self.model[tenant, one.id] = one.payload()

    @rule(number=ANY_NUMBER, name=st.sampled_from(sorted(CHANGES)))
    def pass_on(self, number: int, name: str) -> None:
        """Let a strategy pass from state to state."""
        states, change = CHANGES[name]
        if key := self.chosen(number, *states):
            self.change(key, change)

    @rule(number=ANY_NUMBER, query=ANY_QUERY, source=ANY_SOURCE, run_id=st.integers(0, 5))
    def merge(self, number: int, query: str, source: str, run_id: int) -> None:
        """Let one stand for another lesson; doing it again changes nothing."""
        if key := self.chosen(number, *STANDING):
            other = pending(f"{query} ({run_id})", tenant=key[0], source=source)
            self.change(key, lambda each: merged(each, other))
            stored = self.model[key]
            self.change(key, lambda each: merged(each, other))
            assert self.model[key] == stored

    @rule(number=ANY_NUMBER, query=ANY_QUERY, run_id=st.integers(0, 5))
    def take_back(self, number: int, query: str, run_id: int) -> None:
        """Take a merger back, if there was one."""
        if key := self.chosen(number, *STANDING):
            self.change(key, lambda each: unmerged(each, f"r-{query} ({run_id})", "why"))

    @rule(number=ANY_NUMBER)
    def undo(self, number: int) -> None:
        """Undo the last change, where there is one to undo."""
        if key := self.chosen(number, *State):
            last = (self.model[key]["history"] or [{"undo": None}])[-1]
            if last["undo"] is not None:
                self.change(key, Strategy.undone)

    @rule(number=ANY_NUMBER)
    def remove(self, number: int) -> None:
        """Delete one; deleting it again, or for another tenant, deletes nothing."""
        if key := self.chosen(number, *State):
            tenant, name = key
            other = next(each for each in TENANTS if each != tenant)
            assert self.repository.remove(name, tenant=other) == ((other, name) in self.model)
            self.model.pop((other, name), None)
            assert self.repository.remove(name, tenant=tenant)
            assert not self.repository.remove(name, tenant=tenant)
            del self.model[key]

    @rule(tenant=ANY_TENANT, source=st.sampled_from(SOURCES[1:]))
    def forget_source(self, tenant: str, source: str) -> None:
        """Nothing of it is left, and nothing of anybody else is gone."""
        run(forgetting(self.repository, tenant=tenant, source=source))
        self.after_forgetting(
            tenant,
            origin=lambda each: each["origin"]["source"] == source,
            mention=lambda entry: entry["source"] == source,
        )

    @rule(tenant=ANY_TENANT, query=ANY_QUERY)
    def forget_query(self, tenant: str, query: str) -> None:
        """The same for a query."""
        run(forgetting(self.repository, tenant=tenant, query=query))
        self.after_forgetting(
            tenant,
            origin=lambda each: normalised(each["keys"][0]) == normalised(query),
            mention=lambda entry: normalised(entry["query"]) == normalised(query),
        )

    @rule(tenant=ANY_TENANT)
    def forget_everything(self, tenant: str) -> None:
        """The other tenant keeps all it has."""
        run(forgetting(self.repository, tenant=tenant))
        self.model = {key: each for key, each in self.model.items() if key[0] != tenant}

    def after_forgetting(
        self,
        tenant: str,
        *,
        origin: Callable[[dict[str, Any]], bool],
        mention: Callable[[dict[str, Any]], bool],
    ) -> None:
        """Bring the dictionary up to date, and check what was left of what was only confirmed."""
        for key, payload in list(self.model.items()):
            if key[0] != tenant:
                continue
            if origin(payload):
                del self.model[key]
                continue
            left = self.repository.get(key[1], tenant=tenant)
            assert left is not None
            kept = [each for each in payload["merged"] if not mention(each)]
            found = left.payload()
            assert found["merged"] == kept
            assert found["support"] == payload["support"] - len(payload["merged"]) + len(kept)
            assert found["state"] == payload["state"]
            self.model[key] = found

    @precondition(lambda self: self.engine is EdgeRepository and self.lives < CRASHES)
    @rule()
    def crash(self) -> None:
        """Go on with what a killed process has left on the disk; in memory there is none."""
        type(self).crashed += 1
        old, self.lives = self.folder / str(self.lives), self.lives + 1
        if old.exists():
            shutil.copytree(old, self.folder / str(self.lives))
        self.repository.close()
        self.repository = self.opened()

    # What must always hold.

    @invariant()
    def all_is_there_and_nothing_else(self) -> None:
        """Each tenant has exactly its own."""
        type(self).looked += 1
        for tenant in TENANTS:
            expected = {name: each for (whose, name), each in self.model.items() if whose == tenant}
            found = {each.id: each.payload() for each in self.repository.scan(tenant=tenant)}
            assert found == expected
            for state in State:
                number = sum(each["state"] == state for each in expected.values())
                assert self.repository.count(tenant=tenant, states=(state,)) == number

    @invariant()
    def what_is_in_use_is_found_by_its_keys(self) -> None:
        """And nothing else is."""
        for tenant in TENANTS:
            in_use = {
                name: each
                for (whose, name), each in self.model.items()
                if whose == tenant and each["state"] == State.ACTIVE
            }
            hits = self.repository.search(QUERIES[0], tenant=tenant, k=50, min_similarity=-1.0)
            assert {hit.strategy.id for hit in hits} == set(in_use)
            for name, each in in_use.items():
                last = self.repository.search(
                    each["keys"][-1], tenant=tenant, k=50, min_similarity=0.999
                )
                assert name in {hit.strategy.id for hit in last}


def _essence(payload: dict[str, Any]) -> dict[str, Any]:
    """What two runs of one change have in common: not the time, nor the stamp."""
    bare = {name: each for name, each in payload.items() if name not in ("updated_at", "stamps")}
    history = [{**each, "at": "", "undo": _timeless(each["undo"])} for each in bare["history"]]
    return {**_timeless(bare), "history": history}


def _timeless(payload: dict[str, Any] | None) -> dict[str, Any]:
    return {k: v for k, v in (payload or {}).items() if k not in ("activated_at", "retired_at")}


class OnEdge(Lifecycle):
    """The embedded engine, with crashes."""

    engine = EdgeRepository


class OnQdrant(Lifecycle):
    """The client, in memory."""

    engine = QdrantRepository


def sequences(number: int) -> settings:
    """So many sequences of forty steps."""
    return settings(
        max_examples=number,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=[
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
            HealthCheck.filter_too_much,
        ],
    )
