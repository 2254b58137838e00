"""Equal lessons at once: one is distilled, and stands for all."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from langchain_intercascade.strategy import State
from tests.cascades import Host
from tests.unit_tests.learning.classroom import (
    ask,
    distillations,
    memory,
    pears,
    school,
    stored,
    strategy,
    sum_of,
    teacher,
)

BURST = 8


@pytest.mark.parametrize("learning", ["inline", "background"])
def test_a_burst_of_equal_queries_is_distilled_once(learning: str) -> None:
    """Each gets its own strong answer, and all of them support the one strategy."""
    together = threading.Barrier(BURST, timeout=20)

    def say(text: str) -> str:
        together.wait()
        return sum_of(text)

    strong = teacher(say)
    with school(strong=strong, learning=learning) as cascade, ThreadPoolExecutor(BURST) as threads:
        queries = [pears(2 + at, 3) for at in range(BURST)]
        answers = [answer.content for answer, _ in threads.map(lambda q: ask(cascade, q), queries)]
        assert cascade.flush(timeout=30)
        found = stored(cascade)

    assert answers == [f"The answer is {5 + at}." for at in range(BURST)]
    # Two whose claims cross in the same moment may both be paid for; they are merged all the same.
    assert 1 <= distillations(strong) <= 2
    assert [(each.state, each.support) for each in found] == [(State.ACTIVE, BURST)]


def test_near_equal_queries_that_ask_the_opposite_do_not_wait(host: Host) -> None:
    """One word may turn a question round, however alike the rest is."""
    strong = teacher(lambda _: "5", advice=lambda _: "no JSON")
    more = "Of all the pears on all the tables of this house: are there more than 12 of them?"
    with school(strong=strong) as cascade:
        host.ask(cascade, more)
        host.ask(cascade, more.replace("more", "less"))

    assert distillations(strong) == 2


def test_an_equal_query_of_another_tenant_is_another_lesson(host: Host) -> None:
    """Tenants do not even share the work."""
    strong = teacher()
    with school(strong=strong) as cascade:
        for tenant in ("acme", "globex"):
            host.ask(cascade, pears(2, 3), tenant=tenant)

        assert [len(stored(cascade, tenant)) for tenant in ("acme", "globex")] == [1, 1]
    assert distillations(strong) == 2


def test_a_strategy_that_was_just_shown_in_vain_does_not_stand_for_the_lesson(host: Host) -> None:
    """The weak model had it, and failed."""
    strong = teacher()
    with school(strong=strong) as cascade:
        host.ask(cascade, pears(2, 3))
        _, record = host.ask(cascade, pears(4, 5))

    assert len(record["strategies"]) == 1
    assert distillations(strong) == 2


def test_a_suspended_strategy_does_not_block_its_kind(host: Host) -> None:
    """A near-equal query may teach anew what was found to be no help."""
    strong = teacher()
    repository = memory()
    retired = strategy(
        state=State.SUSPENDED,
        advice=strategy().advice.model_copy(  # type: ignore[union-attr]
            update={"steps": ("Guess.",), "title": "Guessing"}
        ),
    )
    repository.put(retired)
    with school(strong=strong, repository=repository) as cascade:
        _, record = host.ask(cascade, pears(7, 8))

        assert record["lesson"]["state"] == "stored"
    assert distillations(strong) == 1
