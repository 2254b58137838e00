"""The benchmarks of the promise in traffic: they run, and what is written down keeps it."""

from __future__ import annotations

import json
import math
import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import drift, drift_streams, online, online_streams
from benchmarks.online_cascade import run_ids
from benchmarks.online_cells import pack_parity
from benchmarks.online_pair import NOBODY, Stock, Taught, lowest_safe
from benchmarks.online_streams import Run, labels_needed, plain_said, play_pack, play_pair
from benchmarks.online_telling import Answer, Telling, label_of_answer
from langchain_intercascade.evaluation.pack import LogprobPack, read_pack
from langchain_intercascade.threshold.base import ALWAYS_DEFER, FixedThreshold
from langchain_intercascade.threshold.self_calibrating import SelfCalibrating
from tests.packs import answered, logprob_row, written


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


def test_the_two_nearest_strategies_are_those_of_a_plain_search() -> None:
    """However they came in; the second may become the first, or be overtaken by a third."""
    here, taught = stock(), Taught(stock())
    nearest: dict[int, Any] = {}
    for question in np.random.default_rng(3).permutation(here.size)[:50].tolist():
        taught.learn(question)
        kind = int(here.kinds[question])
        nearest[kind] = np.maximum(nearest.get(kind, -1.0), here.alike[question])
    kinds, near = np.array(list(nearest)), np.array(list(nearest.values()))
    ranked = np.argsort(-near, axis=0, kind="stable")[:2]
    close = np.take_along_axis(near, ranked, axis=0) >= 0.3

    assert len(kinds) > 10
    np.testing.assert_array_equal(
        np.where(close, kinds[ranked], NOBODY).T, taught.shown(np.arange(here.size))
    )


class OneByOne(Telling):
    """Tells every label at once, as a cascade does."""

    def tell(self, answer: Answer, run_id: str) -> bool:
        """Tell."""
        if self._threshold is not None:
            self._threshold.observe(label_of_answer(answer, run_id))
        return self._threshold is not None


@pytest.mark.parametrize("target", [0.1, 0.3])
def test_telling_in_bulk_comes_to_the_same(target: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """In both regimes, cold and serving, sample and all, and with answers that have no score."""
    rng = np.random.default_rng(1)
    scores = np.where(rng.random(600) < 0.05, np.nan, rng.random(600))
    agrees = rng.random(600) > np.nan_to_num(1 - scores, nan=1.0) ** 2
    order, questions = rng.integers(0, 600, 2500).tolist(), rng.integers(0, 120, 500)

    def played() -> tuple[Run, list[bool], Run, Any]:
        accepted: list[bool] = []
        plain, pair = SelfCalibrating(target, audit_rate=0.05), SelfCalibrating(target)
        traffic = plain_said(scores, agrees, agrees)
        one = play_pack(traffic, order, plain, target, run_ids(1, 2500), accepted=accepted)
        other = play_pair(stock(), questions, pair, target, run_ids(2, 500))
        return one, accepted, other, plain.certification("plain").sample

    bulk = played()
    monkeypatch.setattr(online_streams, "Telling", OneByOne)

    assert bulk == played()
    assert 0.05 * 2500 < sum(bulk[1])
    assert bulk[2].served_at is not None


def test_the_fast_way_accepts_what_the_whole_cascade_accepts(tmp_path: Path) -> None:
    """Question by question, many of them right at the cut, on made-up recordings."""
    rows = [
        logprob_row(
            number,
            weak=answered("B" if sure > 0.35 else "A", correct=True, logp=math.log(sure)),
            strong=answered("B", correct=True, logp=-0.1),
        )
        for number, sure in enumerate(
            np.random.default_rng(1).uniform(0.1, 1, 150).round(1).tolist()
        )
    ]
    pack = read_pack(written(tmp_path / "made_up.jsonl", rows))
    assert isinstance(pack, LogprobPack)

    found = pack_parity(pack, 1, 150, pair=("small", "large"), target=0.1)

    assert 20 < found["accepted"] < 45
    assert 0 == found["different"]


def test_how_many_labels_are_needed_says_what_no_method_can_do_without() -> None:
    """With no error in sight 1.64 * .09 / .01 of them; the nearer the risk, the more; or none."""
    scores, numbers = np.linspace(0, 1, 200), np.arange(200)

    def needed(right: Any) -> int | None:
        return labels_needed(plain_said(scores, right, right), 0.1)

    few, more = needed(numbers % 20 != 0), needed(numbers % 12 != 0)
    assert few is not None
    assert more is not None
    assert 15 == needed(numbers >= 0)
    assert 15 < few < more / 2
    assert needed(numbers % 2 == 0) is None


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
    assert 1 == named["both"]["serving_at_the_switch"]
    assert 0 == named["both"]["most_accepted_until_restart"]
    assert "and is now gpt-4-0613" in named["both"]["origin"]
    assert 1 <= named["strong_only"]["most_accepted_until_restart"] < 150
    assert "and is now gpt-4-0613" in named["strong_only"]["origin"]


@pytest.mark.parametrize("measuring", [online, drift])
def test_absent_recordings_are_no_crash(
    measuring: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.json"

    assert 1 == measuring.main(["--data", str(tmp_path), "--out", str(out)])
    assert "say with --data where the recordings are" in capsys.readouterr().err
    assert not out.exists()


def test_the_written_figures_keep_the_promise() -> None:
    """What is in the repository was measured on enough streams, and no cell breaks the bound."""
    report: dict[str, Any] = json.loads(online.OUT.read_text("utf-8"))
    pair = report["pair"]["cells"]
    kept = [*report["packs"]["cells"], *(cell["self_calibrating"] for cell in pair)]

    assert report["seeds"] >= 200
    for cell in kept:
        assert cell["runs"] == report["seeds"]
        assert cell["broken_share"] <= 0.1 + 2 * math.sqrt(0.1 * 0.9 / cell["runs"])
    assert report["holds"] is True
    assert {0.1, 0.15, 0.2} == {cell["target_risk"] for cell in report["packs"]["cells"]}
    assert {"careful", "erring"} == {cell["teacher"]["name"] for cell in pair}


def test_the_written_coverage_is_that_of_the_oracle_or_says_that_it_is_not() -> None:
    """Four fifths of it, wherever a stream holds enough labels to tell what is safe."""
    report: dict[str, Any] = json.loads(online.OUT.read_text("utf-8"))
    pair = report["pair"]["cells"]
    kept = [*report["packs"]["cells"], *(cell["self_calibrating"] for cell in pair)]

    for cell in kept:
        reached = cell["coverage"]["mean"] / cell["oracle_coverage"]
        assert cell["enough"] == (reached >= report["coverage_wanted"] == 0.8)
    assert sum(cell["enough"] for cell in kept) == report["cells_with_enough_coverage"]
    assert report["cells_with_enough_coverage"] >= len(kept) - 1


def test_a_threshold_of_before_is_written_down_to_fail() -> None:
    """Fitted once without strategies, by the same calibration and for the same targets."""
    pair = json.loads(online.OUT.read_text("utf-8"))["pair"]["cells"]
    reused = {
        (cell["teacher"]["name"], cell["target_risk"]): cell["fitted_once_on_plain"]["broken_share"]
        for cell in pair
    }

    assert max(reused.values()) > 0.5
    assert reused["erring", 0.15] > 0.5


def test_the_written_parity_is_one_of_questions_that_were_accepted() -> None:
    both = json.loads(online.OUT.read_text("utf-8"))["packs"]["whole_cascade"]

    assert both
    assert all(each["different"] == 0 < each["accepted"] for each in both)


def test_the_written_drift_was_noticed_without_crying_wolf() -> None:
    report: dict[str, Any] = json.loads(drift.OUT.read_text("utf-8"))
    silent, unshifted = report["silent"], report["unshifted"]

    assert report["seeds"] >= 200
    allowed = 0.1 + 2 * math.sqrt(0.1 * 0.9 / unshifted["runs"])
    assert unshifted["false_alarm_share"] <= allowed
    assert silent["noticed_share"]["mean"] > 0.9
    before = silent["before_the_switch"]["disagreement_of_accepted"]
    after = silent["from_switch_to_alarm"]["disagreement_of_accepted"]
    assert before["high"] < report["target_risk"] < after["low"]
    assert 0 == report["named"]["both"]["most_accepted_until_restart"]


def test_the_figures_of_the_guide_are_those_that_were_measured() -> None:
    """A figure stands before the JSON it was read from, as in the README."""
    root = Path(online.OUT).parents[2]
    guide = (root / "docs" / "calibration.md").read_text("utf-8")
    claims = re.findall(r"([\d.]+)( %)? <!-- (\S+\.json) (\S+) -->", guide)

    assert len(claims) > 60
    for said, percent, file, path in claims:
        found: Any = json.loads((online.OUT.parent / file).read_text("utf-8"))
        for key in path.split("."):
            found = found[int(key)] if isinstance(found, list) else found[key]
        shown = format(100 * found if percent else found, f".{len(said.partition('.')[2])}f")
        assert shown.removeprefix("0") == said.removeprefix("0"), path
