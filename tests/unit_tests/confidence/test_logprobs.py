"""The logprob confidence reads every shape, and never mistakes nonsense for a score."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage

from langchain_intercascade import ConfigurationError, Evidence, LogprobConfidence, Score
from langchain_intercascade.confidence.token_logprobs import read_logprobs, without_logprobs
from tests.arbitrary import SHAPES, answers
from tests.conftest import Colour
from tests.packs import mmlu


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


def tokens(*words: tuple[str, float], **more: Any) -> AIMessage:
    """An answer of these words, with their probabilities."""
    entries = [{"token": word, "logprob": math.log(chance)} for word, chance in words]
    text = "".join(word for word, _ in words)
    return AIMessage(text, response_metadata={"logprobs": {"content": entries}}, **more)


def by(answer: AIMessage, *args: Any, **kwargs: Any) -> float | None:
    """The score by another aggregate or span."""
    return LogprobConfidence(*args, **kwargs).invoke(Evidence("query", [], answer)).value


@given(st.lists(st.floats(min_value=-50, max_value=0), min_size=1, max_size=30), st.floats(0, 1))
def test_the_aggregates_are_in_order(values: list[float], q: float) -> None:
    """A quantile is one of the values; the lowest is the minimum; none is below it."""
    answer = AIMessage("x", response_metadata=SHAPES[0](values))
    quantile, minimum = by(answer, "quantile", q=q), by(answer, "minimum")

    assert minimum is not None
    assert quantile in [math.exp(value) for value in values]
    assert minimum == by(answer, "quantile", q=0) == pytest.approx(math.exp(min(values)))
    assert minimum <= quantile
    assert minimum <= (by(answer) or 0) + 1e-12


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["It", " adds", " up.", " The", " answer", " is", " 42", "."], [6]),
        (["Answer:", " B"], [1]),
        (["6", " *", " 7", "\n", "####", " ", "42"], [6]),
        (["so", " \\boxed{", "42", "}"], [2]),
        (["The answer", " is", " 1.5", " because", " 3/2"], [2]),
        (["The answer is 1.", " No.", " The answer", " is", " Jo", " Doe", ".", " Done."], [4, 5]),
        (["First", " line\n", "42", " pens"], [2, 3]),
        (["42", " pens", "\n", " "], [0, 1]),
        (["B"], [0]),
    ],
)
def test_the_tokens_of_the_final_answer_are_found(words: list[str], expected: list[int]) -> None:
    """After the last sign of a conclusion, else on the last line."""
    chances = [(word, 0.5 if at in expected else 0.1) for at, word in enumerate(words)]

    assert 0.5 == pytest.approx(by(tokens(*chances), span="answer"))


@pytest.mark.parametrize(
    "answer",
    [
        tokens(("The answer", 0.5), (" is", 0.5)),
        tokens((" ", 0.5)),
        AIMessage("4", response_metadata={"logprobs": [-0.1]}),
        AIMessage("4", response_metadata={"logprobs": [{"logprob": -0.1}]}),
        AIMessage("4", response_metadata={"avg_logprobs": -0.1}),
    ],
)
def test_a_final_answer_that_cannot_be_told_has_no_score(answer: AIMessage) -> None:
    assert by(answer, span="answer") is None


@given(st.lists(st.text(max_size=8), min_size=1, max_size=8))
def test_any_words_have_a_final_answer_or_none(words: list[str]) -> None:
    found = by(tokens(*((word, 0.5) for word in words)), span="answer")

    assert found is None or found == pytest.approx(0.5)


def test_a_margin_is_over_the_likeliest_other_candidate() -> None:
    """A token that was drawn although another was likelier counts as no lead at all."""
    entries = [
        {"token": "A", "logprob": math.log(0.6), "top_logprobs": others}
        for others in (
            [{"token": "A", "logprob": math.log(0.6)}, {"token": "B", "logprob": math.log(0.3)}],
            [{"token": "B", "logprob": math.log(0.7)}, {"token": "C", "logprob": -math.inf}],
        )
    ]
    answer = AIMessage("AA", response_metadata={"logprobs": {"content": entries}})

    assert 0.15 == pytest.approx(by(answer, "margin"))


def test_a_margin_needs_candidates(colour: Colour) -> None:
    function = LogprobConfidence("margin")
    found = colour.invoke(function, Evidence("query", [], tokens(("A", 0.9))))

    assert 2 == function.top_logprobs
    assert found.value is None
    assert "top_logprobs" in found.reason


@pytest.mark.parametrize("aggregate", ["minimum", "quantile", "margin"])
def test_a_mean_alone_says_nothing_about_single_tokens(aggregate: Any) -> None:
    assert by(AIMessage("x", response_metadata={"avg_logprobs": -0.5}), aggregate) is None


@pytest.mark.parametrize("options", [{"aggregate": "max"}, {"span": "last"}, {"q": math.nan}])
def test_impossible_settings_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        LogprobConfidence(**options)


@pytest.mark.parametrize("value", [10**400, -(10**400), True, False])
def test_what_is_no_log_probability_is_not_read_as_one(value: Any) -> None:
    assert score(AIMessage("x", response_metadata=SHAPES[0]([value]))).value is None


def test_every_recorded_confidence_is_read() -> None:
    """Of real models on MMLU: exact zeros are certain, minus infinity is no score."""
    answers = [given for row in mmlu().rows for given in row.models.values()]
    recorded = {given.conf_logp for given in answers if given.conf_logp is not None}

    for value in recorded:
        found = score(AIMessage("B", response_metadata=SHAPES[0]([value]))).value
        expected = min(1.0, math.exp(value)) if math.isfinite(value) else None
        assert found == expected
    assert 0.0 in recorded


@pytest.mark.parametrize("aggregate", ["mean", "minimum", "quantile"])
def test_a_servers_word_for_unknown_is_no_log_probability(aggregate: Any) -> None:
    """Taken for one, it would make every long answer unsure, and no short one unavailable."""
    answer = AIMessage("x", response_metadata=SHAPES[0]([-0.1, -9999.0]))
    found = LogprobConfidence(aggregate).invoke(Evidence("query", [], answer))

    assert found.value is None
    assert "unknown" in found.reason
