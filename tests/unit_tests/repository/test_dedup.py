"""Two strategies that say the same are one; two that differ in a number or a "not" never are."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_intercascade.repository.dedup import contradict, relation, rivals, same_question
from langchain_intercascade.strategy import Advice, Kind, Strategy
from langchain_intercascade.testing.simulated.families import FAMILIES
from tests.unit_tests.repository.stock import strategy

SENTENCE = "Look closely at each of the given values and then report what you have found there"

DECISIVE = [
    ("add both values", "subtract both values"),
    ("adding the values", "subtracting the values"),
    ("take the first", "take the second"),
    ("take the 1st", "take the 2nd"),
    ("use 3 of them", "use 4 of them"),
    ("use x2", "use x3"),
    ("round to 2.5", "round to 2.6"),
    ("it is -5", "it is 5"),
    ("do carry it over", "don't carry it over"),
    ("do carry it over", "don\u2019t carry it over"),
    ("it can happen", "it cannot happen"),
    ("include the ends", "exclude the ends"),
    ("sort ascending", "sort descending"),
    ("go clockwise", "go counterclockwise"),
    ("keep the odd ones", "keep the even ones"),
    ("keep the largest", "keep the smallest"),
    ("from left to right", "from right to left"),
    ("if x < y", "if x > y"),
    ("a + b", "a - b"),
    ("a * b", "a / b"),
    ("count the rows and columns", "count the columns or rows"),
    ("doubling it", "halving it"),
    ("das gilt", "das gilt nicht"),
    ("always stop", "never stop"),
]


def saying(step: str, **fields: Any) -> Strategy:
    """A strategy with one step."""
    advice = Advice(title="Values", when_to_use="Values are given.", steps=(step,))
    return strategy(f"q {step}", advice=advice, **fields)


@pytest.mark.parametrize(("one", "other"), DECISIVE)
def test_what_differs_in_a_decisive_word_is_never_merged(one: str, other: str) -> None:
    """However much else it shares, and however near the queries are."""
    first, second = saying(f"{SENTENCE}, {one}."), saying(f"{SENTENCE}, {other}.")

    assert contradict(one, other)
    assert relation(first, second, similarity=1.0) == "different"


def test_what_differs_in_other_words_is_merged_if_the_queries_are_near() -> None:
    """Below that it is put to people, and far away it is something else."""
    first, second = saying(f"{SENTENCE}."), saying(f"{SENTENCE.replace('closely', 'carefully')}.")
    found = [relation(first, second, similarity=near) for near in (1.0, 0.95, 0.9, 0.85, 0.5)]

    assert found == ["same", "same", "alike", "alike", "different"]


def test_the_same_words_are_the_same_wherever_they_were_learned() -> None:
    """Case, spacing and Unicode form do not matter."""
    first = saying("Look  CLOSELY.")

    assert relation(first, saying("look closely."), similarity=-1.0) == "same"


def test_a_pitfall_and_a_strategy_are_different() -> None:
    """Even with the same words."""
    words: dict[str, Any] = {"title": "Values", "when_to_use": "Values are given."}
    step = strategy("a", advice=Advice(**words, steps=("Look closely.",)))
    pitfall = Advice(**words, pitfalls=("Look closely.",), kind=Kind.PITFALL)

    assert relation(step, strategy("b", advice=pitfall), similarity=1.0) == "different"


def test_what_people_told_apart_stays_apart() -> None:
    """Either of the two may know."""
    one = saying("Look closely.")
    other = saying("look closely.", distinct_from=(one.id,))

    assert relation(one, other, similarity=1.0) == "different"
    assert relation(other, one, similarity=1.0) == "different"


def test_without_advice_nothing_can_be_said() -> None:
    """A pending lesson is like nothing."""
    bare = strategy("a", advice=None)

    assert relation(bare, bare, similarity=1.0) == "different"
    assert not rivals(bare, saying("Look."), similarity=1.0)


STEPS = st.sampled_from(
    [SENTENCE, SENTENCE.lower(), *(f"{SENTENCE}, {each}." for pair in DECISIVE for each in pair)]
)
NEAR = st.floats(-1.0, 1.0)


@given(STEPS, STEPS, NEAR)
def test_relations_are_mutual(one: str, other: str, similarity: float) -> None:
    """Whichever was there first."""
    first, second = saying(one), saying(other)

    assert relation(first, second, similarity=similarity) == relation(
        second, first, similarity=similarity
    )
    assert rivals(first, second, similarity=similarity) == rivals(
        second, first, similarity=similarity
    )
    assert relation(first, first, similarity=similarity) == "same"


@given(STEPS, STEPS, st.integers(0, 99), st.integers(0, 99))
def test_numbers_are_never_merged_away(one: str, other: str, three: int, four: int) -> None:
    """Two strategies with different numbers in them are two."""
    first, second = saying(f"{one} {three}"), saying(f"{other} {four}")

    if three != four:
        assert relation(first, second, similarity=1.0) == "different"


def test_no_two_families_are_taken_for_one() -> None:
    """They are told almost alike, and solved otherwise."""
    told = [
        strategy(name, advice=Advice(title=f.title, when_to_use=f.when, steps=f.steps))
        for name, f in FAMILIES.items()
    ]
    same = [
        (one.keys, other.keys)
        for one in told
        for other in told
        if one is not other and relation(one, other, similarity=1.0) == "same"
    ]

    assert same == []


# Rivals.


def test_rivals_tell_of_one_kind_and_not_the_same() -> None:
    """One of them must be wrong."""
    add, take = saying("Add both."), saying("Take one away from the other.")

    assert rivals(add, take, similarity=0.0)
    assert not rivals(add, saying("add both."), similarity=1.0)


def test_strategies_for_other_kinds_are_no_rivals() -> None:
    """Unless their queries are one but for names and numbers."""
    dates = Advice(title="Dates", when_to_use="Two days are named.", steps=("Count on.",))
    other = strategy("d", advice=dates)

    assert not rivals(saying("Add both."), other, similarity=0.9)
    assert rivals(saying("Add both."), other, similarity=0.95)


# Questions.


@pytest.mark.parametrize(("one", "other"), DECISIVE)
def test_questions_that_differ_in_a_decisive_word_are_two(one: str, other: str) -> None:
    """Numbers apart: those are what a strategy leaves open."""
    bare = re.sub(r"-?\b\d[\d.]*\b", "", one), re.sub(r"-?\b\d[\d.]*\b", "", other)
    only_numbers = bare[0] == bare[1]

    assert same_question(f"{SENTENCE}: {one}?", f"{SENTENCE}: {other}?") is only_numbers


def test_questions_are_the_same_up_to_names_and_numbers() -> None:
    """A denial or a direction is neither."""
    assert same_question("Has Anna 12 more than 7?", "Has Ben 9 more than 8?")
    assert not same_question("Has Anna more than 7?", "Has Anna less than 7?")
    assert not same_question("Is it valid?", "Isn't it valid?")
