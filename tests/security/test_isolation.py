"""Nothing of one tenant is seen or changed by another, whatever the other is called or asks for."""

from __future__ import annotations

import inspect
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from langchain_intercascade import EdgeRepository, InterCascade, TenantError
from langchain_intercascade._steps import run
from langchain_intercascade.cli.app import app
from langchain_intercascade.errors import ConfigurationError, LessonRejectedError
from langchain_intercascade.learning.label_log import Entry, LabelLog
from langchain_intercascade.repository import custody
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.repository.lifecycle import suspended
from langchain_intercascade.repository.retrieval import DEFAULT_FLOOR, FLOOR_NOTE, Floors
from langchain_intercascade.repository.tuning import Shape
from langchain_intercascade.strategy import State, Strategy
from langchain_intercascade.testing import ScriptedChatModel
from tests.cascades import Host, cascade_of, is_distil_prompt
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
from tests.unit_tests.repository.stock import ENGINES, opened, strategy

ANY: Final = tuple(State)
NOT_HERE: Final = (ConfigurationError, LessonRejectedError)

Call = Callable[[StrategyRepository, str, Strategy, Path], Any]


@pytest.fixture(scope="module", params=list(ENGINES))
def repository(request: pytest.FixtureRequest) -> Iterator[StrategyRepository]:
    """A repository of each engine, shared by all examples."""
    yield from opened(request.param)


def promoted(repository: StrategyRepository, thief: str, prey: Strategy, _: Path) -> Any:
    """Try to have the prey promoted to a pool of the thief's own choice."""
    try:
        return custody.promote(repository, prey.id, tenant=thief, to="pool", reviewer="thief")
    except NOT_HERE:
        return None


def exported(repository: StrategyRepository, thief: str, _: Strategy, folder: Path) -> str:
    """Export all there is, queries, lessons and all, and read the file."""
    file = folder / "stolen.jsonl"
    told = custody.export_strategies(repository, file, tenant=thief, lessons=True, force=True)
    return f"{told} {file.read_text('utf-8')}"


def exported_examples(repository: StrategyRepository, thief: str, _: Strategy, to: Path) -> str:
    """Export solved examples, and read the file."""
    file = to / "examples.jsonl"
    told = custody.export_examples(
        repository, file, tenant=thief, shape=Shape.FEW_SHOT, states=ANY, force=True
    )
    return f"{told} {file.read_text('utf-8')}"


def imported(repository: StrategyRepository, thief: str, prey: Strategy, folder: Path) -> Any:
    """Import, as the thief's, a strategy that has the id of the prey."""
    file = folder / "planted.jsonl"
    with ENGINES["qdrant"]() as elsewhere:
        elsewhere.put(strategy("planted", id=prey.id, tenant="elsewhere"))
        custody.export_strategies(elsewhere, file, tenant="elsewhere", force=True)
    return custody.import_strategies(repository, file, tenant=thief)


def forgotten(repository: StrategyRepository, thief: str, *_: Any) -> list[Any]:
    """Forget what the victim has learned, by source, by query and altogether."""
    wanted: tuple[dict[str, Any], ...] = ({"source": SOURCE}, {"query": QUERY}, {})
    receipts = [custody.forget(repository, tenant=thief, **each) for each in wanted]
    return [(each.ids, each.removed, each.keys_removed) for each in receipts]


# Every public call of a repository and of custody that is about one tenant, as the thief makes it.
REPOSITORY: Final[dict[str, Call]] = {
    "search": lambda r, who, _, __: r.search(
        QUERY, tenant=who, k=50, min_similarity=-1.0, states=ANY
    ),
    "get": lambda r, who, prey, _: r.get(prey.id, tenant=who),
    "scan": lambda r, who, prey, _: (
        r.scan(tenant=who, states=ANY),
        r.scan(tenant=who, states=ANY, after=prey.id),
    ),
    "count": lambda r, who, _, __: r.count(tenant=who, states=ANY),
    "update": lambda r, who, prey, _: r.update(
        prey.id, tenant=who, change=lambda found: found.changed(state=State.ARCHIVED)
    ),
    "remove": lambda r, who, prey, _: r.remove(prey.id, tenant=who),
    "put": lambda r, who, prey, _: r.put(strategy("planted", id=prey.id, tenant=who)),
    "swap": lambda r, who, prey, _: r.swap(
        strategy("planted", id=prey.id, tenant=who), version=prey.version
    ),
}
CUSTODY: Final[dict[str, Call]] = {
    "export_strategies": exported,
    "export_examples": exported_examples,
    "import_strategies": imported,
    "promote": promoted,
    "approve": lambda r, who, prey, _: custody.approve(r, prey.id, tenant=who, reviewer="thief"),
    "sweep": lambda r, who, _, __: custody.sweep(r, tenant=who, max_active=0, purge_days=0),
    "calibrate_floor": lambda r, who, _, __: custody.calibrate_floor(r, tenant=who),
    "forget": forgotten,
}
STEPS: Final[dict[str, Call]] = {
    "reading_note": lambda r, who, _, __: run(r.reading_note(FLOOR_NOTE, tenant=who)),
    "writing_note": lambda r, who, _, __: run(
        r.writing_note(FLOOR_NOTE, {"mine": 1}, tenant=who, after=None)
    ),
    "labels": lambda r, who, _, __: labels(r, who),
    "own label": lambda r, who, _, __: run(
        LabelLog(r, tenant=who, weak_model="weak").appending([Entry(run_id="mine")])
    ),
}


def labels(repository: StrategyRepository, tenant: str) -> list[Entry]:
    """All that a tenant's log says."""
    found: list[Entry] = []
    run(LabelLog(repository, tenant=tenant, weak_model="weak").reading(found.extend))
    return found


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
        before = everything_of(repository, victim)
        assert CANARY in before
        for name, call in {**REPOSITORY, **STEPS, **CUSTODY}.items():
            said = str(call(repository, thief, prey, tmp_path))

            assert CANARY not in said, name
            assert before == everything_of(repository, victim), name
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


def parrot() -> ScriptedChatModel:
    """A weak model that says all it was shown, and is unsure of it."""
    return ScriptedChatModel(respond=lambda prompt: "\n".join(each.text for each in prompt))


def indiscreet() -> ScriptedChatModel:
    """A strong model that answers with what it was shown, and teaches `ADVICE`."""
    taught = json.dumps(ADVICE.model_dump(mode="json"))

    def respond(prompt: list[Any]) -> str:
        return taught if is_distil_prompt(prompt) else "\n".join(each.text for each in prompt)

    return ScriptedChatModel(respond=respond)


def cascade_over(repository: StrategyRepository, **options: Any) -> InterCascade:
    given: dict[str, Any] = {"admission": lambda _: True, "threshold": 1.0, "min_similarity": -1.0}
    return cascade_of(parrot(), indiscreet(), repository=repository, **(given | options))


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
