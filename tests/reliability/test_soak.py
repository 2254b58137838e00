"""Many queries at once, while one request in twenty fails: each is accounted for.

The long form is `python -m benchmarks.reliability --only soak`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessage

from benchmarks.reliability_meter import Held, growth, left_behind
from benchmarks.reliability_provider import KINDS, seen
from benchmarks.reliability_questions import STOCK, Question, asked_in, question
from benchmarks.reliability_soak import Soaked, _grown, _listening, soak
from benchmarks.reliability_traffic import Account, unaccounted
from langchain_intercascade import StrongModelError
from langchain_intercascade.record import RECORD_KEY, amended, new_record
from langchain_intercascade.testing.stub.book import Recorded
from tests.cascades import cascade_of

ASKED = Question(tenant=3, room=119)
OTHER = Question(tenant=4, room=120)


@pytest.mark.timeout(180)  # it computes for some seconds, and may get few of them on a busy machine
def test_every_query_is_accounted_for_while_requests_fail() -> None:
    """Sixteen tenants, real clients, plain and streamed, learning in the background."""
    found = soak(thorough=False, seed=0)

    assert () == found.failures
    assert found.survived == found.injected > 5
    assert (found.lost, found.leaked) == (0, 0)
    figures = found.figures
    assert (
        figures["queries"]
        == 120
        == sum(figures[name] for name in ("answers_weak", "answers_strong", "errors", "left"))
    )
    assert min(figures["answers_strong"], figures["lessons"], figures["strategies"]) > 0


# The soak sees what it is there to see.


def request(*names: str, **fields: Any) -> Recorded:
    """A request whose prompt holds these names."""
    texts = [Question(tenant=int(name), room=130).text for name in names]
    body = {"messages": [{"role": "user", "content": text} for text in texts]}
    return Recorded(model="weak", path="/v1/chat/completions", body=body, **fields)


def test_another_tenants_name_in_a_prompt_is_a_leak() -> None:
    served = seen([request("3"), request("3", "3"), request("3", "4")], KINDS)

    assert (served.leaks, served.unknown, served.requests) == (1, 0, {"weak": 3})


def test_a_request_about_nothing_is_noticed_and_faults_are_named() -> None:
    served = seen([request(), request("3", fault=KINDS["slow"])], KINDS)

    assert (served.unknown, served.faults) == (1, {"slow": 1})


def answer(text: str, **changes: Any) -> AIMessage:
    """An answer with a record."""
    record = new_record(run_id="r", tenant=ASKED.owner, encoder="e")
    record = amended(record, **{"route": "weak", "reason": "accepted", **changes})
    return AIMessage(text, response_metadata={RECORD_KEY: record})


@pytest.mark.parametrize(
    ("given", "leaks", "failures"),
    [
        (lambda: answer(ASKED.answer), 0, 0),
        (lambda: answer(OTHER.answer), 1, 1),
        (lambda: answer(f"{ASKED.answer} {OTHER.name}"), 1, 1),
        (lambda: answer(ASKED.answer, explanation=OTHER.name), 1, 0),
        (lambda: answer(ASKED.answer, tenant=OTHER.owner), 0, 1),
    ],
)
def test_somebody_elses_answer_is_noticed(
    given: Callable[[], AIMessage], leaks: int, failures: int
) -> None:
    account = Account()
    account.answered(ASKED, given())

    assert (leaks, failures) == (account.leaks, len(account.failures))


@pytest.mark.parametrize(
    ("error", "leaks", "failures"),
    [
        (StrongModelError("The strong model failed."), 0, 0),
        (StrongModelError(ASKED.text), 1, 0),
        (KeyError("messages"), 0, 1),
    ],
)
def test_an_error_must_be_ours_and_quote_nothing(
    error: Exception, leaks: int, failures: int
) -> None:
    account = Account()
    account.failed(error)

    assert (leaks, failures) == (account.leaks, len(account.failures))


def test_a_query_that_nobody_counted_is_noticed() -> None:
    account = Account()
    with cascade_of() as cascade:
        cascade.invoke("How many pears?")
        uncounted = list(unaccounted(account, cascade))
        account.routes["strong"] += 1
        account.reasons["low_confidence"] += 1
        counted = list(unaccounted(account, cascade))

    assert ("runs: 1, not 0" in uncounted, counted) == (True, [])


def test_memory_that_grows_is_noticed_and_what_is_left_open() -> None:
    """By a straight line through the second half; the first fills what is to be filled."""
    done, soaked = [100 * n for n in range(20)], Soaked()
    for n in done:
        filled = 1000.0 + 9.0 * min(n, 900)
        soaked.done.append(n)
        soaked.held.append(Held(filled + 2.0 * n, 8, 30, 1, round(filled) + 9 * n))

    assert growth(done, [each.kib for each in soaked.held]) == pytest.approx(2.0)
    assert [
        "memory grew by 2.00 kib a query in the second half, of which 1.0 are noise",
        "memory grew by 9.00 blocks a query in the second half, of which 3.0 are noise",
    ] == _grown(soaked)
    assert ["2 more threads than before", "1 more open files than before"] == left_behind(
        Held(5.0, 1, 9, 0), Held(9.0, 3, 10, 0)
    )


def test_a_name_in_a_log_is_noticed() -> None:
    soaked = Soaked()
    with _listening(soaked):
        logging.getLogger("langchain_intercascade.learning").debug("about %s", ASKED.name)
        logging.getLogger("somebody").warning("about %s", "nobody")

    assert soaked.in_logs == 1


def test_questions_come_back_from_prompts_and_repeat() -> None:
    """Each is known by its text; most are asked again and again, and all tenants ask."""
    asked = [question(number, seed=1) for number in range(2000)]

    assert asked == [asked_in(f"Notes.\n{each.text}") for each in asked]
    assert len(set(asked)) < 0.7 * len(asked)
    assert set(range(16)) == {each.tenant for each in asked}
    assert len({question(number, seed=1) for number in range(5000, 9000)}) <= STOCK
    assert asked_in("How many pears?") is None
