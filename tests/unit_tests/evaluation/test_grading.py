"""Graders read an answer as a cascade does, and say when they cannot tell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.evaluation.arms import Grade, Question
from langchain_intercascade.evaluation.grading import UNTOLD, grader_of
from langchain_intercascade.evaluation.streams import question_of
from langchain_intercascade.testing import ScriptedChatModel


def graded(name: str, answer: str, known: str) -> Grade:
    """Return the grade of an answer."""
    return grader_of(name)(question_of("?", known), AIMessage(answer))


@pytest.mark.parametrize(
    ("name", "answer", "known", "correct"),
    [
        ("auto", "6 * 7 = 42. The answer is 42.", "42", True),
        ("auto", "The answer is 41.", "#### 42", False),
        ("exact", " Forty  Two", "forty two", True),
        ("exact", "The answer is 42", "42", False),
        ("numeric", "6 * 7 = 42, so 42 pens in all, I think", "42", True),
        ("numeric", "The answer is 41, not 42, because 6 * 7 = 41.", "42", False),
        ("numeric", "The answer is 6 * 7 = 42 pens.", "42", True),
        ("numeric", "1,200 pens", "6 * 200 = 1200\n#### 1200", True),
        ("numeric", "-3", "3", False),
        ("numeric", "1/2", "0.5", True),
        ("numeric", "no idea", "42", False),
        ("choice", "The answer is (b).", "B", True),
        ("choice", "A is wrong, so it is (C)", "C", True),
        ("choice", "I think it is B, I do.", "B", True),
        ("choice", "B) Rome", "(B)", True),
        ("choice", "Rome", "B", False),
        ("choice", "(A)", "B", False),
        ("contains", "It is Paris, of course.", "paris", True),
        ("contains", "A comparison.", "paris", False),
        ("regex:ANSWER=(.+)", "ANSWER=1\nANSWER=42", "42.0", True),
        (r"regex:\d+", "from 3 to 7", "7", True),
        ("regex:ANSWER=(.+)", "42", "42", False),
    ],
)
def test_an_answer_is_graded(name: str, answer: str, known: str, correct: bool) -> None:  # noqa: FBT001
    """By what it concludes."""
    assert Grade(correct) == graded(name, answer, known)


def test_what_cannot_be_told_counts_as_wrong_and_is_marked() -> None:
    """Two long texts cannot be compared by what is seen in them."""
    grade = graded("auto", "It depends on many things, and nobody knows them.", "Rome and Paris.")

    assert Grade(correct=False, assumed=UNTOLD) == grade


@given(st.integers(-(10**9), 10**9), st.sampled_from(["{}", "It is {}.", "So {} pens", "#### {}"]))
def test_a_number_is_itself_and_no_other(number: int, said: str) -> None:
    """However it is dressed."""
    dressed = said.format(f"{number:,}")

    assert graded("numeric", dressed, str(number)).correct
    assert not graded("numeric", dressed, str(number + 1)).correct


@pytest.mark.parametrize(
    ("said", "grade"),
    [
        ("yes", Grade(correct=True)),
        ("no", Grade(correct=False)),
        ("perhaps", Grade(correct=False, assumed=UNTOLD)),
    ],
)
def test_a_judge_is_shown_question_answer_and_truth(said: str, grade: Grade) -> None:
    """And its word counts; anything but yes and no is none."""
    judge = ScriptedChatModel(replies=[said])
    asked: list[str] = []

    def made(name: str) -> ScriptedChatModel:
        asked.append(name)
        return judge

    found = grader_of("judge:big:model", made)(question_of("Where?", "Rome"), AIMessage("Roma"))

    assert (["big:model"], grade) == (asked, found)
    assert all(word in judge.calls[0][-1].text for word in ("Where?", "Rome", "Roma"))


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("numbers", "no grader 'numbers': there are auto, exact"),
        ("regex:(", "no regular expression"),
        ("regex:", "no grader"),
        ("judge:", "no grader"),
        ("judge:model", "no grader"),
    ],
)
def test_a_grader_that_does_not_exist_is_refused(name: str, complaint: str) -> None:
    """The message names those that do."""
    with pytest.raises(ConfigurationError, match=complaint):
        grader_of(name)


def test_a_question_without_a_known_answer_cannot_be_graded() -> None:
    """Rather than being counted as wrong."""
    asked = Question(question_of("Why?", "").messages)

    with pytest.raises(ConfigurationError, match=r"no known answer.*Why\?.*Give it an `answer`"):
        grader_of("exact")(asked, AIMessage("So."))
