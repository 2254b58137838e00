"""Equal lessons at once: one is distilled, and stands for all."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.vectorstores import InMemoryVectorStore

from langchain_intercascade import HashingEmbeddings, VectorStoreRepository
from langchain_intercascade._steps import Steps, run
from langchain_intercascade.learning.flight import Departures, flying
from langchain_intercascade.learning.leases import claimed, owner_name
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.strategy import Lesson, Origin, State, Strategy, pending_lesson
from tests.cascades import Host
from tests.unit_tests.learning.classroom import (
    TENANT,
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
    assert distillations(strong) == 1
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


# Who goes first, step by step.


def claim(number: int, *, seconds: float = 300.0, owner: str = "") -> Strategy:
    """One of several equal lessons, claimed by `owner`, or by a cascade of this process."""
    query = pears(2 + number, 3)
    lesson = Lesson(query=query, answer="The answer is 5.")
    origin = Origin(run_id=f"run {number}", strong_model="strong-model", prompt_version=1)
    made = pending_lesson(tenant=TENANT, query=query, lesson=lesson, origin=origin)
    return claimed(made, owner or owner_name(1), seconds=seconds)


def plain() -> StrategyRepository:
    """A repository that is quick, and that other processes may be at work on."""
    return VectorStoreRepository(InMemoryVectorStore(HashingEmbeddings(64)))


def setting_out(repository: StrategyRepository, lesson: Strategy) -> Steps[bool]:
    """Write the lesson down, then look round; each is a step."""
    yield from repository.putting(lesson)
    return (yield from flying(repository, lesson))


def test_an_older_claim_that_is_written_later_waits() -> None:
    """Whoever has looked round and seen nobody is on the way, whatever the claims say."""
    repository = plain()
    newer, older = claim(0, seconds=300.0), claim(1, seconds=200.0)

    assert run(setting_out(repository, newer)) is False
    assert run(setting_out(repository, older)) is True


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(0, 3), max_size=24),
    st.permutations([100.0, 200.0, 300.0, 400.0]),
)
def test_of_equal_lessons_at_once_exactly_one_flies(turns: list[int], claims: list[float]) -> None:
    """In whatever order they are written and look round, and however old their claims are."""
    repository = plain()
    lessons = [claim(n, seconds=seconds) for n, seconds in enumerate(claims)]
    bodies = {n: setting_out(repository, each) for n, each in enumerate(lessons)}
    replies: dict[int, object] = {}
    waits: dict[int, bool] = {}
    for turn in itertools.chain(turns, itertools.cycle(range(4))):
        if len(waits) == len(bodies):
            break
        if turn in waits:
            continue
        try:
            replies[turn] = bodies[turn].send(replies.get(turn)).blocking({})
        except StopIteration as end:
            waits[turn] = end.value

    assert sorted(waits.values()) == [False, True, True, True]


@pytest.mark.parametrize(("seconds", "waits"), [(200.0, True), (400.0, False)])
def test_between_processes_the_older_claim_goes_first(seconds: float, waits: bool) -> None:  # noqa: FBT001 - a verdict
    """What another one has seen cannot be known here."""
    repository = plain()
    repository.put(claim(0, seconds=seconds, owner="1.elsewhere/1"))

    assert run(setting_out(repository, claim(1, seconds=300.0))) is waits


def test_a_search_that_fails_leaves_the_way_free() -> None:
    """The lesson that could not look round is not waited for by the next one."""
    repository = plain()
    body = setting_out(repository, claim(0))
    call = next(body)
    body.send(call.blocking({}))
    with pytest.raises(ConnectionError):
        body.throw(ConnectionError())

    assert run(setting_out(repository, claim(1, seconds=400.0))) is False


def test_the_register_forgets_what_has_run_out() -> None:
    """It does not grow with every lesson; and what was never entered precedes nothing."""
    register, one, two = Departures(), claim(1, seconds=-1.0), claim(2)
    register.add(one)
    register.add(two)

    assert not register.precedes(one, two)
    assert not register.precedes(claim(3), two)
    assert register.precedes(two, claim(3))
