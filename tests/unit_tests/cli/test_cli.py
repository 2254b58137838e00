"""The command line does what its help says, and its mistakes are explained in one line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding
from typer.testing import CliRunner

from langchain_intercascade.cli.app import COMMANDS, app
from langchain_intercascade.repository.edge import EdgeRepository
from langchain_intercascade.strategy import State
from langchain_intercascade.testing import Problem, grade, problems
from langchain_intercascade.testing.stub.server import Fault, StubReply, StubServer

HEAVY = {"langchain", "langchain_core", "langgraph", "numpy", "pydantic", "qdrant_client"} | {
    "qdrant_edge"
}
QUESTIONS = 60
SCRIPTED = ("--models", "simulated")
SIMULATED = ("--weak", "simulated", "--strong", "simulated")
EASY = "Ines has 7 pens and finds 5 more. How many pens does Ines have now?"
HARD = "Two trains start together in the same direction. They make 55 and 20 km an hour. "
HARD += "After 4 hours, how far apart are they?"
SIBLING = HARD.replace("55", "47").replace("20", "31")

Cli: TypeAlias = Callable[..., Any]


@pytest.fixture
def cli() -> Cli:
    """Run the command in this process; the result has `stdout`, `stderr` and `exit_code`."""

    def run(*words: object) -> Any:
        return CliRunner().invoke(app, list(map(str, words)), prog_name="intercascade")

    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo of this module keeps its strategies."""
    return tmp_path_factory.mktemp("cli") / "strategies"


@pytest.fixture(scope="module")
def demo(folder: Path) -> dict[str, Any]:
    """What a demo of 60 questions reports as JSON."""
    words = ["demo", *SCRIPTED, "--questions", str(QUESTIONS), "--json", "--path", str(folder)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[StubServer]:
    """A server in a provider's place, at which the models `weak` and `strong` answer."""
    pytest.importorskip("langchain")
    pytest.importorskip("langchain_openai")
    with StubServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "any")
        yield server


def python(code: str) -> subprocess.CompletedProcess[str]:
    """Run `code` in an interpreter of its own."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def assert_explained(result: Any, exit_code: int, *words: str) -> None:
    """Check that a run ended with `exit_code` and an error that has `words`, and no traceback."""
    assert exit_code == result.exit_code
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr


# Help.


@pytest.mark.parametrize("command", COMMANDS)
def test_the_list_of_commands_is_true(cli: Cli, command: str) -> None:
    """What the list says about a command is how the command's own help begins."""
    listed, own = cli("--help").stdout, cli(command, "--help").stdout

    assert re.search(rf"^  {command} +{re.escape(COMMANDS[command])}$", listed, re.MULTILINE)
    assert len(COMMANDS[command]) <= 62, "cut off on a terminal of 80"
    assert COMMANDS[command].removesuffix(".") in own


@pytest.mark.parametrize(
    "words",
    [("demo",), ("ask",), ("bench",), ("graph",), ("strategies", "list"), ("strategies", "show")],
)
def test_every_command_shows_how_it_is_used(cli: Cli, words: tuple[str, ...]) -> None:
    """Help without an example is half a help."""
    result = cli(*words, "--help")

    assert 0 == result.exit_code
    assert f"    intercascade {' '.join(words)}" in result.stdout


def test_help_loads_nothing_heavy() -> None:
    """To read what there is nobody waits for graphs, engines or LangChain."""
    run = python(
        "import json, sys\n"
        "from langchain_intercascade.__main__ import main\n"
        "sys.argv = ['intercascade', '--help']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )

    assert "Commands:" in run.stdout
    assert set() == HEAVY & set(json.loads(run.stderr))


def test_the_version_is_told(cli: Cli) -> None:
    """With the package's name before it."""
    result = cli("--version")

    assert 0 == result.exit_code
    assert result.stdout.startswith("langchain-intercascade")


def test_an_unknown_command_is_a_usage_error(cli: Cli) -> None:
    """Exit code 2, as everywhere."""
    assert 2 == cli("demmo").exit_code


@pytest.mark.parametrize("package", ["typer", "rich"])
def test_a_missing_extra_is_named(package: str) -> None:
    """One line and exit code 2, no traceback."""
    run = python(
        f"import sys; sys.modules[{package!r}] = None\n"
        "from langchain_intercascade.__main__ import main; main()"
    )

    assert (2, "") == (run.returncode, run.stdout)
    assert [
        f"The command line needs the `{package}` package: pip install 'langchain-intercascade[cli]'"
    ] == run.stderr.splitlines()


# Demo.


def test_the_demo_shows_a_falling_share_of_strong_calls(demo: dict[str, Any]) -> None:
    """Computed from the records: the last third asks the strong model less than half as often."""
    routes = [outcome["record"]["route"] for outcome in demo["outcomes"]]
    third = QUESTIONS // 3

    assert QUESTIONS == len(routes)
    assert routes[:third].count("strong") > 2 * routes[-third:].count("strong")
    assert routes.count("strong") / QUESTIONS == demo["strong_share"]
    assert [routes[at : at + 6].count("strong") / 6 for at in range(0, QUESTIONS, 6)] == demo[
        "strong_share_by_tenth"
    ]


def test_the_accuracies_of_the_demo_are_those_of_its_answers(demo: dict[str, Any]) -> None:
    """Every answer is graded again here, against the stream drawn again."""
    stream = problems(demo["seed"], QUESTIONS)
    assert [problem.text for problem in stream] == [each["question"] for each in demo["outcomes"]]
    for who, accuracy in demo["accuracy"].items():
        said = [outcome[who]["text"] for outcome in demo["outcomes"]]
        right = [grade(text, problem) for text, problem in zip(said, stream, strict=True)]

        assert right == [outcome[who]["right"] for outcome in demo["outcomes"]]
        assert sum(right) / QUESTIONS == accuracy


def test_the_costs_of_the_demo_leave_nothing_out(demo: dict[str, Any]) -> None:
    """The cascade's cost is that of all roles, distillation included; the saving is net."""
    outcomes, cost = demo["outcomes"], demo["cost"]
    roles = [use["cost"] for each in outcomes for use in each["record"]["usage"].values()]

    assert {"weak", "strong", "distill", "replay"} == set(demo["cost_by_role"])
    assert pytest.approx(sum(roles)) == cost["cascade"]
    assert pytest.approx(sum(demo["cost_by_role"].values())) == cost["cascade"]
    assert pytest.approx(sum(each["strong"]["cost"] for each in outcomes)) == cost["strong"]
    assert pytest.approx(1 - cost["cascade"] / cost["strong"]) == demo["saving"]
    assert cost["weak"] < cost["cascade"] < cost["strong"]


def test_the_risk_of_the_demo_is_that_of_the_accepted(demo: dict[str, Any]) -> None:
    """Coverage and selective risk, again from the records."""
    accepted = [each for each in demo["outcomes"] if each["record"]["reason"] == "accepted"]
    wrong = [each for each in accepted if not each["cascade"]["right"]]

    assert len(accepted) / QUESTIONS == demo["coverage"]
    assert len(wrong) / len(accepted) == demo["selective_risk"]


def test_the_example_of_the_demo_is_true(demo: dict[str, Any]) -> None:
    """Deferred, wrong before and right after, by the strategy that was stored for it."""
    example = demo["example"]
    outcome = demo["outcomes"][example["number"] - 1]
    problem = Problem(example["question"], example["answer"], "")

    assert ("strong", example["strategy"]["id"]) == (
        outcome["record"]["route"],
        outcome["record"]["lesson"]["id"],
    )
    assert (False, True) == (grade(example["before"], problem), grade(example["after"], problem))


def test_the_demo_keeps_its_strategies(demo: dict[str, Any], folder: Path) -> None:
    """With --path they are in the folder, as many as were stored."""
    lessons = [outcome["record"]["lesson"] for outcome in demo["outcomes"]]
    stored = {lesson["id"] for lesson in lessons if lesson["state"] == "stored"}
    with EdgeRepository(folder) as repository:
        found = repository.scan(tenant="default", states=[State.ACTIVE])

    assert stored == {strategy.id for strategy in found}
    assert (0, len(stored)) == (demo["strategies"]["before"], demo["strategies"]["after"])


def test_the_demo_says_that_it_is_simulated(cli: Cli) -> None:
    """First thing; then what was learned, at what cost, and that nothing was kept."""
    result = cli("demo", *SCRIPTED, "--questions", 30, "--seed", 3)

    assert 0 == result.exit_code
    assert result.stdout.startswith("Simulated models: ")
    for words in ("tenth of the stream", "weak alone", "strong alone", "weak, after", "gone now"):
        assert words in result.stdout
    assert "30 of 30 questions" in result.stderr


def test_a_neural_weak_model_learns_in_the_demo(cli: Cli) -> None:
    """What it knew by heart is not enough; each family that it is taught it can do."""
    run = json.loads(cli("demo", "--questions", 40, "--json").stdout)
    alone, taught = run["accuracy"]["weak"], run["accuracy"]["cascade"]
    example = run["example"]

    assert "trained" == run["models"]
    assert "neural network" in run["heading"]
    assert alone < 0.6 < taught
    assert example["strategy"]["advice"]["title"].lower() in example["after"]
    assert example["after"].endswith(f"Answer: {example['answer']}")
    assert not example["before"].endswith(f"Answer: {example['answer']}")


@pytest.mark.parametrize("models", ["trained", "simulated"])
def test_the_demo_is_the_same_for_everybody(cli: Cli, models: str) -> None:
    """Apart from ids and times: the same questions, answers, confidences and costs."""

    def gist() -> list[tuple[Any, ...]]:
        run = json.loads(cli("demo", "--models", models, "--questions", 15, "--json").stdout)
        return [
            (each["question"], each["cascade"], each["record"]["confidence"])
            for each in run["outcomes"]
        ]

    assert gist() == gist()


def test_the_demo_goes_on_where_it_left_off(cli: Cli, tmp_path: Path) -> None:
    """A second run in the same folder begins with what the first one learned."""
    words = ("demo", *SCRIPTED, "--questions", 20, "--path", tmp_path / "here", "--json")
    first, second = (json.loads(cli(*words).stdout) for _ in range(2))

    assert 0 < first["strategies"]["after"] == second["strategies"]["before"]
    assert second["strong_share"] < first["strong_share"]


@pytest.mark.parametrize(("threshold", "share"), [("always_defer", 1.0), ("0", 0.0)])
def test_the_demo_takes_any_threshold(cli: Cli, threshold: str, share: float) -> None:
    """Deferring everything and accepting everything are reported like anything else."""
    words = ("demo", *SCRIPTED, "--questions", 7, "--threshold", threshold)
    report, run = cli(*words), json.loads(cli(*words, "--json").stdout)

    assert 0 == report.exit_code
    assert share == run["strong_share"]
    assert (run["selective_risk"] is None) is (share == 1.0)


def test_the_demo_moves_on_a_terminal(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """A live bar in place of lines, in colour."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    result = cli("demo", "--questions", 12)

    assert "12/12" in result.stderr
    assert "\x1b[3" in result.stdout


def test_no_color_is_respected(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one colour, on a terminal neither."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    result = cli("demo", "--questions", 12)

    assert not re.search(r"\x1b\[(3|4|9)\d", result.stdout + result.stderr)


# Ask.


def test_an_easy_question_is_answered_by_the_weak_model(cli: Cli) -> None:
    """The answer first, then who gave it and why."""
    result = cli("ask", EASY, *SIMULATED)

    assert 0 == result.exit_code
    assert result.stdout.startswith("7 + 5 = 12. The answer is 12.\n")
    assert re.search(r"answered by +the weak model, simulated", result.stdout)
    assert re.search(r"cost +\$0\.00", result.stdout)


def test_a_hard_question_is_learned_from_before_the_command_ends(cli: Cli, tmp_path: Path) -> None:
    """Background learning is waited for: the next question of the kind needs no strong model."""
    words = (*SIMULATED, "--path", tmp_path / "here", "--json")
    first, second = (json.loads(cli("ask", text, *words).stdout) for text in (HARD, SIBLING))

    assert ("strong", "stored") == (first["record"]["route"], first["lesson"]["state"])
    assert first["cost"] == first["record"]["cost"] + first["lesson_cost"]
    assert "weak" == second["record"]["route"]
    assert [first["lesson"]["id"]] == [used["id"] for used in second["record"]["strategies"]]
    assert second["answer"].endswith("The answer is 64.")


def test_tenants_do_not_share_what_was_learned(cli: Cli, tmp_path: Path) -> None:
    """What one tenant was taught does not help another."""
    words = (*SIMULATED, "--path", tmp_path / "here", "--json")
    cli("ask", HARD, *words, "--tenant", "one")
    other = json.loads(cli("ask", SIBLING, *words, "--tenant", "two").stdout)

    assert [] == other["record"]["strategies"]


def test_learning_can_be_switched_off(cli: Cli) -> None:
    """Then nothing is waited for."""
    result = cli("ask", HARD, *SIMULATED, "--learning", "off")

    assert re.search(r"answered by +the strong model", result.stdout)
    assert re.search(r"lesson +off", result.stdout)


@pytest.mark.parametrize("threshold", ["seven", "7", "nan"])
def test_a_threshold_out_of_range_is_explained(cli: Cli, threshold: str) -> None:
    """What was typed, and what could be."""
    result = cli("ask", EASY, *SIMULATED, "--threshold", threshold)

    assert_explained(result, 2, f"--threshold {threshold}", "always_defer")


def test_a_missing_key_is_named(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable to set, and which model needs it."""
    pytest.importorskip("langchain")
    pytest.importorskip("langchain_openai")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    result = cli("ask", EASY, "--weak", "openai:gpt-4o-mini", "--strong", "simulated")

    assert_explained(result, 2, "openai:gpt-4o-mini", "OPENAI_API_KEY")
    assert 1 == len(result.stderr.splitlines())


def test_an_unknown_provider_is_explained(cli: Cli) -> None:
    """With those that there are."""
    pytest.importorskip("langchain")
    result = cli("ask", EASY, "--weak", "simulated", "--strong", "nobody:nothing")

    assert_explained(result, 2, "nobody:nothing", "openai")


@pytest.mark.skipif(find_spec("langchain_mistralai") is not None, reason="the package is there")
def test_a_missing_provider_package_is_named(cli: Cli) -> None:
    """With what to install."""
    pytest.importorskip("langchain")
    result = cli("ask", EASY, "--weak", "mistralai:small", "--strong", "simulated")

    assert_explained(result, 2, "pip install langchain-mistralai")


def test_without_langchain_the_extra_is_named() -> None:
    """A name can only become a model with it."""
    run = python(
        "import sys; sys.modules['langchain'] = None\n"
        "from langchain_intercascade.__main__ import main\n"
        "sys.argv = ['intercascade', 'ask', '?', '--weak', 'openai:a', '--strong', 'simulated']\n"
        "main()"
    )

    assert 2 == run.returncode
    assert run.stderr.startswith("Error: ")
    assert "pip install 'langchain-intercascade[agents]'" in run.stderr


def test_a_provider_is_asked_over_the_wire(cli: Cli, provider: StubServer) -> None:
    """A real client, with log-probabilities; what has no price has an unknown cost."""
    provider.model("weak", lambda _: StubReply("It is 12."), logprob=-0.01)
    result = cli("ask", EASY, "--weak", "openai:weak", "--strong", "openai:strong")

    assert 0 == result.exit_code, result.stderr
    assert result.stdout.startswith("It is 12.\n")
    assert re.search(r"confidence +0\.990", result.stdout)
    assert re.search(r"cost +unknown", result.stdout)


def test_a_failing_strong_model_is_a_run_error(cli: Cli, provider: StubServer) -> None:
    """Exit code 1, one red line, and what the provider said."""
    provider.model("weak", lambda _: StubReply("Hm."), logprob=-3.0)
    provider.fail("strong", Fault(status=400, message="no more today"))
    result = cli("ask", EASY, "--weak", "openai:weak", "--strong", "openai:strong")

    assert_explained(result, 1, "The strong model failed", "no more today")


# Strategies.


def test_strategies_are_listed(cli: Cli, demo: dict[str, Any], folder: Path) -> None:
    """As many as there are, with id, state and title."""
    result = cli("strategies", "list", "--path", folder)
    rows = [line for line in result.stdout.splitlines() if " active " in line]

    assert demo["strategies"]["after"] == len(rows)
    assert demo["example"]["strategy"]["id"][:8] in result.stdout
    assert f"{len(rows)} strategies of tenant default" in result.stderr


def test_strategies_can_be_had_as_json(cli: Cli, demo: dict[str, Any], folder: Path) -> None:
    """Whole, for other programs."""
    found = json.loads(cli("strategies", "list", "--path", folder, "--json").stdout)

    assert taught(demo["example"]["strategy"]) in map(taught, found)


def taught(strategy: dict[str, Any]) -> dict[str, Any]:
    """A strategy without what still changes after the demo's report: how often it was used."""
    changing = {"ledger", "version", "stamps", "updated_at"}
    return {name: value for name, value in strategy.items() if name not in changing}


@pytest.mark.parametrize("words", [("--state", "pending"), ("--tenant", "nobody")])
def test_none_is_a_normal_number_of_strategies(
    cli: Cli, demo: dict[str, Any], folder: Path, words: tuple[str, str]
) -> None:
    """Other states and other tenants have none here."""
    assert demo
    assert [] == json.loads(cli("strategies", "list", "--path", folder, "--json", *words).stdout)
    assert cli("strategies", "list", "--path", folder, *words).stderr.startswith("0 ")


def test_a_strategy_is_shown_in_full(cli: Cli, demo: dict[str, Any], folder: Path) -> None:
    """By the beginning of its id."""
    strategy = demo["example"]["strategy"]
    shown = cli("strategies", "show", strategy["id"][:8], "--path", folder).stdout
    as_json = json.loads(
        cli("strategies", "show", strategy["id"], "--path", folder, "--json").stdout
    )

    assert taught(strategy) == taught(as_json)
    for part in (strategy["id"], strategy["advice"]["title"], strategy["advice"]["steps"][0]):
        assert part in shown


@pytest.mark.parametrize(
    ("beginning", "problem"), [("zzz", "no strategy"), ("", "strategies begin")]
)
def test_a_strategy_that_cannot_be_told_is_explained(
    cli: Cli, demo: dict[str, Any], folder: Path, beginning: str, problem: str
) -> None:
    """None or several: either way the list helps."""
    assert demo
    result = cli("strategies", "show", beginning, "--path", folder)

    assert_explained(result, 2, problem, "strategies list")


@pytest.mark.parametrize(
    "words", [(), ("--path", "somewhere", "--url", "http://127.0.0.1:1"), ("--path", "nowhere")]
)
def test_there_must_be_one_repository(cli: Cli, words: tuple[str, ...]) -> None:
    """None, two, or one that is not there; nothing is created by looking."""
    result = cli("strategies", "list", *words)

    assert_explained(result, 2, "--path")
    assert not Path("nowhere").exists()


def test_a_folder_of_another_encoder_is_explained(cli: Cli, tmp_path: Path) -> None:
    """The command line knows the built-in encoder only."""
    with EdgeRepository(tmp_path, embeddings=DeterministicFakeEmbedding(size=512)) as repository:
        repository.count(tenant="default")

    assert_explained(cli("strategies", "list", "--path", tmp_path), 2, "encoder")


def test_a_folder_in_use_is_explained(cli: Cli, tmp_path: Path) -> None:
    """One process owns a folder."""
    with EdgeRepository(tmp_path) as repository:
        repository.count(tenant="default")
        result = cli("strategies", "list", "--path", tmp_path)

    assert_explained(result, 1, "in use")


def test_an_unreachable_server_is_explained(cli: Cli) -> None:
    """A run error: trying later may help."""
    result = cli("strategies", "list", "--url", "http://127.0.0.1:1")

    assert_explained(result, 1, "http://127.0.0.1:1")


# Graph.


def test_the_graph_is_drawn_as_mermaid(cli: Cli) -> None:
    """All six nodes, and the words of the field on the edges."""
    drawn = cli("graph").stdout

    for node in ("retrieve_strategies", "weak_generate", "confidence_gate", "strong_generate"):
        assert f"{node}({node})" in drawn
    assert "accept" in drawn
    assert "defer" in drawn


@pytest.mark.skipif(find_spec("grandalf") is not None, reason="the package is there")
def test_a_drawing_for_the_terminal_names_what_it_needs(cli: Cli) -> None:
    """It is not worth an extra."""
    assert_explained(cli("graph", "--format", "ascii"), 2, "pip install grandalf")


@pytest.mark.skipif(find_spec("grandalf") is None, reason="the package is not there")
def test_the_graph_is_drawn_for_the_terminal(cli: Cli) -> None:
    """With boxes and arrows."""
    assert "confidence_gate" in cli("graph", "--format", "ascii").stdout
