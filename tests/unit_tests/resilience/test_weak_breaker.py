"""A weak model that is down costs each query nothing but the first few."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from langchain_intercascade import ConfigurationError
from langchain_intercascade.resilience.breaker import Breaker
from langchain_intercascade.resilience.safeguards import Safeguards
from langchain_intercascade.testing import Reply
from tests.cascades import SURE, Host, cascade_of, weak_model
from tests.unit_tests.test_faults import StatusError


class Clock:
    """Tells the time that it is told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def overloaded(seconds: str) -> StatusError:
    """What a client raises for a reply that asks for a pause."""
    error = StatusError(429)
    error.response = SimpleNamespace(headers={"retry-after": seconds})  # type: ignore[attr-defined]
    return error


def test_a_weak_model_that_is_down_is_left_alone(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    """After five failures in a row queries go straight to the strong model; it is said once."""
    weak = weak_model(ConnectionError("SECRET"))
    with caplog.at_level(logging.WARNING), cascade_of(weak, learning="off") as cascade:
        found = [host.ask(cascade) for _ in range(8)]
        stats = cascade.stats()
    told = [line for line in caplog.messages if "weak model failed" in line]

    assert {answer.content for answer, _ in found} == {"They have five pears."}
    assert [record["reason"] for _, record in found] == ["weak_failed"] * 5 + ["weak_paused"] * 3
    assert weak.call_count == 5
    assert (stats.breakers["weak"].circuit, stats.breakers["weak"].opened) == ("open", 1)
    assert (stats.reasons["weak_failed"], stats.reasons["weak_paused"]) == (5, 3)
    assert "left alone" in found[-1][1]["explanation"]
    assert len(told) == 1
    assert "SECRET" not in told[0]


def test_one_query_finds_out_whether_it_is_back(host: Host) -> None:
    """After the rest one probes; what it finds holds for all."""
    clock = Clock()
    guards = Safeguards(weak=Breaker(failures=2, seconds=30, clock=clock))
    down = ConnectionError("down")
    weak = weak_model(down, down, down, Reply("five", logprob=SURE))

    def reasons(cascade: object, times: int) -> list[str]:
        return [str(host.ask(cascade)[1]["reason"]) for _ in range(times)]  # type: ignore[arg-type]

    with cascade_of(weak, safeguards=guards, learning="off") as cascade:
        at_first = reasons(cascade, 3)
        clock.now = 30.0
        probed = reasons(cascade, 2)
        clock.now = 60.0
        recovered = reasons(cascade, 2)

        assert at_first == ["weak_failed", "weak_failed", "weak_paused"]
        assert probed == ["weak_failed", "weak_paused"]
        assert recovered == ["accepted", "accepted"]
        assert cascade.stats().breakers["weak"].circuit == "closed"
        assert cascade.stats().breakers["weak"].opened == 1


def test_it_rests_as_long_as_the_service_asks(host: Host) -> None:
    clock = Clock()
    guards = Safeguards(weak=Breaker(failures=1, seconds=30, clock=clock))
    weak = weak_model(overloaded("100"), Reply("five", logprob=SURE))
    with cascade_of(weak, safeguards=guards, learning="off") as cascade:
        reasons = []
        for clock.now in (0.0, 99.0, 100.0):
            reasons.append(host.ask(cascade)[1]["reason"])

    assert reasons == ["weak_failed", "weak_paused", "accepted"]


@pytest.mark.parametrize("told", ["86400", "Wed, 21 Oct 2099 07:28:00 GMT"])
def test_nobody_rests_for_ever(host: Host, told: str) -> None:
    """Five minutes, whatever the service says."""
    clock = Clock()
    guards = Safeguards(weak=Breaker(failures=1, seconds=30, clock=clock))
    weak = weak_model(overloaded(told), Reply("five", logprob=SURE))
    with cascade_of(weak, safeguards=guards, learning="off") as cascade:
        first = host.ask(cascade)[1]["reason"]
        clock.now = 299.0
        second = host.ask(cascade)[1]["reason"]
        clock.now = 300.0
        third = host.ask(cascade)[1]["reason"]

    assert [first, second, third] == ["weak_failed", "weak_paused", "accepted"]


def test_what_can_never_work_is_always_told(host: Host) -> None:
    """A wrong key must not be hidden behind a breaker."""
    with cascade_of(weak_model(StatusError(401)), learning="off") as cascade:
        for _ in range(7):
            with pytest.raises(ConfigurationError, match="Check its key"):
                host.ask(cascade)


def test_faults_of_a_query_say_nothing_about_the_model(host: Host) -> None:
    """Too long, or filtered: it is up, and is asked again."""
    weak = weak_model(StatusError(400, code="context_length_exceeded"))
    with cascade_of(weak, learning="off") as cascade:
        reasons = {host.ask(cascade)[1]["reason"] for _ in range(7)}

    assert reasons == {"weak_failed"}
    assert weak.call_count == 7


def test_who_insists_on_the_weak_model_is_served(host: Host) -> None:
    weak = weak_model(*[ConnectionError("down")] * 5, Reply("five", logprob=SURE))
    with cascade_of(weak, learning="off") as cascade:
        for _ in range(5):
            host.ask(cascade)
        answer, record = host.ask(cascade, force="weak")

    assert (answer.content, record["reason"]) == ("five", "forced")
