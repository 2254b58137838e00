"""Trying strategies out on later lessons: who is confirmed, contradicted, brought back."""

from __future__ import annotations

import pytest

from langchain_intercascade.learning.admission import CORROBORATIONS
from langchain_intercascade.learning.trials import (
    REINSTATED,
    Paired,
    corroborated,
    failing,
    outdone,
)
from langchain_intercascade.repository.ledger import standing
from langchain_intercascade.strategy import Advice, Lesson, Replays, State, Tally
from tests.cascades import Host
from tests.conftest import Colour
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
    worked,
)


@pytest.fixture
def chat(colour: Colour) -> Host:
    """The chat model in both colours: enough where the hosts make no difference."""
    return Host("chat_model", colour)


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
    """It is not shown meanwhile; each lesson is tried with it and without it, and both count."""
    repository = memory()
    repository.put(strategy(state=State.SUSPENDED, reason="harmful"))
    with school(repository=repository, admission="replay") as cascade:
        seen = []
        for who in range(REINSTATED):
            _, record = host.ask(cascade, pears(3 + who, 7, who=1 + who))
            assert (record["strategies"], record["lesson"]["state"]) == ([], "merged")
            seen += states(cascade)
        (back,) = stored(cascade)

    known = back.ledger["weak-model"]
    assert seen == [State.SUSPENDED] * (REINSTATED - 1) + [State.ACTIVE]
    assert (back.reason, back.support) == ("", 1 + REINSTATED)
    assert (known.right_with, known.wrong_without, known.labels) == (3.0, 3.0, 3)


def test_trials_that_fail_are_counted_too(chat: Host) -> None:
    """With them wrong, without right: the ledgers of suspended ones learn of both.

    How it goes without is asked once for the lesson, whoever is tried.
    """
    weak = pupil(by_itself)
    repository = memory()
    for advice in (MULTIPLY, TAKE):
        repository.put(strategy(advice=advice, state=State.SUSPENDED))
    with school(weak, repository=repository, admission="replay") as cascade:
        chat.ask(cascade, pears(3, 4, who=2))
        found = [each for each in stored(cascade) if each.advice in (MULTIPLY, TAKE)]

    for each in found:
        known = each.ledger["weak-model"]
        assert (known.wrong_with, known.right_without, known.labels) == (1.0, 1.0, 1)
        assert (each.state, each.replays) == (State.SUSPENDED, Replays())
    assert len(found) == 2
    assert sum("<strategies" not in call[-1].text for call in weak.calls) == 2  # with the attempt


def by_itself(text: str) -> str:
    """A pupil who adds, unless a strategy says otherwise."""
    return worked(text if "<strategies" in text else "Add the first" + text)


def test_what_is_no_better_than_nothing_stays_suspended() -> None:
    """It solves every lesson, and so does the model without it."""
    weak = pupil(by_itself)
    repository = memory()
    repository.put(strategy(state=State.SUSPENDED))
    with school(weak, repository=repository, admission="replay") as cascade:
        for who in range(2 * REINSTATED):
            ask(cascade, pears(3 + who, 7, who=1 + who))
        (found,) = stored(cascade)

    assert (found.state, found.replays.passed) == (State.SUSPENDED, 2 * REINSTATED)


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

HELPED = Paired("weak-model", with_it=True, without=False)
SPOILT = {"weak-model": Tally(wrong_with=3, right_without=3, labels=3)}


def test_a_suspended_strategy_has_to_outweigh_what_condemned_it() -> None:
    """Three lessons are enough where nothing is known, and not after three that it spoilt."""
    fresh = condemned = strategy(state=State.SUSPENDED)
    condemned = condemned.changed(ledger=SPOILT)
    lessons = {}
    for name, found in (("fresh", fresh), ("condemned", condemned)):
        back = found
        while back.state is State.SUSPENDED:
            back = corroborated(back, label=HELPED)
        lessons[name] = back.replays.passed
        assert standing(back.ledger["weak-model"]) == "helpful"

    assert lessons == {"fresh": REINSTATED, "condemned": 6}
    assert back.ledger["weak-model"].wrong_with == 3


def test_what_another_model_has_condemned_stays_suspended() -> None:
    """Models share what is in use, and the other one would condemn it again."""
    found = strategy(state=State.SUSPENDED, ledger={"other": SPOILT["weak-model"]})
    for _ in range(20):
        found = corroborated(found, label=HELPED)

    assert found.state is State.SUSPENDED
    assert standing(found.ledger["weak-model"]) == "helpful"


@pytest.mark.parametrize("state", [State.ACTIVE, State.CANDIDATE])
def test_trials_are_no_labels_for_what_is_not_suspended(state: State) -> None:
    """Those in use have their labels from the answers that they were shown for."""
    found = strategy(state=state)

    assert corroborated(found, label=HELPED).ledger == {}
    assert failing(found, label=HELPED) is None


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
