"""`intercascade strategies` does what its help says, and asks before it destroys."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding
from typer.testing import CliRunner

from langchain_intercascade.cli.app import app
from langchain_intercascade.cli.given import embeddings
from langchain_intercascade.repository.edge import EdgeRepository
from langchain_intercascade.repository.lifecycle import on_probation, suspended
from langchain_intercascade.strategy import Advice, Change, Example, Replays, State, Strategy, Tally
from tests.unit_tests.repository.stock import QUERY, confirmed, fill, pending, strategy

Cli: TypeAlias = Callable[..., Any]
DEFAULT = "default"
COMMANDS = (
    *("list", "show", "stats", "explain", "floor", "review", "activate", "suspend", "archive"),
    *("undo", "promote", "forget", "sweep", "export", "import", "reembed"),
)


def made(query: str = QUERY, **changes: Any) -> Strategy:
    return strategy(query, **{"tenant": DEFAULT, **changes})


ONE = confirmed(
    made(
        source="ben",
        cost=0.02,
        ledger={"weak-model": Tally(right_with=8, wrong_without=8, labels=8, uses=9, saved=1.5)},
        replays=Replays(source=True, passed=1, failed=1),
        verified_by="verifier",
    ),
    ("Another?", "carl"),
)
WAITING = on_probation(
    made(
        "How far apart are the trains?",
        advice=Advice(title="Trains", when_to_use="Two trains.", steps=("Subtract.",)),
    ),
    "not tried yet",
)
OUT = suspended(made("Suspended?", source="dora"), "harmful")


@pytest.fixture
def cli() -> Cli:
    """Run the command in this process; the result has `stdout`, `stderr` and `exit_code`."""

    def run(*words: object, input: str = "") -> Any:
        return CliRunner().invoke(app, ["strategies", *map(str, words)], input=input)

    return run


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one strategy in use, one on probation, one suspended and one lesson."""
    folder = tmp_path_factory.mktemp("stocked") / "strategies"
    with EdgeRepository(folder) as repository:
        fill(repository, ONE, WAITING, OUT, pending("pending", tenant=DEFAULT))
    return folder


@pytest.fixture
def folder(stocked: Path, tmp_path: Path) -> Path:
    """A copy of that folder, to change."""
    return Path(shutil.copytree(stocked, tmp_path / "strategies"))


def get(folder: Path, one: Strategy, tenant: str = DEFAULT) -> Strategy | None:
    with EdgeRepository(folder) as repository:
        return repository.get(one.id, tenant=tenant)


def assert_explained(result: Any, exit_code: int, *words: str) -> None:
    """Check that a run ended with `exit_code` and an error that has `words`, and no traceback."""
    assert exit_code == result.exit_code, result.output
    assert "Error: " in result.stderr
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr


# Help.


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_how_it_is_used(cli: Cli, command: str) -> None:
    """With examples that begin as one would type them."""
    result = cli(command, "--help")

    assert 0 == result.exit_code
    assert f"    intercascade strategies {command} " in result.stdout
    listed = re.search(rf"^  {command} .*$", cli("--help").stdout, re.MULTILINE)
    assert listed is not None
    assert listed[0].endswith(".")
    assert len(listed[0]) <= 76, "cut off on a terminal of 80: its first sentence is too long"


# Looking.


def test_the_list_shows_what_each_has_brought(cli: Cli, folder: Path) -> None:
    lines = cli("list", "--path", folder).stdout.splitlines()

    (line,) = [line for line in lines if ONE.id[:8] in line]
    for part in ("active", "Sums", "2 deferrals", "$1.50", "$0.0200"):
        assert part in line


def test_one_is_shown_with_all_that_is_known_of_it(cli: Cli, folder: Path) -> None:
    shown = cli("show", ONE.id[:8], "--path", folder).stdout

    for part in (
        *(ONE.id, "Sums", "1. Add both.", QUERY, "Another?", "ben, carl", "verifier", "net $1.48"),
        "its own query solved; 1 of 2 others solved",
        "helpful: +80 points of right answers",
        "8 labels, shown 9 times, saved $1.50",
    ):
        assert part in re.sub(r"\s+", " ", shown)
    other = cli("show", OUT.id, "--path", folder).stdout
    assert "suspended: harmful" in other
    assert "unknown, and so is whether it has paid off" in other


def test_an_id_that_is_whole_and_wrong_is_explained(cli: Cli, folder: Path) -> None:
    wrong = "00000000-0000-4000-8000-000000000009"
    assert_explained(
        cli("show", wrong, "--path", folder), 2, "no strategy", "See --tenant", "strategies list"
    )


def test_stats_add_up(cli: Cli, folder: Path) -> None:
    found = json.loads(cli("stats", "--path", folder, "--json").stdout)
    told = cli("stats", "--path", folder).stdout

    states = {"pending": 1, "candidate": 1, "active": 1, "suspended": 1, "archived": 0}
    assert states == found["states"]
    assert (5, 3, 1.5, 9) == (
        found["support"],
        found["cost_unknown"],
        found["saved"],
        found["shown"],
    )
    assert ({"helpful": 1}, 0) == (found["standings"], found["unreadable"])
    assert ("edge", str(folder), 512) == (found["engine"], found["location"], found["dimension"])
    assert "HashingEmbeddings" in found["encoder"]
    assert "1 pending, 1 candidate, 1 active, 1 suspended, 0 archived" in told
    assert "$0.0200, and 3 of unknown cost" in told


def test_stats_of_nobody_are_zero(cli: Cli, folder: Path) -> None:
    found = json.loads(cli("stats", "--path", folder, "--tenant", "nobody", "--json").stdout)

    assert (0, 0, "") == (sum(found["states"].values()), found["support"], found["oldest"])


def test_a_choice_is_explained(cli: Cli, folder: Path) -> None:
    """What is shown, what is not, and why."""
    words = ("explain", QUERY, "--path", folder)
    shown = json.loads(cli(*words, "--json").stdout)
    refused = cli(*words, "--floor", "1")

    assert [ONE.id] == shown["shown"]
    assert "chosen" in cli(*words).stdout
    assert "The floor is 0.30; no other was measured yet." in cli(*words).stderr
    assert 0 == refused.exit_code
    assert "The floor is 1.00; as you said." in refused.stderr
    assert [] == json.loads(cli("explain", "Zyx wvu", "--path", folder, "--json").stdout)["shown"]


def test_a_floor_needs_enough_to_measure_it_with(cli: Cli, folder: Path) -> None:
    assert_explained(cli("floor", "--path", folder), 2, "too few strategies", "measure again")


def test_a_floor_is_measured_and_kept(cli: Cli, tmp_path: Path) -> None:
    with EdgeRepository(tmp_path / "s") as repository:
        for n, word in enumerate("abcdefghijklmnopqrstuvwxy"):
            about = f"{word * 4} {word * 3}ing {word}{n}{word}"
            advice = Advice(title=about, when_to_use=about, steps=(about,))
            fill(repository, made(f"What is {about} of {word * 5}?", advice=advice))
    words = ("floor", "--path", tmp_path / "s")

    tried = cli(*words, "--dry-run", "--json")
    assert 0 == tried.exit_code, tried.stderr
    assert "The floor is 0.30" in cli("explain", "a", "--path", tmp_path / "s").stderr
    kept = cli(*words)
    assert "In force" in kept.stderr
    measured = f"The floor is {json.loads(tried.stdout)['similarity']:.2f}"
    assert measured in kept.stdout
    assert measured in cli("explain", "a", "--path", tmp_path / "s").stderr


# Deciding.


def test_states_are_changed_by_a_person(cli: Cli, folder: Path) -> None:
    """Each change is in the history, with its reason, and can be undone."""
    place = ("--path", folder)
    told = cli("suspend", ONE.id[:8], "--why", "out of date", *place)
    assert told.stderr.endswith(" is suspended now.\n")
    done = get(folder, ONE)
    assert done is not None
    assert (State.SUSPENDED, "out of date") == (done.state, done.reason)

    assert 0 == cli("activate", ONE.id[:8], "--by", "ines", *place).exit_code
    done = get(folder, ONE)
    assert done is not None
    assert "activated: approved by ines" == done.history[-1].what

    archived = json.loads(cli("archive", ONE.id[:8], "--by", "ines", "--json", *place).stdout)
    assert ("archived", "by ines") == (archived["state"], archived["reason"])

    assert "active now (undone)" in cli("undo", ONE.id[:8], *place).stderr
    assert_explained(cli("undo", ONE.id[:8], *place), 2, "no change that could be undone")


@pytest.mark.parametrize(
    ("command", "one", "why"),
    [
        ("suspend", OUT, "suspended already"),
        ("activate", ONE, "it is active"),
        ("undo", ONE, "no change"),
    ],
)
def test_what_cannot_be_done_is_explained(
    cli: Cli, folder: Path, command: str, one: Strategy, why: str
) -> None:
    assert_explained(cli(command, one.id, "--path", folder), 2, why)


def test_waiting_strategies_are_gone_through_one_by_one(cli: Cli, folder: Path) -> None:
    """Oldest first; what was decided before quitting stands."""
    result = cli("review", "--path", folder, "--by", "ines", input="a\nq\n")

    assert 0 == result.exit_code
    assert "Trains" in result.stdout
    one, other = get(folder, WAITING), get(folder, OUT)
    assert one is not None
    assert other is not None
    assert {State.ACTIVE, State.SUSPENDED} == {one.state, other.state}
    assert "(2 of 2)" in result.stderr


@pytest.mark.parametrize(
    ("said", "state"),
    [("k", "candidate"), ("", "candidate"), ("v", "archived"), ("s", "suspended")],
)
def test_a_reviewer_has_a_choice(cli: Cli, folder: Path, said: str, state: str) -> None:
    cli("review", "--path", folder, input=f"{said}\n{said}\n")

    found = get(folder, WAITING)
    assert found is not None
    assert state == found.state


def test_a_review_needs_no_terminal(cli: Cli, folder: Path) -> None:
    waiting = json.loads(cli("review", "--path", folder, "--json").stdout)
    assert {WAITING.id, OUT.id} == {each["id"] for each in waiting}

    words = ("--approve", WAITING.id[:8], "--approve", OUT.id[:8])
    assert 0 == cli("review", "--path", folder, *words).exit_code
    assert [] == json.loads(cli("review", "--path", folder, "--json").stdout)
    assert "Nothing of tenant default waits" in cli("review", "--path", folder).stderr


def test_a_strategy_is_promoted_and_then_approved(cli: Cli, folder: Path) -> None:
    place = ("--path", folder)
    copy = json.loads(cli("promote", ONE.id, "--to", "pool", "--json", *place).stdout)

    assert ("candidate", [ONE.id]) == (copy["state"], copy["origin"]["parents"])
    assert 0 == cli("review", "--approve", copy["id"], "--tenant", "pool", *place).exit_code
    assert "2 were" not in cli("list", "--tenant", "pool", *place).stdout


def test_a_gate_that_stays_shut_says_why(cli: Cli, folder: Path) -> None:
    result = cli("promote", ONE.id, "--to", "pool", "--sources", 3, "--path", folder)

    assert_explained(result, 1, "2 different named sources", "3 are needed", "fewer with `sources`")


# Forgetting and sweeping.


def test_forgetting_asks_first(cli: Cli, folder: Path) -> None:
    """And says what it is about to do; whoever says no, or nothing, loses nothing."""
    for said in ("n\n", ""):
        result = cli("forget", "--source", "ben", "--path", folder, input=said)
        assert 1 == result.exit_code
        assert "1 strategy (1 active) would be removed" in result.stderr
    assert get(folder, ONE) is not None


def test_what_was_forgotten_is_in_the_receipt(cli: Cli, folder: Path) -> None:
    result = cli("forget", "--source", "ben", "--path", folder, input="y\n")

    assert 0 == result.exit_code
    assert "1 strategy (1 active) was removed" in result.stderr
    assert "backups" in result.stderr
    assert get(folder, ONE) is None


def test_a_dry_run_asks_nothing_and_does_nothing(cli: Cli, folder: Path) -> None:
    words = ("forget", "--query", "ANOTHER?", "--path", folder, "--dry-run", "--json")
    receipt = json.loads(cli(*words).stdout)

    assert (True, 1, {}) == (receipt["dry_run"], receipt["keys_removed"], receipt["removed"])
    assert ONE == get(folder, ONE)


def test_a_receipt_for_programs(cli: Cli, folder: Path, tmp_path: Path) -> None:
    """With exports that were rewritten, and copies elsewhere."""
    place = ("--path", folder)
    cli("promote", ONE.id, "--to", "pool", *place)
    cli("export", tmp_path / "e", *place)
    words = ("--shared", "pool", "--export", tmp_path / "e", "--yes", "--json")
    receipt = json.loads(cli("forget", "--source", "ben", *words, *place).stdout)

    assert {"active": 1, "candidate": 1} == receipt["removed"]
    assert 1 == receipt["exports"][0]["removed"]
    assert QUERY not in (tmp_path / "e").read_text("utf-8")


@pytest.mark.parametrize("words", [(), ("--everything", "--source", "a")])
def test_what_to_forget_must_be_said(cli: Cli, folder: Path, words: tuple[str, ...]) -> None:
    """A whole tenant is not what anybody means by saying nothing."""
    assert_explained(cli("forget", "--path", folder, *words), 2, "--everything")
    assert get(folder, ONE) is not None


def test_a_whole_tenant_can_be_forgotten(cli: Cli, folder: Path) -> None:
    cli("forget", "--everything", "--yes", "--path", folder)

    assert [] == json.loads(cli("list", "--path", folder, "--json").stdout)


def test_sweeping_says_what_it_put_away(cli: Cli, folder: Path) -> None:
    assert "Nothing had to go" in cli("sweep", "--path", folder).stderr
    assert "1 evicted" in cli("sweep", "--max-active", 0, "--path", folder).stderr
    assert 1 == cli("sweep", "--purge-days", 0, "--path", folder, input="n\n").exit_code
    done = json.loads(cli("sweep", "--purge-days", 0, "-y", "--json", "--path", folder).stdout)
    assert [ONE.id] == done["purged"]


# Moving.


def test_strategies_go_from_one_place_to_another(cli: Cli, folder: Path, tmp_path: Path) -> None:
    there, file = tmp_path / "there", tmp_path / "file.jsonl"
    with EdgeRepository(there) as repository:
        repository.count(tenant=DEFAULT)

    out = cli("export", file, "--path", folder)
    back = cli("import", file, "--path", there)
    again = json.loads(cli("import", file, "--path", there, "--json").stdout)

    assert "3 strategies of tenant default are in" in out.stderr
    assert "not signed" in out.stderr
    assert "3 strategies are imported" in back.stderr
    assert "on probation" in back.stderr
    assert (0, 3) == (again["written"], again["present"])
    found = get(there, ONE)
    assert found is not None
    assert State.CANDIDATE == found.state


def test_a_signed_backup_comes_back_as_it_was(
    cli: Cli, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key comes from a file or from the environment, never from the command line."""
    (tmp_path / "key").write_text("a key of sixteen bytes and more\n", "utf-8")
    monkeypatch.setenv("INTERCASCADE_EXPORT_KEY", "a key of sixteen bytes and more")
    file = tmp_path / "backup"
    assert "signed" in cli("export", file, "--lessons", "--path", folder).stderr
    cli("forget", "--everything", "--yes", "--path", folder)
    shutil.rmtree(folder)
    with EdgeRepository(folder) as repository:
        repository.count(tenant=DEFAULT)
    monkeypatch.delenv("INTERCASCADE_EXPORT_KEY")

    assert_explained(cli("import", file, "--trust", "--path", folder), 2, "needs the key")
    words = ("--trust", "--key-file", tmp_path / "key")
    assert "4 strategies are imported" in cli("import", file, *words, "--path", folder).stderr
    found = get(folder, ONE)
    assert found is not None
    assert (State.ACTIVE, ONE.ledger) == (found.state, found.ledger)


def test_a_damaged_file_is_refused_or_skipped(cli: Cli, folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    cli("export", file, "--path", folder)
    lines = file.read_text("utf-8").splitlines(keepends=True)
    file.write_text("".join((lines[0], "rubbish\n", *lines[1:])), "utf-8")
    words = ("import", file, "--tenant", "other", "--path", folder)

    assert_explained(cli(*words), 1, "line 2", "not JSON")
    skipped = cli(*words, "--skip-bad", "--dry-run").stderr
    assert "3 strategies would be imported" in skipped
    assert "line 2: it is not JSON" in skipped


def test_a_file_is_not_overwritten_unasked(cli: Cli, folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()

    assert_explained(cli("export", file, "--path", folder), 2, "exists already")
    assert 0 == cli("export", file, "--force", "--path", folder).exit_code


@pytest.mark.parametrize("shape", ["chat", "few-shot"])
def test_examples_are_written_for_training(
    cli: Cli, folder: Path, tmp_path: Path, shape: str
) -> None:
    """And it is said how to keep them, where they were not."""
    with EdgeRepository(folder) as repository:
        fill(repository, made("e", example=Example(query="2+2?", answer="four")))

    said = cli("export", tmp_path / "file", "--as", shape, "--path", folder).stderr

    assert "1 solved example is in" in said
    assert "1 strategy has none" in said
    assert "keep_examples=True" in said
    assert "four" in (tmp_path / "file").read_text("utf-8")


def test_examples_take_no_options_of_strategies(cli: Cli, folder: Path, tmp_path: Path) -> None:
    words = ("export", tmp_path / "f", "--as", "chat", "--pack", "p", "--path", folder)
    assert_explained(cli(*words), 2, "--as chat", "--without-queries, --lessons and --pack")


# Encoders and places.


def test_a_repository_changes_its_encoder(cli: Cli, tmp_path: Path) -> None:
    """The error names the command, and the command cures the error."""
    old, new = tmp_path / "old", tmp_path / "new"
    with EdgeRepository(old, embeddings=DeterministicFakeEmbedding(size=512)) as repository:
        fill(repository, ONE, made("two"))
    assert_explained(cli("list", "--path", old), 2, "strategies reembed")

    said = cli("reembed", "--path", old, "--to", new)

    assert 0 == said.exit_code, said.stderr
    assert f"2 copied to {new}, 0 there already" in said.stderr
    assert 2 == len(json.loads(cli("list", "--path", new, "--json").stdout))
    again = json.loads(cli("reembed", "--path", old, "--to", new, "--json").stdout)
    assert (0, 2) == (again["copied"], again["present"])


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("reembed", "--to", "x"), "--path DIR"),
        (("reembed", "--path", "{folder}"), "--to DIR"),
        (("reembed", "--path", "{folder}", "--to", "{folder}"), "in use"),
        (("list", "--path", "{folder}", "--embeddings", "nobody:none"), "no such encoder"),
        (("list", "--path", "nowhere"), "no repository in nowhere"),
        (("stats",), "Name one repository"),
    ],
)
def test_a_place_that_makes_no_sense_is_explained(
    cli: Cli, folder: Path, words: tuple[str, ...], why: str
) -> None:
    result = cli(*(word.format(folder=folder) for word in words))

    assert_explained(result, result.exit_code or 1, why)
    assert not Path("nowhere").exists()


def test_an_encoder_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the same strings as LangChain's own."""
    pytest.importorskip("langchain")
    module = pytest.importorskip("langchain_openai")
    monkeypatch.setenv("OPENAI_API_KEY", "any")

    assert isinstance(embeddings("openai:text-embedding-3-small"), module.OpenAIEmbeddings)
    assert embeddings("hashing") is None


def test_a_history_is_shown_in_order(cli: Cli, tmp_path: Path) -> None:
    entries = (Change(at="2026-01-01", version=2, what="first"),)
    one = made(history=entries).recorded("second", reason="because")
    with EdgeRepository(tmp_path / "s") as repository:
        fill(repository, one)

    shown = cli("show", one.id, "--path", tmp_path / "s").stdout
    assert shown.index("first") < shown.index("second")
