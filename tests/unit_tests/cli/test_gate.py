"""`gate explain` says what is promised now, about a file or about a cascade at work."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from typer.testing import CliRunner

from langchain_intercascade import EdgeRepository
from langchain_intercascade._steps import run
from langchain_intercascade.cli.app import app
from langchain_intercascade.label import Label
from langchain_intercascade.learning.pledge import Pledge
from langchain_intercascade.learning.promise import Promise
from langchain_intercascade.threshold.binding import Binding
from langchain_intercascade.threshold.calibrate import calibrate_threshold
from langchain_intercascade.threshold.file import save_thresholds

Cli: TypeAlias = Callable[..., Any]
EXPLAIN = ("gate", "explain")
ABOUT = ("--path", "strategies")


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Run the command in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> Any:
        return CliRunner().invoke(app, list(map(str, words)), prog_name="intercascade")

    return run


def lived(
    deferred: int = 0,
    audits: int = 0,
    *,
    right: bool = True,
    model: str = "small",
    **pledged: Any,
) -> None:
    """Write down what a cascade with target risk .1 promises and found out."""
    pledge = Pledge(**{"weak_model": model, "target_risk": 0.1, **pledged})
    with EdgeRepository("strategies") as repository:
        promise = Promise(pledge, repository, tenant="default")
        run(promise.preparing())
        told: dict[str, Any] = {"tenant": "default", "weak_model": model, "regime": "plain"}
        told["confidence"] = 0.9
        for number in range(deferred):
            promise.observe(Label(run_id=f"d{number}", correct=True, **told))
        for number in range(audits):
            promise.observe(
                Label(
                    run_id=f"a{number}",
                    correct=right,
                    accepted=True,
                    source="audit",
                    probability=0.05,
                    **told,
                )
            )
        run(promise.syncing())


def explained(cli: Cli, *words: str) -> list[dict[str, Any]]:
    """What is promised in the repository, model by model."""
    done = cli(*EXPLAIN, *ABOUT, *words, "--json")
    assert 0 == done.exit_code, done.output
    found: list[dict[str, Any]] = json.loads(done.stdout)["promises"]
    return found


def test_a_file_is_explained(cli: Cli) -> None:
    report = calibrate_threshold([0.9] * 60, [True] * 60, target_risk=0.1)
    bound_to = Binding(weak_model="small", confidence="logprobs", prompts="2")
    save_thresholds(report, "t.json", bound_to=bound_to)
    text = cli(*EXPLAIN, "--threshold", "t.json").stdout
    told = json.loads(cli(*EXPLAIN, "--threshold", "t.json", "--json").stdout)

    assert all(sentence in text for sentence in report.words())
    assert "weak model small; confidence logprobs; prompts 2" in text
    assert 0.9 == told["regimes"]["plain"]["threshold"]
    assert {"weak_model": "small", "confidence": "logprobs", "prompts": "2"} == told["bound_to"]


@pytest.mark.parametrize(
    ("found_out", "standing", "words"),
    [
        pytest.param(
            {}, "cold", ["Every plain answer is deferred", "There is no label yet"], id="nothing"
        ),
        pytest.param(
            {"deferred": 50}, "cold", ["50 labels", "the next look is at 100"], id="few labels"
        ),
        pytest.param(
            {"deferred": 120},
            "serving",
            ["0.9 or more are accepted", "No accepted answer was audited yet"],
            id="certified",
        ),
        pytest.param(
            {"deferred": 120, "audits": 30},
            "serving",
            ["Audited since: 30 accepted answers", "The first label is of 2"],
            id="audited",
        ),
        pytest.param(
            {"deferred": 120, "audits": 60, "right": False},
            "withdrawn",
            ["withdrawn: after", "does not drift back by itself"],
            id="withdrawn",
        ),
    ],
)
def test_a_cascade_is_explained(
    cli: Cli, found_out: dict[str, Any], standing: str, words: list[str]
) -> None:
    lived(**found_out)
    text = cli(*EXPLAIN, *ABOUT).stdout
    (told,) = explained(cli)

    for each in (*words, "What would loosen it", "about small: risk <= 0.1 with confidence 0.9"):
        assert each in text
    assert standing == told["regimes"]["plain"]["standing"]
    assert "cold" == told["regimes"]["augmented"]["standing"]


@pytest.mark.parametrize("name", ["small", "openai:small"])
def test_a_model_may_be_named_with_its_provider(cli: Cli, name: str) -> None:
    lived(50)
    lived(model="another")
    (told,) = explained(cli, "--weak", name)

    assert told["since"] is not None


def test_without_a_model_all_are_explained(cli: Cli) -> None:
    """As in a cascade of three, which has two weak ones."""
    lived(50, model="llama3:8b")
    lived(120, model="small")
    first, second = explained(cli)

    assert ["llama3:8b", "small"] == [each["pledge"]["weak_model"] for each in (first, second)]
    assert ["cold", "serving"] == [each["regimes"]["plain"]["standing"] for each in (first, second)]


def test_of_two_promises_about_a_model_the_last_is_explained(cli: Cli) -> None:
    """What was found out for the sake of the first is no evidence for the second."""
    lived(120, prompts="2")
    lived(prompts="3", regimes=("plain",))
    (told,) = explained(cli)

    assert "3" == told["pledge"]["prompts"]
    assert ["plain"] == list(told["regimes"])
    assert "prompts was '2' and is now '3'" in told["regimes"]["plain"]["words"][0]


def test_explaining_changes_nothing(cli: Cli) -> None:
    lived(50, prompts="2")
    lived(50, prompts="3")
    first = explained(cli)

    assert first == explained(cli)


@pytest.mark.parametrize(
    "options", [("--target-risk", "0.1"), ("--delta", "0.1", "--audit-rate", "0.05")]
)
def test_what_is_stored_may_be_verified(cli: Cli, options: tuple[str, ...]) -> None:
    lived(50)

    assert 1 == len(explained(cli, *options))


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        pytest.param((), "Name one: --threshold FILE", id="nothing named"),
        pytest.param(("--threshold", "t.json", "--path", "."), "Name one", id="both named"),
        pytest.param(("--threshold", "t.json"), "t.json cannot be read", id="no file"),
        pytest.param(ABOUT, "There is no repository", id="no repository"),
    ],
)
def test_a_mistake_is_explained_in_one_line(
    cli: Cli, words: tuple[str, ...], complaint: str
) -> None:
    result = cli(*EXPLAIN, *words)

    assert 2 == result.exit_code
    assert complaint in " ".join(result.stderr.split())
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        pytest.param(("--tenant", "other"), "Nothing is promised in", id="another tenant"),
        pytest.param(("--weak", "large"), "about large, only about small", id="another model"),
        pytest.param(("--target-risk", "0.2"), "target risk is 0.1 there, not 0.2", id="risk"),
        pytest.param(("--delta", "0.05"), "delta is 0.1 there, not 0.05", id="delta"),
        pytest.param(("--audit-rate", "0.5"), "audit rate is 0.05 there, not 0.5", id="audits"),
    ],
)
def test_another_promise_than_the_one_that_is_stored_is_refused(
    cli: Cli, words: tuple[str, ...], complaint: str
) -> None:
    lived(50)
    result = cli(*EXPLAIN, *ABOUT, *words)

    assert 2 == result.exit_code
    assert complaint in " ".join(result.stderr.split())
