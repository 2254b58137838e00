"""The benchmarks of the promise in traffic: they run, and what is written down keeps it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import drift, drift_streams, online
from benchmarks.online_cascade import run_ids
from benchmarks.online_pair import NOBODY, Stock, Taught, lowest_safe
from benchmarks.online_streams import plain_said, play_pack, play_pair
from langchain_intercascade.threshold.base import ALWAYS_DEFER, FixedThreshold
from langchain_intercascade.threshold.self_calibrating import SelfCalibrating
from tests.packs import written


@cache
def stock() -> Stock:
    """A small stock with a careful teacher."""
    return Stock(120, seed=1, error_rate=0.02, trusting=0.0)


def test_the_lowest_safe_threshold_takes_equal_scores_together() -> None:
    scores = np.array([0.9, 0.8, 0.8, 0.7])
    wrong = np.array([False, False, True, True])

    assert 0.8 == lowest_safe(scores, wrong, 0.34)
    assert 0.9 == lowest_safe(scores, wrong, 0.3)
    assert np.inf == lowest_safe(scores[2:], wrong[2:], 0.3)


def test_teaching_helps_the_weak_model_on_questions_of_that_kind() -> None:
    taught, everything = Taught(stock()), np.arange(stock().size)
    before = taught.said(everything)
    for question in range(60):
        taught.learn(question)
    after = taught.said(everything)

    assert not before.augmented.any()
    assert after.agrees.mean() > before.agrees.mean() + 0.3


def test_one_question_is_looked_up_as_all_are() -> None:
    taught, everything = Taught(stock()), np.arange(stock().size)
    for question in range(0, 40, 3):
        taught.learn(question)
    shown, said = taught.shown(everything), taught.said(everything)

    for question in everything.tolist():
        one = taught.shown_one(question)
        assert tuple(shown[question]) == one
        assert (said.confidence[question], said.agrees[question]) == stock().one(question, one)
        assert (one[0] != NOBODY) == said.augmented[question]


def test_only_what_a_cascade_sees_is_told() -> None:
    """Accepted answers tell nothing unless audited: with none, all depends on the deferred."""
    rng = np.random.default_rng(1)
    scores, size = rng.random(400), 400
    traffic = plain_said(scores, scores > 0.2, scores > 0.2)
    threshold = SelfCalibrating(0.2)
    order = rng.integers(0, size, 1000).tolist()

    run = play_pack(traffic, order, threshold, 0.2, [f"never {at}" for at in range(1000)])

    told = threshold.state()["regimes"]["plain"]["certification"]["labels"]
    assert run.served_at is not None
    assert run.strong_calls * 1000 == pytest.approx(told, abs=1.5)
    assert not run.broken
    assert run.coverage <= run.oracle_coverage + 1e-9


def test_a_cut_that_is_unsafe_is_found_out() -> None:
    order = np.random.default_rng(1).integers(0, 120, 200)

    careless = play_pair(stock(), order, FixedThreshold(0.0), 0.05, run_ids(1, 200))
    careful = play_pair(stock(), order, FixedThreshold(ALWAYS_DEFER), 0.05, run_ids(1, 200))

    assert careless.broken
    assert careless.highest_risk > 0.3
    assert (None, False, 0.0) == (careful.served_at, careful.broken, careful.coverage)


def test_the_score_of_the_drift_benchmark_is_one() -> None:
    assert drift_streams.score("yes", 5) > drift_streams.score("no", 0)
    assert drift_streams.score("no", 5) > drift_streams.score("no", 500) >= 0.0
    assert np.isnan(drift_streams.score(None, 5))


def test_the_drift_benchmark_writes_what_it_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On made-up recordings: before the switch the models always agree, and after it never."""
    rows = [
        {"model": model, "id": str(at), "pred": said, "ok": said == "yes", "out_tokens": 9}
        for pair, answers in (
            (drift_streams.BEFORE, ("yes", "yes")),
            (drift_streams.AFTER, ("yes", "no")),
        )
        for model, said in zip(pair, answers, strict=True)
        for at in range(20)
    ]
    written(tmp_path / drift.PACK, rows, zipped=True)
    out = tmp_path / "out.json"
    monkeypatch.setattr(drift, "STRETCH", 600)
    monkeypatch.setattr(drift, "NAMED_STRETCH", 150)

    assert 0 == drift.main(
        ["--data", str(tmp_path), "--out", str(out), "--seeds", "3", "--named", "1"]
    )

    report: dict[str, Any] = json.loads(out.read_text("utf-8"))
    silent, named = report["silent"], report["named"]
    assert 1.0 == silent["noticed_share"]["mean"]
    assert 0.0 == silent["before_the_switch"]["disagreement_of_accepted"]["mean"]
    assert 1.0 == silent["from_switch_to_alarm"]["disagreement_of_accepted"]["mean"]
    assert 0.0 == silent["from_alarm_to_end"]["coverage"]["mean"]
    assert 0.0 == report["unshifted"]["false_alarm_share"]
    assert named["serving_at_the_switch"] == 1
    assert "and is now gpt-" in named["origin"]


@pytest.mark.parametrize("measuring", [online, drift])
def test_absent_recordings_are_no_crash(
    measuring: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.json"

    assert 1 == measuring.main(["--data", str(tmp_path), "--out", str(out)])
    assert "say with --data where the recordings are" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.skipif(not online.OUT.exists(), reason="python -m benchmarks.online was not run yet")
def test_the_written_figures_keep_the_promise() -> None:
    """What is in the repository was measured on enough streams."""
    report: dict[str, Any] = json.loads(online.OUT.read_text("utf-8"))
    kept = [
        *report["packs"]["cells"],
        *(cell["self_calibrating"] for cell in report["pair"]["cells"]),
    ]

    assert report["seeds"] >= 200
    assert report["holds"]
    assert all(cell["broken_share"] <= report["allowed_share"] for cell in kept)
    assert all(
        each["different"] == 0 < each["accepted"] for each in report["packs"]["whole_cascade"]
    )
    fixed = [cell["fitted_once_on_plain"]["broken_share"] for cell in report["pair"]["cells"]]
    assert max(fixed) > 0.5


@pytest.mark.skipif(not drift.OUT.exists(), reason="python -m benchmarks.drift was not run yet")
def test_the_written_drift_was_noticed_without_crying_wolf() -> None:
    report: dict[str, Any] = json.loads(drift.OUT.read_text("utf-8"))

    assert report["unshifted"]["holds"]
    assert report["silent"]["noticed_share"]["mean"] > 0.5
    before = report["silent"]["before_the_switch"]["disagreement_of_accepted"]
    after = report["silent"]["from_switch_to_alarm"]["disagreement_of_accepted"]
    assert before["high"] < report["target_risk"] < after["low"]
