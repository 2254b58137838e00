"""A stream goes through every arm in one order, and each question leaves one honest outcome."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableLambda

from langchain_intercascade import InterCascade
from langchain_intercascade.evaluation.arms import (
    Grade,
    Outcome,
    Question,
    in_order,
    run_alone,
    run_cascade,
)
from langchain_intercascade.testing import Reply, ScriptedChatModel
from tests.cascades import QUERY, SIBLING, strong_model, weak_model

STREAM = [Question([HumanMessage(text)], family="pears") for text in (QUERY, SIBLING)]


def graded(question: Question, answer: AIMessage) -> Grade:
    """Call an answer right if it says so."""
    del question
    return Grade("right" in answer.text)


def through(weak: Any, strong: Any, **options: Any) -> list[Outcome]:
    """Return what a cascade of these two makes of `STREAM`."""
    ticks = Counter[str]()
    given = {"threshold": 0.5, "learning": "off", **options}
    with InterCascade(weak=weak, strong=strong, **given) as cascade:
        outcomes = run_cascade(STREAM, cascade, graded, tick=lambda: ticks.update("t"))

    assert len(STREAM) == ticks.total()
    return outcomes


@given(
    st.integers(min_value=0, max_value=30),
    st.integers(min_value=0),
    st.integers(min_value=1, max_value=40),
)
def test_a_seed_fixes_the_order(count: int, seed: int, limit: int) -> None:
    """The same seed gives the same order, of every question once; a short stream begins a long."""
    questions = [Question((), family=str(number)) for number in range(count)]

    order = in_order(questions, seed=seed)

    assert sorted(questions, key=id) == sorted(order, key=id)
    assert order[:limit] == in_order(questions, seed=seed, limit=limit)


@pytest.mark.parametrize(
    ("role", "coverage", "weak_correct"), [("weak", True, True), ("strong", False, None)]
)
def test_a_model_alone_answers_everything(role: Any, coverage: Any, weak_correct: Any) -> None:
    """The weak arm accepts all, the strong arm defers all; each answer costs what it says."""
    replies = [Reply("right", cost=0.25), Reply("wrong", cost=0.5)]
    model = ScriptedChatModel(replies=replies)

    first, second = run_alone(STREAM, model, graded, role=role)

    assert (role, coverage, not coverage) == (first.route, first.accepted, first.strong_called)
    assert (weak_correct, True, 0.25) == (first.weak_correct, first.system_correct, first.cost)
    assert (False, 0.5, "pears") == (second.system_correct, second.cost, second.family)


def test_an_accepted_answer_is_the_systems_answer() -> None:
    """The strong model is not called, and both grades are of the weak answer."""
    first, _ = through(weak_model(Reply("right", logprob=-0.01, cost=0.1)), strong_model())

    assert ("weak", True, False) == (first.route, first.accepted, first.strong_called)
    assert (True, True) == (first.weak_correct, first.system_correct)
    assert first.cost == pytest.approx(0.1)
    assert first.confidence == pytest.approx(0.99, abs=0.001)


def test_a_deferred_answer_is_graded_too() -> None:
    """The weak answer is seen in the trace, although nobody gets it."""
    weak = weak_model(Reply("right", logprob=-3, cost=0.1))
    strong = ScriptedChatModel(replies=[Reply("wrong", cost=0.2)], repeat_last=True)

    first, _ = through(weak, strong)

    assert ("strong", False, True) == (first.route, first.accepted, first.strong_called)
    assert (True, False) == (first.weak_correct, first.system_correct)
    assert first.cost == pytest.approx(0.3)


@pytest.mark.parametrize(
    "weak",
    [
        pytest.param(weak_model(TimeoutError()), id="it failed"),
        pytest.param(RunnableLambda(lambda _: AIMessage("right")), id="no chat model"),
    ],
)
def test_a_weak_answer_that_cannot_be_seen_is_not_graded(weak: Any) -> None:
    """There is no grade rather than a guess."""
    first, _ = through(weak, weak_model("right"))

    assert (None, True, "strong") == (first.weak_correct, first.system_correct, first.route)


def test_the_weak_answer_is_the_outer_cascades() -> None:
    """A cascade as the strong model has a weak one as well; that is not the one meant."""
    inner = InterCascade(
        weak=weak_model(Reply("right", logprob=-0.01)), strong=strong_model(), learning="off"
    )
    with inner:
        first, _ = through(weak_model(Reply("wrong", logprob=-3)), inner)

    assert (False, True) == (first.weak_correct, first.system_correct)
    assert not first.strong_called, "the last model was never asked"


@pytest.mark.parametrize("learning", ["inline", "background"])
def test_each_question_is_answered_with_what_the_earlier_ones_taught(learning: str) -> None:
    """Also what is learned in the background is learned before the next question."""
    first, second = through(weak_model(), strong_model(), learning=learning)

    assert ("plain", "augmented") == (first.regime, second.regime)
    assert {"stored", "merged", "queued"} >= {first.lesson, second.lesson}


def test_what_had_to_be_assumed_is_kept() -> None:
    """A replay's grader says which grades were never recorded, and why."""
    with InterCascade(weak=weak_model(), strong=strong_model(), learning="off") as cascade:
        outcomes = run_cascade(STREAM, cascade, lambda *_: Grade(correct=True, assumed="other"))

    assert ["other", "other"] == [outcome.assumed for outcome in outcomes]
