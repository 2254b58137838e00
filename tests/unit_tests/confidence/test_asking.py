"""Confidence that a model is asked for: a stated number, and a judge's P(True)."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage

from langchain_intercascade import ConfigurationError
from langchain_intercascade.confidence._asking import LONGEST, clipped
from langchain_intercascade.confidence.judge import JudgeConfidence, probability_of_true
from langchain_intercascade.confidence.verbalized import VerbalizedConfidence, stated
from langchain_intercascade.testing import Reply, ScriptedChatModel
from langchain_intercascade.testing.confidence_contract import evidence_of
from tests.conftest import Colour

FOUR = evidence_of(AIMessage("It is 4."))


def model(reply: Reply | str | Exception) -> ScriptedChatModel:
    return ScriptedChatModel(replies=[reply], repeat_last=True)


class Refused(Exception):  # noqa: N818 - named as clients name it
    status_code = 404


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        *(("85", 0.85), (" 85.", 0.85), ("85%", 0.85), ("85 %", 0.85), ("0", 0.0), ("100", 1.0)),
        *(("0.85", 0.85), ("1.0", 1.0), ("1", 0.01), ("99.5", 0.995), ("0.5%", 0.005)),
        *(("8/10", 0.8), ("85/100", 0.85), ("85 out of 100", 0.85), ("90 percent", 0.9)),
        *(("Confidence: 85", 0.85), ("**85**", 0.85), ("I am 85% (0.85) sure.", 0.85)),
    ],
)
def test_one_usable_number_is_read(said: str, expected: float) -> None:
    """As models were seen to write it; plain numbers are percent, as they were asked for."""
    assert expected == pytest.approx(stated(said))


@pytest.mark.parametrize(
    "said",
    [
        *("", "very sure", "between 80 and 90", "150", "-5", "1e-3", "NaN", "inf", "9" * 5_000),
        *("1,000", "v85", "85a", "0.8.5", "11/10", "\u0668\u0665", "eighty-five", "12/7"),
    ],
)
def test_no_usable_number_is_no_number(said: str) -> None:
    assert stated(said) is None


def test_a_stated_number_is_the_score(colour: Colour) -> None:
    weak = model("85")
    found = colour.invoke(VerbalizedConfidence().bound_to(weak), FOUR)

    assert 0.85 == found.value
    assert ["What is 2 + 2?", "It is 4."] == [
        line
        for line in weak.calls[0][1].text.splitlines()
        if line in ("What is 2 + 2?", "It is 4.")
    ]


@pytest.mark.parametrize("reply", ["I cannot say.", TimeoutError("late")])
def test_without_a_number_the_score_is_unavailable(colour: Colour, reply: str | Exception) -> None:
    found = colour.invoke(VerbalizedConfidence(model(reply)), FOUR)

    assert found.value is None
    assert ("TimeoutError" in found.reason) == isinstance(reply, Exception)


def test_a_model_of_its_own_is_kept() -> None:
    assert 0.2 == VerbalizedConfidence(model("20")).bound_to(model("80")).invoke(FOUR).value


@pytest.mark.parametrize("function", [VerbalizedConfidence, JudgeConfidence])
def test_a_model_that_never_works_is_a_configuration_error(function: Any, colour: Colour) -> None:
    with pytest.raises(ConfigurationError, match=r"refuses every request.*Refused"):
        colour.invoke(function(model(Refused())), FOUR)


def test_a_weak_model_must_be_known(colour: Colour) -> None:
    with pytest.raises(ConfigurationError, match="bound_to"):
        colour.invoke(VerbalizedConfidence(), FOUR)


# The judge


def test_a_judge_without_logprobs_is_taken_at_its_word(colour: Colour) -> None:
    for said, expected in (("True", 1.0), ("false.", 0.0), ("It is TRUE", 1.0)):
        judge = JudgeConfidence(model(said), logprobs=False)
        assert expected == colour.invoke(judge, FOUR).value


@given(st.floats(min_value=0.01, max_value=1.0), st.sampled_from(["True", "False"]))
def test_a_judge_with_logprobs_gives_a_probability(chance: float, word: str) -> None:
    """The copy of the judge is told to return them; what the word leaves over goes to the other."""
    judge = model(Reply(word, logprob=math.log(chance)))

    expected = chance if word == "True" else 1 - chance
    assert expected == pytest.approx(JudgeConfidence(judge).invoke(FOUR).value, abs=1e-9)
    assert judge.logprobs is None


def reply(*top: tuple[str, float], said: str = "True") -> AIMessage:
    listed = [{"token": token, "logprob": math.log(chance)} for token, chance in top]
    entry = {"token": said, "logprob": listed[0]["logprob"], "top_logprobs": listed}
    return AIMessage(said, response_metadata={"logprobs": {"content": [entry]}})


def test_all_ways_to_write_a_word_count() -> None:
    found = probability_of_true(reply(("True", 0.5), (" true", 0.1), ("False", 0.2), ("Hm", 0.2)))

    assert 0.75 == pytest.approx(found.value)


def test_a_word_that_came_without_its_logprob_is_taken_as_a_word() -> None:
    answer = AIMessage("True", response_metadata={"logprobs": {"content": [{"logprob": -0.5}]}})

    assert 1.0 == probability_of_true(answer).value


@pytest.mark.parametrize("said", ["", "Perhaps.", "True or False", "untrue", "85"])
def test_a_judge_that_says_neither_or_both_gives_no_score(said: str, colour: Colour) -> None:
    found = colour.invoke(JudgeConfidence(model(said)), FOUR)

    assert found.value is None
    assert "neither true nor false" in found.reason


def test_nonsense_beside_the_word_gives_no_score() -> None:
    """A hard 1 in its place would be accepted."""
    judge = model(Reply("True", logprob=-math.inf))

    assert JudgeConfidence(judge).invoke(FOUR).value is None


def test_a_judge_that_fails_gives_no_score(colour: Colour) -> None:
    found = colour.invoke(JudgeConfidence(model(OSError())), FOUR)

    assert (None, "the judge failed (OSError)") == (found.value, found.reason)


def test_a_judge_sees_both_ends_of_what_is_long() -> None:
    judge = model("True")
    long = evidence_of(AIMessage("start " + "x" * 10**6 + " end"), query="ask " + "y" * 10**6)
    JudgeConfidence(judge).invoke(long)

    asked = judge.calls[0][1].text
    assert "ask y" in asked
    assert "start x" in asked
    assert "x end" in asked
    assert len(asked) < 2 * LONGEST + 300


@given(st.text(), st.integers(min_value=9, max_value=50))
def test_a_clipped_text_is_never_longer(text: str, longest: int) -> None:
    assert len(clipped(text, longest)) <= longest
    assert clipped(text, longest) == text or len(text) > longest


def test_braces_in_a_query_stay_text() -> None:
    judge = model("True")
    JudgeConfidence(judge).invoke(evidence_of(AIMessage("{answer}"), query="{query} {0}"))

    assert "{query} {0}" in judge.calls[0][1].text
    assert "{answer}" in judge.calls[0][1].text
