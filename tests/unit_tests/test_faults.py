"""Any fault outside the strong model yields what a plain strong call would have given."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from langchain_core.embeddings import Embeddings
from langchain_core.messages import HumanMessage

from langchain_intercascade import (
    ConfigurationError,
    EdgeRepository,
    Evidence,
    HashingEmbeddings,
    State,
    StrongModelError,
)
from langchain_intercascade.resilience.breaker import Breaker
from langchain_intercascade.testing import Reply
from tests.cascades import (
    QUERY,
    SIBLING,
    UNSURE,
    FlakyRepository,
    Host,
    cascade_of,
    strong_model,
    weak_model,
)


class StatusError(Exception):
    """An error that carries an HTTP status, as provider clients' errors do."""

    def __init__(self, status_code: int, code: str = "") -> None:
        super().__init__(f"status {status_code}: the prompt was 'SECRET'")
        self.status_code = status_code
        self.code = code


class ContextOverflowError(StatusError):
    """What a client raises for a prompt that is too long."""


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (ConnectionError("down"), "weak_failed"),
        (TimeoutError(), "weak_failed"),
        (StatusError(429), "weak_failed"),
        (StatusError(503), "weak_failed"),
        (StatusError(400, code="content_filter"), "weak_failed"),
        (ContextOverflowError(400), "weak_failed"),
        (Reply(""), "weak_incomplete"),
        (Reply("five pe", finish_reason="length"), "weak_incomplete"),
        (Reply("no", finish_reason="content_filter"), "weak_refused"),
        (Reply("", tool_calls=[{"name": "add", "args": "{broken"}]), "weak_incomplete"),
    ],
)
def test_a_weak_fault_defers(host: Host, failure: Any, reason: str) -> None:
    """The strong model answers, the record says why, and something is learned."""
    with cascade_of(weak_model(failure), threshold=0.0) as cascade:
        answer, record = host.ask(cascade)

        assert answer.content == "They have five pears."
        assert (record["route"], record["reason"]) == ("strong", reason)
        assert record["lesson"]["state"] == "stored"
        assert "SECRET" not in str(record)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_weak_model_that_can_never_work_is_an_error(host: Host, status: int) -> None:
    """Deferring around a wrong key for ever would hide it and cost money."""
    strong = strong_model()
    with (
        cascade_of(weak_model(StatusError(status)), strong) as cascade,
        pytest.raises(ConfigurationError, match="Check its key") as caught,
    ):
        host.ask(cascade)

    assert isinstance(caught.value.__cause__, StatusError)
    assert "SECRET" not in str(caught.value)
    assert strong.calls == []


def test_a_weak_model_that_cannot_see_pictures_defers(host: Host) -> None:
    """An invalid request that a picture explains is no reason to fail."""
    picture = {"type": "image", "url": "https://example.org/pear.png"}
    message = HumanMessage([{"type": "text", "text": QUERY}, picture])
    with cascade_of(weak_model(StatusError(400))) as cascade:
        _, record = host.ask(cascade, [message])

        assert record["reason"] == "weak_failed"


def test_a_strong_fault_carries_the_weak_answer(host: Host) -> None:
    """A typed error with what the weak model had to offer; nothing is stored."""
    strong = strong_model(ConnectionError("SECRET is down"))
    with cascade_of(strong=strong) as cascade:
        with pytest.raises(StrongModelError) as caught:
            host.ask(cascade)

        assert caught.value.weak_answer is not None
        assert caught.value.weak_answer.content == "maybe six pears"
        assert caught.value.confidence == pytest.approx(0.135, abs=1e-3)
        assert isinstance(caught.value.__cause__, ConnectionError)
        assert "SECRET" not in str(caught.value)
        assert cascade.repository.count(tenant="default") == 0


def test_a_strong_fault_may_return_the_weak_answer_flagged(host: Host) -> None:
    """Availability first, if asked for: flagged as degraded, and never stored."""
    strong = strong_model(ConnectionError("down"))
    with cascade_of(strong=strong, on_strong_error="weak") as cascade:
        answer, record = host.ask(cascade)

        assert answer.content == "maybe six pears"
        assert (record["route"], record["reason"], record["degraded"]) == (
            "weak",
            "strong_failed",
            True,
        )
        assert cascade.repository.count(tenant="default") == 0


def test_both_models_failing_is_an_error_without_a_weak_answer(host: Host) -> None:
    """There is nothing to return, whatever the policy."""
    strong = strong_model(ConnectionError("down"))
    weak = weak_model(ConnectionError("down"))
    with cascade_of(weak, strong, on_strong_error="weak") as cascade:
        with pytest.raises(StrongModelError) as caught:
            host.ask(cascade)

        assert caught.value.weak_answer is None


@pytest.mark.parametrize(
    ("failing", "where"),
    [
        (("search",), "retrieve_strategies"),
        (("put",), "strong_generate"),
        (("put_active",), "store"),
        (("search", "get", "put"), "retrieve_strategies"),
    ],
)
@pytest.mark.parametrize("error", [ConnectionError("down"), AssertionError(), ValueError("x")])
def test_a_repository_fault_does_not_cost_the_answer(
    host: Host, failing: tuple[str, ...], where: str, error: Exception
) -> None:
    """Whatever a repository raises, the answer is a plain strong one, and the fault is noted."""
    with FlakyRepository(*failing, error=error) as repository:
        with cascade_of(repository=repository) as cascade:
            answer, record = host.ask(cascade)

        assert answer.content == "They have five pears."
        assert {"where": where, "error": type(error).__name__} in record["faults"]
        if "put" in failing or "put_active" in failing:
            assert record["lesson"]["state"] == "failed"


def test_a_strategy_that_could_not_be_stored_leaves_its_lesson_pending(host: Host) -> None:
    """It was written down with the answer, so it is not lost."""
    with FlakyRepository("put_active") as repository:
        with cascade_of(repository=repository) as cascade:
            host.ask(cascade)
        (pending,) = repository.scan(tenant="default")

        assert pending.state is State.PENDING
        assert pending.lesson is not None
        assert pending.lesson.answer == "They have five pears."


def test_a_failing_repository_is_left_alone_for_a_while(host: Host) -> None:
    """After three failures in a row nobody waits for it any more."""
    with FlakyRepository("search", "get", "put") as repository:
        with cascade_of(repository=repository) as cascade:
            records = [host.ask(cascade)[1] for _ in range(5)]

        assert repository.searches == 3
        assert records[-1]["faults"][0]["error"] == "CircuitOpen"


def test_the_breaker_lets_one_caller_probe() -> None:
    """Half open: one tries, the others wait; a success closes it."""
    now = 0.0
    breaker = Breaker(failures=2, seconds=10, clock=lambda: now)
    breaker.failed()
    assert breaker.allows()
    breaker.failed()
    assert not breaker.allows()
    now = 10.0
    assert [breaker.allows(), breaker.allows()] == [True, False]
    breaker.succeeded()

    assert breaker.allows()


class BrokenEmbeddings(HashingEmbeddings):
    """An encoder that works for its probe and then fails, or returns what cannot be used."""

    def __init__(self, vector: list[float] | Exception) -> None:
        super().__init__(4)
        self._vector = vector

    def embed_query(self, text: str) -> list[float]:
        if "probe" in text:
            return [1.0, 0.0, 0.0, 0.0]
        if isinstance(self._vector, Exception):
            raise self._vector
        return self._vector


@pytest.mark.parametrize(
    "vector",
    [ConnectionError("down"), [], [float("nan")] * 4, [float("inf")] * 4, [0.0] * 4, [1.0] * 3],
)
def test_an_encoder_fault_does_not_cost_the_answer(host: Host, vector: Any) -> None:
    """Nothing is retrieved, nothing reaches the engine, and the answer is a plain strong one."""
    embeddings: Embeddings = BrokenEmbeddings(vector)
    with EdgeRepository(embeddings=embeddings) as repository:
        with cascade_of(repository=repository) as cascade:
            answer, record = host.ask(cascade)

        assert answer.content == "They have five pears."
        assert record["faults"][0]["where"] == "retrieve_strategies"
        assert record["lesson"]["state"] == "failed"
        assert repository.count(tenant="default") == 0


def test_a_failing_confidence_function_defers(host: Host) -> None:
    """Never accepted, and noted."""

    def broken(evidence: Evidence) -> float:
        raise KeyError(evidence.query)

    with cascade_of(confidence=broken, threshold=0.0) as cascade:
        _, record = host.ask(cascade)

        assert (record["route"], record["reason"]) == ("strong", "no_confidence")
        assert {"where": "confidence_gate", "error": "KeyError"} in record["faults"]


def test_a_failing_distiller_leaves_the_lesson_pending(host: Host) -> None:
    """The answer is unaffected."""
    strong = strong_model(advice=TimeoutError())
    with cascade_of(strong=strong) as cascade:
        answer, record = host.ask(cascade)
        (pending,) = cascade.repository.scan(tenant="default")

        assert answer.content == "They have five pears."
        assert {"where": "distill_strategy", "error": "TimeoutError"} in record["faults"]
        assert pending.state is State.PENDING
        assert pending.lesson is not None
        assert pending.lesson.attempts == 0  # an outage is not the lesson's fault


def test_missing_confidence_is_said_once_in_the_log(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    """With the cure, after a few answers, and only once."""
    with cascade_of(weak_model(Reply("x", logprob=None)), learning="off") as cascade:
        with caplog.at_level(logging.WARNING):
            for _ in range(12):
                host.ask(cascade)

        said = [each.message for each in caplog.records if "no confidence" in each.message]
        assert len(said) == 1
        assert "use_responses_api=False" in said[0]


def test_an_error_does_not_quote_the_query(host: Host) -> None:
    """Errors end in logs."""
    strong = strong_model(ConnectionError("down"))
    with cascade_of(weak_model(Reply("x", logprob=UNSURE)), strong) as cascade:
        with pytest.raises(StrongModelError) as caught:
            host.ask(cascade, SIBLING)

        assert "pears" not in str(caught.value)
