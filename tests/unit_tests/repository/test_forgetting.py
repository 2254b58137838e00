"""What is to be forgotten is gone from everywhere, and says so in a receipt."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.vectorstores import InMemoryVectorStore

from langchain_intercascade import HashingEmbeddings, VectorStoreRepository
from langchain_intercascade._steps import run
from langchain_intercascade.errors import ConfigurationError, RepositoryError, TenantError
from langchain_intercascade.repository import forgetting as module
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.repository.custody import (
    aforget,
    export_strategies,
    forget,
    import_strategies,
)
from langchain_intercascade.repository.lifecycle import activated, merged, suspended
from langchain_intercascade.repository.operations import Point
from langchain_intercascade.repository.points import point_id
from langchain_intercascade.repository.receipt import Receipt
from langchain_intercascade.strategy import Example, Lesson, Origin, State, Strategy, normalised
from tests.conftest import Colour
from tests.unit_tests.repository.stock import (
    ADVICE,
    QUERY,
    TENANT,
    confirmed,
    dumped,
    fill,
    ids,
    opened,
    pending,
    strategy,
)

CANARY = "Where does Ottilie Canary keep her spare key?"
KEY = b"sixteen bytes or more"


@pytest.fixture(params=["edge", "qdrant"])
def repository(request: pytest.FixtureRequest) -> Iterator[StrategyRepository]:
    yield from opened(request.param)


@pytest.fixture
def colour(repository: StrategyRepository, colours: list[Colour]) -> Colour:
    """One colour for each engine: each is the same steps, run otherwise."""
    return colours[repository.engine == "edge"]


def forgotten(colour: Colour, repository: StrategyRepository, **what: Any) -> Receipt:
    wanted = {"tenant": TENANT, **what}
    return colour.run(lambda: forget(repository, **wanted), lambda: aforget(repository, **wanted))


def copy_of(one: Strategy, tenant: str, query: str) -> Strategy:
    origin = Origin(run_id=query, strong_model="m", prompt_version=1, parents=(one.id,))
    return strategy(query, tenant=tenant, origin=origin)


# What goes, and what stays.


def test_all_that_a_source_taught_goes(colour: Colour, repository: StrategyRepository) -> None:
    """In every state, and nothing else."""
    states = [State.CANDIDATE, State.ACTIVE, State.SUSPENDED, State.ARCHIVED]
    theirs = [strategy(f"{state} {CANARY}", state=state, source="ottilie") for state in states]
    fill(repository, *theirs, pending(CANARY, source="ottilie"))
    kept = strategy(source="ben")
    fill(repository, kept)

    receipt = forgotten(colour, repository, source="ottilie")

    assert {kept.id} == ids(repository)
    assert dict.fromkeys([*states, State.PENDING], 1) == receipt.removed
    assert receipt.complete
    assert "Canary" not in dumped(repository)


@pytest.mark.parametrize("where", ["key", "lesson", "example"])
def test_all_that_a_query_taught_goes(
    colour: Colour, repository: StrategyRepository, where: str
) -> None:
    """However it is spelt, and wherever it stands."""
    spelt = f"  {CANARY.upper()} "
    told = {"lesson": Lesson(query=spelt, answer="a"), "example": Example(query=spelt, answer="a")}
    changes: dict[str, Any] = {} if where == "key" else {where: told[where]}
    kept = strategy()
    fill(repository, kept, strategy(spelt if where == "key" else "else", **changes))

    forgotten(colour, repository, query=CANARY)

    assert {kept.id} == ids(repository)
    assert "CANARY" not in dumped(repository).upper()


@pytest.mark.parametrize("what", [{"query": CANARY}, {"source": "ottilie"}])
def test_a_strategy_that_was_only_confirmed_stays_without_it(
    colour: Colour, repository: StrategyRepository, what: dict[str, Any]
) -> None:
    """It loses the key, the entry, one support, and what could be undone."""
    whole = confirmed(strategy(source="ben"), ("A third.", "carl"), (CANARY, "ottilie"))
    suspicious = suspended(whole, "for a while").recorded("keys changed", keys=whole.keys)
    fill(repository, suspicious)

    receipt = forgotten(colour, repository, **what)

    (left,) = repository.scan(tenant=TENANT)
    assert (QUERY, "A third.") == left.keys
    assert ["A third."] == [each.query for each in left.merged]
    assert (2, State.SUSPENDED) == (left.support, left.state)
    assert (1, {}) == (receipt.keys_removed, receipt.removed)
    assert "Canary" not in dumped(repository)
    with pytest.raises(ValueError, match="undone"):
        left.undone()


def test_what_only_the_undo_still_holds_goes_too(
    colour: Colour, repository: StrategyRepository
) -> None:
    """A merge was undone, and then something else was done."""
    other = pending(CANARY, source="ottilie")
    joined = merged(strategy(), other)
    assert joined is not None
    fill(repository, joined.recorded("taken apart", keys=(QUERY,), merged=()))

    receipt = forgotten(colour, repository, source="ottilie")

    assert "Canary" not in dumped(repository)
    assert receipt.complete
    assert 1 == len(ids(repository))


def test_a_lesson_that_an_activation_could_bring_back_goes(
    colour: Colour, repository: StrategyRepository
) -> None:
    """The strategy goes with it: it was distilled from that query."""
    fill(repository, activated(pending(CANARY, advice=ADVICE), "a test"))

    forgotten(colour, repository, query=CANARY)

    assert "Canary" not in dumped(repository)


def test_a_shared_query_is_kept_for_the_other_who_asked_it(
    colour: Colour, repository: StrategyRepository
) -> None:
    """Two sources, the same query: forgetting one of them keeps the key."""
    fill(repository, confirmed(strategy(source="ben"), ("Same?", "ottilie"), ("same?", "carl")))

    forgotten(colour, repository, source="ottilie")

    (left,) = repository.scan(tenant=TENANT)
    assert ["carl"] == [each.source for each in left.merged]
    assert "same?" in map(normalised, left.keys)


def test_copies_of_copies_go_in_the_shared_tenants_that_are_named(
    colour: Colour, repository: StrategyRepository
) -> None:
    """And in no other."""
    secret = strategy(CANARY, source="ottilie")
    pooled = copy_of(secret, "pool", "copy")
    again = copy_of(pooled, "other pool", "copy of a copy")
    elsewhere = copy_of(secret, "unnamed", "copy elsewhere")
    bystander = strategy("unrelated", tenant="pool")
    fill(repository, secret, pooled, again, elsewhere, bystander)

    receipt = forgotten(colour, repository, source="ottilie", shared=("other pool", "pool"))

    assert {bystander.id} == ids(repository, "pool")
    assert set() == ids(repository, "other pool")
    assert {elsewhere.id} == ids(repository, "unnamed")
    assert {TENANT: (secret.id,), "pool": (pooled.id,), "other pool": (again.id,)} == receipt.ids


def test_copies_of_what_was_forgotten_before_go_too(
    colour: Colour, repository: StrategyRepository
) -> None:
    """The process died between a strategy and its copy."""
    secret = strategy(CANARY, source="ottilie")
    fill(repository, secret)
    forget(repository, tenant=TENANT, source="ottilie")
    fill(repository, copy_of(secret, "pool", "copy"))

    forgotten(colour, repository, source="ottilie", shared=("pool",))

    assert set() == ids(repository, "pool")


def test_a_copy_of_what_was_learned_again_stays(
    colour: Colour, repository: StrategyRepository
) -> None:
    """The same query was asked after it had been forgotten, and that was not asked about."""
    secret = strategy(CANARY, source="ottilie")
    fill(repository, secret)
    forget(repository, tenant=TENANT, source="ottilie")
    copy = copy_of(secret, "pool", "copy")
    fill(repository, strategy(CANARY), copy)

    forgotten(colour, repository, source="somebody else", shared=("pool",))

    assert {copy.id} == ids(repository, "pool")


def test_a_tenant_alone_means_everything_it_has(
    colour: Colour, repository: StrategyRepository
) -> None:
    """Notes and damage too; of the name nothing is left, and others keep what is theirs."""
    tenant = "ottilie canary & sons"
    damaged = {"id": "x", "tenant": tenant, "state": "no such state", "keys": 7}
    fill(repository, strategy(tenant=tenant), pending(tenant=tenant), strategy(tenant="other"))
    run(repository.writing_note("floor", {"a": 1}, tenant=tenant, after=None))
    run(repository.loading([Point(point_id(tenant, "x"), [[1.0] * 64], damaged)]))

    receipt = forgotten(colour, repository, tenant=tenant)

    assert tenant not in dumped(repository)
    assert 1 == repository.count(tenant="other")
    assert 3 == len(receipt.ids[tenant])
    assert run(repository.reading_note("floor", tenant=tenant)) is None


def test_what_is_damaged_and_mentions_it_goes(
    colour: Colour, repository: StrategyRepository
) -> None:
    """Nobody can read it, so nobody can say that it is not the origin."""
    damaged = {**strategy(CANARY, source="ottilie").payload(), "support": "many"}
    other = {**strategy("Other", source="ben").payload(), "support": "many"}
    for each in (damaged, other):
        run(repository.loading([Point(point_id(TENANT, each["id"]), [[1.0] * 64], each)]))

    receipt = forgotten(colour, repository, source="ottilie")

    assert {"unreadable": 1} == receipt.removed
    assert "Canary" not in dumped(repository)
    assert "Other" in dumped(repository)


def test_more_than_one_page_is_looked_at(repository: StrategyRepository) -> None:
    theirs = [strategy(f"{n}", source="ottilie") for n in range(230)]
    fill(repository, *theirs, *(strategy(f"{n} b", source="ben") for n in range(20)))

    receipt = forget(repository, tenant=TENANT, source="ottilie")

    assert 20 == repository.count(tenant=TENANT)
    assert 230 == receipt.removed["active"]


# While others write.


class Busy:
    """Writes another lesson of the source whenever the repository is read, so many times."""

    def __init__(self, repository: StrategyRepository, lessons: int) -> None:
        self.repository = repository
        self.left = lessons
        self.turn = repository.leafing

    def leafing(self, *args: Any, **kwargs: Any) -> Any:
        page = yield from self.turn(*args, **kwargs)
        if self.left:
            self.left -= 1
            late = pending(f"{self.left} {CANARY}", source="ottilie")
            yield from self.repository.putting(late)
        return page


def test_what_is_learned_meanwhile_goes_too(
    colour: Colour, repository: StrategyRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks again until nothing is found."""
    fill(repository, strategy(CANARY, source="ottilie"))
    busy = Busy(repository, 7)
    monkeypatch.setattr(repository, "leafing", busy.leafing)

    receipt = forgotten(colour, repository, source="ottilie")

    assert (0, True) == (busy.left, receipt.complete)
    assert "Canary" not in dumped(repository)
    assert 7 == receipt.removed["pending"]


def test_a_writer_who_never_stops_is_reported(
    repository: StrategyRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather than looking for ever."""
    fill(repository, strategy(source="ottilie"))
    monkeypatch.setattr(repository, "leafing", Busy(repository, 10**6).leafing)

    receipt = forget(repository, tenant=TENANT, source="ottilie")

    assert not receipt.complete
    assert receipt.removed["pending"] >= module.PASSES - 1


def test_a_learner_that_holds_a_strategy_cannot_bring_it_back(
    repository: StrategyRepository,
) -> None:
    """It writes on condition that the strategy is still as it was read."""
    held = pending(CANARY, source="ottilie")
    fill(repository, held)
    forget(repository, tenant=TENANT, source="ottilie")

    assert not repository.swap(held.changed(state=State.ACTIVE), version=held.version)
    assert set() == ids(repository)


def test_threads_that_go_on_learning_lose_the_race(repository: StrategyRepository) -> None:
    """They merge into a strategy that stays, while the source is forgotten."""
    base = strategy(source="ben")
    fill(repository, base)
    stop = threading.Event()

    def learn() -> None:
        number = 0
        while not stop.is_set() and number < 40:
            number += 1
            other = pending(f"{number} {CANARY}", source="ottilie")
            repository.update(base.id, tenant=TENANT, change=lambda one: merged(one, other))  # noqa: B023 - used at once

    thread = threading.Thread(target=learn)
    thread.start()
    forget(repository, tenant=TENANT, source="ottilie")
    stop.set()
    thread.join()
    forget(repository, tenant=TENANT, source="ottilie")

    (left,) = repository.scan(tenant=TENANT)
    assert ((QUERY,), (), "Canary" in dumped(repository)) == (left.keys, left.merged, False)


# Dry runs, receipts, refusals.


def test_a_dry_run_says_the_same_and_does_nothing(
    colour: Colour, repository: StrategyRepository, tmp_path: Path
) -> None:
    secret = strategy(CANARY, source="ottilie")
    fill(repository, secret, copy_of(secret, "pool", "copy"), pending("p", source="ottilie"))
    fill(repository, confirmed(strategy(source="ben"), ("A third.", "ottilie")))
    export_strategies(repository, tmp_path / "e", tenant=TENANT)
    before, file = dumped(repository), (tmp_path / "e").read_bytes()
    what: dict[str, Any] = {
        "source": "ottilie",
        "shared": ("pool",),
        "exports": (tmp_path / "e",),
    }

    said = forgotten(colour, repository, **what, dry_run=True)
    assert (before, file) == (dumped(repository), (tmp_path / "e").read_bytes())

    done = forgotten(colour, repository, **what)
    assert (True, False) == (said.dry_run, done.dry_run)
    for part in ("removed", "keys_removed", "ids", "exports", "complete"):
        assert getattr(said, part) == getattr(done, part), part
    assert before != dumped(repository)


def test_a_dry_run_of_a_whole_tenant_changes_nothing(repository: StrategyRepository) -> None:
    fill(repository, strategy(), pending("p"))

    receipt = forget(repository, tenant=TENANT, dry_run=True)

    assert {"active": 1, "pending": 1} == receipt.removed
    assert 2 == repository.count(tenant=TENANT)


def test_the_receipt_says_what_was_done_and_what_nobody_can(
    repository: StrategyRepository,
) -> None:
    """And does not quote the query, which it would remember."""
    fill(repository, strategy(CANARY))
    receipt = forget(repository, tenant=TENANT, query=CANARY)

    told = json.loads(json.dumps(receipt.payload()))
    assert (TENANT, True, None) == (told["tenant"], told["by_query"], told["source"])
    assert repository.engine == told["engine"]
    assert repository.keeps_after_delete == told["kept_by_engine"]
    assert any("backups" in each for each in told["out_of_reach"])
    assert "Canary" not in json.dumps(told)


def test_forgetting_twice_finds_nothing_more(repository: StrategyRepository) -> None:
    fill(repository, strategy(CANARY))
    forget(repository, tenant=TENANT, query=CANARY)

    assert {} == forget(repository, tenant=TENANT, query=CANARY).removed


@pytest.mark.parametrize("what", [{"source": " "}, {"query": ""}, {"source": ""}])
def test_what_is_blank_is_refused(repository: StrategyRepository, what: dict[str, Any]) -> None:
    """An empty source is that of every strategy without one."""
    fill(repository, strategy())

    with pytest.raises(ConfigurationError, match="blank"):
        forget(repository, tenant=TENANT, **what)
    assert 1 == repository.count(tenant=TENANT)


def test_a_tenant_must_be_named(repository: StrategyRepository) -> None:
    with pytest.raises(TenantError):
        forget(repository, tenant="")
    with pytest.raises(TenantError):
        forget(repository, tenant=TENANT, shared=("",))


def test_an_engine_that_cannot_list_says_so() -> None:
    """A vector store can be asked for one strategy, not for all."""
    store = InMemoryVectorStore(HashingEmbeddings(64))
    with (
        VectorStoreRepository(store) as repository,
        pytest.raises(RepositoryError, match="cannot list"),
    ):
        forget(repository, tenant=TENANT, source="ottilie")


# Export files.


@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize("what", [{"query": CANARY}, {"source": "ottilie"}, {}])
def test_exports_forget_too(
    colour: Colour,
    repository: StrategyRepository,
    tmp_path: Path,
    key: bytes | None,
    what: dict[str, Any],
) -> None:
    """Even what the repository has forgotten before; and the file stays a good one."""
    old, file = strategy(CANARY, source="ottilie"), tmp_path / "export.jsonl"
    joined = confirmed(strategy(source="ben"), (CANARY.lower(), "ottilie"))
    fill(repository, old, joined, strategy("Third?", source="ben"))
    export_strategies(repository, file, tenant=TENANT, key=key)
    repository.remove(old.id, tenant=TENANT)

    receipt = forgotten(colour, repository, **what, exports=[file], key=key)

    removed, changed = (1, 1) if what else (3, 0)
    (done,) = receipt.exports
    assert (str(file), removed, changed) == (done.path, done.removed, done.changed)
    assert "canary" not in file.read_text("utf-8").lower()
    assert (3 - removed) == import_strategies(repository, file, tenant="b", key=key).written


def test_the_export_of_a_pool_forgets_the_copies(
    repository: StrategyRepository, tmp_path: Path
) -> None:
    """They are known by the ids of their parents."""
    secret, file = strategy(CANARY, source="ottilie"), tmp_path / "export.jsonl"
    fill(repository, secret, copy_of(secret, "pool", "copy"), strategy("x", tenant="pool"))
    export_strategies(repository, file, tenant="pool")

    receipt = forget(repository, tenant=TENANT, source="ottilie", shared=("pool",), exports=[file])

    assert 1 == receipt.exports[0].removed
    assert 3 == len(file.read_text("utf-8").splitlines())


@pytest.mark.parametrize("trouble", ["signed", "foreign", "damaged", "absent"])
def test_a_file_that_cannot_be_mended_stops_everything(
    repository: StrategyRepository, tmp_path: Path, trouble: str
) -> None:
    """Before anything is removed."""
    file = tmp_path / "export.jsonl"
    fill(repository, strategy(CANARY))
    export_strategies(repository, file, tenant=TENANT, key=KEY if trouble == "signed" else None)
    if trouble == "foreign":
        file.write_text("{}\n", "utf-8")
    elif trouble == "damaged":
        file.write_bytes(file.read_bytes()[:-9])
    elif trouble == "absent":
        file.unlink()

    with pytest.raises((ConfigurationError, RepositoryError), match=r"export\.jsonl"):
        forget(repository, tenant=TENANT, query=CANARY, exports=[file])
    assert 1 == repository.count(tenant=TENANT)


@pytest.mark.parametrize("what", [{"query": CANARY}, {"source": "ottilie"}, {}])
@pytest.mark.parametrize("whole", [True, False])
def test_an_old_export_does_not_bring_it_back(
    repository: StrategyRepository, tmp_path: Path, what: dict[str, Any], *, whole: bool
) -> None:
    """Not even what was gone from the repository when it was forgotten, or was only confirmed."""
    old = strategy(CANARY, source="ottilie")
    joined = confirmed(strategy(source="ben"), (CANARY, "ottilie"))
    fill(repository, old if whole else joined)
    export_strategies(repository, tmp_path / "e", tenant=TENANT)
    repository.remove((old if whole else joined).id, tenant=TENANT)
    forget(repository, tenant=TENANT, **what)

    imported = import_strategies(repository, tmp_path / "e", tenant=TENANT)

    stays = not whole and bool(what)
    assert (int(stays), int(not stays)) == (imported.written, imported.forgotten)
    assert "Canary" not in dumped(repository)


def test_what_was_learned_again_can_travel_again(
    repository: StrategyRepository, tmp_path: Path
) -> None:
    """The mark is about the past."""
    fill(repository, strategy(CANARY))
    forget(repository, tenant=TENANT, query=CANARY)
    again = strategy(CANARY)
    fill(repository, again)
    export_strategies(repository, tmp_path / "e", tenant=TENANT)
    repository.remove(again.id, tenant=TENANT)

    assert 1 == import_strategies(repository, tmp_path / "e", tenant=TENANT).written


def test_a_mark_is_seen_by_nobody(colour: Colour, repository: StrategyRepository) -> None:
    """It is no strategy: no search, scan or count returns it."""
    fill(repository, strategy(CANARY))
    forgotten(colour, repository, query=CANARY)

    found = colour.run(
        lambda: repository.search(
            CANARY, tenant=TENANT, k=9, min_similarity=-1, states=tuple(State)
        ),
        lambda: repository.asearch(
            CANARY, tenant=TENANT, k=9, min_similarity=-1, states=tuple(State)
        ),
    )
    assert ([], 0, []) == (found, repository.count(tenant=TENANT), repository.scan(tenant=TENANT))
