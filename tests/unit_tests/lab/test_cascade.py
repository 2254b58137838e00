"""A cascade of the pair learns: what it once deferred it answers by itself."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from langchain_intercascade import InterCascade
from langchain_intercascade.lab import LabStrong, LabWeak, grade, problems
from langchain_intercascade.lab.stream import LabProblem
from tests.conftest import Colour

STREAM = problems(31, 24, families=3, known=0.0)
THRESHOLD = 0.93


def cascade(**settings: Any) -> InterCascade:
    return InterCascade(
        weak=LabWeak(),
        strong=LabStrong(error_rate=0),
        confidence="logprobs",
        threshold=THRESHOLD,
        learning="inline",
        **settings,
    )


def route(reply: Any) -> str:
    return str(reply.response_metadata["inter_cascade"]["route"])


def test_a_family_is_deferred_at_first_and_then_answered_rightly(colour: Colour) -> None:
    with closing(cascade()) as model:
        replies = [colour.invoke(model, each.text) for each in STREAM]
    late = list(zip(STREAM, replies, strict=True))[len(STREAM) // 2 :]
    weak = [(each, reply) for each, reply in late if route(reply) == "weak"]

    assert "strong" == route(replies[0])
    assert len(weak) / len(late) >= 0.6
    assert sum(_right(*pair) for pair in weak) / len(weak) >= 0.8
    assert sum(_right(*pair) for pair in late) / len(late) >= 0.85


def test_without_learning_new_families_are_deferred_for_ever() -> None:
    never = InterCascade(
        weak=LabWeak(), strong=LabStrong(error_rate=0), threshold=THRESHOLD, learning="off"
    )
    with closing(never) as model:
        routes = [route(model.invoke(each.text)) for each in STREAM[:12]]

    assert routes.count("strong") / len(routes) >= 0.85


def _right(problem: LabProblem, reply: Any) -> bool:
    return grade(reply.text, problem.answer)
