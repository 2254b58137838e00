"""Recalibration: from scores to probabilities, by plain numbers that never fall."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage

from langchain_intercascade import ConfigurationError, Score
from langchain_intercascade.confidence.recalibration import (
    Recalibration,
    fit_isotonic,
    fit_platt,
    recalibrated,
)
from langchain_intercascade.testing.confidence_contract import evidence_of
from tests.conftest import Colour

UNIT = st.floats(min_value=0, max_value=1)
FOUR = evidence_of(AIMessage("4"))
LABELLED = st.lists(st.tuples(UNIT, st.booleans()), min_size=1, max_size=40)
FITS = [fit_isotonic, fit_platt]


@st.composite
def maps(draw: st.DrawFn) -> Recalibration:
    scores = sorted(draw(st.sets(UNIT, min_size=1, max_size=8)))
    heights = draw(st.lists(UNIT, min_size=len(scores), max_size=len(scores)))
    return Recalibration(tuple(scores), tuple(sorted(heights)))


@given(maps(), UNIT, UNIT)
def test_a_map_never_falls_and_stays_in_the_unit_interval(
    mapping: Recalibration, one: float, other: float
) -> None:
    low, high = sorted((one, other))

    assert 0.0 <= mapping(low) <= mapping(high) <= 1.0


@given(maps(), UNIT)
def test_a_map_goes_through_its_points_and_through_json(
    mapping: Recalibration, score: float
) -> None:
    assert list(mapping.probabilities) == [mapping(score) for score in mapping.scores]
    again = Recalibration.from_payload(json.loads(json.dumps(mapping.payload())))
    assert mapping(score) == again(score)


def test_a_score_is_mapped_and_a_missing_one_stays_missing(colour: Colour) -> None:
    halved = Recalibration((0.0, 1.0), (0.0, 0.5), "isotonic")

    function = recalibrated(lambda _: 0.8, halved)
    assert 0.4 == colour.invoke(function, FOUR).value
    assert "isotonic(<lambda>)" == function.method
    missing = recalibrated(lambda _: Score(None, "no idea"), halved)
    assert Score(None, "no idea") == colour.invoke(missing, FOUR)


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"scores": [0.5], "probabilities": [], "kind": "k", "fitted_on": 1},
        {"scores": [], "probabilities": [], "kind": "k", "fitted_on": 1},
        {"scores": [0.5, 0.5], "probabilities": [0.1, 0.2], "kind": "k", "fitted_on": 1},
        {"scores": [0.1, 0.5], "probabilities": [0.2, 0.1], "kind": "k", "fitted_on": 1},
        {"scores": [math.nan], "probabilities": [0.1], "kind": "k", "fitted_on": 1},
        {"scores": [0.5], "probabilities": [1.1], "kind": "k", "fitted_on": 1},
        {"scores": ["high"], "probabilities": [1.0], "kind": "k", "fitted_on": 1},
        {"scores": 3, "probabilities": [1.0], "kind": "k", "fitted_on": 1},
    ],
)
def test_what_is_no_such_map_is_refused(payload: dict[str, Any]) -> None:
    with pytest.raises(
        ConfigurationError, match=r"Fit it again|`fit_isotonic` and `fit_platt` make"
    ):
        Recalibration.from_payload(payload)


def test_a_map_is_applied_without_scikit_learn() -> None:
    code = (
        "import sys; from langchain_intercascade.confidence.recalibration import Recalibration;"
        "Recalibration((0.0, 1.0), (0.0, 0.5))(0.3);"
        "raise SystemExit('sklearn' in sys.modules or 'scipy' in sys.modules)"
    )

    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode


def test_fitting_without_scikit_learn_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.isotonic", None)

    with pytest.raises(ConfigurationError, match="pip install"):
        fit_isotonic([0.5], [True])


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize(
    ("scores", "correct", "said"),
    [
        ([], [], "0 scores and 0 labels: there must be as many, and some"),
        ([0.5], [], "1 score and 0 labels.*Give each answer one of both"),
        ([math.nan], [True], "Score 0 is nan.*Leave answers without a score out"),
        ([0.5, 1.5], [True, True], "Score 1 is 1.5.*take its exponential"),
    ],
)
def test_data_that_cannot_be_fitted_is_refused(
    fit: Any, scores: Sequence[float], correct: Sequence[bool], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        fit(scores, correct)


@pytest.mark.parametrize("fit", FITS)
@settings(max_examples=30, deadline=None)
@given(labelled=LABELLED)
def test_any_data_gives_a_map(fit: Any, labelled: list[tuple[float, bool]]) -> None:
    """Ties, exact ones, only right answers, and right ones with the lower scores."""
    pytest.importorskip("sklearn")
    mapping = fit(*zip(*labelled, strict=True))

    assert len(labelled) == mapping.fitted_on
    heights = [mapping(score / 100) for score in range(101)]
    assert heights == sorted(heights)
    assert 0.0 <= heights[0] <= heights[-1] <= 1.0


def overconfident(count: int) -> tuple[list[float], list[bool]]:
    """Scores that crowd near the top, whose square is the chance of being right."""
    draw = random.Random(0)
    scores = [1 - draw.random() ** 2 for _ in range(count)]
    return scores, [draw.random() < score**2 for score in scores]


@pytest.mark.parametrize("fit", FITS)
def test_recalibrated_scores_are_nearer_to_the_truth(fit: Any) -> None:
    """The squared distance to the true chance shrinks several times."""
    pytest.importorskip("sklearn")
    mapping = fit(*overconfident(2_000))
    scores, _ = overconfident(500)

    before = sum((score - score**2) ** 2 for score in scores)
    after = sum((mapping(score) - score**2) ** 2 for score in scores)
    assert after < before / 5


def test_a_curve_is_hit_by_its_points() -> None:
    """However steep: its points lie at equal steps of probability."""
    pytest.importorskip("sklearn")
    scores = [0.9990, 0.9991, 0.9992, 0.9993] * 50
    mapping = fit_platt(scores, [score > 0.9991 for score in scores])

    assert mapping(0.9990) < 0.2
    assert mapping(0.9993) > 0.8
    gaps = [b - a for a, b in zip(mapping.probabilities, mapping.probabilities[1:], strict=False)]
    assert max(gaps) < 0.02


def test_no_number_of_right_answers_makes_a_certainty() -> None:
    pytest.importorskip("sklearn")

    assert 0.9 < fit_platt([0.5] * 20, [True] * 20)(0.5) < 1.0


def test_scores_in_the_wrong_order_become_level() -> None:
    """A map that fell would turn decisions round."""
    pytest.importorskip("sklearn")
    scores, correct = [0.1, 0.2, 0.8, 0.9] * 10, [True, True, False, False] * 10

    for fit in FITS:
        mapping = fit(scores, correct)
        assert mapping(0.1) == pytest.approx(mapping(0.9))
        assert 0.5 == pytest.approx(mapping(0.5), abs=0.05)
