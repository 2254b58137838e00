"""After the answer: deferrals, audits, holdouts and feedback, and what they do to strategies."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from langchain_intercascade import ConfigurationError, InterCascade, Label
from langchain_intercascade.learning.aftermath import EAGER
from langchain_intercascade.learning.books import OPEN
from langchain_intercascade.strategy import State, Strategy, Tally
from langchain_intercascade.testing import Reply
from tests.cascades import SURE, Host
from tests.conftest import Colour
from tests.unit_tests.learning.classroom import (
    ADD,
    MULTIPLY,
    TAKE,
    ask,
    distillations,
    memory,
    numbers,
    pears,
    pupil,
    school,
    states,
    stored,
    strategy,
    sum_of,
    teacher,
    trusting,
    worked,
)


@pytest.fixture
def chat(colour: Colour) -> Host:
    """The chat model in both colours: enough where the hosts make no difference."""
    return Host("chat_model", colour)


def told(
    host: Host, cascade: InterCascade, run: Any, *, correct: bool | None = None, **how: Any
) -> Label | None:
    """Give feedback in the host's colour."""
    return host.colour.run(
        lambda: cascade.feedback(run, correct=correct, **how),
        lambda: cascade.afeedback(run, correct=correct, **how),
    )


def tally(cascade: InterCascade, number: int = 0) -> Tally:
    """What is known of a strategy."""
    return stored(cascade)[number].ledger.get("weak-model", Tally())


def counts(found: Tally) -> tuple[float, float, float, float]:
    """Its four counts."""
    return found.right_with, found.wrong_with, found.right_without, found.wrong_without


def unaided(text: str) -> str:
    """A pupil who can add by itself, and is led astray by strategies that say otherwise."""
    if "<strategies" not in text:
        return f"The answer is {sum(numbers(text))}."
    return worked(text)


# Deferrals.


@pytest.mark.parametrize(
    ("advice", "say", "expected"),
    [
        (ADD, worked, (1, 0, 0, 1)),
        (MULTIPLY, worked, (0, 1, 0, 1)),
        (MULTIPLY, unaided, (0, 1, 1, 0)),
    ],
)
def test_a_deferral_says_whether_the_strategy_helped(
    chat: Host, advice: Any, say: Any, expected: Any
) -> None:
    """The weak model is also asked without it, whether the answer was right or wrong."""
    repository = memory()
    repository.put(strategy(advice=advice))
    with school(pupil(say), repository=repository) as cascade:
        _, record = chat.ask(cascade, pears(4, 5, who=2))

        assert expected == counts(tally(cascade))
        assert record["usage"]["replay"]["calls"] == 1
        assert cascade.spending().background == {}


def test_background_labels_are_spent_in_the_background(host: Host) -> None:
    """The answer's record says nothing of what was spent after it."""
    repository = memory()
    repository.put(strategy(advice=MULTIPLY))
    with school(repository=repository, learning="background") as cascade:
        _, record = host.ask(cascade, pears(4, 5, who=2))
        assert cascade.flush(timeout=20)

        assert cascade.spending().background["replay"]["calls"] == 1
        assert "replay" not in record["usage"]
        assert counts(tally(cascade)) == (0, 1, 0, 1)


def test_judging_is_paid_for_too(host: Host) -> None:
    """An agreement that asks a model is no secret."""
    from langchain_intercascade.agreement import JudgeAgreement  # noqa: PLC0415 - used here only

    judge = teacher(verdict="yes")
    with school(agreement=JudgeAgreement(judge)) as cascade:
        _, record = host.ask(cascade, pears(2, 3))

    assert len(judge.calls) == record["usage"]["replay"]["calls"] == 1


def test_a_strong_answer_that_cannot_stand_labels_nothing(host: Host) -> None:
    """A refusal says nothing about the weak answer."""
    repository = memory()
    repository.put(strategy())
    strong = teacher(lambda _: Reply("No.", finish_reason="refusal"))
    with school(strong=strong, repository=repository) as cascade:
        host.ask(cascade, pears(4, 5, who=2))

        assert tally(cascade) == Tally()


def test_learning_off_labels_nothing(host: Host) -> None:
    """Off is off."""
    repository = memory()
    repository.put(strategy())
    with school(repository=repository, learning="off") as cascade:
        host.ask(cascade, pears(4, 5, who=2))

        assert tally(cascade) == Tally()


# Holdouts.


def test_a_held_out_run_shows_nothing_and_counts_as_without(host: Host) -> None:
    """The record says what would have been shown."""
    weak = pupil()
    repository = memory()
    repository.put(strategy())
    with school(weak, repository=repository, holdout=1.0) as cascade:
        _, record = host.ask(cascade, pears(4, 5, who=2))
        (held,) = [each for each in stored(cascade) if each.id == record["held_out"][0]["id"]]

    assert (record["regime"], record["strategies"], len(record["held_out"])) == ("plain", [], 1)
    assert "<strategies" not in weak.calls[0][-1].text
    assert counts(held.ledger["weak-model"]) == (0, 0, 0, 1)


def test_a_share_of_the_runs_is_held_out() -> None:
    """About as many as said, drawn by the run."""
    repository = memory()
    repository.put(strategy())
    with school(repository=repository, holdout=0.5, learning="off") as cascade:
        held = [bool(ask(cascade, pears(4, at))[1]["held_out"]) for at in range(60)]

    assert 12 <= sum(held) <= 48  # six standard deviations


# Audits.


def test_a_wrong_accepted_answer_becomes_a_lesson(host: Host) -> None:
    """Which the deferrals alone would never have brought to light."""
    strong = teacher()
    with trusting(strong=strong, audit_rate=1.0) as cascade:
        _, record = host.ask(cascade, pears(2, 3), source="user-17")
        assert cascade.flush(timeout=20)
        (learned,) = stored(cascade)

        assert set(cascade.spending().background) == {"audit", "distill"}
    assert (record["route"], set(record["usage"])) == ("weak", {"weak"})
    assert (learned.state, learned.origin.run_id) == (State.ACTIVE, record["run_id"])
    assert learned.origin.source == "user-17"


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_a_right_accepted_answer_teaches_nothing(chat: Host, rate: float) -> None:
    """And without audits the strong model is not asked at all."""
    strong = teacher()
    with trusting(weak=pupil(unaided, logprob=SURE), strong=strong, audit_rate=rate) as cascade:
        chat.ask(cascade, pears(2, 3))
        assert cascade.flush(timeout=20)

        assert stored(cascade) == []
    assert len(strong.calls) == int(rate)


def test_an_audit_that_fails_changes_nothing(host: Host) -> None:
    """It is counted, and the answer was given long before."""
    strong = teacher(lambda _: Reply(error=OSError()))
    with trusting(strong=strong, audit_rate=1.0) as cascade:
        answer, _ = host.ask(cascade, pears(2, 3))
        assert cascade.flush(timeout=20)

        assert (answer.content, stored(cascade)) == ("The answer is 6.", [])
        assert cascade.learner_stats().task_errors == 1


def test_a_strategy_is_kept_from_a_query_that_it_spoils(host: Host) -> None:
    """Right without and wrong with it: the audit asks both, and the next time it is not shown."""
    query = pears(4, 5, who=2)
    repository = memory()
    repository.put(strategy(advice=MULTIPLY))
    weak = pupil(unaided, logprob=SURE)
    with trusting(weak=weak, repository=repository, audit_rate=1.0) as cascade:
        first, _ = host.ask(cascade, query)
        assert cascade.flush(timeout=20)
        found = next(each for each in stored(cascade) if each.advice == MULTIPLY)
        repository.remove(next(s.id for s in stored(cascade) if s.id != found.id), tenant="default")
        second, record = host.ask(cascade, query)
        other, _ = host.ask(cascade, pears(2, 3), learning="off")

    assert [each.content for each in (first, second)] == ["The answer is 20.", "The answer is 9."]
    assert found.misled == (query,)
    assert counts(found.ledger["weak-model"]) == (0, 1, 1, 0)
    assert (record["strategies"], record["regime"]) == ([], "plain")
    assert "misleading here" in record["retrieval"]["reason"]
    assert other.content == "The answer is 6."  # its own query: there it is still shown


def suspended_after(cascade: InterCascade, host: Host, queries: list[str]) -> list[Strategy]:
    """Ask until the first strategy is suspended or the queries are over."""
    for query in queries:
        host.ask(cascade, query)
        cascade.flush(timeout=20)
    return [each for each in stored(cascade) if each.state is State.SUSPENDED]


def test_a_harmful_strategy_is_suspended_with_the_reason(chat: Host) -> None:
    """And is not shown any more."""
    queries = [pears(4, 5 + at, who=at) for at in range(5)]
    weak = pupil(unaided)
    repository = memory()
    repository.put(strategy(*queries, advice=MULTIPLY))
    with school(weak, repository=repository, k=1) as cascade:
        (found,) = suspended_after(cascade, chat, queries)
        _, record = chat.ask(cascade, queries[0], learning="off")

    assert found.advice == MULTIPLY
    assert found.reason.startswith("harmful to weak-model: it is believed to change the share of")
    assert found.id not in [each["id"] for each in record["strategies"]]


# Feedback.


@pytest.mark.parametrize(("correct", "expected"), [(True, (1, 0, 0, 0)), (False, (0, 1, 0, 0))])
def test_feedback_on_a_weak_answer_goes_to_its_strategies(
    chat: Host,
    correct: bool,  # noqa: FBT001 - a verdict, not a switch
    expected: Any,
) -> None:
    """By the run's id or its record; and pressing the button twice counts once."""
    repository = memory()
    repository.put(strategy())
    with trusting(repository=repository) as cascade:
        _, record = chat.ask(cascade, pears(4, 5, who=2))
        labels = [told(chat, cascade, run, correct=correct) for run in (record, record["run_id"])]

        assert expected == counts(tally(cascade))
    assert labels[0] == labels[1]
    assert labels[0] is not None
    assert (labels[0].correct, labels[0].source, labels[0].accepted) == (correct, "feedback", True)


def test_who_changes_his_mind_is_heard_again(host: Host) -> None:
    """The last word counts, and nothing but that; the run is one run."""
    repository = memory()
    repository.put(strategy())
    with trusting(repository=repository) as cascade:
        _, record = host.ask(cascade, pears(4, 5, who=2))
        for correct in (True, False):
            told(host, cascade, record, correct=correct)

        assert counts(tally(cascade)) == (0, 1, 0, 0)
        assert tally(cascade).labels == 1


@pytest.mark.parametrize(
    ("correct", "expected"), [(False, (0, 1, 1, 0)), (True, (1, 0, 0, 0)), (None, (0, 1, 1, 0))]
)
def test_feedback_takes_the_place_of_an_audit(
    chat: Host,
    correct: bool | None,  # noqa: FBT001 - a verdict, not a switch
    expected: Any,
) -> None:
    """How it goes without is known from the strong answer; it counts while that one does."""
    query = pears(4, 5, who=2)
    repository = memory()
    repository.put(strategy(advice=MULTIPLY))
    weak = pupil(unaided, logprob=SURE)
    with trusting(weak=weak, repository=repository, audit_rate=1.0) as cascade:
        _, record = chat.ask(cascade, query)
        assert cascade.flush(timeout=20)
        if correct is not None:
            told(chat, cascade, record, correct=correct)
        found = next(each for each in stored(cascade) if each.advice == MULTIPLY)

    assert expected == counts(found.ledger["weak-model"])
    assert found.ledger["weak-model"].labels == 1
    assert found.misled == (() if correct else (query,))


def test_an_audit_does_not_take_the_place_of_feedback(chat: Host) -> None:
    """The caller was quicker, and knows better: the wrong strong answer teaches nothing."""
    repository = memory()
    repository.put(strategy())
    spoken = threading.Event()

    def say(_: str) -> str:
        assert spoken.wait(20)
        return "The answer is 0."

    strong = teacher(say)
    with trusting(strong=strong, repository=repository, audit_rate=1.0) as cascade:
        _, record = chat.ask(cascade, pears(4, 5, who=2))
        told(chat, cascade, record, correct=True)
        spoken.set()
        assert cascade.flush(timeout=20)

        assert counts(tally(cascade)) == (1, 0, 0, 0)
        assert tally(cascade).labels == 1
    assert distillations(strong) == 0


def test_feedback_on_a_deferred_answer_counts_once(chat: Host) -> None:
    """The deferral has said the same."""
    repository = memory()
    repository.put(strategy(advice=MULTIPLY))
    with school(repository=repository) as cascade:
        _, record = chat.ask(cascade, pears(4, 5, who=2))
        told(chat, cascade, record, correct=True)

        assert counts(tally(cascade)) == (0, 1, 0, 1)


def test_what_is_open_is_audited_more_often(chat: Host) -> None:
    """Each label stands for what it was drawn with, and the rate falls when that is over."""
    weak = pupil(unaided, logprob=SURE)
    repository = memory()
    few, many = 5, 20
    repository.put(strategy(ledger={"weak-model": Tally(uses=OPEN - few)}))
    with trusting(weak=weak, repository=repository, audit_rate=1 / EAGER) as cascade:
        for number in range(few):
            chat.ask(cascade, pears(4 + number, 5, who=2))
        assert cascade.flush(timeout=20)
        new = tally(cascade)
        for number in range(many):
            chat.ask(cascade, pears(4 + number, 5, who=2))
        assert cascade.flush(timeout=20)
        old = tally(cascade)

    assert (new.labels, new.right_with) == (few, few)
    assert new.labels <= old.labels < few + many
    assert old.right_with - new.right_with == EAGER * (old.labels - new.labels)


def test_a_right_answer_from_the_caller_becomes_a_lesson(host: Host) -> None:
    """Learned in the background, and vouched for."""
    with trusting() as cascade:
        _, record = host.ask(cascade, pears(2, 3))
        label = told(host, cascade, record, answer="5")
        assert cascade.flush(timeout=20)
        (learned,) = stored(cascade)

    assert label is not None
    assert label.correct is False
    assert (learned.state, learned.verified_by) == (State.ACTIVE, "feedback")
    assert learned.origin.strong_model == "feedback"


def test_feedback_that_confirms_the_weak_answer_teaches_nothing(host: Host) -> None:
    """There is nothing to learn."""
    with trusting() as cascade:
        _, record = host.ask(cascade, pears(2, 3))
        label = told(host, cascade, record, answer="6")
        assert cascade.flush(timeout=20)

        assert (label is not None and label.correct, stored(cascade)) == (True, [])


def test_feedback_on_a_strong_answer_judges_the_weak_one_by_it(chat: Host) -> None:
    """What was right is now known; what was wrong says nothing about the weak answer."""
    with school() as cascade:
        _, record = chat.ask(cascade, pears(2, 3))
        confirmed = told(chat, cascade, record, correct=True)
        refuted = told(chat, cascade, record, correct=False)

    assert confirmed is not None
    assert (confirmed.correct, confirmed.accepted) == (False, False)
    assert refuted is None


@pytest.mark.parametrize("learning", ["inline", "background"])
@pytest.mark.parametrize(
    "how", [{"correct": False}, {"correct": False, "answer": "5"}, {"answer": "5"}]
)
def test_what_a_wrong_strong_answer_taught_is_retracted(
    chat: Host, how: dict[str, Any], learning: str
) -> None:
    """And the right answer, if it is given, teaches in its place, not to the wrong strategy."""
    strong = teacher(lambda _: "The answer is -1.", advice=told_by)
    with school(strong=strong, learning=learning) as cascade:
        _, record = chat.ask(cascade, pears(2, 3))
        assert cascade.flush(timeout=20)
        told(chat, cascade, record, **how)
        assert cascade.flush(timeout=20)
        wrong, *right = stored(cascade)

    assert wrong.state is State.SUSPENDED
    assert wrong.reason == "the caller says that the answer it was distilled from was wrong"
    assert [each.state for each in right] == ([State.ACTIVE] if "answer" in how else [])
    assert all(each.advice == ADD for each in right)


def test_what_may_have_been_right_is_not_retracted(chat: Host) -> None:
    """The caller's answer is another text, and nobody can tell whether it says another thing."""
    with school(agreement=lambda *_: None) as cascade:
        _, record = chat.ask(cascade, pears(2, 3))
        told(chat, cascade, record, answer="as many as there are")
        assert cascade.flush(timeout=20)
        learned, *_ = stored(cascade)

    assert learned.id == record["lesson"]["id"]
    assert learned.state is State.ACTIVE


def told_by(prompt: str) -> Any:
    """What a teacher makes of a wrong solution, and of the right one."""
    return TAKE if "-1" in prompt else ADD


@pytest.mark.parametrize("learning", ["inline", "background"])
def test_only_what_that_very_answer_taught_is_retracted(chat: Host, learning: str) -> None:
    """A strategy that others taught stays in use; it loses this one's support and key."""
    strong = teacher(lambda text: "The answer is 1." if "77" in text else sum_of(text))
    with school(strong=strong, admission="replay", learning=learning, verifier=vouching) as cascade:
        for query in (pears(2, 3), pears(3, 4, who=2)):
            chat.ask(cascade, query)
            cascade.flush(timeout=20)
        _, merged = chat.ask(cascade, pears(4, 5, who=4))
        cascade.flush(timeout=20)
        (before,) = stored(cascade)
        told(chat, cascade, merged, correct=False)
        _, known = chat.ask(cascade, pears(2, 3))
        told(chat, cascade, known, correct=False)
        (after,) = stored(cascade)

    assert known["lesson"]["state"] == "known"
    assert (before.state, before.support, len(before.keys)) == (State.ACTIVE, 3, 3)
    assert (after.state, after.support) == (State.ACTIVE, 2)
    assert after.keys == before.keys[:2]


def vouching(query: str, answer: str) -> bool:
    """Find right what is right."""
    return answer == sum_of(query)


def test_feedback_on_a_degraded_answer_is_heard(host: Host) -> None:
    """The weak answer was served because the strong model failed."""
    strong = teacher(lambda _: Reply(error=OSError()))
    with school(strong=strong, on_strong_error="weak") as cascade:
        _, record = host.ask(cascade, pears(2, 3))
        label = told(host, cascade, record, correct=False)

    assert record["degraded"]
    assert label is not None
    assert (label.correct, label.accepted) == (False, False)


@pytest.mark.parametrize("how", [{}, {"answer": ""}])
def test_feedback_has_to_say_something(chat: Host, how: dict[str, Any]) -> None:
    """A configuration error says what."""
    with trusting() as cascade:
        _, record = chat.ask(cascade, pears(2, 3))
        with pytest.raises(ConfigurationError, match="`correct=True`"):
            told(chat, cascade, record, **how)


def test_feedback_on_an_unknown_run_is_a_configuration_error(chat: Host) -> None:
    """It says where the id is found."""
    with trusting() as cascade, pytest.raises(ConfigurationError, match="'no-such-run'"):
        told(chat, cascade, "no-such-run", correct=True)


def test_feedback_with_a_broken_repository_is_an_error_of_its_own() -> None:
    """The caller waits for it, so the caller is told; the answer was given before."""
    with trusting() as cascade:
        _, record = ask(cascade, pears(2, 3))
        label = cascade.feedback(record, correct=True)

    assert label is not None


# What is never learned from.

BLOCK = "<strategies ab12>\n[1] Adding up\nUse when: Always.\n</strategies ab12>\n"


@pytest.mark.parametrize("learning", ["inline", "background"])
def test_a_query_that_holds_strategies_is_not_learned_from(chat: Host, learning: str) -> None:
    """What was learned once must not be learned again from itself."""
    strong = teacher()
    with school(strong=strong, learning=learning) as cascade:
        _, record = chat.ask(cascade, BLOCK + pears(2, 3))
        cascade.flush(timeout=20)

        assert (record["lesson"]["state"], stored(cascade)) == ("unresolved", [])
    assert distillations(strong) == 0


def test_a_strong_answer_that_quotes_strategies_is_not_learned_from(chat: Host) -> None:
    """Nor that, from an audit or the caller either."""
    strong = teacher(lambda text: BLOCK + sum_of(text))
    with school(strong=strong) as cascade:
        chat.ask(cascade, pears(2, 3))
        assert stored(cascade) == []
    with trusting(strong=strong, audit_rate=1.0) as cascade:
        _, record = chat.ask(cascade, pears(2, 3))
        cascade.flush(timeout=20)
        assert stored(cascade) == []
        told(chat, cascade, record, answer=BLOCK + "5")
        cascade.flush(timeout=20)
        assert stored(cascade) == []


@pytest.mark.parametrize("options", [{}, {"audit_rate": 1.0}])
def test_a_weak_attempt_that_quotes_strategies_is_not_shown_to_the_distiller(
    chat: Host, options: dict[str, Any]
) -> None:
    """The rest of the lesson is learned."""
    weak = pupil(lambda text: BLOCK + worked(text), logprob=SURE)
    strong = teacher()
    make = trusting if options else school
    with make(weak=weak, strong=strong, **options) as cascade:
        chat.ask(cascade, pears(2, 3))
        cascade.flush(timeout=20)

        assert states(cascade) == [State.ACTIVE]
    assert not any("<strategies" in message.text for call in strong.calls for message in call)
