"""The strong model solves exactly, slips consistently, and teaches what it thinks."""

from __future__ import annotations

import json

import pytest

from langchain_intercascade import prompts
from langchain_intercascade.lab import LabStrong, grade, problems
from langchain_intercascade.lab.rules import Rule, Step, step
from langchain_intercascade.lab.stream import LabProblem, family_named
from langchain_intercascade.lab.strong import advice
from langchain_intercascade.nodes.distiller import parse_advice
from langchain_intercascade.repository.dedup import SAME_WORDS
from langchain_intercascade.repository.lexical import overlap
from langchain_intercascade.strategy import Advice

STREAM = problems(11, 300)
RULE = Rule(Step("add", "first", "third"), Step("add", "that", "two"))


def lesson(problem: LabProblem, answer: str = "...") -> str:
    return prompts.DISTILL.format(query=problem.text, answer=answer)


def rule_taught(reply: str) -> Rule:
    one, two = map(step, json.loads(reply)["steps"])
    assert one is not None
    assert two is not None
    return Rule(one, two)


def test_without_errors_it_is_always_right() -> None:
    strong = LabStrong(error_rate=0)

    assert all(grade(strong.invoke(each.text).text, each.answer) for each in STREAM[:40])


def test_it_errs_at_the_rate_asked_for_and_always_on_the_same_questions() -> None:
    strong = LabStrong(error_rate=0.2, seed=3)
    wrong = [not grade(strong.invoke(each.text).text, each.answer) for each in STREAM]
    again = [not grade(strong.invoke(each.text).text, each.answer) for each in STREAM]
    other = [
        not grade(LabStrong(error_rate=0.2, seed=4).invoke(each.text).text, each.answer)
        for each in STREAM
    ]

    assert 0.1 < sum(wrong) / len(wrong) < 0.26
    assert wrong == again
    assert wrong != other


def test_the_strategy_for_a_question_it_got_wrong_carries_the_mistake() -> None:
    strong = LabStrong(error_rate=0.3)
    for each in STREAM[:60]:
        answer = strong.invoke(each.text).text
        rule = rule_taught(strong.invoke(lesson(each, answer)).text)
        if not grade(answer, each.answer):
            assert rule != each.family.rule
            return
    pytest.fail("it made no mistake in sixty questions")


def test_the_strategy_for_a_question_it_got_right_is_the_rule() -> None:
    strong = LabStrong(error_rate=0)

    for each in STREAM[:20]:
        assert each.family.rule == rule_taught(strong.invoke(lesson(each)).text)


def test_it_can_also_guide_before_the_answer() -> None:
    each = STREAM[0]
    asked = prompts.ADVISE.format(query=each.text, weak_answer="Answer: 11")

    assert each.family.rule == rule_taught(LabStrong(error_rate=0).invoke(asked).text)


def test_what_it_writes_is_a_strategy_without_anything_of_the_query() -> None:
    advice = parse_advice(LabStrong().invoke(lesson(STREAM[0])).text)

    assert not any(sign.isdigit() for sign in advice.text())
    assert 2 == len(advice.steps)


def test_families_whose_names_share_a_word_do_not_pass_for_one() -> None:
    """The repository takes strategies for rivals, or merges them, by the words they share."""
    taught = [Advice(**advice(family_named(("pearl", place)), RULE)) for place in ("inn", "mill")]
    recognised = [f"{each.title}\n{each.when_to_use}" for each in taught]

    assert overlap(*recognised) < SAME_WORDS


@pytest.mark.parametrize("text", ["What is the capital of France?", "", "At the jade inn: 4 cups."])
def test_what_is_no_such_problem_it_refuses(text: str) -> None:
    reply = LabStrong().invoke(text)

    assert "refusal" == reply.response_metadata["finish_reason"]
    assert not grade(reply.text, "00")


def test_it_counts_its_tokens() -> None:
    reply = LabStrong().invoke(STREAM[0].text)

    assert reply.usage_metadata is not None
    assert reply.usage_metadata["output_tokens"] > 60
    assert "lab-strong" == reply.response_metadata["model_name"]
    assert "logprobs" not in reply.response_metadata
