"""Do two answers say the same?  Where it can be seen, and where it cannot."""

from __future__ import annotations

import asyncio
import functools
import warnings
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage

from langchain_intercascade import ConfigurationError
from langchain_intercascade._steps import arun, run
from langchain_intercascade.agreement import (
    Agreement,
    AnswerAgreement,
    CallableAgreement,
    FirstToTell,
    JudgeAgreement,
    as_agreement,
    truth,
)
from langchain_intercascade.conclusion import conclusion, same_answer
from langchain_intercascade.equipment import STRUCTURED, Structured, misfit
from langchain_intercascade.testing import Reply, ScriptedChatModel
from tests.conftest import Colour

SAME = [
    ("The answer is 12.", "So it is twelve pens. #### 12.0"),
    ("12", "12 pens"),
    ("$5", "5 dollars"),
    ("1,200", "1200"),
    ("1/2", "0.5"),
    ("2 dozen", "24"),
    ("5 million", "5,000,000"),
    ("0.3333333", "0.333333"),
    ("-3", "the answer is -3.0"),
    ("The answer is (B).", "b"),
    ("B. Because it rains.", "Answer: B"),
    ("(C) London", "The answer is C"),
    ('{"a": 1, "b": [2]}', '{"b": [2.0], "a": 1}'),
    ("The answer is a blue heron.", "Blue heron"),
    ("\\boxed{x^2}", "$x^2$"),
    ("well-known", "Well known"),
    ("\uff39\uff25\uff33", "yes"),
]
DIFFERENT = [
    ("12", "13"),
    ("-3", "3"),
    ("1000000", "1000001"),
    ("12345678", "12345679"),
    ("2,3", "23"),
    ("1e40", "2e40"),
    ("9" * 400, "8" * 400),
    ("(A)", "(B)"),
    ('{"a": 1}', '{"a": 2}'),
    ("[1, 2]", "[2, 1]"),
    ("Paris", "Rome"),
    ("1/2", "1/3"),
    ("0", "0.000000000001"),
    ("no", "not at all"),
]
UNSEEN = [
    ("", ""),
    ("12", ""),
    ("5 am", "5 pm"),
    ("5 km", "5 m"),
    ("60 minutes", "1 hour"),
    ("x + 1", "x - 1"),
    ("a < b", "a > b"),
    ("5 km/h", "-5 km/h"),
    ("1,5", "1.5"),
    ("+", "-"),
    ("(B)", "London"),
    ("A", "a car"),
    ("Paris has old bridges and more than one river island.", "Rome was not built in a day."),
    ("[" * 100_000, "5"),
    ("[" * 900 + "1" + "]" * 900, "[" * 100_000),
]


@pytest.mark.parametrize(("pairs", "expected"), [(SAME, True), (DIFFERENT, False), (UNSEEN, None)])
def test_answers_are_compared_by_what_they_conclude(
    pairs: list[tuple[str, str]],
    expected: bool | None,  # noqa: FBT001 - a verdict
) -> None:
    """In either order."""
    found = {(one[:40], other[:40]): same_answer(one, other) for one, other in pairs}
    turned = {(one[:40], other[:40]): same_answer(other, one) for one, other in pairs}

    assert {pair: verdict for pair, verdict in found.items() if verdict is not expected} == {}
    assert turned == found


PIECES = st.sampled_from(
    (
        *(
            "the answer is ",
            "####",
            "\\boxed{",
            "}",
            "(B)",
            "b",
            "1,000",
            "1000",
            "-",
            "1/0",
            "1/2",
        ),
        *(
            "0.5",
            "1e99",
            "1e999999999",
            "%",
            " pens",
            "\n",
            ". ",
            "{",
            "[",
            "]",
            '"a": 1',
            "é",
            "İ",
        ),
        *("yes", "no", "$", "\u00b2", "\u0663", "\x00", "\ud800", "twelve", ":", " because "),
    )
)
ANSWERS = st.one_of(st.text(max_size=30), st.lists(PIECES, max_size=8).map("".join))


@given(ANSWERS, ANSWERS)
def test_the_order_does_not_matter_and_nothing_raises(one: str, other: str) -> None:
    """Whatever two models say."""
    assert same_answer(one, other) is same_answer(other, one)


@given(ANSWERS)
def test_an_answer_agrees_with_itself(answer: str) -> None:
    """Or it cannot be told, if there is nothing in it."""
    assert same_answer(answer, answer) is not False


@given(
    st.integers(-(10**12), 10**12), st.sampled_from(["{:d}", "{:,}", "{:d}.0", "${:d}", "{:d} m"])
)
def test_however_a_number_is_written_it_is_the_same(number: int, form: str) -> None:
    """And the next one is another."""
    written = f"The answer is {form.format(number)}."

    assert same_answer(written, f"So we get #### {number}") is True
    assert same_answer(written, f"So we get #### {number + 1}") is False


@given(st.fractions(-1000, 1000, max_denominator=1000))
def test_fractions_and_decimals_are_numbers_too(number: Fraction) -> None:
    """Up to the last digit written."""
    written = f"{number.numerator}/{number.denominator}"

    assert same_answer(written, f"{float(number):.12f}") is True
    assert same_answer(written, f"{float(number) + 1:.12f}") is False


@pytest.mark.parametrize(
    "hostile",
    [
        "the answer is " + " " * 100_000 + "!",
        "the answer is " + "a" * 100_000 + "!",
        "\\boxed{" * 20_000,
        "#" * 50_000,
        "answer " * 20_000,
        "answer is " * 20_000,
        "1e999999999",
        "9" * 100_000,
        "1," * 50_000,
    ],
)
def test_hostile_answers_are_read_in_no_time(hostile: str) -> None:
    """The timeout of the tests would tell: none of these may be slow, or raise."""
    assert same_answer(hostile, "5") is not True
    assert isinstance(conclusion(hostile), str)


# A model or a function that judges.


def judged(agreement: Agreement, colour: Colour, one: str, other: str) -> bool | None:
    """What `agreement` says in one colour."""
    return colour.run(
        lambda: run(agreement.judging("q", one, other)),
        lambda: arun(agreement.judging("q", one, other)),
    )


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("yes", True),
        ("No.", False),
        ("They do not, so: no", False),
        ("YES!", True),
        ("Yes, but only the first part", None),
        ("", None),
        ("42", None),
        (Reply(error=OSError()), None),
    ],
)
def test_a_judge_says_yes_or_no_or_cannot_tell(colour: Colour, reply: Any, expected: Any) -> None:
    """Anything else, a failure included, is "cannot tell"."""
    judge = JudgeAgreement(ScriptedChatModel(replies=[reply], repeat_last=True))

    assert judged(judge, colour, "one", "other") is expected


def test_braces_in_answers_stay_text() -> None:
    """The prompt is filled in one pass."""
    model = ScriptedChatModel(replies=["yes"])
    run(JudgeAgreement(model).judging("{query}", "{other}", '{"a": {0}}'))

    assert '{"a": {0}}' in model.calls[0][-1].text
    assert "{other}" in model.calls[0][-1].text


def test_the_first_to_tell_spares_the_others() -> None:
    """The model is only asked where the text does not tell."""
    model = ScriptedChatModel(replies=["no"])
    both = FirstToTell(AnswerAgreement(), JudgeAgreement(model))

    assert run(both.judging("q", "12", "12.0")) is True
    assert model.calls == []
    assert run(both.judging("q", "It depends on very many things.", "12")) is False
    assert run(FirstToTell().judging("q", "12", "12")) is None


async def later(_: str, one: str, other: str) -> bool:
    """Agree, in the other colour."""
    await asyncio.sleep(0)
    return one == other


class Slow:
    """A callable object whose call is a coroutine."""

    async def __call__(self, query: str, one: str, other: str) -> bool:
        """Agree."""
        return await later(query, one, other)


def failing(*_: str) -> bool:
    """Fail."""
    raise ZeroDivisionError


async def failing_later(*_: str) -> bool:
    """Fail, in the other colour."""
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda _, one, other: one == other, True),
        (later, True),
        (functools.partial(later), True),
        (lambda _, one, other: later("", one, other), True),
        (Slow(), True),
        (lambda *_: np.bool_(1), True),
        (lambda *_: 1, None),
        (lambda *_: None, None),
        (failing, None),
        (failing_later, None),
    ],
)
def test_any_callable_will_do(colour: Colour, function: Any, expected: Any) -> None:
    """A function, a coroutine function or what returns an awaitable, in either colour."""
    assert judged(as_agreement(function), colour, "a", "a") is expected


@pytest.mark.parametrize("function", [later, Slow(), lambda _, one, other: later("", one, other)])
def test_a_coroutine_inside_a_running_loop_cannot_tell(function: Any) -> None:
    """Without a warning of a coroutine that nobody ever awaited."""

    async def main() -> bool | None:
        return run(CallableAgreement(function).judging("q", "a", "a"))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert asyncio.run(main()) is None


@pytest.mark.parametrize("given_", ["exact", 3, object()])
def test_what_cannot_compare_is_a_configuration_error(given_: Any) -> None:
    """With what would."""
    with pytest.raises(ConfigurationError, match="True, False or None"):
        as_agreement(given_)


def test_an_agreement_is_taken_as_it_is() -> None:
    """And nothing at all is the comparison of answers."""
    mine = FirstToTell()

    assert as_agreement(mine) is mine
    assert isinstance(as_agreement(None), AnswerAgreement)
    assert issubclass(AnswerAgreement, Agreement)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, True), (np.bool_(0), False), (np.array([True]), None), (1, None), ("True", None)],
)
def test_only_truth_values_are_verdicts(value: Any, expected: Any) -> None:
    """Whoever returns 1 may have meant a count."""
    assert truth(value) is expected


# Structured answers, nested as deeply as a broken or a hostile model likes.


@pytest.mark.parametrize("depth", [10, 300, 900, 100_000])
def test_a_deeply_nested_answer_does_not_fit(depth: int) -> None:
    """It is deferred, and never an error."""
    kwargs = {STRUCTURED: Structured({"title": "t", "type": "object", "properties": {}})}

    assert misfit(AIMessage("[" * depth + "]" * depth), kwargs) != ""


@pytest.mark.parametrize("depth", [300, 900])
def test_deeply_nested_tool_arguments_do_not_fit(depth: int) -> None:
    """The same in a tool call."""
    nested: Any = []
    for _ in range(depth):
        nested = [nested]
    answer = AIMessage("", tool_calls=[{"name": "f", "args": {"a": nested}, "id": "1"}])
    schema = {"type": "object", "properties": {"a": {"type": "array"}}}
    kwargs = {"tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}]}

    assert "do not fit" in misfit(answer, kwargs)
