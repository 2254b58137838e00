"""Confidence functions out of confidence functions, and out of the form of an answer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage
from langchain_core.messages.tool import invalid_tool_call

from langchain_intercascade import ConfigurationError, Evidence, Score
from langchain_intercascade.confidence.base import unavailable
from langchain_intercascade.confidence.composition import all_of, any_of, cheap_first, weighted
from langchain_intercascade.confidence.custom import as_confidence
from langchain_intercascade.confidence.judge import JudgeConfidence
from langchain_intercascade.confidence.logprobs import LogprobConfidence
from langchain_intercascade.confidence.validity import ValidityConfidence
from langchain_intercascade.equipment import STRUCTURED, Structured
from langchain_intercascade.state import Run
from langchain_intercascade.testing import ScriptedChatModel
from langchain_intercascade.testing.confidence_contract import evidence_of
from tests.conftest import Colour

FOUR = evidence_of(AIMessage("4"))
UNIT = st.floats(min_value=0, max_value=1)


def says(value: float | None) -> Any:
    return lambda _: unavailable("no idea") if value is None else Score(value)


@given(st.lists(UNIT, min_size=1, max_size=4))
def test_all_any_and_mean(values: list[float]) -> None:
    parts = [says(value) for value in values]

    assert min(values) == all_of(*parts).invoke(FOUR).value
    assert max(values) == any_of(*parts).invoke(FOUR).value
    mean = weighted(*((part, 2.5) for part in parts)).invoke(FOUR).value
    assert mean == pytest.approx(sum(values) / len(values))


def test_weights_weigh(colour: Colour) -> None:
    assert 0.75 == colour.invoke(weighted((says(1.0), 3), (says(0.0), 1)), FOUR).value


def test_a_missing_part_is_missed_by_all_but_any(colour: Colour) -> None:
    parts = says(None), says(0.5)

    assert colour.invoke(all_of(*parts), FOUR).value is None
    assert colour.invoke(weighted(*((part, 1) for part in parts)), FOUR).value is None
    assert 0.5 == colour.invoke(any_of(*parts), FOUR).value
    assert "<lambda>: no idea; <lambda>: no idea" == any_of(*parts[:1] * 2).invoke(FOUR).reason


@given(UNIT, UNIT)
def test_the_costly_function_is_asked_in_the_grey_zone_only(cheap: float, costly: float) -> None:
    asked = []

    def expensive(_: Evidence) -> float:
        asked.append(1)
        return costly

    found = cheap_first(says(cheap), expensive, grey=(0.25, 0.75)).invoke(FOUR).value

    assert found is not None
    assert bool(asked) == (0.25 <= cheap < 0.75)
    assert 0.25 <= found <= 0.75 if asked else found == cheap


def test_the_grey_zone_holds_its_lower_end_and_not_its_upper_one(colour: Colour) -> None:
    """As an answer at the threshold is accepted, one at the upper end is sure."""
    for cheap, expected in ((0.25, 0.5), (0.75, 0.75)):
        gate = cheap_first(says(cheap), says(0.5), grey=(0.25, 0.75))
        assert expected == colour.invoke(gate, FOUR).value


def test_the_whole_range_may_be_grey(colour: Colour) -> None:
    gate = cheap_first(says(0.4), says(0.9), grey=(0, 1))

    assert 0.9 == colour.invoke(gate, FOUR).value


def test_without_a_cheap_score_the_costly_one_decides(colour: Colour) -> None:
    """But it cannot lift an answer above those that the cheap one was sure of."""
    assert 0.8 == colour.invoke(cheap_first(says(None), says(1.0), grey=(0.4, 0.8)), FOUR).value
    found = colour.invoke(cheap_first(says(0.5), says(None), grey=(0.4, 0.8)), FOUR)
    assert (None, "<lambda>: no idea") == (found.value, found.reason)


def test_a_cheap_verdict_costs_nothing_and_a_costly_one_is_told_of(colour: Colour) -> None:
    judge = ScriptedChatModel(replies=["True"], repeat_last=True)

    sure = colour.invoke(cheap_first(says(0.99), JudgeConfidence(judge)), FOUR)
    assert (0, ()) == (judge.call_count, sure.messages)
    unsure = colour.invoke(cheap_first(says(0.6), JudgeConfidence(judge)), FOUR)
    assert ["True"] == [message.text for message in unsure.messages]


def test_a_composition_needs_what_its_parts_need_and_binds_them(colour: Colour) -> None:
    weak = ScriptedChatModel(replies=["50"], repeat_last=True)
    whole = all_of(says(1.0), cheap_first(LogprobConfidence("margin"), "verbalized", grey=(0, 1)))

    assert whole.needs_logprobs
    assert 2 == whole.top_logprobs
    assert not all_of("verbalized").needs_logprobs
    assert 0.5 == colour.invoke(whole.bound_to(weak), FOUR).value
    assert "all_of(<lambda>, cheap_first(top_2_margin, verbalized))" == whole.method
    with pytest.raises(ConfigurationError, match="bound_to"):  # which made a copy
        colour.invoke(whole, FOUR)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (all_of, r"all_of\(\) was given nothing.*at least one"),
        (lambda: weighted((says(1), 0)), "weight 0 must be.*leave a part out"),
        (lambda: weighted((says(1), float("nan"))), "weight nan"),
        (lambda: cheap_first(says(1), says(1), grey=(0.5, 0.5)), "grey"),
        (lambda: cheap_first(says(1), says(1), grey=(float("nan"), 0.5)), "grey"),
        (lambda: any_of("no such"), "'no such'.*'auto'"),
    ],
)
def test_impossible_compositions_are_refused(make: Any, named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        make()


@pytest.mark.parametrize("name", ["auto", "logprobs", "self_consistency", "validity", "verbalized"])
def test_every_name_makes_a_function(name: str) -> None:
    assert as_confidence(name).method


# Validity

SCHEMA = {
    "title": "Sum",
    "type": "object",
    "properties": {"sum": {"type": "number"}},
    "required": ["sum"],
}
TOOL = {"type": "function", "function": {"name": "add", "parameters": SCHEMA}}


MALFORMED = AIMessage(
    "Let me add.",
    invalid_tool_calls=[invalid_tool_call(name="add", args="{", id="1", error="not JSON")],
)


def asked_for(**kwargs: Any) -> Run:
    return Run(tenant="a", k=0, min_similarity=0, learning="off", model_kwargs=kwargs)


def call(name: str, **args: Any) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": name, "args": args, "id": "1"}])


@pytest.mark.parametrize(
    ("answer", "kwargs", "expected"),
    [
        (AIMessage('{"sum": 4}'), {STRUCTURED: Structured(SCHEMA)}, 1.0),
        (AIMessage('{"sum": "4"}'), {STRUCTURED: Structured(SCHEMA)}, 0.0),
        (AIMessage("four"), {STRUCTURED: Structured(SCHEMA)}, 0.0),
        (AIMessage("[" * 100_000), {STRUCTURED: Structured(SCHEMA)}, 0.0),
        (AIMessage(""), {STRUCTURED: Structured(SCHEMA)}, 0.0),
        (MALFORMED, {"tools": [TOOL]}, 0.0),
        (call("add", sum=4), {"tools": [TOOL]}, 1.0),
        (call("add", sum="4"), {"tools": [TOOL]}, 0.0),
        (call("subtract", sum=4), {"tools": [TOOL]}, 0.0),
        (AIMessage("It is 4."), {"tools": [TOOL]}, 1.0),
        (AIMessage("4"), {}, None),
        (AIMessage("4"), {"stop": ["."]}, None),
    ],
)
def test_validity(
    colour: Colour, answer: AIMessage, kwargs: dict[str, Any], expected: float | None
) -> None:
    """1 if the answer fits what was asked for, 0 if not; nothing where no form was asked for."""
    evidence = Evidence("2 + 2?", [], answer, run=asked_for(**kwargs))

    assert expected == colour.invoke(ValidityConfidence(), evidence).value


def test_validity_may_check_a_form_that_nobody_asked_for(colour: Colour) -> None:
    function = ValidityConfidence(SCHEMA)

    assert 1.0 == colour.invoke(function, evidence_of(AIMessage('{"sum": 4}'))).value
    assert 0.0 == colour.invoke(function, FOUR).value
