"""`calibrate` finds, writes and explains a threshold, and goes on wherever it was stopped."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from typer.testing import CliRunner

from langchain_intercascade import EdgeRepository, InterCascade
from langchain_intercascade.cli import given
from langchain_intercascade.cli.app import app
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.strategy import Advice
from langchain_intercascade.testing import (
    Reply,
    ScriptedChatModel,
    SimulatedStrong,
    SimulatedWeak,
    problems,
)
from tests.unit_tests.repository.stock import fill, strategy

N = 60
CALIBRATE = ("calibrate", "--weak", "simulated", "--target-risk", "0.2", "--out", "t.json")
SLOW = """
from langchain_intercascade.cli import given
from langchain_intercascade.cli.app import app
from langchain_intercascade.testing import SimulatedWeak
given._SIMULATED["weak"] = lambda: SimulatedWeak(delay=0.05)
app({words!r})
"""

Cli: TypeAlias = Callable[..., Any]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Run the command in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> Any:
        return CliRunner().invoke(app, list(map(str, words)), prog_name="intercascade")

    return run


def ask(*, answers: bool = True, n: int = N, name: str = "q.jsonl") -> Path:
    """Write simulated problems into the folder."""
    rows = [
        {"question": each.text, **({"answer": each.answer} if answers else {})}
        for each in problems(3, n)
    ]
    Path(name).write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return Path(name)


def read(result: Any) -> dict[str, Any]:
    """What was printed as JSON."""
    assert 0 == result.exit_code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_it_writes_what_it_says(cli: Cli) -> None:
    told = read(cli(*CALIBRATE, "--data", ask(), "--plot", "curve.svg", "--json"))
    written = json.loads(Path("t.json").read_text("utf-8"))

    assert told["reports"] == written["reports"]
    assert told["bound_to"] == written["bound_to"]
    assert N == told["questions"]["judged"]["plain"] == told["reports"]["plain"]["n"]
    assert Path("curve.svg").read_text("utf-8").startswith("<svg")
    assert told["cost"]["in_all"] == pytest.approx(sum(told["cost"]["by_role"].values()))


def test_it_says_it_in_words(cli: Cli) -> None:
    result = cli(*CALIBRATE, "--data", ask())

    assert 0 == result.exit_code
    for words in (
        f"simulated-weak answered {N} questions of q.jsonl",
        f"It was calibrated on {N} labelled answers",
        "What would loosen it",
        "A simulated model answered",
        "Cost: $0.0",
        "Written to t.json",
    ):
        assert words in result.stdout


def test_without_answers_the_strong_model_is_asked(cli: Cli) -> None:
    told = read(cli(*CALIBRATE, "--data", ask(answers=False), "--strong", "simulated", "--json"))

    assert {"weak", "strong"} == set(told["cost"]["by_role"])
    assert any("what the strong model says" in each for each in told["beware"])


def test_with_a_repository_each_regime_gets_a_threshold(cli: Cli) -> None:
    with EdgeRepository("strategies") as repository:
        text = problems(3, 1)[0].text
        advice = Advice(title="Pens", when_to_use="Pens are counted.", steps=("Add.",))
        fill(repository, strategy(text, tenant="default", advice=advice))
    words = (*CALIBRATE, "--data", ask(), "--repository", "strategies", "--json")
    told = read(cli(*words))
    judged = told["questions"]["judged"]

    assert {"plain", "augmented"} == set(told["reports"])
    assert N == judged["plain"] + judged["augmented"]
    assert told["bound_to"]["repository"].startswith("1 strategies")
    assert told["bound_to"]["encoder"]


def test_nothing_safe_is_written_too(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = ScriptedChatModel(respond=lambda _: "The answer is -1.")
    monkeypatch.setitem(given._SIMULATED, "weak", lambda: wrong)  # noqa: SLF001 - the one door
    told = read(cli(*CALIBRATE, "--data", ask(), "--json"))

    assert "always_defer" == told["reports"]["plain"]["threshold"]
    assert "Nothing is safe" in told["words"][0]


def test_free_text_is_warned_of(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def reply(messages: Any) -> Reply:
        free = len(messages[-1].text) % 2
        return Reply("It is hard to say, but there may be quite a few of them." if free else "1")

    chatty = ScriptedChatModel(respond=reply)
    monkeypatch.setitem(given._SIMULATED, "weak", lambda: chatty)  # noqa: SLF001 - as above
    skipped = read(cli(*CALIBRATE, "--data", ask(), "--on-abstain", "skip", "--json"))
    counted = read(cli(*CALIBRATE, "--data", ask(), "--json"))
    unjudged = skipped["questions"]["unjudged"]["plain"]

    assert 0 < unjudged < N
    assert (N - unjudged, N) == tuple(each["reports"]["plain"]["n"] for each in (skipped, counted))
    assert f"{unjudged} of {N} answers could not be judged and were left" in skipped["beware"][0]
    assert f"{unjudged} of {N} answers could not be judged and count" in counted["beware"][0]


# Several levels.


@pytest.fixture
def two_levels(monkeypatch: pytest.MonkeyPatch) -> ScriptedChatModel:
    """The simulated model, and after it one that is always right where that is deferred."""
    truth = {each.text: str(each.answer) for each in problems(3, 6 * N)}
    second = ScriptedChatModel(
        respond=lambda messages: Reply(truth[messages[-1].text], logprob=-0.05),
        model_name="second",
    )
    models = iter([SimulatedWeak(), second] * 2)
    monkeypatch.setitem(given._SIMULATED, "weak", lambda: next(models))  # noqa: SLF001 - as above
    return second


def test_each_level_is_calibrated_on_what_the_one_before_defers(
    cli: Cli, two_levels: ScriptedChatModel
) -> None:
    """Each on questions of its own, with its part of delta; all levels are served together."""
    words = (*CALIBRATE, "--weak", "simulated", "--data", ask(n=6 * N), "--plot", "c.svg")
    told = read(cli(*words, "--json"))
    first, second = told["levels"]
    deferred = first["reports"]["plain"]["n"] - first["reports"]["plain"]["accepted"]
    asked = len(two_levels._log.prompts)  # noqa: SLF001 - what it was asked
    again = read(cli(*words, "--json"))

    assert 3 * N == first["reports"]["plain"]["n"]
    assert 0 < first["reports"]["plain"]["accepted"] < 3 * N
    assert 0 < second["reports"]["plain"]["n"] < 3 * N
    assert second["reports"]["plain"]["n"] == pytest.approx(deferred, abs=0.6 * N)
    assert asked == second["questions"]["asked"] == second["reports"]["plain"]["n"]
    assert {2} == {each["reports"]["plain"]["promises"] for each in (first, second)}
    assert [each["reports"] for each in again["levels"]] == [first["reports"], second["reports"]]
    assert asked == len(two_levels._log.prompts)  # noqa: SLF001 - as above
    assert all(Path(name).exists() for name in ("c.svg", "c.2.svg", "t.2.progress.jsonl"))


def test_levels_are_served_by_the_models_they_were_calibrated_for(
    cli: Cli, two_levels: ScriptedChatModel
) -> None:
    words = cli(*CALIBRATE, "--weak", "simulated", "--data", ask(n=6 * N))
    models = [SimulatedWeak(), two_levels, SimulatedStrong()]
    with InterCascade.from_models(models, thresholds="t.json") as cascade:
        outer, inner = cascade.threshold_report(), cascade.strong.threshold_report()
    with pytest.raises(ConfigurationError, match=r"t.json, level 2, was calibrated with somethin"):
        InterCascade.from_models([two_levels, models[0], models[2]], thresholds="t.json")
    with pytest.raises(ConfigurationError, match="holds the thresholds of several levels"):
        InterCascade(weak=models[0], strong=models[2], threshold="t.json")
    with pytest.raises(ConfigurationError, match="3 models and 1 threshold\\."):
        InterCascade.from_models(models, thresholds=[0.5])

    assert "Level 2" in words.stdout
    assert "serve it as thresholds= of `from_models`" in words.stdout
    assert "for all 2 thresholds at once" in outer[0]
    assert "for all 2 thresholds at once" in inner[0]


def test_a_level_that_no_question_reaches_is_named(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = {each.text: str(each.answer) for each in problems(3, 2 * N)}
    perfect = ScriptedChatModel(respond=lambda messages: truth[messages[-1].text])
    monkeypatch.setitem(given._SIMULATED, "weak", lambda: perfect)  # noqa: SLF001 - as above
    refused = cli(*CALIBRATE, "--weak", "simulated", "--data", ask(n=2 * N))

    assert 2 == refused.exit_code
    assert f"No question reaches level 2: the levels before it accept all of its {N}" in " ".join(
        refused.stderr.split()
    )


# Stopping and going on.


def test_after_a_kill_it_goes_on(cli: Cli, tmp_path: Path) -> None:
    """What it comes to is what it would have come to; what was finished is not paid for again."""
    data = ask()
    whole = read(cli(*CALIBRATE[:-1], "whole.json", "--data", data, "--json"))
    code = SLOW.format(words=[*CALIBRATE, "--data", str(data), "--concurrency", "2"])
    progress = tmp_path / "t.progress.jsonl"
    with subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path) as process:
        until = time.monotonic() + 50
        while _lines(progress) < 8 and process.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert -signal.SIGKILL == process.returncode
    done = _lines(progress) - 1
    with progress.open("a") as torn:
        torn.write('{"row": {"key')
    again = read(cli(*CALIBRATE, "--data", data, "--json"))

    assert 7 <= done < N
    assert done == again["questions"]["resumed"]
    assert whole["reports"] == again["reports"]
    assert again["cost"]["this_run"] < again["cost"]["in_all"]
    assert whole["cost"]["in_all"] == pytest.approx(again["cost"]["in_all"])


def test_below_a_ceiling_it_stops_and_can_go_on(cli: Cli) -> None:
    words = (*CALIBRATE, "--data", ask())
    stopped = cli(*words, "--max-cost", "0.0002")
    again = read(cli(*words, "--json"))

    assert 1 == stopped.exit_code
    assert "Stopped below --max-cost" in stopped.stderr
    assert f"of {N} questions are finished and kept in t.progress.jsonl" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert 0 < again["questions"]["resumed"] < N
    # Going by the mean so far, so the last few questions may cost a little more.
    assert again["cost"]["in_all"] - again["cost"]["this_run"] <= 0.0003


def test_once_finished_nothing_is_asked_again(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    data = ask()
    first = read(cli(*CALIBRATE, "--data", data, "--json"))
    silent = SimulatedWeak()
    monkeypatch.setitem(given._SIMULATED, "weak", lambda: silent)  # noqa: SLF001 - as above
    second = read(cli(*CALIBRATE, "--data", data, "--json"))

    assert first["reports"] == second["reports"]
    assert 0 == second["cost"]["this_run"]
    assert [] == silent._log.prompts  # noqa: SLF001 - what it was asked


def test_more_questions_are_added_to_those_finished(cli: Cli) -> None:
    data = ask()
    read(cli(*CALIBRATE, "--data", data, "--limit", 40, "--json"))
    told = read(cli(*CALIBRATE, "--data", data, "--json"))

    assert (40, N) == (told["questions"]["resumed"], told["reports"]["plain"]["n"])


def test_other_settings_are_refused_with_the_reason(cli: Cli) -> None:
    data = ask()
    cli(*CALIBRATE, "--data", data)
    refused = cli(*CALIBRATE, "--data", data, "--confidence", "validity")

    assert 2 == refused.exit_code
    assert "confidence: 'mean_token_probability' then, 'validity' now" in refused.stderr


def test_several_promises_from_the_same_answers_are_doubted(cli: Cli) -> None:
    data = ask()
    for risk in ("0.1", "0.2"):
        cli(
            "calibrate",
            "--weak",
            "simulated",
            "--target-risk",
            risk,
            "--out",
            "t.json",
            "--data",
            data,
        )
    told = read(cli(*CALIBRATE, "--data", data, "--target-risk", "0.3", "--json"))

    assert any("3 promises" in each and "with 70 % only" in each for each in told["beware"])


# Mistakes.


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        pytest.param(("--data", "absent.jsonl"), "absent.jsonl cannot be read", id="no data"),
        pytest.param(("--data", "odd.jsonl"), "odd.jsonl, line 1 has no question", id="no row"),
        pytest.param(("--data", "bare.jsonl"), "line 1. Add --strong MODEL", id="no answers"),
        pytest.param(("--target-risk", "1.5"), "cannot be promised", id="target"),
        pytest.param(("--delta", "0.9"), "delta=0.9", id="delta"),
        pytest.param(("--on-abstain", "guess"), "on_abstain='guess'", id="policy"),
        pytest.param(("--out", "absent/t.json"), "--out absent", id="no folder"),
        pytest.param(("--plot", "."), "--plot .: name a file", id="a folder"),
        pytest.param(("--price", "small=1"), "--price small=1: expected", id="price"),
        pytest.param(("--confidence", "guess"), "confidence='guess'", id="confidence"),
        pytest.param(("--repository", "absent"), "There is no repository", id="no repository"),
    ],
)
def test_a_mistake_is_explained_in_one_line(
    cli: Cli, words: tuple[str, str], complaint: str
) -> None:
    ask(n=3)
    ask(n=2, answers=False, name="bare.jsonl")
    Path("odd.jsonl").write_text('{"text": "?"}', "utf-8")
    result = cli(*CALIBRATE, "--data", "q.jsonl", *words)

    assert 2 == result.exit_code
    assert complaint in " ".join(result.stderr.split())
    assert "Traceback" not in result.output
    assert not Path("t.json").exists()


def test_a_price_makes_a_ceiling_possible(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = ScriptedChatModel(respond=lambda _: "1", model_name="new")
    monkeypatch.setitem(given._SIMULATED, "weak", lambda: unknown)  # noqa: SLF001 - as above
    words = (*CALIBRATE, "--data", ask(n=5), "--max-cost", "100")
    refused = cli(*words)
    priced = read(cli(*words, "--price", "new=1,2", "--json"))

    assert 2 == refused.exit_code
    assert "--price NAME=INPUT,OUTPUT" in refused.stderr
    assert priced["cost"]["this_run"] > 0


def _lines(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.exists() else 0
