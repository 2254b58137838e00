"""The logprob confidence reads every shape, and never mistakes nonsense for a score."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage

from langchain_intercascade import Evidence, LogprobConfidence, Score
from langchain_intercascade.confidence.logprobs import read_logprobs, without_logprobs
from tests.arbitrary import SHAPES, answers
from tests.conftest import Colour


def score(answer: AIMessage) -> Score:
    """The score of one answer."""
    return LogprobConfidence().invoke(Evidence("query", [], answer))


@given(answers())
def test_a_score_is_in_the_unit_interval_or_unavailable(answer: AIMessage) -> None:
    """For any message whatever; and "unavailable" always has a reason."""
    found = score(answer)

    assert (found.value is None) == bool(found.reason)
    assert found.value is None or 0.0 <= found.value <= 1.0


@given(
    st.lists(st.floats(min_value=-50, max_value=0), min_size=1, max_size=30),
    st.sampled_from(SHAPES),
)
def test_it_is_the_geometric_mean_in_every_shape(
    values: list[float], shape: Callable[[list[Any]], dict[str, Any]]
) -> None:
    """Length-normalised: exp of the mean, whoever returned the numbers."""
    expected = math.exp(math.fsum(values) / len(values))

    assert score(AIMessage("x", response_metadata=shape(values))).value == pytest.approx(expected)


def test_a_provider_that_only_tells_the_mean_is_read() -> None:
    """Vertex: nothing can be said about single tokens, so their count is not checked."""
    answer = AIMessage(
        "x",
        response_metadata={"avg_logprobs": -0.5},
        usage_metadata={"input_tokens": 1, "output_tokens": 50, "total_tokens": 51},
    )

    assert score(answer).value == pytest.approx(math.exp(-0.5))


@pytest.mark.parametrize("reasoning", [0, 8])
def test_hidden_reasoning_does_not_count_as_missing(reasoning: int) -> None:
    """It is billed as output and never comes with log-probabilities."""
    answer = AIMessage(
        "x",
        response_metadata=SHAPES[0]([-0.1, -0.1]),
        usage_metadata={
            "input_tokens": 1,
            "output_tokens": 10,
            "total_tokens": 11,
            "output_token_details": {"reasoning": reasoning},
        },
    )

    assert (score(answer).value is None) == (reasoning == 0)


def test_rounding_above_zero_is_forgiven() -> None:
    """log(1) may come back as a hair more than zero."""
    assert score(AIMessage("x", response_metadata=SHAPES[0]([1e-9]))).value == 1.0


def test_reading_finds_nothing_in_a_plain_answer() -> None:
    """None, not a number."""
    assert read_logprobs(AIMessage("x")) is None


def test_gated_answers_are_lightened() -> None:
    """The log-probabilities go, everything else stays, and the original is not touched."""
    answer = AIMessage("x", response_metadata={**SHAPES[0]([-0.1]), "model_name": "m"})
    lighter = without_logprobs(answer)

    assert lighter.response_metadata == {"model_name": "m"}
    assert "logprobs" in answer.response_metadata


def test_both_colours_agree(colour: Colour) -> None:
    """A confidence function is a Runnable like any other."""
    answer = AIMessage("x", response_metadata=SHAPES[0]([-0.5]))

    found = colour.invoke(LogprobConfidence(), Evidence("query", [], answer))
    assert found.value == pytest.approx(math.exp(-0.5))
