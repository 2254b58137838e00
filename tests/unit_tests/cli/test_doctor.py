"""The doctor sees what is wrong, says how to mend it, and changes, spends and tells no secret."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import typer
from typer.testing import CliRunner

from langchain_intercascade import EdgeRepository
from langchain_intercascade.cli.doctor import doctor
from langchain_intercascade.cli.doctor_surroundings import look_at_versions
from langchain_intercascade.confidence.logprobs import LogprobConfidence
from langchain_intercascade.config.template import write_template
from langchain_intercascade.prompts import VERSION
from langchain_intercascade.repository.embeddings import HashingEmbeddings
from langchain_intercascade.strategy import Lesson
from langchain_intercascade.testing import Fault, StubServer
from langchain_intercascade.threshold.binding import Binding
from langchain_intercascade.threshold.calibrate import calibrate_threshold
from langchain_intercascade.threshold.file import save_thresholds
from tests.lessons import learned, lesson
from tests.qdrant_server import Database, _Handler, http_server

pytest.importorskip("langchain_openai")

KEY = "sk-" + "a1B2c3D4e5F6g7H8"
NOT_READ = "INTERCASCADE_TRESHOLD"
PRICES = "[prices]\nweak = [0.15, 0.6]\nstrong = [2.5, 10]\n"
HASHING = EdgeRepository().encoder.label
Visit: TypeAlias = Callable[..., tuple[int, list[dict[str, str]]]]

app = typer.Typer()
app.command()(doctor)


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[StubServer]:
    """A server in a provider's place, at which the models `weak` and `strong` answer."""
    with StubServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        yield server


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, where the visits are made."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def config(head: str = "", tables: str = PRICES) -> None:
    """Write a configuration of the two models at the server, and whatever else."""
    pair = 'weak = "openai:weak"\nstrong = "openai:strong"\n'
    Path("ic.toml").write_text(f"{pair}{head}\n{tables}", "utf-8")


def visit(*words: str) -> tuple[int, list[dict[str, str]]]:
    """The exit code, and the findings."""
    result = CliRunner().invoke(app, [*(words or ("--config", "ic.toml")), "--json"])
    assert KEY not in result.output
    found: list[dict[str, str]] = json.loads(result.stdout)["findings"]
    return result.exit_code, found


def said(found: list[dict[str, str]], about: str, level: str) -> str:
    """What was seen of `about` at `level`, and how to mend it."""
    return "\n".join(
        f"{each['seen']} {each['mend']}"
        for each in found
        if (each["about"], each["level"]) == (about, level)
    )


def fill(path: str, **options: Any) -> None:
    """Make a repository with a strategy, a lesson that waits, and one that was given up on."""
    with EdgeRepository(path, **options) as repository:
        repository.put(learned(lesson("What is 2 plus 2?")))
        repository.put(lesson("What is 3 plus 3?"))
        parked = lesson("What is 4 plus 4?")
        given_up = Lesson(query="q", answer="a", attempts=3, parked=True)
        repository.put(parked.changed(lesson=given_up, reason="the distiller timed out"))


@pytest.mark.usefixtures("folder")
def test_all_is_well(provider: StubServer) -> None:
    """One call for each model, a certified threshold, known prices: exit code 0, and no cure."""
    report = calibrate_threshold([0.9] * 60, [True] * 60, target_risk=0.1)
    method = LogprobConfidence().method
    bound_to = Binding(weak_model="weak", confidence=method, prompts=str(VERSION))
    save_thresholds(report, "t.json", bound_to=bound_to)
    with EdgeRepository("strategies") as repository:
        repository.put(learned(lesson("What is 2 plus 2?")))
    config(
        'threshold_file = "t.json"\ntenant = "acme"', f"[repository]\npath = 'strategies'\n{PRICES}"
    )
    code, found = visit()

    assert [] == [each for each in found if each["level"] != "ok" or each["mend"]]
    assert 0 == code
    assert (1, 1) == (provider.calls("weak"), provider.calls("strong"))
    assert "weak answered in" in said(found, "weak model", "ok")
    assert f"{method} works" in said(found, "confidence", "ok")
    assert "tenant acme: 1 active" in said(found, "strategies", "ok")
    assert "certified for plain answers" in said(found, "threshold", "ok")
    assert f"{HASHING}, length 512, fits" in said(found, "embeddings", "ok")


@pytest.mark.usefixtures("folder")
def test_a_visit_without_calls_asks_nobody_and_makes_nothing(
    provider: StubServer, folder: Path
) -> None:
    config("target_risk = 0.1", f"[repository]\npath = 'strategies'\n{PRICES}")
    visit("--config", "ic.toml", "--no-calls")

    assert 0 == provider.calls()
    assert ["ic.toml"] == [each.name for each in folder.iterdir()]


@pytest.mark.usefixtures("folder", "provider")
def test_what_will_be_paid_for_is_said_before() -> None:
    config()
    asked = CliRunner().invoke(app, ["--config", "ic.toml"])
    spared = CliRunner().invoke(app, ["--config", "ic.toml", "--no-calls"])

    assert "weak and strong one tiny question each, which is paid for" in asked.stderr
    assert "paid" not in spared.stderr
    assert "-> Say target_risk" in asked.stdout
    assert "0 problems" in asked.stderr


@pytest.mark.usefixtures("folder")
def test_a_provider_that_refuses_is_reported_with_the_cure(provider: StubServer) -> None:
    """And what it says of the key is not repeated (`visit` looks for it)."""
    provider.fail("weak", Fault(status=401, message=f"Incorrect API key provided: {KEY}"))
    config("strong = 'openai:no-such'".replace("strong", "distiller"))
    code, found = visit()

    assert 2 == code
    assert "Incorrect API key provided: ***" in said(found, "weak model", "problem")
    assert "Check the key" in said(found, "weak model", "problem")
    assert "Check the model's name" in said(found, "distiller model", "problem")
    assert said(found, "strong model", "ok")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("head", "level", "words"),
    [
        ("", "problem", ['confidence = "self_consistency"', "without token log-probabilities"]),
        ("confidence = 'auto'", "warning", ["asked several times a query"]),
        ("confidence = 'verbalized'", "ok", []),
    ],
)
def test_whether_logprobs_come_is_seen_and_not_believed(
    provider: StubServer, head: str, level: str, words: list[str]
) -> None:
    provider.model("weak", logprob=None)
    config(head)
    found = visit()[1]

    for each in words:
        assert each in said(found, "confidence", level)
    assert bool(words) == any(each["about"] == "confidence" for each in found)


@pytest.mark.usefixtures("folder")
def test_tools_are_tried_if_asked_for(provider: StubServer) -> None:
    provider.model("strong", lambda _: "I would rather not.")
    config()
    found = visit("--config", "ic.toml", "--tools")[1]

    assert (2, 2) == (provider.calls("weak"), provider.calls("strong"))
    assert "weak calls tools" in said(found, "weak model", "ok")
    assert "did not call it" in said(found, "strong model", "warning")


@pytest.mark.usefixtures("folder", "provider")
def test_an_unknown_price_is_a_warning() -> None:
    config("", "[prices]\nweak = [0.15, 0.6]\n")
    found = visit("--config", "ic.toml", "--no-calls")[1]

    assert 'Add to [prices], in dollars per million tokens: "strong"' in said(
        found, "prices", "warning"
    )


@pytest.mark.usefixtures("folder", "provider")
@pytest.mark.parametrize(
    ("head", "level", "words"),
    [
        ("", "warning", "the default of 0.9 holds, which promises nothing"),
        ("threshold = 0.7", "warning", "0.7 was set by hand and promises nothing"),
        ("threshold = 'always_defer'", "warning", "the strong model answers everything"),
        ("target_risk = 0.1", "warning", "nothing is certified, so every query is deferred"),
    ],
)
def test_what_the_threshold_promises_is_said(head: str, level: str, words: str) -> None:
    fill("strategies")
    before = points("strategies")
    config(head, f"[repository]\npath = 'strategies'\n{PRICES}")
    found = visit("--config", "ic.toml", "--no-calls")[1]

    assert words in said(found, "threshold", level)
    assert before == points("strategies")


def points(path: str) -> list[str]:
    """All that is stored."""
    from langchain_intercascade._steps import run  # noqa: PLC0415 - needed here only

    with EdgeRepository(path) as repository:
        return sorted(point.id for point in run(repository.dumping()))


@pytest.mark.usefixtures("folder", "provider")
def test_a_threshold_of_another_model_is_a_problem() -> None:
    report = calibrate_threshold([0.9] * 60, [True] * 60, target_risk=0.1)
    bound_to = Binding(weak_model="another", confidence="other", prompts="0")
    save_thresholds(report, "t.json", bound_to=bound_to)
    config('threshold_file = "t.json"')
    code, found = visit("--config", "ic.toml", "--no-calls")

    assert 2 == code
    assert "weak model: 'another' then, 'weak' now" in said(found, "cascade", "problem")


# The repository, which may be looked at on its own.


@pytest.mark.usefixtures("folder")
def test_a_repository_may_be_looked_at_on_its_own() -> None:
    fill("strategies")
    code, found = visit("--path", "strategies")

    assert 1 == code
    assert "only the repository is looked at" in said(found, "models", "warning")
    assert "tenant acme: 2 pending, 1 active" in said(found, "strategies", "ok")
    assert "tenant default: none yet" in said(found, "strategies", "ok")
    assert "waiting: 1" in said(found, "lessons", "ok")
    assert "1 x the distiller timed out" in said(found, "lessons", "warning")


@pytest.mark.usefixtures("folder")
def test_a_locked_repository_is_told_from_a_broken_one() -> None:
    fill("strategies")
    with EdgeRepository("strategies") as owner:
        owner.count(tenant="acme")
        locked = visit("--path", "strategies")
    (Path("strategies") / "edge_config.json").unlink()
    broken = visit("--path", "strategies")

    assert (2, 2) == (locked[0], broken[0])
    assert "in use by another process" in said(locked[1], "repository", "problem")
    assert "it is no fault while that one serves" in said(locked[1], "repository", "problem")
    assert "Restore it from a backup" in said(broken[1], "repository", "problem")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("calls", ["--calls", "--no-calls"])
def test_another_encoder_is_seen(provider: StubServer, calls: str) -> None:
    """By asking it, or by its name alone where nobody may be asked."""
    fill("strategies", embeddings=HashingEmbeddings(64))
    table = '{name = "openai:embedding", check_embedding_ctx_length = false}'
    config(f"embeddings = {table}", f"[repository]\npath = 'strategies'\n{PRICES}")
    found = visit("--config", "ic.toml", calls)[1]
    level = "problem" if calls == "--calls" else "warning"
    told = said(found, "embeddings", level) + said(found, "repository", level)

    assert "hashing-v1-64" in told
    assert "reembed" in told
    assert (calls == "--calls") == (provider.calls("embedding") > 0)


@contextmanager
def server(version: object) -> Iterator[str]:
    """A Qdrant server that says it is of `version`."""

    class Handler(_Handler):
        database = Database()

        def do_GET(self) -> None:  # noqa: N802 - as the protocol names it
            if self.path == "/":
                self._answer(200, {"title": "qdrant", "version": version})
            else:
                super().do_GET()

    with http_server(Handler) as port:
        yield f"http://127.0.0.1:{port}"
    Handler.database.client.close()


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("told", "level", "words"),
    [
        (version("qdrant-client"), "ok", f"Qdrant {version('qdrant-client')}"),
        ("1.16.3", "problem", "Upgrade it to 1.17 or later"),
        ("1.99.0", "warning", "more than one minor version apart"),
        (None, "warning", "does not tell its version"),
    ],
)
def test_the_version_of_a_server_is_looked_at(told: object, level: str, words: str) -> None:
    """Nothing is made there: there is still no collection afterwards."""
    with server(told) as url:
        Path("ic.toml").write_text(
            f'weak = "simulated"\nstrong = "simulated"\n[repository]\nurl = "{url}"\n'
            "prefer_grpc = false\n",
            "utf-8",
        )
        found = visit()[1]
        again = visit()[1]

    assert words in said(found, "server", level)
    assert "nothing in" in said(again, "repository", "ok")


@pytest.mark.usefixtures("folder")
def test_a_server_that_is_not_there_is_a_problem() -> None:
    code, found = visit("--url", "http://127.0.0.1:9")

    assert 2 == code
    assert "cannot serve right now" in said(found, "repository", "problem")


# Surroundings.


@pytest.mark.usefixtures("folder")
def test_mistakes_in_the_configuration_are_findings() -> None:
    config("k = 9")
    code, found = visit()

    assert 2 == code
    assert "ic.toml: k=9 must be a whole number" in said(found, "configuration", "problem")
    assert said(found, "versions", "ok")


@pytest.mark.usefixtures("folder")
def test_a_file_that_was_not_named_is_pointed_to() -> None:
    """It is not read unasked, and whoever has just written it may think that it is."""
    write_template(Path("intercascade.toml"))

    code, found = visit("--no-calls")

    assert 2 == code
    assert "doctor --config intercascade.toml" in said(found, "configuration", "problem")


@pytest.mark.usefixtures("folder")
def test_a_variable_that_nobody_reads_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only one that looks like one that is read: others may be somebody else's."""
    monkeypatch.setenv(NOT_READ, "0.5")
    monkeypatch.setenv("INTERCASCADE_SERVICE_PORT_HTTP_GRPC", "80")
    found = visit("--path", "strategies")[1]

    assert f"{NOT_READ} is set" in said(found, "environment", "warning")
    assert "Did you mean INTERCASCADE_THRESHOLD?" in said(found, "environment", "warning")
    assert "SERVICE" not in said(found, "environment", "warning")


@pytest.mark.usefixtures("folder", "provider")
def test_telemetry_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before somebody finds out by a cascade that does not start."""
    config('telemetry = "opentelemetry"')
    well = visit("--config", "ic.toml", "--no-calls")[1]
    monkeypatch.setitem(sys.modules, "langchain_intercascade.telemetry.otel", None)
    code, bare = visit("--config", "ic.toml", "--no-calls")

    assert "OpenTelemetry" in said(well, "telemetry", "ok")
    assert 2 == code
    assert "pip install 'langchain-intercascade[otel]'" in said(bare, "telemetry", "problem")


@pytest.mark.usefixtures("folder", "provider")
def test_the_gateway_needs_its_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    config("", f"{PRICES}[serve]\nhost = '0.0.0.0'\n")
    bare = visit("--config", "ic.toml", "--no-calls")[1]
    config("", f"{PRICES}[serve.api_keys]\nGATEWAY_OF_ACME = 'acme'\n")
    unset = visit("--config", "ic.toml", "--no-calls")[1]
    monkeypatch.setenv("GATEWAY_OF_ACME", KEY)
    well = visit("--config", "ic.toml", "--no-calls")[1]

    assert "without a key" in said(bare, "gateway", "problem")
    assert "set GATEWAY_OF_ACME" in said(unset, "gateway", "problem")
    assert "1 key, for acme" in said(well, "gateway", "ok")


def test_a_package_that_is_too_old_is_a_problem() -> None:
    (bad,) = look_at_versions(["pydantic>=99", "typer>=0.1", "no-such-package>=1"])
    (well,) = look_at_versions(["pydantic>=1"])

    assert ("problem", "pip install 'pydantic>=99'") == (bad.level, bad.mend)
    assert "ok" == well.level
