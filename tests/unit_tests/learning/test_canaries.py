"""Answers that were good without a strategy stay so with it."""

from __future__ import annotations

from typing import Any

import pytest

from langchain_intercascade.strategy import State
from langchain_intercascade.testing import Reply
from tests.cascades import SURE, UNSURE, Host
from tests.unit_tests.learning.classroom import (
    ADD,
    MULTIPLY,
    ask,
    numbers,
    pears,
    pupil,
    school,
    stored,
    teacher,
    worked,
)

EASY = pears(2, 3)
HARD = pears(4, 5, who=2)


def say(text: str) -> Reply:
    """A pupil who can do the easy question unaided, and does whatever a strategy says."""
    if "<strategies" in text:
        return Reply(worked(text), logprob=UNSURE)
    if text.endswith(EASY):
        return Reply(f"The answer is {sum(numbers(text))}.", logprob=SURE)
    return Reply(worked(text), logprob=UNSURE)


def product(text: str) -> str:
    """A teacher who multiplies."""
    first, second = numbers(text)
    return f"The answer is {first * second}."


def taught(**options: Any) -> Any:
    """A cascade in which multiplying is right for the hard question, and admitted at once."""
    strong = options.pop("strong", None) or teacher(product, advice=MULTIPLY)
    given = {"admission": "replay", "verifier": lambda *_: True, "threshold": 0.5}
    return school(pupil(say), strong, **(given | options))


def test_a_strategy_is_kept_from_what_it_would_spoil(host: Host) -> None:
    """It comes into use all the same, for its own kind; the replay is charged."""
    with taught() as cascade:
        _, accepted = host.ask(cascade, EASY)
        _, deferred = host.ask(cascade, HARD)
        (learned,) = stored(cascade)
        again, record = host.ask(cascade, EASY)

    assert (accepted["route"], deferred["route"]) == ("weak", "strong")
    assert deferred["usage"]["replay"]["calls"] == 2  # its source, and the canary
    assert (learned.state, learned.misled) == (State.ACTIVE, (EASY,))
    assert (again.content, record["regime"]) == ("The answer is 5.", "plain")


def test_a_strategy_that_spoils_nothing_is_kept_from_nothing(host: Host) -> None:
    """The canary sings on."""
    with taught(strong=teacher(advice=ADD)) as cascade:
        host.ask(cascade, EASY)
        host.ask(cascade, HARD)
        (learned,) = stored(cascade)

    assert (learned.state, learned.misled) == (State.ACTIVE, ())


@pytest.mark.parametrize("mode", ["other tenant", "forced", "always", "far away", "off"])
def test_what_was_not_trusted_by_itself_is_no_canary(mode: str) -> None:
    """Other tenants' answers, forced ones, unlike ones; and without trials there are none."""
    options: dict[str, Any] = {"admission": "always"} if mode == "always" else {}
    settings: dict[str, Any] = {
        "other tenant": {"tenant": "other"},
        "forced": {"force": "weak", "threshold": "always_defer"},
        "off": {"learning": "off"},
    }.get(mode, {})
    easy = "Which river flows past 2 of the 3 towns?" if mode == "far away" else EASY
    with taught(**options) as cascade:
        ask(cascade, easy, **settings)
        ask(cascade, HARD)
        (learned,) = stored(cascade)

    assert (learned.state, learned.misled) == (State.ACTIVE, ())


def test_a_canary_that_cannot_be_heard_changes_nothing() -> None:
    """The weak model fails in the replay: that is no evidence against the strategy."""

    def failing(text: str) -> Reply:
        if "<strategies" in text and text.endswith(EASY):
            return Reply(error=OSError())
        return say(text)

    strong = teacher(product, advice=MULTIPLY)
    options: Any = {"admission": "replay", "verifier": lambda *_: True, "threshold": 0.5}
    with school(pupil(failing), strong, **options) as cascade:
        ask(cascade, EASY)
        answer, _ = ask(cascade, HARD)
        (learned,) = stored(cascade)

    assert answer.content == "The answer is 20."
    assert (learned.state, learned.misled) == (State.ACTIVE, ())


def test_guided_answers_are_no_canaries() -> None:
    """They were accepted with guidance, so they say nothing of how it goes without."""

    def advised(text: str) -> Reply:
        if "<strategies" in text:
            return Reply(worked(text), logprob=SURE)
        return Reply("6", logprob=UNSURE)

    weak = pupil(advised)
    strong = teacher(product, advice=MULTIPLY)
    options: Any = {"admission": "replay", "verifier": lambda *_: True, "threshold": 0.5}
    with school(weak, strong, advise=True, **options) as cascade:
        _, record = ask(cascade, EASY)

        assert [each.state for each in stored(cascade)] == [State.ACTIVE]
    assert record["reason"] == "advised"
    assert len(weak.calls) == 3  # twice for the answer, the replay, and no canary
