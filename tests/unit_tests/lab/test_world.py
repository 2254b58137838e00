"""The little world: rules, families, stories and the stream of problems."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_intercascade.lab.families import KNOWN_COUNT, MISREMEMBERED_COUNT, split
from langchain_intercascade.lab.reading import name_and_digits
from langchain_intercascade.lab.rules import Rule, draw_rule, step
from langchain_intercascade.lab.stories import (
    ASIDES,
    ASIDES_ANEW,
    TOLD_ANEW,
    TOLD_IN_TRAINING,
    draw_digits,
    held_out,
    tell,
)
from langchain_intercascade.lab.stream import LabProblem, family_named, grade, problems
from langchain_intercascade.lab.tokens import (
    UNKNOWN,
    encoded,
    numbers,
    pieces,
    reply_tokens,
    vocabulary,
    written,
)

seeds = st.integers(0, 10_000)


@given(seed=seeds, unseen=st.booleans())
@settings(max_examples=40)
def test_a_rule_reads_as_it_is_written(*, seed: int, unseen: bool) -> None:
    rule = draw_rule(random.Random(seed), held_out=unseen)
    one, two = map(step, rule.sentences())

    assert one is not None
    assert two is not None
    assert rule == Rule(one, two)
    assert unseen == rule.held_out


@given(seed=seeds)
@settings(max_examples=40)
def test_a_code_has_two_digits_and_its_sums_are_right_on_the_dial(seed: int) -> None:
    drawn = random.Random(seed)
    first, second, code = draw_rule(drawn, held_out=False).worked(draw_digits(drawn, unseen=True))
    sums = [each.split(" = ") for each in (first, second)]

    assert code == "".join(result for _, result in sums)
    for written_sum, result in sums:
        left, sign, right = written_sum.split()
        exact = {"+": int(left) + int(right), "-": int(left) - int(right)}
        assert exact.get(sign, int(left) * int(right)) % 10 == int(result)


@pytest.mark.parametrize("text", ["Add first to fourth.", "Add first by third.", "Guess.", ""])
def test_what_is_no_step_is_none(text: str) -> None:
    assert step(text) is None


def test_no_name_is_both_used_in_training_and_not() -> None:
    there = split()
    known = {family.name for family in there.known}

    assert KNOWN_COUNT == len(known)
    assert not known & set(there.training)
    assert not known & set(there.unseen)
    assert not set(there.training) & set(there.unseen)


def test_some_families_are_remembered_wrongly_and_the_others_rightly() -> None:
    wrong = [family for family in split().known if family.memory != family.rule]

    assert MISREMEMBERED_COUNT == len(wrong)
    assert not any(family.memory is None for family in split().known)


def test_stories_told_anew_share_no_sentence_but_nearly_all_words_with_training() -> None:
    known = {word for story in (*TOLD_IN_TRAINING, *ASIDES) for word in pieces(story)}
    anew = (*TOLD_ANEW, *ASIDES_ANEW)
    words = {word for story in anew for word in pieces(story)}

    assert not set(anew) & {*TOLD_IN_TRAINING, *ASIDES}
    assert {"come"} == words - known - {"that"}


@given(seed=seeds, unseen=st.booleans())
@settings(max_examples=40)
def test_a_story_can_be_read_and_holds_its_digits_in_order(*, seed: int, unseen: bool) -> None:
    drawn = random.Random(seed)
    family = drawn.choice(split().known)
    digits = draw_digits(drawn, unseen=unseen)
    story = tell(drawn, family.title, digits, unseen=unseen)

    assert unseen == held_out(digits)
    assert (family.name, digits) == name_and_digits(story)
    assert numbers()[UNKNOWN] not in encoded(pieces(story))


@given(seed=seeds)
@settings(max_examples=40)
def test_a_reply_in_tokens_reads_well(seed: int) -> None:
    drawn = random.Random(seed)
    rule = draw_rule(drawn, held_out=False)
    first, second, code = rule.worked(draw_digits(drawn, unseen=True))
    said = reply_tokens("jade inn", str(rule), (first, second), code)[:-1]
    text = "".join(map(written, said, ["", *said], ["", "", *said]))

    told = str(rule).replace(" ;", ";")
    assert f"jade inn: {told}. {first}; {second}. Answer: {code}" == text
    assert grade(text, code)


def test_every_token_has_its_own_number() -> None:
    assert len(vocabulary()) == len(set(vocabulary())) == len(numbers())


def test_a_longer_stream_begins_with_a_shorter_one_and_another_seed_is_another_stream() -> None:
    assert problems(3, 20) == problems(3, 50)[:20]
    assert problems(3, 20) != problems(4, 20)


def test_answers_follow_from_the_families_rules() -> None:
    for problem in problems(1, 50):
        found = name_and_digits(problem.text)
        assert found is not None
        assert problem.family == family_named(found[0])
        assert problem.answer == problem.family.rule.worked(found[1])[2]


def test_families_return_unevenly_and_a_third_is_known() -> None:
    stream = problems(5, 2000, families=20, known=0.3)
    often = Counter(problem.family.name for problem in stream).most_common()

    assert len(often) == 20
    assert often[0][1] > 8 * often[-1][1]
    assert sum(family_named(name).memory is not None for name, _ in often) == 6


def test_families_that_never_return_can_be_mixed_in() -> None:
    def once(stream: list[LabProblem]) -> int:
        return sum(count == 1 for count in Counter(each.family.name for each in stream).values())

    assert once(problems(5, 400, families=10, one_off=0.3)) > 60
    assert once(problems(5, 400, families=10)) == 0


def test_another_world_has_other_rules_for_unseen_names_only() -> None:
    unseen, known = split().unseen[0], split().known[0].name

    assert family_named(unseen, 0) != family_named(unseen, 1)
    assert family_named(known, 0) == family_named(known, 1)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"known": 1.2}, r"known=1\.2"),
        ({"one_off": -0.1}, r"one_off=-0\.1"),
        ({"families": 0}, "There are no 0 families"),
        ({"families": 200, "known": 0.5}, "of which 100 are known by heart; there are 48"),
    ],
)
def test_a_stream_that_cannot_be_is_refused(wrong: dict[str, float], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        problems(0, 1, **wrong)  # type: ignore[arg-type]  # the wrong ones are the point
