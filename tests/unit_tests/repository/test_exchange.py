"""Strategies travel in files: whole, checked, private by default, and never trusted unasked."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from langchain_intercascade.errors import (
    ConfigurationError,
    InterCascadeError,
    RepositoryCorruptError,
    TenantError,
)
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.repository.custody import (
    aexport_strategies,
    aimport_strategies,
    export_examples,
    export_strategies,
    import_strategies,
)
from langchain_intercascade.repository.export_file import LONGEST
from langchain_intercascade.repository.importing import UNTRIED, Imported
from langchain_intercascade.repository.lifecycle import suspended
from langchain_intercascade.repository.tuning import Shape
from langchain_intercascade.strategy import Advice, Example, Lesson, State, Strategy, Tally
from tests.conftest import Colour
from tests.unit_tests.repository.stock import (
    ADVICE,
    ENGINES,
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

KEY = b"sixteen bytes or more"
OTHER_KEY = b"another sixteen bytes"
CANARY = "Canary"
ITSELF = {"updated_at", "stamps", "history", "version"}


@pytest.fixture(params=["edge", "qdrant"])
def repository(request: pytest.FixtureRequest) -> Iterator[StrategyRepository]:
    yield from opened(request.param)


@pytest.fixture
def colour(repository: StrategyRepository, colours: list[Colour]) -> Colour:
    """One colour for each engine: each is the same steps, run otherwise."""
    return colours[repository.engine == "edge"]


@pytest.fixture(scope="module")
def memory() -> Iterator[StrategyRepository]:
    """For tests that want nothing but to look whether anything was written."""
    yield from opened("qdrant")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "strategies.jsonl"


def written(file: Path, *strategies: Strategy, **options: Any) -> Path:
    """Export `strategies` into `file`."""
    with ENGINES["qdrant"]() as elsewhere:
        fill(elsewhere, *strategies)
        export_strategies(elsewhere, file, tenant=TENANT, **options)
    return file


def comparable(one: Strategy) -> dict[str, Any]:
    return one.model_dump(exclude=ITSELF)


# There and back.


def test_all_of_a_strategy_comes_back(
    colour: Colour, repository: StrategyRepository, file: Path
) -> None:
    """To the same tenant, from a file that is trusted: whatever there is to it."""
    lesson = Lesson(query=QUERY, answer="five")
    whole = confirmed(
        strategy(
            source="ben",
            lesson=lesson,
            example=Example(query=QUERY, answer="five"),
            ledger={"weak": Tally(right_with=3.5, labels=4, saved=0.25)},
            cost=0.001,
            expires_at="2999-01-01",
        ),
        ("Another?", "carl"),
    )
    originals = [whole, pending("p"), suspended(strategy("s"), "harmful"), strategy("ünï\u2028")]
    fill(repository, *originals)
    options: dict[str, Any] = {"tenant": TENANT, "key": KEY}

    out = colour.run(
        lambda: export_strategies(repository, file, lessons=True, **options),
        lambda: aexport_strategies(repository, file, lessons=True, **options),
    )
    for each in originals:
        repository.remove(each.id, tenant=TENANT)
    back = colour.run(
        lambda: import_strategies(repository, file, trust=True, **options),
        lambda: aimport_strategies(repository, file, trust=True, **options),
    )

    assert (4, True, 4, True) == (out.count, out.signed, back.written, back.trusted)
    for each in originals:
        found = repository.get(each.id, tenant=TENANT)
        assert found is not None
        assert comparable(each) == comparable(found)
        assert "imported" == found.history[-1].what
        assert len(found.stamps) == 1


def test_what_nobody_vouches_for_is_on_probation(
    colour: Colour, repository: StrategyRepository, file: Path
) -> None:
    """In use there is not in use here, and its experience was made elsewhere."""
    boasting = strategy(ledger={"weak": Tally(right_with=99, labels=99)}, verified_by="verifier")
    written(file, boasting, suspended(strategy("s"), "harmful"), key=KEY)

    colour.run(
        lambda: import_strategies(repository, file, tenant=TENANT),
        lambda: aimport_strategies(repository, file, tenant=TENANT),
    )

    one = repository.get(boasting.id, tenant=TENANT)
    assert one is not None
    assert (State.CANDIDATE, UNTRIED, {}, "") == (
        one.state,
        one.reason,
        one.ledger,
        one.verified_by,
    )
    (other,) = repository.scan(tenant=TENANT, states=(State.SUSPENDED,))
    assert "harmful" == other.reason
    assert [] == repository.search(QUERY, tenant=TENANT, k=5)


def test_another_tenant_gets_copies_of_its_own(
    colour: Colour, repository: StrategyRepository, file: Path
) -> None:
    """Always the same ids, which say where they come from; examples stay behind."""
    one = strategy(example=Example(query=QUERY, answer=CANARY))
    written(file, one)

    for _ in range(2):
        done = colour.run(
            lambda: import_strategies(repository, file, tenant="other"),
            lambda: aimport_strategies(repository, file, tenant="other"),
        )

    (copy,) = repository.scan(tenant="other")
    assert (0, 1) == (done.written, done.present)
    assert (one.id,) == copy.origin.parents
    assert one.id != copy.id
    assert CANARY not in dumped(repository)
    assert set() == ids(repository, TENANT)


def test_what_is_there_is_left_alone(repository: StrategyRepository, file: Path) -> None:
    there = strategy(reason="mine")
    written(file, strategy(reason="theirs"), strategy("new"))
    fill(repository, there)

    done = import_strategies(repository, file, tenant=TENANT)

    assert (1, 1) == (done.written, done.present)
    assert there == repository.get(there.id, tenant=TENANT)


def test_a_dry_run_writes_nothing(memory: StrategyRepository, file: Path) -> None:
    done = import_strategies(memory, written(file, strategy()), tenant=TENANT, dry_run=True)

    assert (1, True) == (done.written, done.dry_run)
    assert set() == ids(memory)


def test_many_pages_travel(memory: StrategyRepository, file: Path) -> None:
    """With word of how far it is."""
    told: list[int] = []
    written(file, *(strategy(f"{n}") for n in range(210)), progress=told.append)

    assert [200, 210] == told
    assert 210 == import_strategies(memory, file, tenant="many").written


letters = st.characters(codec="utf-8", exclude_characters="\x00")
lines = st.text(letters, min_size=1, max_size=20).filter(str.strip)
some_advice = st.builds(
    Advice,
    title=lines,
    when_to_use=lines,
    steps=st.lists(lines, min_size=1, max_size=3).map(tuple),
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    made=st.lists(
        st.tuples(lines, some_advice, st.sampled_from(State)),
        max_size=4,
        unique_by=lambda each: each[0].casefold().strip(),
    ),
    cost=st.none() | st.floats(min_value=0, max_value=9),
)
def test_export_and_import_are_inverse(
    tmp_path: Path, made: list[tuple[str, Advice, State]], cost: float | None
) -> None:
    """Whatever the texts are."""
    file = tmp_path / "e"
    with ENGINES["qdrant"]() as one, ENGINES["qdrant"]() as other:
        for query, advice, state in made:
            lesson = Lesson(query=query, answer="a")
            one.put(strategy(query, advice=advice, state=state, lesson=lesson, cost=cost))
        export_strategies(one, file, tenant=TENANT, lessons=True, key=KEY, force=True)
        import_strategies(other, file, tenant=TENANT, key=KEY, trust=True)

        assert [comparable(each) for each in one.scan(tenant=TENANT)] == [
            comparable(each) for each in other.scan(tenant=TENANT)
        ]


def test_what_no_database_can_hold_is_left_out(memory: StrategyRepository, file: Path) -> None:
    """Some can, and what is exported there must be good for all."""
    written(file, strategy(reason="a\x00b", ledger={"m\x00": Tally(labels=1)}))

    assert 1 == import_strategies(memory, file, tenant=TENANT, dry_run=True).written


# What is private.


def test_lessons_stay_home_unless_asked_for(
    repository: StrategyRepository, file: Path, tmp_path: Path
) -> None:
    """And what could be undone never leaves: it may be anything."""
    on_trial = strategy(
        state=State.CANDIDATE, lesson=Lesson(query=QUERY, answer=CANARY, weak_answer=CANARY)
    )
    fill(repository, on_trial.recorded(f"{CANARY[:3]} changed", lesson=None), pending(CANARY))
    fill(repository, on_trial.model_copy(update={"id": "5d0b3a36-5b54-5e4e-9d0b-0f1b7b4b9a11"}))

    export_strategies(repository, file, tenant=TENANT)
    export_strategies(repository, tmp_path / "all", tenant=TENANT, lessons=True)

    assert CANARY not in file.read_text("utf-8")
    assert 5 == (tmp_path / "all").read_text("utf-8").count(CANARY)


def test_a_file_without_queries_quotes_nobody(repository: StrategyRepository, file: Path) -> None:
    """Neither query, nor source, nor example; strategies are found by their own words."""
    private = confirmed(
        strategy(
            f"{CANARY}?", source=CANARY, example=Example(query=CANARY, answer=CANARY), tenant=TENANT
        ),
        (f"{CANARY}!", CANARY),
    )
    fill(repository, private.recorded("touched", keys=private.keys))

    export_strategies(repository, file, tenant=TENANT, without_queries=True)
    import_strategies(repository, file, tenant="other")

    assert CANARY not in file.read_text("utf-8")
    (copy,) = repository.scan(tenant="other")
    assert (("Sums. Two amounts are given.",), 2) == (copy.keys, copy.support)


def test_a_seed_pack_bears_its_own_name_only(repository: StrategyRepository, file: Path) -> None:
    """It is a file like any other; what it taught can be forgotten by that name."""
    tenant = f"{CANARY} & sons"
    fill(
        repository,
        strategy(tenant=tenant, source=CANARY, ledger={CANARY: Tally(labels=1)}),
    )

    export_strategies(repository, file, tenant=tenant, pack="sums")
    import_strategies(repository, file, tenant="other")

    (copy,) = repository.scan(tenant="other")
    assert "pack:sums" == copy.origin.source
    assert CANARY not in file.read_text("utf-8")


def test_pending_lessons_of_a_stranger_are_not_taken(
    repository: StrategyRepository, file: Path
) -> None:
    """They would be distilled, at the reader's expense."""
    written(file, strategy(), pending("p"), lessons=True, key=KEY)

    done = import_strategies(repository, file, tenant=TENANT)
    assert (1, 1) == (done.written, done.lessons)
    assert 0 == repository.count(tenant=TENANT, states=(State.PENDING,))

    assert 1 == import_strategies(repository, file, tenant=TENANT, key=KEY, trust=True).written


@pytest.mark.parametrize(
    "options", [{"states": (State.PENDING,)}, {"lessons": True, "without_queries": True}]
)
def test_contradictions_are_refused(
    memory: StrategyRepository, file: Path, options: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError, match=r"--lessons"):
        export_strategies(memory, file, tenant=TENANT, **options)
    assert not file.exists()


def test_only_the_states_that_are_asked_for(repository: StrategyRepository, file: Path) -> None:
    fill(repository, strategy(), strategy("s", state=State.SUSPENDED))

    done = export_strategies(repository, file, tenant=TENANT, states=(State.SUSPENDED,))

    assert 1 == done.count


def test_damaged_strategies_are_counted(repository: StrategyRepository, file: Path) -> None:
    """They cannot be in the file; saying nothing would make it look complete."""
    from langchain_intercascade._steps import run  # noqa: PLC0415 - steps are for this one look
    from langchain_intercascade.repository.operations import Point  # noqa: PLC0415
    from langchain_intercascade.repository.points import point_id  # noqa: PLC0415

    one = strategy()
    damaged = {**one.payload(), "support": "many"}
    run(repository.loading([Point(point_id(TENANT, one.id), [[1.0] * 64], damaged)]))

    assert 1 == export_strategies(repository, file, tenant=TENANT).unreadable


# The file on the disk.


def test_a_file_is_not_overwritten_unasked(memory: StrategyRepository, file: Path) -> None:
    file.write_text("mine", "utf-8")

    with pytest.raises(ConfigurationError, match="exists"):
        export_strategies(memory, file, tenant=TENANT)
    assert "mine" == file.read_text("utf-8")

    export_strategies(memory, file, tenant=TENANT, force=True)
    assert "mine" != file.read_text("utf-8")


@pytest.mark.parametrize("path", ["", "missing/file", "strategies.jsonl/file"])
def test_a_place_that_cannot_be_written_is_explained(
    memory: StrategyRepository, tmp_path: Path, path: str
) -> None:
    (tmp_path / "strategies.jsonl").touch()

    with pytest.raises(
        ConfigurationError, match=r"exists already|cannot be written .*a folder that exists"
    ):
        export_strategies(memory, tmp_path / path, tenant=TENANT)


def test_an_export_that_fails_leaves_nothing(
    memory: StrategyRepository, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither half a file nor a draft of one."""

    def broken(*_: object, **__: object) -> Any:
        raise RepositoryCorruptError
        yield

    monkeypatch.setattr(memory, "leafing", broken)
    with pytest.raises(RepositoryCorruptError):
        export_strategies(memory, file, tenant=TENANT)
    assert [] == list(file.parent.iterdir())


def test_a_file_is_for_its_owner(file: Path) -> None:
    """It may hold what users asked."""
    assert 0o600 == stat.S_IMODE(written(file, strategy()).stat().st_mode)


# Signatures.


def test_trust_needs_a_signature_by_a_known_key(memory: StrategyRepository, file: Path) -> None:
    written(file, strategy(), key=KEY)

    with pytest.raises(
        ConfigurationError, match=r"needs the key .*as `key` \(--key-file\), or leave out `trust`"
    ):
        import_strategies(memory, file, tenant=TENANT, trust=True)
    with pytest.raises(RepositoryCorruptError, match="signature"):
        import_strategies(memory, file, tenant=TENANT, trust=True, key=OTHER_KEY)
    with pytest.raises(RepositoryCorruptError, match="signature"):
        import_strategies(memory, file, tenant=TENANT, key=OTHER_KEY, skip_bad=True)
    assert set() == ids(memory)


def test_a_key_insists_on_a_signature(memory: StrategyRepository, file: Path) -> None:
    written(file, strategy())

    with pytest.raises(ConfigurationError, match=r"not signed.*Leave out `key`"):
        import_strategies(memory, file, tenant=TENANT, key=KEY)


def test_a_key_that_can_be_guessed_is_refused(memory: StrategyRepository, file: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"has 5 bytes and needs at least 16.*openssl rand -hex 32"
    ):
        export_strategies(memory, file, tenant=TENANT, key=b"short")


def test_a_file_signed_anew_by_somebody_else_is_found_out(
    memory: StrategyRepository, file: Path
) -> None:
    """Checksums can be made by anybody, signatures cannot."""
    written(file, strategy(), key=KEY)
    forge(file, lambda one: one["advice"].update(title="Evil"))

    with pytest.raises(RepositoryCorruptError, match="signature"):
        import_strategies(memory, file, tenant=TENANT, key=KEY, trust=True)
    assert set() == ids(memory)


# Files that are wrong.


def canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def forge(file: Path, change: Callable[[dict[str, Any]], Any], *, line: int = 1) -> None:
    """Change the strategy on a line and make all checksums fit, as anybody can."""
    lines = file.read_bytes().splitlines(keepends=True)
    entry = json.loads(lines[line])
    change(entry["strategy"])
    entry["sha256"] = sha256(canonical(entry["strategy"])).hexdigest()
    lines[line] = canonical(entry) + b"\n"
    trailer = {**json.loads(lines[-1]), "sha256": sha256(b"".join(lines[:-1])).hexdigest()}
    file.write_bytes(b"".join((*lines[:-1], canonical(trailer) + b"\n")))


FORGERIES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "unknown field": (lambda one: one.update(extra=1), "extra"),
    "unknown field inside": (lambda one: one["advice"].update(extra=1), "advice.extra"),
    "missing field": (lambda one: one.pop("origin"), "origin"),
    "wrong type": (lambda one: one.update(keys="a"), "keys"),
    "newer": (lambda one: one.update(schema_version=99), "schema version 99"),
    "not an id": (lambda one: one.update(id="forgotten:everything"), "UUID"),
    "other tenant": (lambda one: one.update(tenant="thief"), "tenant"),
    "many keys": (lambda one: one.update(keys=["k"] * 9), "keys"),
    "no advice": (lambda one: one.update(advice=None), "advice"),
    "undo": (
        lambda one: one.update(
            history=[{"at": "a", "version": 2, "what": "w", "undo": {"state": "active"}}]
        ),
        "undone",
    ),
    "surrogate": (lambda one: one.update(reason="\ud800"), "characters"),
    "nul": (lambda one: one["ledger"].update({"\x00": {}}), "characters"),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_strategy_is_refused_by_its_line(
    memory: StrategyRepository, file: Path, forgery: str
) -> None:
    """Though every checksum fits; and nothing else in the file is taken."""
    change, why = FORGERIES[forgery]
    written(file, strategy(), strategy("two"), strategy("three"))
    forge(file, change, line=2)

    with pytest.raises(RepositoryCorruptError, match=rf"line 3: .*{why}"):
        import_strategies(memory, file, tenant=TENANT)
    assert set() == ids(memory)


LINES: dict[str, tuple[bytes, str]] = {
    "not json": (b"{\n", "not JSON"),
    "not an object": (b"[]\n", "not a JSON object"),
    "too deep": (b"[" * 200_000 + b"\n", "not JSON"),
    "too long": (b'{"a": "' + b"x" * LONGEST + b'"}\n', "longer"),
    "infinite": (b'{"strategy": {"cost": 1e999}, "sha256": ""}\n', "not JSON"),
    "nan": (b'{"strategy": {"cost": NaN}, "sha256": ""}\n', "not JSON"),
    "a huge number": (b'{"a": ' + b"9" * 5000 + b"}\n", "not JSON"),
    "not utf-8": (b'{"a": "\xff"}\n', "not JSON"),
    "utf-16": ('{"a": 1}'.encode("utf-16") + b"\n", "not JSON"),
    "blank": (b"\n", "not JSON"),
    "no checksum": (b'{"strategy": {}}\n', "sha256"),
    "checksum of another": (b'{"strategy": {}, "sha256": "%b"}\n' % (b"0" * 64), "checksum"),
    "pickled": (b"\x80\x04\x95.\n", "not JSON"),
}


@pytest.mark.parametrize("bad", LINES)
def test_a_bad_line_is_named(memory: StrategyRepository, file: Path, bad: str) -> None:
    raw, why = LINES[bad]
    lines = written(file, strategy(), strategy("two")).read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join((*lines[:2], raw, *lines[2:])))

    with pytest.raises(RepositoryCorruptError, match=rf"line 3: .*{why}"):
        import_strategies(memory, file, tenant=TENANT)
    assert set() == ids(memory)


@pytest.mark.parametrize("bad", LINES)
def test_the_good_lines_of_a_bad_file_can_be_taken(
    memory: StrategyRepository, file: Path, bad: str
) -> None:
    """With a report of the others."""
    raw, why = LINES[bad]
    lines = written(file, strategy(), strategy("two")).read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join((*lines[:2], raw, *lines[2:])))

    done = import_strategies(memory, file, tenant=TENANT, skip_bad=True, dry_run=True)

    assert 2 == done.written
    assert (3, True) == (done.problems[0].line, why in done.problems[0].why)
    assert "checksum of the file" in done.problems[-1].why


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param(lambda lines: lines[:-1], "breaks off", id="no trailer"),
        pytest.param(lambda lines: [*lines[:1], *lines[2:]], "checksum", id="line removed"),
        pytest.param(
            lambda lines: [lines[0], lines[2], lines[1], lines[3]], "checksum", id="moved"
        ),
        pytest.param(lambda lines: [*lines, lines[1]], "after the end", id="line appended"),
        pytest.param(lambda lines: [*lines[:-1], lines[-1].strip()], "breaks off", id="cut"),
        pytest.param(
            lambda lines: [*lines[:-1], lines[-1].replace(b'"count":2', b'"count":3')],
            "counts",
            id="counts",
        ),
    ],
)
def test_a_file_that_is_not_whole_is_refused(
    memory: StrategyRepository, file: Path, change: Callable[[list[bytes]], list[bytes]], why: str
) -> None:
    lines = written(file, strategy(), strategy("two")).read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(change(lines)))

    with pytest.raises(RepositoryCorruptError, match=why):
        import_strategies(memory, file, tenant=TENANT)
    assert set() == ids(memory)


@pytest.mark.parametrize(
    ("first", "why"),
    [
        (b"", "not an export"),
        (b"{}\n", "not an export"),
        (b'{"format": "something else"}\n', "not an export"),
        (b'{"format": "langchain-intercascade strategies", "format_version": 2}\n', "Upgrade"),
        (b'{"format": "langchain-intercascade strategies"}\n', "line 1: package"),
        (b"\x00\x01\x02", "not an export"),
    ],
)
def test_what_is_no_export_is_not_taken_for_one(
    memory: StrategyRepository, file: Path, first: bytes, why: str
) -> None:
    file.write_bytes(first)

    for skip_bad in (False, True):
        with pytest.raises((ConfigurationError, RepositoryCorruptError), match=why):
            import_strategies(memory, file, tenant=TENANT, skip_bad=skip_bad)


@pytest.mark.parametrize("path", ["", "absent"])
def test_a_file_that_cannot_be_read_is_explained(
    memory: StrategyRepository, tmp_path: Path, path: str
) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be read.*Name a file that `intercascade"):
        import_strategies(memory, tmp_path / path, tenant=TENANT)


def test_a_tenant_must_be_named(memory: StrategyRepository, file: Path) -> None:
    with pytest.raises(TenantError):
        import_strategies(memory, written(file, strategy()), tenant=" ")


def test_a_file_that_changes_after_it_was_checked_is_found_out(
    memory: StrategyRepository, file: Path, tmp_path: Path
) -> None:
    """Between the two times it is read."""
    written(file, *(strategy(f"{n}") for n in range(40)))
    other = written(tmp_path / "other", *(strategy(f"{n} b") for n in range(40))).read_bytes()

    def meddle(_: int) -> None:
        file.write_bytes(other)

    with pytest.raises(RepositoryCorruptError, match="while it was read"):
        import_strategies(memory, file, tenant="x", dry_run=True, progress=meddle)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A good file of three strategies."""
    file = tmp_path_factory.mktemp("exchange") / "sample"
    return written(file, strategy(), strategy("two"), strategy("three")).read_bytes()


def meddled(sample: bytes, data: st.DataObject) -> bytes:
    """Return the file with a stretch of it replaced by something."""
    start = data.draw(st.integers(0, len(sample)))
    end = data.draw(st.integers(start, min(len(sample), start + 40)))
    pieces = st.sampled_from([b"", b"\n", b'"', b"}", b"0", b"null", b"\\u0000", b"\xff"])
    middle = data.draw(pieces | st.binary(max_size=12))
    return sample[:start] + middle + sample[end:]


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_meddling_never_gets_anything_in(
    memory: StrategyRepository, sample: bytes, tmp_path: Path, data: st.DataObject
) -> None:
    """A file that was changed anywhere is refused with one of our errors, or says the same."""
    file = tmp_path / "meddled"
    file.write_bytes(meddled(sample, data))

    done = outcome(memory, file)

    assert done is None or 3 == done.written
    assert set() == ids(memory)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_meddling_is_reported_where_bad_lines_are_skipped(
    memory: StrategyRepository, sample: bytes, tmp_path: Path, data: st.DataObject
) -> None:
    """Only strategies that the file had are ever taken."""
    file = tmp_path / "meddled"
    changed = meddled(sample, data)
    file.write_bytes(changed)

    done = outcome(memory, file, skip_bad=True)

    assert done is None or done.written <= 3
    assert done is None or done.problems or 3 == done.written


def outcome(memory: StrategyRepository, file: Path, **options: Any) -> Imported | None:
    """Import `file` for show; `None` if it was refused."""
    try:
        return import_strategies(memory, file, tenant=TENANT, dry_run=True, **options)
    except InterCascadeError:
        return None


# Examples for training.


def test_examples_make_chats_to_train_on(repository: StrategyRepository, file: Path) -> None:
    fill(repository, strategy(example=Example(query="2+2?", answer="vier ü")), strategy("none"))
    fill(repository, strategy("out", state=State.ARCHIVED, example=Example(query="a", answer="b")))

    done = export_examples(repository, file, tenant=TENANT, shape=Shape.CHAT)

    assert (1, 1) == (done.count, done.without)
    user = {"role": "user", "content": "2+2?"}
    assistant = {"role": "assistant", "content": "vier ü"}
    lines = file.read_text("utf-8").splitlines()
    assert [{"messages": [user, assistant]}] == list(map(json.loads, lines))


@pytest.mark.parametrize("count", [0, 1, 3])
def test_examples_make_a_few_shot_set(
    repository: StrategyRepository, file: Path, count: int
) -> None:
    for n in range(count):
        fill(repository, strategy(f"{n}?", example=Example(query=f"{n}?", answer=f"{n}")))

    export_examples(repository, file, tenant=TENANT, shape=Shape.FEW_SHOT)

    found = json.loads(file.read_text("utf-8"))
    expected = [{"input": f"{n}?", "output": f"{n}"} for n in range(count)]
    assert expected == sorted(found, key=lambda each: each["input"])


def test_the_advice_of_the_stock_is_what_it_says() -> None:
    """`test_a_file_without_queries_quotes_nobody` depends on it."""
    assert ("Sums", "Two amounts are given.") == (ADVICE.title, ADVICE.when_to_use)
