"""The bench command: what it prints and writes, and how it answers mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from langchain_intercascade.cli.app import app
from tests.packs import BBH, MMLU, logprob_rows, real_pack, transfer_rows, written

KEYS = {
    *("arms", "gates", "pack", "pack_sha256", "models", "split", "seed", "threshold", "learning"),
    *("k", "min_similarity", "recorded", "assumed", "versions", "command"),
}
ARM_KEYS = {
    *("n", "weak_accuracy", "system_accuracy", "coverage", "strong_call_share", "cost"),
    *("selective_risk", "confidence_auroc", "intervals", "resampled", "tenths", "windows"),
}
LLAMAS = ("--weak", "llama3.1-8b", "--strong", "llama3.1-405b")
PAIR = ("--weak", "small", "--strong", "large")


def run(*words: object) -> Any:
    """Run the command and return what came of it."""
    runner = CliRunner(env={"COLUMNS": "100"})
    return runner.invoke(app, ["bench", *(str(word) for word in words)])


def report_of(*words: object, out: Path) -> dict[str, Any]:
    """Run the command and return the report that it writes."""
    result = run(*words, "--json", out)
    assert 0 == result.exit_code, result.output
    report: dict[str, Any] = json.loads(out.read_text("utf-8"))
    return report


@pytest.fixture
def logprob_file(tmp_path: Path) -> Path:
    """A small pack with confidences, in both splits."""
    return written(
        tmp_path / "letters.jsonl", [*logprob_rows(20), *logprob_rows(10, split="train")]
    )


@pytest.fixture
def transfer_file(tmp_path: Path) -> Path:
    """A small pack with answers without and with help."""
    return written(tmp_path / "families.jsonl.gz", transfer_rows(8), zipped=True)


def test_a_logprob_pack_is_printed(logprob_file: Path) -> None:
    """The three arms, two other gates, the tenths, and what is recorded and assumed."""
    result = run("--pack", logprob_file, *PAIR, "--threshold", 0.6065)

    assert 0 == result.exit_code
    assert "letters.jsonl: 20 questions (test), small -> large, threshold 0.6065" in result.output
    for word in ("weak only", "strong only", "cascade", "random gate", "perfect gate", "19-20"):
        assert word in result.output
    assert "AUROC of 1.000" in result.output
    assert "Learning is off" in result.output
    assert "" == result.stderr


def test_a_transfer_pack_is_printed(transfer_file: Path) -> None:
    """Also what was learned, by windows, and the pessimistic accounting."""
    result = run("--pack", transfer_file)

    assert 0 == result.exit_code
    assert "3 strategies were stored (k=2, min_similarity=0.4)" in " ".join(result.output.split())
    for word in ("pessimistic", "always", "windows", "tenths", "The strong model is perfect"):
        assert word in result.output


def test_the_report_of_a_logprob_pack_has_its_keys(logprob_file: Path, tmp_path: Path) -> None:
    """These keys are never renamed."""
    words = ("--pack", logprob_file, *PAIR, "--threshold", "0.6065", "--seed", 3)

    report = report_of(*words, out=tmp_path / "report.json")

    assert set(report) >= KEYS
    assert {"weak_only", "strong_only", "cascade"} == set(report["arms"])
    assert all(set(arm) >= ARM_KEYS for arm in report["arms"].values())
    assert {"weak": "small", "strong": "large"} == report["models"]
    assert ("letters.jsonl", "test", 3, 0.6065) == tuple(
        report[key] for key in ("pack", "split", "seed", "threshold")
    )
    assert (0.5, 1.0) == tuple(
        report["arms"]["cascade"][key] for key in ("coverage", "system_accuracy")
    )
    assert report["command"].endswith("--weak small --strong large --threshold 0.6065 --seed 3")
    assert {"langchain-intercascade", "langchain-core", "python"} <= set(report["versions"])


def test_the_report_of_a_transfer_pack_has_its_keys(transfer_file: Path, tmp_path: Path) -> None:
    """Costs that were not recorded are null, and both accountings are there."""
    report = report_of(
        "--pack", transfer_file, "--k", 1, "--limit", 20, out=tmp_path / "report.json"
    )

    assert set(report) >= KEYS
    assert {"weak_only", "strong_only", "cascade", "weak_helped"} == set(report["arms"])
    cascade = report["arms"]["cascade"]
    assert set(cascade) >= ARM_KEYS | {"pessimistic", "lessons", "assumed_answers"}
    assert (20, None, "families") == (cascade["n"], cascade["cost"], cascade["resampled"])
    assert {"none": 17, "stored": 3} == cascade["lessons"]
    assert (1, 0.4, "inline", "all") == tuple(
        report[key] for key in ("k", "min_similarity", "learning", "split")
    )
    assert "--limit 20 --k 1 --min-similarity 0.4" in report["command"]


def test_the_same_command_gives_the_same_report(transfer_file: Path, tmp_path: Path) -> None:
    """Nothing depends on the clock or on chance."""
    words = ("--pack", transfer_file, "--seed", 2)

    one, two = (report_of(*words, out=tmp_path / f"{name}.json") for name in "ab")

    assert one == two


@pytest.mark.parametrize(("split", "n"), [("train", 10), ("test", 20), ("all", 30)])
def test_questions_are_chosen_by_split(
    logprob_file: Path, tmp_path: Path, split: str, n: int
) -> None:
    """Test questions are the default elsewhere."""
    words = ("--pack", logprob_file, *PAIR, "--threshold", "always_defer", "--split", split)

    report = report_of(*words, out=tmp_path / "report.json")

    assert (split, "always_defer") == (report["split"], report["threshold"])
    assert (n, 0.0) == tuple(report["arms"]["cascade"][key] for key in ("n", "coverage"))


def test_thresholds_are_suggested_from_the_train_split(tmp_path: Path) -> None:
    """The test questions, whose confidences differ, play no part in it."""
    rows = [*logprob_rows(20), *logprob_rows(10, split="train")]
    for row in rows[:20]:
        row["models"]["small"]["conf_logp"] = -0.001
    path = written(tmp_path / "letters.jsonl", rows)

    result = run("--pack", path, *PAIR)

    assert 2 == result.exit_code
    assert "Thresholds from the 10 train questions of letters.jsonl:" in result.stdout
    assert [
        "--threshold 0.449328   defers 20.0% of them (asked: 20%)",
        "--threshold 0.548811   defers 40.0% of them (asked: 40%)",
        "--threshold 0.670320   defers 60.0% of them (asked: 60%)",
    ] == [line.strip() for line in result.stdout.splitlines() if "--threshold" in line]
    assert "Error: a threshold is needed" in result.stderr


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--weak", "small"), "holds answers of small, large: choose two"),
        (("--weak", "tiny", "--strong", "large"), "it has small, large. Choose two"),
        ((*PAIR, "--threshold", "1.5"), "--threshold 1.5: expected a number from 0 to 1"),
        ((*PAIR, "--threshold", "nan"), "--threshold nan: expected"),
        ((*PAIR, "--threshold", "high"), "--threshold high: expected"),
        ((*PAIR, "--threshold", "0.5", "--json", "no/such/a.json"), "there is no folder no/such"),
        ((*PAIR, "--threshold", "0.5", "--json", "."), "it cannot be written"),
    ],
)
def test_a_mistake_is_one_clear_line(
    logprob_file: Path, words: tuple[str, ...], complaint: str
) -> None:
    """No traceback, exit code 2, and nothing printed that looks like a result."""
    result = run("--pack", logprob_file, *words)

    assert 2 == result.exit_code
    assert complaint in result.stderr
    assert 1 == len(result.stderr.splitlines())
    assert "" == result.stdout


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--weak", "small"), "holds one model only; leave out --weak and --strong"),
        (("--split", "test"), "has no splits; leave out --split"),
    ],
)
def test_options_that_make_no_sense_for_a_transfer_pack_are_refused(
    transfer_file: Path, words: tuple[str, ...], complaint: str
) -> None:
    """Rather than passed over in silence."""
    result = run("--pack", transfer_file, *words)

    assert 2 == result.exit_code
    assert complaint in result.stderr


@pytest.mark.parametrize(
    "option",
    [
        ("--k", "4"),
        ("--min-similarity", "1.5"),
        ("--min-similarity", "nan"),
        ("--limit", "0"),
        ("--split", "dev"),
    ],
)
def test_values_out_of_range_are_refused(transfer_file: Path, option: tuple[str, str]) -> None:
    """The message names the option."""
    result = run("--pack", transfer_file, *option)

    assert 2 == result.exit_code
    assert option[0] in result.stderr


def test_a_pack_that_cannot_be_read_is_one_clear_line(tmp_path: Path) -> None:
    """The file and the reason are named."""
    result = run("--pack", tmp_path / "absent.jsonl")

    assert 2 == result.exit_code
    assert "absent.jsonl cannot be read (No such file or directory)" in result.stderr
    assert "Name a file of JSON lines" in result.stderr


def test_no_train_split_means_no_suggestion(tmp_path: Path) -> None:
    """Thresholds are never taken from the questions that are then asked."""
    path = written(tmp_path / "letters.jsonl", logprob_rows(5))

    result = run("--pack", path, *PAIR)

    assert 2 == result.exit_code
    assert "has no train split" in result.stderr


def test_a_model_without_confidences_has_no_threshold_to_suggest(tmp_path: Path) -> None:
    """It says so."""
    rows = [*logprob_rows(5), *logprob_rows(5, split="train")]
    for row in rows:
        row["models"]["small"]["conf_logp"] = None

    result = run("--pack", written(tmp_path / "letters.jsonl", rows), *PAIR)

    assert 2 == result.exit_code
    assert "has no confidence in the train split" in result.stderr
    assert "give one with --threshold" in result.stderr


def test_the_help_teaches_with_examples() -> None:
    """Each example stands on a line of its own."""
    result = run("--help")

    lines = [line.strip() for line in result.output.splitlines()]
    assert "intercascade bench --pack families.jsonl.gz --json report.json" in lines


def test_thresholds_are_suggested_for_the_real_pack() -> None:
    """The one for 40 % of the train questions is near the one that defers 40 % of the others."""
    result = run("--pack", real_pack(MMLU), *LLAMAS)

    (threshold,) = [
        float(line.split()[1]) for line in result.stdout.splitlines() if "asked: 40%" in line
    ]
    assert threshold == pytest.approx(0.583, abs=0.001)


def test_the_real_logprob_pack_reproduces_the_known_figures(tmp_path: Path) -> None:
    """Llama 8B alone .634, 405B alone .852; with 40 % deferred .783, at half the cost."""
    words = ("--pack", real_pack(MMLU), *LLAMAS, "--threshold", 0.60325)

    arms = report_of(*words, out=tmp_path / "report.json")["arms"]

    right = {name: round(arm["n"] * arm["system_accuracy"]) for name, arm in arms.items()}
    cascade = arms["cascade"]
    assert {"weak_only": 970, "strong_only": 1304, "cascade": 1199} == right
    assert (1531, 919) == (cascade["n"], round(1531 * cascade["coverage"]))
    assert arms["weak_only"]["weak_accuracy"] == pytest.approx(0.634, abs=0.001)
    assert arms["strong_only"]["system_accuracy"] == pytest.approx(0.852, abs=0.001)
    assert cascade["system_accuracy"] == pytest.approx(0.783, abs=0.01)
    assert cascade["strong_call_share"] == pytest.approx(0.4, abs=0.005)
    assert cascade["confidence_auroc"] == pytest.approx(0.808, abs=0.001)
    assert [0.0589, 0.8792, 0.4218] == pytest.approx(
        [arm["cost"] for arm in arms.values()], abs=0.0001
    )


def test_the_real_transfer_pack_is_learned_from(tmp_path: Path) -> None:
    """Weak accuracy lies between the two recorded levels, on a short stream."""
    report = report_of(
        "--pack", real_pack(BBH), "--limit", 100, "--seed", 1, out=tmp_path / "report.json"
    )

    arms = report["arms"]
    assert (
        arms["weak_only"]["weak_accuracy"]
        < arms["cascade"]["weak_accuracy"]
        <= arms["weak_helped"]["weak_accuracy"]
    )
    assert arms["cascade"]["tenths"][0]["coverage"] < arms["cascade"]["tenths"][-1]["coverage"]
