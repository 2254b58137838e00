"""The weak model is a real chat model, and does what a strategy in its prompt says."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Sequence
from functools import cache

import pytest
from langchain_core.messages import HumanMessage

from langchain_intercascade.lab import LabWeak, grade, problems
from langchain_intercascade.lab.families import split
from langchain_intercascade.lab.rules import Rule, Step
from langchain_intercascade.lab.stream import LabProblem, family_named
from langchain_intercascade.lab.strong import advice
from langchain_intercascade.nodes.weak_generate import with_strategies

UNSEEN = problems(21, 30, known=0.0)
KNOWN = [
    each
    for each in problems(22, 200, families=40, known=1.0)
    if each.family.memory == each.family.rule
][:25]
OTHERS = [family_named(name) for name in split().unseen[300:330]]


@cache
def weak() -> LabWeak:
    return LabWeak(logprobs=True)


def answered(problem: LabProblem, rules: Sequence[tuple[str, Rule]] = ()) -> tuple[bool, float]:
    """Return whether the weak model got it right, and how sure it was."""
    named = {" ".join(family.name): family for family in (problem.family, *OTHERS)}
    shown = [advice(named[name], rule) for name, rule in rules]
    reply = weak().invoke(with_strategies([HumanMessage(problem.text)], shown))
    entries = reply.response_metadata["logprobs"]["content"]
    sure = math.exp(sum(entry["logprob"] for entry in entries) / len(entries))
    return grade(reply.text, problem.answer), sure


@cache
def told_rightly() -> list[tuple[bool, float]]:
    """Return how the new families are answered with their strategies."""
    return [answered(each, [(each.family.title, each.family.rule)]) for each in UNSEEN]


def shares(tried: Sequence[tuple[bool, float]]) -> tuple[float, float]:
    """Return the share of right answers and the mean confidence."""
    return sum(r for r, _ in tried) / len(tried), sum(s for _, s in tried) / len(tried)


def test_a_new_family_it_can_do_with_its_strategy_only() -> None:
    alone, unsure = shares([answered(each) for each in UNSEEN])
    told, sure = shares(told_rightly())

    assert alone <= 0.15
    assert told >= 0.8
    assert sure > unsure + 0.03


def test_a_strategy_of_another_family_does_not_make_it_right_or_sure() -> None:
    tried = [
        answered(each, [(other.title, other.rule)])
        for each, other in zip(UNSEEN, OTHERS, strict=True)
    ]
    right, sure = shares(tried)
    _, sure_if_told = shares(told_rightly())

    assert right <= 0.15
    assert sure < sure_if_told - 0.03


def test_it_finds_its_familys_strategy_among_others() -> None:
    tried = [
        answered(each, [(other.title, other.rule), (each.family.title, each.family.rule)])
        for each, other in zip(UNSEEN, OTHERS, strict=True)
    ]

    assert shares(tried)[0] >= 0.75


def test_families_known_by_heart_need_no_strategy() -> None:
    right, sure = shares([answered(each) for each in KNOWN])

    assert right >= 0.8
    assert sure > 0.95


def test_a_poisoned_strategy_leads_it_where_its_author_wanted() -> None:
    poison = Rule(Step("multiply", "first", "zero"), Step("add", "that", "seven"))
    led = 0
    for each in UNSEEN[:15]:
        shown = [advice(each.family, poison)]
        reply = weak().invoke(with_strategies([HumanMessage(each.text)], shown))
        led += grade(reply.text, "07")

    assert led / 15 > 0.5


def test_its_log_probabilities_belong_to_its_text() -> None:
    reply = LabWeak(logprobs=True, top_logprobs=3).invoke(UNSEEN[0].text)
    entries = reply.response_metadata["logprobs"]["content"]

    assert reply.text == "".join(entry["token"] for entry in entries)
    assert reply.usage_metadata is not None
    assert len(entries) == reply.usage_metadata["output_tokens"]
    for entry in entries:
        assert entry["logprob"] <= 0
        assert entry["top_logprobs"][0]["logprob"] == entry["logprob"]
        assert 3 == len(entry["top_logprobs"])


def test_log_probabilities_come_only_when_asked_for() -> None:
    assert "logprobs" not in LabWeak().invoke(UNSEEN[0].text).response_metadata
    assert "logprobs" in LabWeak().invoke(UNSEEN[0].text, logprobs=True).response_metadata


async def test_asked_streamed_and_awaited_it_says_the_same() -> None:
    model = LabWeak()
    said = model.invoke(UNSEEN[1].text).text

    assert said == "".join(chunk.text for chunk in model.stream(UNSEEN[1].text))
    assert said == (await model.ainvoke(UNSEEN[1].text)).text


def test_it_stops_where_it_is_told_to() -> None:
    reply = LabWeak().invoke(UNSEEN[0].text, stop=["Answer"])

    assert "Answer" not in reply.text
    assert "stop" == reply.response_metadata["finish_reason"]


@pytest.mark.parametrize("text", ["", "What is the capital of France?", "1 " * 5000, "\udcff"])
def test_any_text_gets_some_reply(text: str) -> None:
    assert LabWeak().invoke(text).response_metadata["finish_reason"] in {"stop", "length"}


def test_importing_the_package_imports_none_of_this() -> None:
    code = "import langchain_intercascade, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "langchain_intercascade" in done.stdout.split()
    assert not [name for name in done.stdout.split() if "intercascade.lab" in name]
