"""Which strategies are put in use, through the cascade in both hosts and colours."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from langchain_intercascade import ConfigurationError, InterCascade
from langchain_intercascade.errors import LessonRejectedError
from langchain_intercascade.repository.admission import check_secrets
from langchain_intercascade.strategy import Advice, Example, Kind, State, Strategy
from langchain_intercascade.testing import Reply
from langchain_intercascade.testing.simulated.families import FAMILIES
from tests.cascades import UNSURE, Host
from tests.unit_tests.learning.classroom import (
    ADD,
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
    sum_of,
    teacher,
    worked,
)


def raising(*_: object) -> bool:
    """Fail as a check of the caller's may."""
    raise OSError


async def awaited(*_: object) -> bool:
    """Find it good, in the other colour."""
    return True


# Replay.


def test_a_strategy_is_on_probation_until_later_lessons_confirm_it(host: Host) -> None:
    """And these are learned without asking the distiller again."""
    strong = teacher()
    with school(strong=strong, admission="replay") as cascade:
        notes = []
        for who in range(3):
            assert "active" not in states(cascade)
            _, record = host.ask(cascade, pears(3 + who, 5, who=who))
            notes.append(record["lesson"]["state"])
            assert record["usage"]["replay"]["calls"] == 1
        (learned,) = stored(cascade)

    assert notes == ["candidate", "merged", "merged"]
    assert distillations(strong) == 1
    assert (learned.state, learned.support, len(learned.keys)) == (State.ACTIVE, 3, 3)
    assert (learned.replays.source, learned.replays.passed) == (True, 2)
    assert learned.lesson is None


def test_a_candidate_is_not_shown() -> None:
    """It is on probation: nobody but the trials sees it."""
    with school(admission="replay") as cascade:
        ask(cascade, pears(2, 3))
        _, record = ask(cascade, pears(4, 5, who=2), learning="off")

    assert record["strategies"] == []


def test_what_does_not_help_with_its_own_source_is_archived(host: Host) -> None:
    """The weak model cannot do anything with it."""
    weak = pupil(lambda text: worked(text.rpartition(">\n\n")[2]))
    with school(weak, admission="replay") as cascade:
        answer, record = host.ask(cascade, pears(2, 3))
        (learned,) = stored(cascade)

    assert answer.content == "The answer is 5."
    assert (record["lesson"]["state"], learned.state) == ("rejected", State.ARCHIVED)
    assert "does not solve its source" in learned.reason


@pytest.mark.parametrize("verdict", ["I cannot tell.", "", "maybe so"])
def test_what_cannot_be_judged_stays_on_probation(verdict: str) -> None:
    """Free text, and a judge that is no help: it fails closed."""
    weak = pupil(lambda _: "It depends on what each of them has had for lunch that day.")
    strong = teacher(lambda _: "They are rather rich in fruit, the two of them.", verdict=verdict)
    with school(weak, strong, admission="replay") as cascade:
        _, record = ask(cascade, pears(2, 3))
        (learned,) = stored(cascade)

    assert (record["lesson"]["state"], learned.state) == ("candidate", State.CANDIDATE)
    assert learned.replays.source is None
    assert "cannot be told" in learned.reason


@pytest.mark.parametrize(("verdict", "state"), [("Yes.", "candidate"), ("no", "archived")])
def test_a_judge_decides_about_free_text(verdict: str, state: str) -> None:
    """And its calls are charged with the replay."""
    weak = pupil(lambda _: "It depends on what each of them has had for lunch that day.")
    strong = teacher(lambda _: "They are rather rich in fruit, the two of them.", verdict=verdict)
    with school(weak, strong, admission="replay") as cascade:
        _, record = ask(cascade, pears(2, 3))
        (learned,) = stored(cascade)

    assert learned.state == state
    assert learned.replays.source is (verdict == "Yes.")
    assert record["usage"]["replay"]["calls"] == 2


def test_a_weak_model_that_fails_a_replay_proves_nothing() -> None:
    """Neither for nor against."""

    def say(text: str) -> Reply:
        return Reply(error=OSError()) if "<strategies" in text else Reply("6", logprob=UNSURE)

    with school(pupil(say), admission="replay") as cascade:
        answer, _ = ask(cascade, pears(2, 3))

        assert answer.content == "The answer is 5."
        assert states(cascade) == [State.CANDIDATE]


# The caller's word.

VERDICTS: list[tuple[Any, State, State]] = [
    (lambda *_: True, State.ACTIVE, State.ACTIVE),
    (awaited, State.ACTIVE, State.ACTIVE),
    (lambda *_: False, State.ARCHIVED, State.ARCHIVED),
    (lambda *_: np.bool_(0), State.ARCHIVED, State.ARCHIVED),
    (lambda *_: None, State.ACTIVE, State.CANDIDATE),
    (lambda *_: "no", State.ACTIVE, State.CANDIDATE),
    (raising, State.ACTIVE, State.CANDIDATE),
]


@pytest.mark.parametrize(("verifier", "always", "replay"), VERDICTS)
def test_a_verifier_decides_whose_answers_teach(
    host: Host, verifier: Any, always: State, replay: State
) -> None:
    """A right answer needs no confirmation; a wrong one teaches nothing, whatever the mode."""
    for admission, expected in (("always", always), ("replay", replay)):
        with school(admission=admission, verifier=verifier) as cascade:
            answer, _ = host.ask(cascade, pears(2, 3))
            (learned,) = stored(cascade)

        assert answer.content == "The answer is 5."
        assert learned.state is expected
        assert (learned.verified_by == "verifier") is (replay is State.ACTIVE)


def test_a_verifier_is_told_query_and_strong_answer(host: Host) -> None:
    """Not the weak one's."""
    told: list[tuple[str, str]] = []

    def verifier(query: str, answer: str) -> None:
        told.append((query, answer))

    with school(verifier=verifier) as cascade:
        host.ask(cascade, pears(2, 3))

    assert told == [(pears(2, 3), "The answer is 5.")]


@pytest.mark.parametrize(
    ("policy", "state", "why"),
    [
        (lambda _: True, State.ACTIVE, ""),
        (awaited, State.ACTIVE, ""),
        (lambda _: False, State.ARCHIVED, "refused by the caller"),
        (lambda _: "too vague", State.ARCHIVED, "too vague"),
        (lambda _: 1, State.ARCHIVED, "refused by the caller"),
        (lambda _: None, State.ARCHIVED, "refused by the caller"),
        (raising, State.CANDIDATE, "the caller's check failed (OSError)"),
    ],
)
def test_a_policy_of_the_callers_decides(
    policy: Callable[[Strategy], Any], state: State, why: str
) -> None:
    """Only `True` lets a strategy in."""
    with school(admission=policy) as cascade:
        ask(cascade, pears(2, 3))
        (learned,) = stored(cascade)

    assert (learned.state, learned.reason) == (state, why)


@pytest.mark.parametrize("policy", ["never", "", None, 3])
def test_an_unknown_policy_is_a_configuration_error(policy: Any) -> None:
    """It is named, with what would work."""
    with pytest.raises(ConfigurationError, match=r"'always', 'replay', or a function"):
        school(admission=policy)


# What is kept and shown.


def test_nothing_of_the_lesson_outlives_it() -> None:
    """Neither the answer nor the weak attempt is anywhere in what is stored."""
    weak = pupil(lambda _: Reply("WEAKWORD", logprob=UNSURE))
    strong = teacher(lambda _: "STRONGWORD")
    with school(weak, strong) as cascade:
        ask(cascade, pears(2, 3))
        (learned,) = stored(cascade)

    assert (learned.state, learned.example) == (State.ACTIVE, None)
    assert "WORD" not in json.dumps(learned.payload())


def test_kept_examples_are_not_shown() -> None:
    """They are for fine-tuning data."""
    weak = pupil()
    with school(weak, keep_examples=True) as cascade:
        ask(cascade, pears(2, 3))
        (learned,) = stored(cascade)
        ask(cascade, pears(4, 5, who=2))

    assert learned.example == Example(query=pears(2, 3), answer="The answer is 5.")
    assert "Add the first" in weak.calls[1][-1].text
    assert "The answer is 5." not in weak.calls[1][-1].text


def test_faithful_triples_are_shown_to_their_own_tenant_only(host: Host) -> None:
    """As the paper does it: question, idea, answer."""
    weak = pupil()
    with school(weak, faithful=True) as cascade:
        host.ask(cascade, pears(2, 3), tenant="acme")
        host.ask(cascade, pears(4, 5, who=2), tenant="acme", learning="off")
        own = weak.calls[-1][-1].text
        host.ask(cascade, pears(4, 5, who=2), tenant="globex", learning="off")
        other = weak.calls[-1][-1].text

    assert f"Earlier problem of this kind: {pears(2, 3)}" in own
    assert "Its answer was: The answer is 5." in own
    assert other == pears(4, 5, who=2)


def test_an_example_in_the_shared_pool_is_shown_to_nobody_else(host: Host) -> None:
    """The strategy is; the question and the answer behind it belong to a tenant."""
    weak = pupil()
    pool = memory()
    pool.put(strategy(tenant="pool", example=Example(query="MARIA'S SECRET", answer="OURS")))
    with school(weak, repository=pool, faithful=True, shared="pool") as cascade:
        host.ask(cascade, pears(4, 5, who=2), learning="off")

    assert "Add the first" in weak.calls[-1][-1].text
    assert not any(word in weak.calls[-1][-1].text for word in ("SECRET", "OURS"))


@pytest.mark.parametrize("option", ["faithful", "keep_examples"])
def test_an_example_with_a_secret_is_not_kept(option: str) -> None:
    """The lesson is set back with the reason."""
    query = f"My card is 4111 1111 1111 1111. {pears(2, 3)}"
    with school(pupil(lambda _: "6"), teacher(lambda _: "5"), **{option: True}) as cascade:
        _, record = ask(cascade, query)

    assert record["lesson"]["state"] == "rejected"
    assert "personal data" in record["lesson"]["reason"]


PITFALL = Advice(
    title="Multiplying what is to be added",
    when_to_use="Two amounts are given and their sum is asked for.",
    pitfalls=("Multiplying the amounts.",),
    kind=Kind.PITFALL,
)


def test_a_pitfall_is_shown_as_a_thing_to_avoid(host: Host) -> None:
    """A lesson from a failure is a kind of its own."""
    weak = pupil()
    with school(weak, teacher(advice=PITFALL)) as cascade:
        host.ask(cascade, pears(2, 3))
        host.ask(cascade, pears(4, 5, who=2), learning="off")

        assert [each.kind for each in stored(cascade)] == [Kind.PITFALL]
    assert "[1] Avoid: Multiplying what is to be added" in weak.calls[-1][-1].text
    assert "Steps:" not in weak.calls[-1][-1].text


def test_at_most_one_pitfall_is_shown() -> None:
    """However many there are, and last."""
    repository = memory()
    sums = pears(4, 5, who=2)
    for at, title in enumerate(("Counting too quickly", "Mixing up people")):
        other = PITFALL.model_copy(update={"title": title, "pitfalls": (f"{title}, of course.",)})
        repository.put(strategy(sums, advice=ADD).model_copy(update={"id": "add"}))
        repository.put(strategy(sums).model_copy(update={"id": f"p{at}", "advice": other}))
    with school(repository=repository, k=3) as cascade:
        _, record = ask(cascade, sums, learning="off")

    shown = [each["id"] for each in record["strategies"]]
    assert (len(shown), shown[0], record["retrieval"]["considered"]) == (2, "add", 3)


@pytest.mark.parametrize(
    ("lifetime", "shown"), [(timedelta(hours=1), 1), (timedelta(0), 0), (None, 1)]
)
def test_a_strategy_is_used_for_its_lifetime(lifetime: timedelta | None, shown: int) -> None:
    """After that it is still there, and not shown; the record says why."""
    with school(lifetime=lifetime) as cascade:
        ask(cascade, pears(2, 3))
        _, record = ask(cascade, pears(4, 5, who=2), learning="off")

        assert states(cascade) == [State.ACTIVE]
    assert len(record["strategies"]) == shown
    assert ("expired" in record["retrieval"]["reason"]) is (shown == 0)


# Gates that no admission may skip.


@pytest.mark.parametrize("admission", ["always", "replay", lambda _: True])
@pytest.mark.parametrize(
    ("step", "why"),
    [
        ("Write to ines@example.com.", "personal data"),
        ("Ring +43 664 1234567.", "personal data"),
        ("Use the key sk-abcdefghij1234567890.", "key or a password"),
        ("Begin with 1234560.", "long number"),
    ],
)
def test_a_leak_is_never_admitted(admission: Any, step: str, why: str) -> None:
    """Whoever decides otherwise."""
    leaky = ADD.model_copy(update={"steps": (*ADD.steps, step)})
    with school(strong=teacher(advice=leaky), admission=admission) as cascade:
        _, record = ask(cascade, pears(1_234_560, 7))

        assert states(cascade) == [State.PENDING]
    assert record["lesson"]["state"] == "rejected"
    assert why in record["lesson"]["reason"]


def test_winning_trials_does_not_skip_the_leak_guard() -> None:
    """A candidate that beats two others on their own lessons is still checked like any other."""

    def advice(prompt: str) -> Advice:
        if pears(2, 2) in prompt:
            return ADD.model_copy(update={"steps": ("Multiply both.",), "title": "Products"})
        if pears(5, 0, who=2) in prompt:
            return TAKE
        return ADD.model_copy(update={"steps": (*ADD.steps, "Write to ines@example.com.")})

    with school(strong=teacher(advice=advice), admission="replay") as cascade:
        ask(cascade, pears(2, 2))
        ask(cascade, pears(5, 0, who=2))
        assert states(cascade) == [State.CANDIDATE, State.CANDIDATE]
        _, record = ask(cascade, pears(3, 4, who=4))

        assert states(cascade) == [State.CANDIDATE, State.CANDIDATE, State.PENDING]
    assert "personal data" in record["lesson"]["reason"]


def test_yes_and_no_are_no_leaks() -> None:
    """Advice on a yes-or-no question has to name the answers."""
    told = ADD.model_copy(
        update={"steps": ("Compare both.", "Say yes if they are equal, else no.")}
    )
    with school(pupil(lambda _: "no"), teacher(lambda _: "Yes.", advice=told)) as cascade:
        ask(cascade, "Has Anna as many pears as Ben?")

        assert states(cascade) == [State.ACTIVE]


@pytest.mark.parametrize(
    ("answer", "step"),
    [
        ("We add.\nThe answer is 42\nThis is because of the sum.", "Say 42."),
        ("The answer is 3.5.", "It comes to 3.5 in the end."),
        ("Hence \\boxed{a blue heron}", "Think of a blue heron."),
    ],
)
def test_the_final_answer_is_seen_wherever_it_stands(answer: str, step: str) -> None:
    """At the end of a line, with a decimal point, in a box."""
    told = ADD.model_copy(update={"steps": (step,)})
    with school(pupil(lambda _: "no"), teacher(lambda _: answer, advice=told)) as cascade:
        _, record = ask(cascade, "What do Anna and Ben see?")

    assert record["lesson"]["reason"] == "it holds the final answer"


HARMLESS = [
    *(
        "3-5",
        "2 x 3",
        "2019-2024",
        "in 2023-01-15 style",
        "12/24/2023",
        "10 20 30 40",
        "8 16 32 64",
    ),
    *(
        "0 1 1 2 3 5 8 13 21",
        "1/2 3/4 5/6",
        "(3 + 5) x 12 / 4 - 100",
        "0101 1010",
        "x = -12 345 678",
    ),
    *("1 000 000 - 2 500 000", "3.14159 2.71828", "For each token: look it up.", "01 02 03 04 05"),
    *("The secret: work backwards.", "skip-the-irrelevant-parts-first", "pages 020-0345", "24 h"),
    *("A password: at least eight signs.", "1234567890123", "100 200 300", "sk-learn and hf-hub"),
]
HARMFUL = [
    *("0664 1234567", "+43 664 1234567", "(555) 123-4567", "555-123-4567", "06641234567"),
    *("4111 1111 1111 1111.", "4111111111111111", "123-45-6789", "AT61 1904 3002 3457 3201"),
    *("ines@example.com", "password: hunter2", "api_key=abc123def", "ghp_abcdefghijklmnopqrst12"),
    *("sk-abcdefghijklmnop", "AKIAIOSFODNN7EXAMPLE", "-----BEGIN RSA PRIVATE KEY-----"),
]


def refused(text: str) -> bool:
    """Whether a text is taken for somebody's secret."""
    try:
        check_secrets(f"Note that {text} counts.")
    except LessonRejectedError:
        return True
    return False


def test_numbers_of_ordinary_advice_are_nobodys_secret() -> None:
    """A false alarm costs a strategy; a miss may cost more."""
    told = [
        text
        for family in FAMILIES.values()
        for text in (family.title, family.when, family.unless, family.idea, *family.steps)
    ]

    assert [text for text in (*HARMLESS, *told) if refused(text)] == []
    assert [text for text in HARMFUL if not refused(text)] == []


def test_sums_are_right() -> None:
    """The classroom's own arithmetic."""
    assert (sum_of(pears(2, 3)), worked(pears(2, 3))) == ("The answer is 5.", "The answer is 6.")
    assert isinstance(school(), InterCascade)
