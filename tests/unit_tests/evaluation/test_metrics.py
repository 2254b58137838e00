"""The laws of the metrics, and the figures of small streams worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_intercascade.evaluation.arms import Outcome
from langchain_intercascade.evaluation.metrics import (
    RATIOS,
    arm_metrics,
    other_gates,
    pessimistic,
    suggested_thresholds,
    tenths,
    windows,
)
from langchain_intercascade.evaluation.reliability import auroc

ACCEPTED = Outcome(
    family=None,
    route="weak",
    regime="plain",
    accepted=True,
    strong_called=False,
    weak_correct=True,
    system_correct=True,
    confidence=0.9,
    cost=0.25,
)
DEFERRED = replace(
    ACCEPTED, route="strong", accepted=False, strong_called=True, confidence=0.1, cost=0.5
)
WRONG = replace(ACCEPTED, weak_correct=False, system_correct=False, confidence=0.7)


@st.composite
def an_outcome(draw: st.DrawFn) -> Outcome:
    """Draw what a cascade of two levels may make of one question."""
    accepted = draw(st.booleans())
    weak = draw(st.booleans())
    return replace(
        ACCEPTED if accepted else DEFERRED,
        family=draw(st.sampled_from(["a", "b", "c"])),
        weak_correct=weak,
        system_correct=weak if accepted else draw(st.booleans()),
        confidence=draw(st.none() | st.floats(min_value=0, max_value=1)),
        assumed=draw(st.sampled_from(["", "other"])),
    )


streams = st.lists(an_outcome(), min_size=1, max_size=40)
some_scores = st.lists(
    st.tuples(st.sampled_from([-1.0, 0.0, 0.25, 0.5, 1.0]), st.booleans()), max_size=30
)


def area(pairs: list[tuple[float, bool]], *, turned: bool = False) -> float | None:
    """Return the AUROC of pairs of a score and whether the answer was right."""
    scores = np.array([score for score, _ in pairs], dtype=float)
    correct = np.array([right != turned for _, right in pairs], dtype=bool)
    return auroc(scores, correct)


@settings(max_examples=50)
@given(streams)
def test_with_two_levels_every_question_is_accepted_or_costs_a_strong_call(
    stream: list[Outcome],
) -> None:
    """Coverage and the share of strong calls add up to one, in every part of the stream."""
    metrics = arm_metrics(stream, seed=0, draws=20)

    for part in (metrics, *metrics["tenths"], *metrics["windows"]):
        assert part["coverage"] + part["strong_call_share"] == pytest.approx(1)


@settings(max_examples=50)
@given(streams, st.integers(min_value=0, max_value=3))
def test_an_interval_holds_its_estimate(stream: list[Outcome], seed: int) -> None:
    """It lies in [0, 1] around the value, and is missing exactly when the value is."""
    metrics = arm_metrics(stream, seed=seed, draws=20)

    for name, interval in metrics["intervals"].items():
        assert (interval is None) == (metrics[name] is None)
        if interval is not None:
            assert 0 <= interval[0] <= metrics[name] <= interval[1] <= 1


@settings(max_examples=50)
@given(streams)
def test_the_pessimist_never_sees_more_right_answers(stream: list[Outcome]) -> None:
    """Assumed answers count as wrong; whom they were routed to does not change."""
    hopeful = arm_metrics(stream, seed=0, draws=2)
    gloomy = arm_metrics(pessimistic(stream), seed=0, draws=2)

    for name in ("weak_accuracy", "system_accuracy"):
        assert gloomy[name] <= hopeful[name]
    assert gloomy["coverage"] == hopeful["coverage"]


@given(some_scores)
def test_the_area_is_a_share_and_turns_with_the_labels(pairs: list[tuple[float, bool]]) -> None:
    """It is in [0, 1], and ranking the wrong answers is the mirror image."""
    found, mirrored = area(pairs), area(pairs, turned=True)

    if len({right for _, right in pairs}) < 2:
        assert found is None
        assert mirrored is None
    else:
        assert found is not None
        assert mirrored is not None
        assert 0 <= found <= 1
        assert found + mirrored == pytest.approx(1)


@given(some_scores)
def test_the_area_is_the_share_of_pairs_in_the_right_order(pairs: list[tuple[float, bool]]) -> None:
    """By definition: a right and a wrong answer drawn by lot, ties counting half."""
    right = [score for score, correct in pairs if correct]
    wrong = [score for score, correct in pairs if not correct]
    won = sum((a > b) + (a == b) / 2 for a in right for b in wrong)

    if right and wrong:
        assert area(pairs) == pytest.approx(won / (len(right) * len(wrong)))


def test_a_small_stream_by_hand() -> None:
    """Two accepted, of which one is wrong, and two deferred."""
    stream = [ACCEPTED, WRONG, DEFERRED, replace(DEFERRED, weak_correct=False)]

    metrics = arm_metrics(stream, seed=0)

    expected = {
        "n": 4,
        "weak_accuracy": 0.5,
        "system_accuracy": 0.75,
        "coverage": 0.5,
        "strong_call_share": 0.5,
        "selective_risk": 0.5,
        # Of the four pairs of a right and a wrong answer two are in order and one is a tie.
        "confidence_auroc": 2.5 / 4,
        "cost": 1.5,
        "resampled": "questions",
    }
    assert expected == {name: metrics[name] for name in expected}


@pytest.mark.parametrize(
    ("stream", "missing"),
    [
        ([DEFERRED], {"selective_risk", "confidence_auroc"}),
        ([replace(DEFERRED, weak_correct=None)], {"weak_accuracy", "selective_risk"}),
        ([ACCEPTED, replace(WRONG, cost=None)], {"cost"}),
        (
            [replace(ACCEPTED, confidence=None), replace(WRONG, confidence=None)],
            {"confidence_auroc"},
        ),
    ],
    ids=["nothing accepted", "no weak answer", "unknown cost", "no confidence"],
)
def test_what_cannot_be_had_is_none(stream: list[Outcome], missing: set[str]) -> None:
    """None, never 0, and without an interval."""
    metrics = arm_metrics(stream, seed=0, draws=10)

    for name in missing:
        assert metrics[name] is None
        assert metrics["intervals"].get(name) is None


def test_an_answer_without_confidence_ranks_below_every_other() -> None:
    """As at the gate, which defers it."""
    stream = [replace(ACCEPTED, confidence=0.0), replace(WRONG, confidence=None)]

    assert 1.0 == arm_metrics(stream, seed=0, draws=2)["confidence_auroc"]


def test_families_are_resampled_whole() -> None:
    """One good and one bad family: drawing families, everything may go right or wrong."""
    good = [replace(ACCEPTED, family="good")] * 20
    bad = [replace(WRONG, family="bad")] * 20

    by_family = arm_metrics([*good, *bad], seed=0)
    by_question = arm_metrics([replace(o, family=None) for o in [*good, *bad]], seed=0)

    assert "families" == by_family["resampled"]
    assert (0.0, 1.0) == by_family["intervals"]["system_accuracy"]
    low, high = by_question["intervals"]["system_accuracy"]
    assert 0.3 < low < 0.5 < high < 0.7


def test_one_family_is_resampled_by_question() -> None:
    """A single family drawn again and again would claim perfect certainty."""
    stream = [replace(o, family="only") for o in (ACCEPTED, WRONG)]

    assert "questions" == arm_metrics(stream, seed=0, draws=2)["resampled"]


def test_a_seed_fixes_the_intervals() -> None:
    """The same run gives the same report."""
    stream = [ACCEPTED, WRONG, DEFERRED] * 5

    assert arm_metrics(stream, seed=3) == arm_metrics(stream, seed=3)
    assert arm_metrics(stream, seed=3) != arm_metrics(stream, seed=4)


@given(st.integers(min_value=1, max_value=120))
def test_tenths_and_windows_cover_the_stream_in_order(n: int) -> None:
    """Every question is in one part; there are ten tenths if there are ten questions."""
    stream = [DEFERRED] + [ACCEPTED] * (n - 1)

    assert min(10, n) == len(tenths(stream))
    assert n == sum(part["n"] for part in tenths(stream)) == windows(stream)[-1]["until"]
    assert tenths(stream)[0]["coverage"] < 1
    assert all(part["coverage"] == 1 for part in tenths(stream)[1:])


def test_windows_double() -> None:
    """Each is as long as all before it; the last is what is left."""
    assert [3, 6, 12, 20] == [part["until"] for part in windows([ACCEPTED] * 20, first=3)]


@pytest.mark.parametrize(
    ("weak", "strong", "deferred", "lot", "perfect"),
    [
        ("1100", "1111", 1, 0.625, 0.75),
        ("1100", "1111", 3, 0.875, 1.0),
        ("1100", "1001", 1, 0.5, 0.75),
        ("1100", "1001", 4, 0.5, 0.5),
    ],
)
def test_other_gates_by_hand(
    weak: str, strong: str, deferred: int, lot: float, perfect: float
) -> None:
    """The lot is the mean over both models; the perfect gate defers first what that mends."""
    cascade = [
        replace(DEFERRED if i < deferred else ACCEPTED, weak_correct=right == "1")
        for i, right in enumerate(weak)
    ]
    alone = [replace(DEFERRED, system_correct=right == "1") for right in strong]

    assert {"random_gate": lot, "perfect_gate": perfect} == other_gates(cascade, alone)


def test_other_gates_need_every_weak_answer() -> None:
    """A missing grade cannot be guessed."""
    unseen = [replace(DEFERRED, weak_correct=None)]

    assert {None} == set(other_gates(unseen, [DEFERRED]).values())


@settings(max_examples=50)
@given(streams)
def test_the_perfect_gate_is_the_best_there_is(stream: list[Outcome]) -> None:
    """No choice of as many deferred answers beats it, and the lot least of all."""
    strong = [o if o.strong_called else DEFERRED for o in stream]
    gates: Any = other_gates(stream, strong)

    found = sum(o.system_correct for o in stream) / len(stream)
    assert found <= gates["perfect_gate"] + 1e-9
    assert gates["random_gate"] <= gates["perfect_gate"] + 1e-9


def test_a_suggested_threshold_defers_what_it_says() -> None:
    """Half of ten different scores; a tie stays together; missing ones are deferred anyway."""
    scores = [n / 10 for n in range(1, 11)]

    assert [(0.6, 0.5)] == suggested_thresholds(scores, [0.5])
    assert [(1.0, 0.5)] == suggested_thresholds([1.0, 1.0, 0.5, 0.5], [0.4])
    assert [(0.5, 0.5)] == suggested_thresholds([None, None, 0.5, 0.7], [0.2])
    assert [] == suggested_thresholds([None], [0.5])


@given(
    st.lists(st.none() | st.floats(min_value=0, max_value=1), min_size=1),
    st.floats(min_value=0, max_value=1),
)
def test_a_suggestion_is_true_of_the_scores_it_came_from(
    scores: list[float | None], share: float
) -> None:
    """Whatever is printed beside a threshold is what it does."""
    for threshold, deferred in suggested_thresholds(scores, [share]):
        below = sum(score is None or score < threshold for score in scores)

        assert deferred == pytest.approx(below / len(scores))
        assert 0 <= threshold <= 1


def test_every_share_has_a_name() -> None:
    """These keys are a promise to whoever reads reports."""
    assert {
        "weak_accuracy",
        "system_accuracy",
        "coverage",
        "strong_call_share",
        "selective_risk",
    } == set(RATIOS)
