"""The second table: small runs on made-up packs, and the file that is shipped."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from benchmarks import recorded, recorded_streams
from benchmarks.recorded import OUT
from benchmarks.recorded_models import tokens
from benchmarks.recorded_packs import (
    GSM_OTHERS,
    GSM_PAIR,
    GYM_PAIR,
    MMLU_PAIRS,
    MMLU_PRICES,
    PACKS,
    gym,
    mmlu,
    records_in,
    transfer,
)
from benchmarks.recorded_report import OF_LESSONS, beside_plain
from benchmarks.recorded_runs import LEARNING, gates_of, play
from benchmarks.recorded_streams import Records
from langchain_intercascade.evaluation.arms import Outcome
from langchain_intercascade.threshold.base import ALWAYS_DEFER
from tests import packs as packs_of_tests
from tests.packs import STORIES, answered, transfer_row, written

REPORT = json.loads(OUT.read_text("utf-8"))


def mmlu_rows() -> list[dict[str, Any]]:
    """Return prompts for all four models; the surer half of the weak answers is right."""
    rows = []
    for number in range(60):
        sure = number % 2 == 0
        weak = answered("A", correct=sure, logp=-0.01 if sure else -2.0)
        strong = answered("B", correct=True, logp=-0.1)
        models = {pair[0]: weak for pair in MMLU_PAIRS.values()}
        models |= {pair[1]: strong for pair in MMLU_PAIRS.values()}
        split = "train" if number >= 12 else "test"
        rows.append({"prompt": f"Which letter, number {number}?", "split": split, "models": models})
    return rows


def gym_rows() -> list[dict[str, Any]]:
    """Return questions of three families; the weak model is of one mind where it is right."""

    def run(answer: str, score: float) -> dict[str, Any]:
        return {"a": answer, "s": score, "n": 40}

    rows = []
    for family, story in STORIES.items():
        for number in range(20):
            right = number % 2 == 0
            others = ["yes", "yes"] if right else ["no", "perhaps"]
            samples = [run(each, float(right)) for each in ("yes", *others)]
            runs = {GYM_PAIR[0]: samples, GYM_PAIR[1]: [run("yes", 1.0)]}
            rows.append({"family": family, "question": story.format(number, 3), "runs": runs})
    return rows


def gsm_rows() -> list[dict[str, Any]]:
    """Return questions on whose answers all models agree, and others on which none does."""
    rows = []
    for number in range(40):
        right = number % 2 == 0
        out: dict[str, Any] = {GSM_PAIR[0]: [5.0, right, 80], GSM_PAIR[1]: [5.0 + number, 1, 90]}
        out |= {name: [5.0 if right else 7.0, right, 70] for name in GSM_OTHERS}
        rows.append({"question": f"How many are {number} and some?", "out": out})
    return rows


def memory_rows() -> list[dict[str, Any]]:
    """Return two tasks for two models: with a memory one is mended, the other stays as it is."""
    return [
        {
            "task": task,
            "model": model,
            "cond": condition,
            "question": STORIES[task].format(number, 5),
            "gold": "g",
            "answer": "g" if right else "x",
            "ok": int(right),
        }
        for model in ("claude-3-5-sonnet", "gpt-4o")
        for task in ("trains", "apples")
        for number in range(6)
        for condition in ("Baseline", "DynamicCheatsheet_Cumulative")
        for right in [task == "trains" and condition != "Baseline"]
    ]


def _transfer_row(family: str, number: int) -> dict[str, Any]:
    """Return a question that help mends, unless it is about spelling."""
    row = transfer_row(family, number)
    return {**row, "cot_ok": 0, "cot_out": "no idea"} if family == "spelling" else row


ROWS = {
    "p1": mmlu_rows,
    "p2": gym_rows,
    "p3": gsm_rows,
    "p5": lambda: [_transfer_row(family, number) for family in STORIES for number in range(6)],
    "p6": memory_rows,
}


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with small made-up packs of all five shapes."""
    folder = tmp_path_factory.mktemp("packs")
    for name, rows in ROWS.items():
        written(folder / PACKS[name], rows(), zipped=True)
    return folder


@pytest.fixture(autouse=True)
def few_for_the_threshold(monkeypatch: pytest.MonkeyPatch) -> None:
    """As small packs have not five hundred questions to spare."""
    monkeypatch.setattr(recorded_streams, "CALIBRATION", 30)


def streamed(records: Records) -> dict[str, list[Outcome]]:
    """Return what came of some records at their first gate."""
    return play(records, gates_of(records)[0], seed=0)


def test_a_small_run_has_the_form_of_the_shipped_file(
    packs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a pack without answers with help, and of one with them."""
    monkeypatch.setattr(recorded, "records_in", lambda folder: few_of(records_in(folder)))
    out = tmp_path / "recorded.json"
    assert 0 == recorded.main(["--data", str(packs), "--out", str(out), "--quick"])
    report = json.loads(out.read_text("utf-8"))

    assert report.keys() == REPORT.keys()
    assert ["mmlu_gpt", "bbh"] == list(report["records"])
    for key, mine in report["records"].items():
        theirs = REPORT["records"][key]
        assert mine.keys() == theirs.keys()
        (gate, *_), (other, *_) = mine["gates"].values(), theirs["gates"].values()
        assert gate.keys() == other.keys()
        assert gate["arms"].keys() == other["arms"].keys()
    where = [(each["records"], each["on"]) for each in report["not_worse"]["claims"]]
    assert [("mmlu_gpt", "all questions")] * 2 == where[:2]
    assert [("bbh", "families without benefit")] * 2 == where[2:]


def test_a_run_is_the_same_again(packs: Path) -> None:
    """Lots are drawn by the questions' numbers, and nothing depends on a clock."""
    records = next(gym(packs / PACKS["p2"]))

    def told() -> list[tuple[object, ...]]:
        played = streamed(records)["careful"]
        return [(o.shown, o.lesson, _without_clock(o), o.accepted) for o in played]

    assert told() == told()


def _without_clock(outcome: Outcome) -> dict[str, Any]:
    return {role: (use["calls"], use["input_tokens"]) for role, use in outcome.usage.items()}


def few_of(found: Iterable[Records]) -> list[Records]:
    """Return two of the records."""
    return [each for each in found if each.key in {"mmlu_gpt", "bbh"}]


def test_packs_that_are_missing_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All at once, and nothing is written."""
    out = tmp_path / "recorded.json"

    assert 2 == recorded.main(["--data", str(tmp_path), "--out", str(out)])

    said = capsys.readouterr().err
    assert all(file in said for file in PACKS.values())
    assert not out.exists()


def test_a_strategy_without_a_recorded_effect_changes_costs_and_nothing_else(packs: Path) -> None:
    """What costs more is its overhead to the cent: lessons, audits, and tokens in the prompt."""
    records = next(mmlu(packs / PACKS["p1"]))
    arms = streamed(records)

    for name in LEARNING:
        assert [o.system_correct for o in arms[name]] == [o.system_correct for o in arms["plain"]]
        assert [o.accepted for o in arms[name]] == [o.accepted for o in arms["plain"]]
        found = beside_plain(records, arms, name, seed=0)
        assert found["dollars"] == pytest.approx(found["overhead"]["dollars"], abs=1e-12)
        assert found["overhead"]["dollars"] > 0
    assert {o.regime for o in arms["plain"]} == {"plain"}
    assert {"distill"} <= {role for o in arms["cascade"] for role in o.usage} & set(OF_LESSONS)


def test_what_strategies_add_to_a_prompt_is_charged(packs: Path) -> None:
    """Exactly where some were shown."""
    arms = streamed(next(gym(packs / PACKS["p2"])))

    added = [
        mine.usage["weak"]["input_tokens"] - bare.usage["weak"]["input_tokens"]  # type: ignore[operator]  # counts
        for mine, bare in zip(arms["cascade"], arms["plain"], strict=True)
    ]
    assert [count > 0 for count in added] == [bool(o.shown) for o in arms["cascade"]]
    assert any(added)
    assert (0, 1, 2) == (tokens(""), tokens("four"), tokens("fives"))


def test_the_threshold_is_fitted_on_other_questions(packs: Path) -> None:
    """By the pack's own split, or by lot; where nothing can be promised, nothing is accepted."""
    for records in records_in(packs):
        streamed_too = len(records.replay.questions)
        if records.calibration:
            total = {"p1": 60, "p2": 60, "p3": 40}[records.pack]
            assert total == streamed_too + len(records.calibration)
            assert all(0 < gate.threshold <= 1 for gate in gates_of(records))  # type: ignore[operator]  # numbers here
        else:
            assert ["coin", "sure_when_helped"] == [gate.key for gate in gates_of(records)]


def test_a_gate_that_can_promise_nothing_defers_everything(packs: Path) -> None:
    records = next(mmlu(packs / PACKS["p1"]))
    hopeless = [(score, False) for score, _ in records.calibration]
    object.__setattr__(records, "calibration", hopeless)

    (gate,) = gates_of(records)

    assert ALWAYS_DEFER == gate.threshold


def test_recorded_help_is_played_where_a_strategy_of_the_family_is_shown(packs: Path) -> None:
    """With the gate that knows nothing, both arms accept the same questions."""
    arms = streamed(next(transfer(packs / PACKS["p5"])))

    assert [o.accepted for o in arms["cascade"]] == [o.accepted for o in arms["plain"]]
    for outcome in arms["cascade"]:
        mended = bool(outcome.shown) and outcome.family != "spelling"
        assert mended is outcome.weak_correct
    assert {False} == {o.weak_correct for o in arms["plain"]}
    assert {o.family != "spelling" for o in arms["always_helped"]} == {
        o.weak_correct for o in arms["always_helped"]
    }


def test_the_shipped_file_holds_its_claim() -> None:
    """Where strategies do not help no answer is lost beyond chance, and what costs more is told."""
    told = REPORT["not_worse"]
    where = {(each["records"], each["gate"], each["arm"]) for each in told["claims"]}
    expected = {
        (key, gate, arm)
        for key, records in REPORT["records"].items()
        for gate, found in records["gates"].items()
        for arm in LEARNING
        if gate == "coin" or "without_benefit" not in found
    }

    assert expected == where
    assert len(where) == len(told["claims"]) == told["claims_made"]
    assert told["holds"]
    for claim in told["claims"]:
        difference = claim["accuracy_difference"]
        assert difference["low"] <= difference["value"] <= difference["high"]
        assert difference["high"] >= 0, claim
        assert claim["answers_by_strong"] <= 0, claim
        assert claim["overhead"]["strategy_tokens"] >= 0
        if claim["overhead"]["dollars"] is not None:
            assert claim["dollars_unexplained"] == pytest.approx(0, abs=1e-12)
    by_rule = [each for each in told["claims"] if each["on"] == "all questions"]
    assert {0.0} == {each["accuracy_difference"]["value"] for each in by_rule}
    assert told["beyond_tolerance"] == sum(not each["within_tolerance"] for each in told["claims"])


def test_the_shipped_file_is_whole_and_says_what_is_assumed() -> None:
    """Of every pack, in sentences; the run was no quick one."""
    assert not REPORT["quick"]
    assert set(PACKS) == {each["pack"] for each in REPORT["records"].values()}
    for records in REPORT["records"].values():
        assert records["recorded"]
        assert all(each.endswith(".") for each in (*records["recorded"], *records["assumed"]))
        money = any("no money" in sentence for sentence in records["assumed"])
        for gate in records["gates"].values():
            assert {arm["cost_per_question"] is None for arm in gate["arms"].values()} == {money}
    for name, pack in REPORT["packs"].items():
        assert PACKS[name] == pack["file"]


def test_the_declared_prices_are_those_that_were_paid() -> None:
    """Every recorded cost follows from the recorded tokens."""
    for row in packs_of_tests.mmlu().rows:
        for name in MMLU_PRICES.keys() & row.models.keys():
            said, (read, wrote) = row.models[name], MMLU_PRICES[name]
            assert said.tok is not None
            paid = (read * said.tok.read + wrote * said.tok.written) / 1e6
            assert paid == pytest.approx(said.cost, rel=1e-9)
