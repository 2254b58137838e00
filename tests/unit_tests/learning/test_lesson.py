"""An outage costs a lesson nothing but time; what is wrong with the lesson itself ends it."""

from __future__ import annotations

from typing import Any

import pytest

from langchain_intercascade.errors import LessonRejectedError
from langchain_intercascade.learning.lesson import MAX_ATTEMPTS, is_outage, kept_back, put_off
from langchain_intercascade.strategy import State
from langchain_intercascade.testing import Reply
from tests.cascades import Host
from tests.conftest import Colour
from tests.lessons import lesson
from tests.unit_tests.learning.classroom import (
    ADD,
    distillations,
    pears,
    school,
    stored,
    teacher,
)


class ProviderError(Exception):
    """What a provider's client raises."""

    def __init__(self, status_code: int | None = None, code: str = "") -> None:
        super().__init__(status_code, code)
        self.code = code
        if status_code is not None:
            self.status_code = status_code


class InvalidJSONError(ProviderError, ValueError):
    """One that is a `ValueError` as well."""


class ContextOverflowError(ProviderError):
    """What `langchain_core` calls a prompt that is too long."""


OUTAGES = [
    TimeoutError(),
    ConnectionError(),
    OSError(),
    RuntimeError("the event loop is closed"),
    ProviderError(),
    *(ProviderError(status) for status in (401, 403, 404, 408, 409, 429, 500, 503, 529)),
    InvalidJSONError(502),
]
REFUSALS = [
    LessonRejectedError(),
    ValueError(),
    KeyError(),
    TypeError(),
    ProviderError(400),
    ProviderError(422),
    ProviderError(400, "content_filter"),
    ProviderError(429, "context_length_exceeded"),
    ContextOverflowError(),
]


@pytest.mark.parametrize("error", OUTAGES, ids=repr)
def test_an_outage_does_not_count_against_a_lesson(error: Exception) -> None:
    """However often it happens, it is never parked, and it is free for others."""
    pending = lesson("one")
    for _ in range(3 * MAX_ATTEMPTS):
        pending = kept_back(pending, "the distiller failed", error)

    assert is_outage(error)
    assert pending.lesson is not None
    assert (pending.lesson.attempts, pending.lesson.parked) == (0, False)
    assert (pending.state, pending.reason) == (State.PENDING, "the distiller failed")


@pytest.mark.parametrize("error", REFUSALS, ids=repr)
def test_a_refusal_counts(error: Exception) -> None:
    """The same lesson would be refused again; outages in between change nothing."""
    pending = lesson("one")
    for _ in range(MAX_ATTEMPTS):
        pending = put_off(kept_back(pending, "refused", error), "down")

    assert not is_outage(error)
    assert pending.lesson is not None
    assert (pending.lesson.attempts, pending.lesson.parked) == (MAX_ATTEMPTS, True)


def test_what_has_no_lesson_cannot_be_put_off() -> None:
    """There is nothing to learn it from."""
    with pytest.raises(ValueError, match="no lesson to go back to"):
        put_off(lesson("one").changed(lesson=None), "why")


# Through the cascade.


@pytest.fixture
def chat(colour: Colour) -> Host:
    """The chat model in both colours."""
    return Host("chat_model", colour)


def failing(*errors: Exception | str) -> Any:
    """A distiller that fails so, and then works."""
    left = list(errors)

    def advice(_: str) -> Any:
        if not left:
            return ADD
        failure = left.pop(0)
        return failure if isinstance(failure, str) else Reply(error=failure)

    return advice


@pytest.mark.parametrize(
    ("failure", "attempts"),
    [(TimeoutError(), 0), (ProviderError(429), 0), (ProviderError(400), 1), ("no JSON", 1)],
    ids=repr,
)
def test_a_lesson_is_put_off_or_refused_before_the_answer(
    host: Host, failure: Exception | str, attempts: int
) -> None:
    """The answer is given in any case, and the reason is written down."""
    with school(strong=teacher(advice=failing(failure))) as cascade:
        host.ask(cascade, pears(2, 3))
        (pending,) = stored(cascade)

    assert pending.lesson is not None
    assert (pending.lesson.attempts, pending.lesson.lease) == (attempts, None)
    assert pending.reason


def test_an_outage_is_waited_out_and_then_learned(chat: Host) -> None:
    """More often than a refusal is tried: the lesson is asked for anew by the same query."""
    outage = [ConnectionError()] * (MAX_ATTEMPTS + 2)
    strong = teacher(advice=failing(*outage))
    with school(strong=strong) as cascade:
        for _ in range(len(outage) + 1):
            chat.ask(cascade, pears(2, 3))
        (learned,) = stored(cascade)

    assert learned.state is State.ACTIVE
    assert distillations(strong) == len(outage) + 1


@pytest.mark.parametrize("failure", [ProviderError(400), "no JSON"], ids=repr)
def test_a_refusal_is_not_waited_out_in_the_background(
    monkeypatch: pytest.MonkeyPatch, failure: Exception | str
) -> None:
    """It is tried again at once, and then given up on: flushing does not take a backoff."""
    strong = teacher(advice=failing(*[failure] * 99))
    with school(strong=strong, learning="background") as cascade:
        monkeypatch.setattr(cascade.learner, "_backoff", 3600.0)
        cascade.invoke(pears(2, 3))

        assert cascade.flush(timeout=20)
        assert cascade.learner_stats().parked == 1
    assert distillations(strong) == MAX_ATTEMPTS


def test_an_outage_is_waited_out_in_the_background(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lesson stays queued, with all its tries before it."""
    strong = teacher(advice=failing(ConnectionError()))
    with school(strong=strong, learning="background") as cascade:
        monkeypatch.setattr(cascade.learner, "_backoff", 3600.0)
        cascade.invoke(pears(2, 3))

        assert not cascade.flush(timeout=0.5)
        (pending,) = stored(cascade)
        assert pending.lesson is not None
        assert pending.lesson.attempts == 0
        assert cascade.learner_stats().waiting == 1
    assert distillations(strong) == 1
