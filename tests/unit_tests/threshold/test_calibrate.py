"""Calibration finds the lowest threshold that can be promised, and says when there is none."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.evaluation.replay import recorded_scores
from langchain_intercascade.record import Regime
from langchain_intercascade.threshold.base import ALWAYS_DEFER
from langchain_intercascade.threshold.bounds import upper_bound
from langchain_intercascade.threshold.calibrate import calibrate_regimes, calibrate_threshold
from langchain_intercascade.threshold.calibrated import CalibratedThreshold
from langchain_intercascade.threshold.report import ThresholdReport
from tests.packs import mmlu

DAY = date(2026, 11, 22)

# Few distinct scores, so that most of them are tied; some answers have none.
ANSWERS = st.lists(
    st.tuples(st.none() | st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0]), st.booleans()),
    min_size=1,
    max_size=150,
)


def calibrated(answers: Sequence[tuple[float | None, bool]], **options: Any) -> ThresholdReport:
    """Calibrate on pairs of a score and whether the answer was right."""
    return calibrate_threshold(
        [score for score, _ in answers],
        [correct for _, correct in answers],
        **{"target_risk": 0.2, "on": DAY, **options},
    )


@settings(max_examples=25)
@given(ANSWERS, st.randoms(use_true_random=False))
def test_the_order_of_the_answers_does_not_matter(
    answers: list[tuple[float | None, bool]], dice: random.Random
) -> None:
    shuffled = dice.sample(answers, len(answers))

    assert calibrated(answers) == calibrated(shuffled)


@settings(max_examples=25)
@given(ANSWERS, st.floats(0.05, 0.9), st.integers(1, 40))
def test_what_is_served_keeps_its_own_promise(
    answers: list[tuple[float | None, bool]], target: float, least: int
) -> None:
    """On the calibration set the counts agree with `score >= threshold`, and the bound holds."""
    report = calibrated(answers, target_risk=target, min_accepted=least)
    if report.threshold == ALWAYS_DEFER:
        assert (0, 0, 0.0, None, None) == (
            report.accepted,
            report.errors,
            report.coverage,
            report.empirical_risk,
            report.bound,
        )
        return
    reached = [right for score, right in answers if score is not None and score >= report.threshold]

    assert (len(reached), reached.count(False)) == (report.accepted, report.errors)
    assert upper_bound(report.errors, report.accepted, 0.1) == report.bound
    assert report.bound is not None
    assert report.bound <= target
    assert report.accepted >= least


@settings(max_examples=25)
@given(ANSWERS)
def test_along_the_curve_coverage_never_rises_with_the_threshold(
    answers: list[tuple[float | None, bool]],
) -> None:
    curve = calibrated(answers).curve
    thresholds = [point.threshold for point in curve]

    assert sorted(thresholds, reverse=True) == thresholds
    assert [p.coverage for p in curve] == sorted(p.coverage for p in curve)
    assert all(point.risk <= point.bound for point in curve)


@settings(max_examples=25)
@given(ANSWERS, st.floats(0.05, 0.45))
def test_a_looser_target_never_accepts_less(
    answers: list[tuple[float | None, bool]], target: float
) -> None:
    """With the same start; a looser target may otherwise start higher, where an error can lie."""
    strict = calibrated(answers, target_risk=target, min_accepted=30)
    loose = calibrated(answers, target_risk=2 * target, min_accepted=30)

    assert strict.coverage <= loose.coverage


def test_equal_scores_are_accepted_together() -> None:
    """Half of a tie was right: taking only that half would be a promise about nothing."""
    answers = [(0.9, True)] * 30 + [(0.5, True)] * 15 + [(0.5, False)] * 15

    report = calibrated(answers)

    assert (0.9, 30) == (report.threshold, report.accepted)
    assert (0.5, 60, 15) == (
        report.curve[-1].threshold,
        report.curve[-1].accepted,
        report.curve[-1].errors,
    )


def test_the_walk_ends_at_the_first_threshold_that_does_not_pass() -> None:
    """What lies lower may look fine again; nobody may come there past a failure."""
    answers = [(0.9, True)] * 30 + [(0.5, False)] * 20 + [(0.1, True)] * 200

    report = calibrated(answers)

    assert report.curve[-1].bound < 0.2
    assert report.threshold == 0.9
    assert report.failed is not None
    assert report.failed.threshold == 0.5


def test_more_labels_mean_more_coverage() -> None:
    """An error among the very surest few must not end every walk, however many labels there are."""
    rng = np.random.default_rng(5)
    coverage = []
    for n in (200, 1500):
        scores = rng.random((20, n))
        correct = rng.random((20, n)) < scores
        found = [
            calibrate_threshold(s, c, target_risk=0.2) for s, c in zip(scores, correct, strict=True)
        ]
        coverage.append(np.mean([report.coverage for report in found]))

    assert coverage[0] < 0.25
    assert coverage[1] > 0.3


def test_too_few_surest_answers_do_not_end_the_walk() -> None:
    """Five answers could not pass even without an error, so they are passed over."""
    answers = [(0.99, True)] * 5 + [(0.9, True)] * 30

    report = calibrated(answers)

    assert report.first is not None
    assert (0.9, 0.9, 35) == (report.first.threshold, report.threshold, report.accepted)


@pytest.mark.parametrize("missing", [None, math.nan, math.inf, -math.inf])
def test_an_answer_without_a_score_is_never_accepted_but_counts(missing: float | None) -> None:
    """Minus infinity is what the exponential of a log-probability that went wrong leads to."""
    report = calibrated([(0.0, True)] * 30 + [(missing, True)] * 30)

    assert (0.0, 60, 30, 30, 0.5) == (
        report.threshold,
        report.n,
        report.scored,
        report.accepted,
        report.coverage,
    )


def test_exact_zeros_and_ones_are_scores_like_any_other() -> None:
    all_right = [(1.0, True)] * 40 + [(0.0, True)] * 40

    assert calibrated(all_right).threshold == 0.0
    assert calibrated([(1.0, True)] * 40 + [(0.0, False)] * 40).threshold == 1.0


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        pytest.param([(None, True)] * 50, "only 0 had a usable confidence", id="no scores"),
        pytest.param([(0.9, True)] * 10, "At least 11 answers must share", id="too few"),
        pytest.param([(0.9, False)] * 50, "more labels alone would not help", id="all wrong"),
    ],
)
def test_nothing_safe_means_defer_and_says_why(
    answers: list[tuple[float | None, bool]], words: str
) -> None:
    report = calibrated(answers)

    assert report.threshold == ALWAYS_DEFER
    assert report.strong_call_share == 1.0
    assert "every query is deferred" in report.words()[0]
    assert words in " ".join(report.words())


def test_delta_is_divided_among_levels() -> None:
    """Two gates in a row that shall both hold need twice the evidence, so to speak."""
    answers: list[tuple[float | None, bool]] = [(0.9, True)] * 11

    one, two = calibrated(answers), calibrated(answers, levels=2)

    assert (0.9, ALWAYS_DEFER) == (one.threshold, two.threshold)
    assert (0.1, 0.05) == (two.delta, two.tested_at)


def test_regimes_are_calibrated_apart_and_share_delta() -> None:
    """Strategies made every answer look sure, right or wrong: only the plain regime is safe."""
    plain = ([0.9] * 50 + [0.3] * 50, [True] * 50 + [False] * 50)
    augmented = ([0.95] * 100, [True] * 50 + [False] * 50)

    found = calibrate_regimes({"plain": plain, "augmented": augmented}, target_risk=0.2)

    assert {"plain": 0.9, "augmented": ALWAYS_DEFER} == {
        regime: report.threshold for regime, report in found.items()
    }
    assert [0.05, 0.05] == [report.tested_at for report in found.values()]
    assert "for all 2 thresholds at once" in found["plain"].origin()


def test_a_grid_restricts_the_thresholds() -> None:
    answers = [(score / 100, True) for score in range(100)]

    report = calibrated(answers, grid=[0.25, 0.5, 0.75])

    assert [0.75, 0.5, 0.25] == [point.threshold for point in report.curve]
    assert (0.25, 75) == (report.threshold, report.accepted)


def test_a_long_curve_is_thinned_but_keeps_the_threshold() -> None:
    answers = [(score / 1000, score > 300) for score in range(1000)]

    report = calibrated(answers)

    assert len(report.curve) <= 201
    assert report.threshold in [point.threshold for point in report.curve]


def test_numpy_arrays_are_welcome() -> None:
    scores, correct = np.full(40, 0.9, dtype=np.float32), np.ones(40, dtype=bool)

    report = calibrate_threshold(scores, correct, target_risk=0.1)

    assert report.accepted == 40


@pytest.mark.parametrize(
    ("scores", "correct", "options", "complaint"),
    [
        pytest.param([], [], {}, "nothing to calibrate on", id="empty"),
        pytest.param(
            [0.5],
            [True, False],
            {},
            "not 2 labels for 1 score: each answer needs both",
            id="lengths",
        ),
        pytest.param([-0.7], [True], {}, "Score 0 is -0.7.*exponential", id="a log-probability"),
        pytest.param([1.5], [True], {}, "Score 0 is 1.5", id="above one"),
        pytest.param(["0.5"], [True], {}, "Score 0 is '0.5'", id="text"),
        pytest.param([True], [True], {}, "Score 0 is True", id="label as score"),
        pytest.param([0.5, 0.5], [True, None], {}, "Label 1 is None.*could judge", id="no label"),
        pytest.param([0.5], [0.5], {}, "Label 0 is 0.5", id="half right"),
        pytest.param([0.5], [True], {"target_risk": 0}, "target_risk=0 cannot", id="no risk"),
        pytest.param([0.5], [True], {"delta": 1}, "delta=1 is no probability", id="no promise"),
        pytest.param([0.5], [True], {"levels": 0}, "levels=0 must be a whole", id="no level"),
        pytest.param([0.5], [True], {"min_accepted": 0}, "min_accepted=0 must", id="no answers"),
        pytest.param([0.5], [True], {"grid": []}, "no threshold to choose", id="empty grid"),
        pytest.param([0.5], [True], {"grid": [2.0]}, "threshold=2.0 cannot be", id="odd grid"),
    ],
)
def test_bad_input_is_refused_by_name(
    scores: Any, correct: Any, options: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        calibrate_threshold(scores, correct, **{"target_risk": 0.2, **options})


def test_no_regime_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="nothing to calibrate on"):
        calibrate_regimes({}, target_risk=0.1)


def test_the_words_say_what_is_promised_on_what_and_what_would_loosen_it() -> None:
    answers = [(0.9, True)] * 95 + [(0.9, False)] * 5 + [(0.3, True)] * 80 + [(0.3, False)] * 20
    report = calibrated(answers, target_risk=0.15)

    promised, seen, data, cure = report.words()

    assert "a confidence of 0.9 or more, at most 15 % are wrong" in promised
    assert "confidence of 90 %" in promised
    assert "accepted 50 % of the calibration set, 5 wrong of 100" in seen
    assert "calibrated on 200 labelled answers, on 2026-11-22" in data
    assert "more labels, about 400 in all, if just below 25 of 200 answers remain wrong" in cure
    assert "calibrated: risk <= 0.15 with confidence 0.9 on 200 plain answers, 2026-11-22" == (
        report.origin()
    )


def test_more_labels_as_suggested_would_do() -> None:
    """The advice is taken: so many labels with the same rate of errors certify the next one."""
    answers = [(0.9, True)] * 95 + [(0.9, False)] * 5 + [(0.3, True)] * 80 + [(0.3, False)] * 20

    assert calibrated(answers * 2, target_risk=0.15).threshold == 0.3
    assert calibrated(answers, target_risk=0.15).threshold == 0.9


def test_everything_accepted_needs_no_loosening() -> None:
    assert "Nothing would loosen it" in calibrated([(0.4, True)] * 40).words()[-1]


@settings(max_examples=25)
@given(ANSWERS)
def test_a_report_survives_json(answers: list[tuple[float | None, bool]]) -> None:
    report = calibrated(answers, min_accepted=5)
    data = report.as_json()

    assert report == ThresholdReport.model_validate(data)
    assert {"coverage", "empirical_risk", "strong_call_share", "bound", "curve"} <= data.keys()


def test_a_calibrated_threshold_serves_each_regime_its_own_cut() -> None:
    report = calibrated([(0.7, True)] * 40)
    threshold = CalibratedThreshold(report)

    assert (0.7, report.origin()) == (
        threshold.cut("plain").value,
        threshold.cut("plain").origin,
    )
    assert threshold.cut("augmented").value == ALWAYS_DEFER
    assert "not calibrated for augmented answers" in threshold.cut("augmented").origin
    assert report.words() == threshold.words()


@pytest.mark.parametrize("reports", [{}, {"augmented": calibrated([(0.7, True)] * 40)}])
def test_reports_that_cannot_be_served_are_refused(reports: dict[Regime, ThresholdReport]) -> None:
    with pytest.raises(ConfigurationError, match=r"no report to serve|filed under 'augmented'"):
        CalibratedThreshold(reports)


@pytest.mark.parametrize("model", ["gpt-4o-mini", "llama3.1-8b"])
def test_real_records_with_ties_and_broken_scores_calibrate(model: str) -> None:
    """Up to 86 % of these confidences are tied; the counts must still be those of the gate."""
    rows = [row for row in mmlu().rows if model in row.models]
    scores = recorded_scores(rows, model)
    correct = [row.models[model].correct for row in rows]

    report = calibrate_threshold(scores, correct, target_risk=0.15, on=DAY)

    assert report.threshold != ALWAYS_DEFER
    assert report.accepted == sum(s is not None and s >= report.threshold for s in scores)
    assert report.coverage > 0.3
