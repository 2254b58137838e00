"""Nothing of one tenant is seen or changed by another, whatever the other is called or asks for."""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from langchain_intercascade import EdgeRepository, TenantError
from langchain_intercascade._steps import run
from langchain_intercascade.cli.app import app
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.repository import custody
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.repository.lifecycle import suspended
from langchain_intercascade.repository.retrieval import DEFAULT_FLOOR, Floors
from tests.cascades import Host, cascade_of
from tests.security.impostors import (
    ADVICE,
    CANARY,
    QUERY,
    SOURCE,
    belongings,
    everything_of,
    evicted,
    moved_in,
    pairs,
)
from tests.security.thefts import CUSTODY, REPOSITORY, STEPS, cascade_over, labels, thefts
from tests.unit_tests.repository.stock import ENGINES, opened


@pytest.fixture(scope="module", params=list(ENGINES))
def repository(request: pytest.FixtureRequest) -> Iterator[StrategyRepository]:
    """A repository of each engine, shared by all examples."""
    yield from opened(request.param)


def test_every_public_call_about_a_tenant_is_tried() -> None:
    """A call that is added later has to be tried, too."""
    public = inspect.getmembers(StrategyRepository, inspect.isfunction)
    about_one = {
        name
        for name, method in public
        if not name.startswith(("_", "a")) and not name.endswith("ing")
        if {"tenant", "strategy"} & inspect.signature(method).parameters.keys()
    }
    kept = {
        name
        for name, step in vars(custody).items()
        if hasattr(step, "__wrapped__") and "tenant" in inspect.signature(step).parameters
    }

    assert about_one <= {**REPOSITORY, **STEPS}.keys()
    assert about_one >= REPOSITORY.keys()
    assert {name for name in kept if f"a{name}" in kept} == CUSTODY.keys()


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(names=pairs(), which=st.integers(0, 2))
def test_no_call_of_a_tenant_reaches_another(
    repository: StrategyRepository, tmp_path: Path, names: tuple[str, str], which: int
) -> None:
    """Neither in what it returns nor in what it leaves behind."""
    victim, thief = names
    try:
        prey = moved_in(repository, victim)[which]
        assert CANARY in everything_of(repository, victim)

        tried = thefts(repository, victim, thief, prey, tmp_path)
        assert [] == [each for each in tried if each.seen or each.changed]
        assert [] == repository.scan(tenant="pool")
    finally:
        evicted(repository)


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(names=pairs())
def test_the_floor_and_the_labels_of_a_tenant_are_its_own(
    repository: StrategyRepository, names: tuple[str, str]
) -> None:
    """Who could move another's floor could show him everything, or nothing."""
    victim, thief = names
    try:
        moved_in(repository, victim)

        assert DEFAULT_FLOOR == run(Floors(repository).reading(thief))
        assert 0.9 == run(Floors(repository).reading(victim)).similarity
        assert ([], 1) == (labels(repository, thief), len(labels(repository, victim)))
        assert 0 == repository.count(tenant=thief)
    finally:
        evicted(repository)


@pytest.mark.parametrize(
    "name", ["", " ", "\t\n", "a\x00", "\x00", "a\ud800", None, 0, ["a"], b"a"]
)
def test_what_is_no_tenant_reaches_nobody(repository: StrategyRepository, name: Any) -> None:
    """There is no name for everybody, and none that a database would read as another."""
    try:
        (prey, *_) = moved_in(repository, "acme")
        calls = {**REPOSITORY, "forget": CUSTODY["forget"], "sweep": CUSTODY["sweep"]}
        if not isinstance(name, str) or "\ud800" in name:
            del calls["put"], calls["swap"]  # nobody can make a strategy of such a tenant
        for call in calls.values():
            with pytest.raises(TenantError):
                call(repository, name, prey, Path())
        if isinstance(name, str):  # to a cascade, none means its own
            with cascade_of(repository=repository) as cascade, pytest.raises(ConfigurationError):
                cascade.invoke(QUERY, tenant=name)
    finally:
        evicted(repository)


# The cascade.


@settings(
    max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(names=pairs())
def test_an_answer_holds_nothing_of_another_tenant(host: Host, names: tuple[str, str]) -> None:
    """Nor does its record, nor what was spent."""
    victim, thief = names
    with ENGINES["edge"]() as repository, cascade_over(repository) as cascade:
        host.ask(cascade, "How many pears are there?", tenant=victim)
        before = everything_of(repository, victim)
        again, mine = host.ask(cascade, "How many pears are here?", tenant=victim, force="weak")
        answer, record = host.ask(cascade, "How many pears are here?", tenant=thief, force="weak")

        assert (CANARY in again.text, len(mine["strategies"])) == (True, 1)
        assert CANARY not in answer.text
        assert (CANARY not in str(record), record["strategies"]) == (True, [])
        assert 0 == (record["retrieval"] or {})["considered"]
        assert thief not in cascade.spending(victim).by_tenant
        assert before == everything_of(repository, victim)


def test_only_the_pool_is_seen_by_others_and_no_example_in_it(host: Host) -> None:
    """The exception that is documented: a pool that the cascade was told to search."""
    with EdgeRepository() as repository:
        moved_in(repository, "pool")
        moved_in(repository, "victim")
        with cascade_over(repository, shared="pool", faithful=True) as cascade:
            answer, record = host.ask(cascade, "pears?", tenant="thief", force="weak")

    (shown,) = record["strategies"]
    assert shown.get("shared") is True
    assert shown["id"] == belongings("pool")[0].id
    assert (ADVICE.title in answer.text, QUERY in answer.text) == (True, False)


# The command line.

COMMANDS: Final[dict[str, tuple[str, ...]]] = {
    "list": (),
    "show": ("ID",),
    "stats": (),
    "explain": (QUERY,),
    "floor": (),
    "review": ("--approve", "ID", "--by", "thief"),
    "activate": ("ID", "--by", "thief"),
    "suspend": ("ID", "--by", "thief"),
    "archive": ("ID", "--by", "thief"),
    "undo": ("ID",),
    "promote": ("ID", "--to", "pool", "--by", "thief"),
    "forget": ("--source", SOURCE, "--query", QUERY, "--yes"),
    "sweep": ("--max-active", "0", "--purge-days", "0", "--yes"),
    "export": ("FILE", "--lessons", "--force"),
    "import": ("FILE",),
}


@pytest.fixture(scope="module")
def occupied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder in which the victim lives, and all that is stored of the victim."""
    folder = tmp_path_factory.mktemp("occupied") / "strategies"
    with EdgeRepository(folder) as repository:
        first, *_ = moved_in(repository, "acme")
        repository.update(first.id, tenant="acme", change=lambda found: suspended(found, "why"))
        return folder, everything_of(repository, "acme")


@pytest.mark.parametrize("thief", ["acme ", "../ACME"])
def test_no_command_reaches_another_tenant(
    occupied: tuple[Path, str], thief: str, tmp_path: Path
) -> None:
    """By whatever command, with the victim's own ids; `reembed` is about the whole repository."""
    folder = Path(shutil.copytree(occupied[0], tmp_path / "strategies"))
    prey = belongings("acme")[0]
    file = tmp_path / "exported.jsonl"
    for command, words in COMMANDS.items():
        given = [{"ID": prey.id, "FILE": str(file)}.get(word, word) for word in words]
        told = [
            "--tenant",
            thief,
            "--path",
            str(folder),
            *(["--json"] if command != "review" else []),
        ]
        result = CliRunner().invoke(app, ["strategies", command, *given, *told])

        # What was asked for may be said again; nothing else of the victim's is known to the thief.
        said = result.output.replace(QUERY, "").replace(SOURCE, "")
        assert CANARY not in said, command
        assert isinstance(result.exception, SystemExit | None), command
    with EdgeRepository(folder) as repository:
        assert occupied[1] == everything_of(repository, "acme")
        assert [] == repository.scan(tenant="pool")
    assert CANARY not in file.read_text("utf-8")


def test_every_command_is_tried() -> None:
    """A command that is added later has to be tried, too."""
    from langchain_intercascade.cli.strategies import strategies  # noqa: PLC0415 - typer's object

    known = {each.name for each in strategies.registered_commands}

    assert COMMANDS.keys() == known - {"reembed"}
