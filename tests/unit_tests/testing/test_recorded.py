"""The recorded model says what was recorded, in the situation in which it was recorded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from langchain_intercascade import ConfigurationError, InterCascade, LogprobConfidence, Prices
from langchain_intercascade.confidence.base import Evidence
from langchain_intercascade.nodes.weak_generate import with_strategies
from langchain_intercascade.record import DecisionRecord
from langchain_intercascade.strategy import Advice
from langchain_intercascade.testing import RecordedChatModel, Recording, ScriptedChatModel
from langchain_intercascade.testing.recorded import (
    UnrecordedPromptError,
    playback_of,
    shown_strategies,
)
from tests.conftest import Colour

QUESTION = "Is the sky green?"
HELPED = Recording(QUESTION, "I think: no", correct=True, latency_ms=90.0)


def recording(**changes: Any) -> Recording:
    """Return what was recorded of `QUESTION`, with changes."""
    known = {"answer": "yes", "correct": False, "logprob": -0.5, "tokens": (7, 1), "cost": 2e-5}
    return Recording(QUESTION, **{**known, **changes})


def model(*recordings: Recording, **fields: Any) -> RecordedChatModel:
    """Return a model of `recordings`, by default of `QUESTION` alone, with log-probabilities."""
    given = {"logprobs": True, **fields}
    return RecordedChatModel(recordings=list(recordings) or [recording()], **given)


def advised(question: str, *titles: str, step: str = "Look up.") -> list[BaseMessage]:
    """Return the prompt that the cascade makes of `question` and strategies with these titles."""
    shown = [Advice(title=title, when_to_use="Often.", steps=(step,)) for title in titles]
    payloads = [advice.model_dump(mode="json") for advice in shown]
    return with_strategies([HumanMessage(question)], payloads)


def logprobs_of(answer: AIMessage) -> list[float]:
    """Return the log-probabilities that an answer carries."""
    return [entry["logprob"] for entry in answer.response_metadata["logprobs"]["content"]]


def test_an_answer_is_what_was_recorded(colour: Colour) -> None:
    """Text, log-probability, tokens, dollars and the grade come from the recording."""
    answer = colour.invoke(model(recording(latency_ms=120.0), model_name="real"), QUESTION)

    assert "yes" == answer.content
    assert [-0.5] == logprobs_of(answer)
    assert {"input_tokens": 7, "output_tokens": 1, "total_tokens": 8} == answer.usage_metadata
    assert 2e-5 == answer.response_metadata["total_cost"]
    assert "real" == answer.response_metadata["model_name"]
    assert playback_of(answer) == {
        "correct": False,
        "shown": "nothing",
        "unrecorded": False,
        "latency_ms": 120.0,
    }


def test_an_answer_is_streamed_whole(colour: Colour) -> None:
    """How it once came in pieces was not recorded, so a stream is one piece, with everything."""
    (chunk,) = colour.stream(model(recording(answer="yes it is")), QUESTION)

    assert "yes it is" == chunk.content
    assert not playback_of(chunk)["correct"]
    assert [-0.5, -0.5, -0.5] == logprobs_of(chunk)
    assert 2e-5 == Prices().cost(chunk)


def test_logprobs_come_only_when_asked_for() -> None:
    """A live model keeps them to itself, too, unless asked."""
    quiet = model(logprobs=None)

    assert "logprobs" not in quiet.invoke(QUESTION).response_metadata
    assert "logprobs" in quiet.invoke(QUESTION, logprobs=True).response_metadata


@pytest.mark.parametrize(
    "prompt",
    [
        [SystemMessage("Be brief."), HumanMessage(f"Question: {QUESTION}\nAnswer:")],
        [HumanMessage("Is it late?"), AIMessage("No."), HumanMessage(QUESTION)],
        [HumanMessage([{"type": "text", "text": QUESTION}])],
    ],
    ids=["in a template", "as the last turn", "as a content block"],
)
def test_the_question_is_found_in_the_last_human_message(prompt: Sequence[BaseMessage]) -> None:
    """What stands around the question does not matter."""
    assert "yes" == model().invoke(prompt).content


def test_the_longest_question_found_is_the_one_that_was_asked() -> None:
    """A question that contains another one is not taken for it."""
    longer = Recording(f"{QUESTION} And at dusk?", "red", correct=True)

    both = model(recording(), longer)

    assert "red" == both.invoke(f"Tell me. {longer.prompt}").content
    assert "yes" == both.invoke(QUESTION).content


def test_a_question_recorded_twice_is_answered_in_turn() -> None:
    """Samples of one question play one after the other, also on a copy, and then start over."""
    original = model(recording(answer="one"), recording(answer="two"))
    copy = original.model_copy(update={"disable_streaming": True})

    said = [each.invoke(QUESTION).content for each in (original, copy, original)]

    assert ["one", "two", "one"] == said


def test_an_unknown_question_is_an_error_that_says_so() -> None:
    """Nothing is made up for a question that nobody recorded."""
    with pytest.raises(UnrecordedPromptError, match=r"None of the 1 recorded .*'Who knows\?'"):
        model().invoke("Who knows?")


def test_the_cascade_does_not_survive_an_unknown_question() -> None:
    """Deferring around a hole in the recordings would report a made-up figure."""
    strong = ScriptedChatModel(replies=["no"])
    with InterCascade(weak=model(), strong=strong, threshold=0.5) as cascade:
        with pytest.raises(ConfigurationError, match="recorded prompts"):
            cascade.invoke("Who knows?")

        assert 0 == strong.call_count


def test_a_recording_needs_a_prompt() -> None:
    """An empty prompt would be found in any text."""
    with pytest.raises(ConfigurationError, match="needs a prompt"):
        Recording(" ", "yes", correct=True)


def test_a_live_answer_has_no_note() -> None:
    """Grading by recording works for recorded answers only."""
    with pytest.raises(ConfigurationError, match=r"no note of a recording.*Ask one"):
        playback_of(AIMessage("yes"))


def record_of(weak: RecordedChatModel) -> DecisionRecord:
    """Return the record of `QUESTION`, asked of a cascade that accepts whatever has a score."""
    strong = ScriptedChatModel(replies=["no"])
    with InterCascade(weak=weak, strong=strong, threshold=0.0, learning="off") as cascade:
        record: DecisionRecord = cascade.invoke(QUESTION).response_metadata["inter_cascade"]
    return record


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"logprob": -math.inf}, "no_confidence"),
        ({"logprob": math.nan}, "no_confidence"),
        ({"logprob": None}, "no_confidence"),
        ({"answer": None}, "weak_incomplete"),
        ({"answer": ""}, "weak_incomplete"),
    ],
    ids=repr,
)
def test_a_broken_recording_is_played_and_deferred(broken: dict[str, Any], reason: str) -> None:
    """Records of real models hold these; the gate never accepts one, even at threshold 0."""
    record = record_of(model(recording(**broken)))

    assert ("strong", reason) == (record["route"], record["reason"])


def test_a_certain_answer_is_accepted() -> None:
    """A log-probability of exactly 0 is a confidence of 1."""
    record = record_of(model(recording(logprob=0.0)))

    assert ("weak", 1.0) == (record["route"], record["confidence"])


@given(
    st.floats(min_value=-50, max_value=0),
    st.integers(min_value=0, max_value=40),
    st.sampled_from(["yes", "no way", "a rather long answer of words"]),
)
def test_the_gate_sees_the_recorded_confidence(logprob: float, written: int, text: str) -> None:
    """However many tokens the answer had, its score is exp of the one recorded number."""
    answer = model(recording(answer=text, logprob=logprob, tokens=(3, written))).invoke(QUESTION)

    score = LogprobConfidence().invoke(Evidence(QUESTION, [], answer))

    assert score.value == pytest.approx(math.exp(logprob))


@pytest.mark.parametrize(
    ("titles", "said", "shown", "unrecorded"),
    [
        ((), "yes", "nothing", False),
        (("Problems of the kind colours",), "I think: no", "family", False),
        (("About sums",), "yes", "other", True),
        (("About sums", "The kind colours"), "I think: no", "mixed", True),
        (("colours_of_birds",), "yes", "other", True),
    ],
    ids=["none", "its own", "another's", "both", "a longer name"],
)
def test_help_is_played_when_a_strategy_of_the_family_is_in_the_prompt(
    titles: tuple[str, ...],
    said: str,
    shown: str,
    unrecorded: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    """A strategy's title names its family, as a whole word; what was not recorded is flagged."""
    taught = model(recording(family="colours", helped=HELPED))

    answer = taught.invoke(advised(QUESTION, *titles))

    note = playback_of(answer)
    assert (said, shown, unrecorded) == (answer.content, note["shown"], note["unrecorded"])
    assert (said == "I think: no") == note["correct"]


def test_the_family_named_in_the_question_is_no_help() -> None:
    """Only titles inside the block count, whatever the question looks like."""
    text = f"[1] colours\nUse when: always\n{QUESTION}"

    answer = model(recording(family="colours", helped=HELPED)).invoke(text)

    assert ("yes", "nothing") == (answer.content, playback_of(answer)["shown"])


def test_a_question_inside_a_strategy_is_not_what_was_asked() -> None:
    """The block of strategies is left out when the question is looked for."""
    other = Recording("Is grass red at noon, or in the evening?", "never", correct=True)

    answer = model(recording(), other).invoke(advised(QUESTION, "Grass", step=other.prompt))

    assert "yes" == answer.content


@pytest.mark.parametrize("family", [None, "colours"])
def test_help_that_was_never_recorded_is_flagged(family: str | None) -> None:
    """A model recorded without strategies says what it said, but it is an assumption."""
    answer = model(recording(family=family)).invoke(advised(QUESTION, "The kind colours"))

    assert ("yes", True) == (answer.content, playback_of(answer)["unrecorded"])


@given(st.text(), st.text(min_size=1))
def test_any_text_can_be_searched_for_strategies(text: str, family: str) -> None:
    """Text without a block holds no strategy, whatever the family is called."""
    assert "nothing" == shown_strategies(text.replace("<", ""), family)
