"""Trying strategies out on later lessons: who is confirmed, contradicted, brought back."""

from __future__ import annotations

import pytest

from langchain_intercascade.learning.admission import CORROBORATIONS
from langchain_intercascade.learning.trials import REINSTATED, corroborated, outdone
from langchain_intercascade.strategy import Advice, Lesson, Replays, State
from tests.cascades import Host
from tests.unit_tests.learning.classroom import (
    ADD,
    MULTIPLY,
    TAKE,
    ask,
    distillations,
    memory,
    pears,
    pupil,
    school,
    states,
    stored,
    strategy,
    teacher,
)


def by_question(prompt: str) -> Advice:
    """A teacher that explains two twos as a product, and everything else as a sum."""
    return MULTIPLY if pears(2, 2) in prompt else ADD


def test_a_candidate_that_others_contradict_is_archived(host: Host) -> None:
    """It solved its source by chance; the next ones fail with it and solve its source, too."""
    with school(strong=teacher(advice=by_question), admission="replay") as cascade:
        host.ask(cascade, pears(2, 2))
        (product,) = stored(cascade)
        seen = []
        for who in range(CORROBORATIONS):
            _, record = host.ask(cascade, pears(3, 4 + who, who=2 + who))
            found = cascade.repository.get(product.id, tenant="default")
            assert found
            seen.append((found.state, found.replays.failed))
            cascade.repository.remove(str(record["lesson"]["id"]), tenant="default")
        (gone,) = stored(cascade)

    assert seen == [(State.CANDIDATE, 1), (State.ARCHIVED, 2)]
    assert gone.reason == "2 later lessons contradict it"
    assert gone.lesson is None


def test_a_wrong_teacher_is_outvoted(host: Host) -> None:
    """One wrong strong answer: its strategy never comes into use, the right one does."""

    def say(text: str) -> str:
        wrong = pears(9, 1) in text
        return "The answer is 8." if wrong else f"The answer is {sum(_numbers(text))}."

    def advice(prompt: str) -> Advice:
        return TAKE if pears(9, 1) in prompt else ADD

    with school(strong=teacher(say, advice=advice), admission="replay") as cascade:
        host.ask(cascade, pears(9, 1))
        for who in range(6):
            host.ask(cascade, pears(3 + who, 5, who=1 + who))
        found = {each.advice.steps[-1]: each.state for each in stored(cascade) if each.advice}

    assert found == {TAKE.steps[-1]: State.CANDIDATE, ADD.steps[-1]: State.ACTIVE}


def _numbers(text: str) -> list[int]:
    return [int(word) for word in text.split() if word.isdigit()]


def test_a_suspended_strategy_is_brought_back_by_trials(host: Host) -> None:
    """It is not shown meanwhile, and the labels that condemned it count no longer."""
    repository = memory()
    repository.put(strategy(state=State.SUSPENDED, reason="harmful"))
    with school(repository=repository, admission="replay") as cascade:
        seen = []
        for who in range(REINSTATED):
            _, record = host.ask(cascade, pears(3 + who, 7, who=1 + who))
            assert (record["strategies"], record["lesson"]["state"]) == ([], "merged")
            seen += states(cascade)
        (back,) = stored(cascade)

    assert seen == [State.SUSPENDED] * (REINSTATED - 1) + [State.ACTIVE]
    assert (back.reason, back.ledger, back.support) == ("", {}, 1 + REINSTATED)


def test_a_strategy_that_was_shown_is_not_tried_again() -> None:
    """The weak attempt was the trial: no further call, and a failure tells of it."""
    weak = pupil()
    repository = memory()
    repository.put(strategy(advice=MULTIPLY, keys=(pears(2, 2),)))
    with school(weak, repository=repository, admission="replay") as cascade:
        _, record = ask(cascade, pears(3, 4, who=2))
        prompts = [call[-1].text for call in weak.calls]

    assert len(record["strategies"]) == 1
    assert sum("Multiply" in prompt for prompt in prompts) == 1
    assert record["lesson"]["state"] == "candidate"


def test_strategies_of_other_tenants_are_not_tried() -> None:
    """Not even where they would solve it."""
    strong = teacher()
    repository = memory()
    repository.put(strategy(tenant="other", state=State.CANDIDATE))
    with school(strong=strong, repository=repository, admission="replay") as cascade:
        ask(cascade, pears(3, 4, who=2))
        (other,) = stored(cascade, "other")

    assert distillations(strong) == 1
    assert (other.replays, other.support) == (Replays(), 1)


def test_unlike_strategies_are_not_tried() -> None:
    """Below the floor nobody knows what they are about."""
    weak = pupil()
    repository = memory()
    river = strategy("Which river flows through Vienna?", advice=TAKE, state=State.CANDIDATE)
    repository.put(river)
    with school(weak, repository=repository, admission="replay") as cascade:
        ask(cascade, pears(3, 4, who=2))

    assert len(weak.calls) == 2  # the attempt, and the replay of the new strategy


# The rules, one by one.


@pytest.mark.parametrize("against", [0, 1, 3])
def test_a_candidate_needs_a_lead_over_its_rivals(against: int) -> None:
    """Of two more than speak for them."""
    candidate = strategy(state=State.CANDIDATE)
    passes = 0
    while candidate.state is State.CANDIDATE:
        candidate = corroborated(candidate, against=against)
        passes += 1

    assert passes == CORROBORATIONS + against
    assert candidate.state is State.ACTIVE


def test_failures_count_against_it() -> None:
    """One contradiction takes one more confirmation."""
    candidate = outdone(strategy(state=State.CANDIDATE))
    for _ in range(CORROBORATIONS):
        candidate = corroborated(candidate)

    assert candidate.state is State.CANDIDATE
    assert corroborated(candidate).state is State.ACTIVE


def test_a_strategy_in_use_is_not_archived_by_trials() -> None:
    """The ledger decides about those."""
    active = strategy()
    for _ in range(5):
        active = outdone(active)

    assert (active.state, active.replays.failed) == (State.ACTIVE, 5)


def test_an_archived_one_stays_archived() -> None:
    """Whatever it solves."""
    gone = strategy(state=State.ARCHIVED)
    for _ in range(5):
        gone = corroborated(gone)

    assert gone.state is State.ARCHIVED


def test_confirmation_forgets_the_lesson() -> None:
    """Once in use, what it was made from is needed no more."""
    lesson = Lesson(query="SECRETQUERY", answer="SECRETANSWER")
    candidate = strategy(state=State.CANDIDATE, lesson=lesson)
    for _ in range(CORROBORATIONS):
        candidate = corroborated(candidate)

    assert candidate.state is State.ACTIVE
    assert "SECRET" not in str(candidate.payload())
