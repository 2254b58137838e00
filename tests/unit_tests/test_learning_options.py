"""The options of learning through the whole cascade, and that none of it costs an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from langchain_intercascade import ConfigurationError
from langchain_intercascade.strategy import Example, State
from langchain_intercascade.testing import Reply
from tests.cascades import SURE, FlakyRepository, Host
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
    sum_of,
    teacher,
    trusting,
)

QUERY = pears(4, 5, who=2)


@pytest.fixture
def chat(colour: Colour) -> Host:
    """The chat model in both colours: enough where the hosts make no difference."""
    return Host("chat_model", colour)


# The shared pool.


def test_the_shared_pool_is_read_and_marked(host: Host) -> None:
    """Beside the tenant's own strategies."""
    repository = memory()
    repository.put(strategy(pears(2, 3), tenant="pool"))
    with school(repository=repository, shared="pool") as cascade:
        _, record = host.ask(cascade, QUERY, tenant="acme")

    (shown,) = record["strategies"]
    assert (shown["shared"], shown["id"]) == (True, strategy(pears(2, 3), tenant="pool").id)
    assert record["regime"] == "augmented"


def test_lessons_never_go_to_the_shared_pool(chat: Host) -> None:
    """Nor do queries: not even with a strategy that misled."""

    def spoilt(text: str) -> Reply:
        return Reply("The answer is 1." if "<strategies" in text else sum_of(text), logprob=SURE)

    repository = memory()
    repository.put(strategy(pears(2, 3), tenant="pool"))
    with school(pupil(spoilt), repository=repository, shared="pool") as cascade:
        for who in range(3):
            chat.ask(cascade, pears(7, 8, who=3 + who), tenant="acme")
        (common,) = stored(cascade, "pool")

        assert len(stored(cascade, "acme")) > 0
    assert (common.keys, common.merged, common.misled) == ((pears(2, 3),), (), ())
    assert "Dora" not in str(common.payload())


def test_the_pool_of_one_is_not_searched_by_others() -> None:
    """Only the tenant that is named as the pool."""
    repository = memory()
    repository.put(strategy(tenant="globex"))
    with school(repository=repository, shared="pool") as cascade:
        _, record = ask(cascade, QUERY, tenant="acme")

    assert record["strategies"] == []


def test_a_blank_pool_is_a_configuration_error() -> None:
    """There is no tenant that means everybody."""
    with pytest.raises(ConfigurationError, match="tenant"):
        school(shared=" ")


# The past.


def test_a_snapshot_pins_what_is_shown(host: Host) -> None:
    """What came later is not shown; what has gone since is."""
    then = datetime.now(UTC)
    day = timedelta(days=1)

    def at(moment: datetime) -> str:
        return moment.isoformat()

    repository = memory()
    repository.put(strategy(pears(2, 3), activated_at=at(then - 3 * day)))
    gone = {"activated_at": at(then - 3 * day), "retired_at": at(then - day)}
    repository.put(strategy(pears(3, 3), advice=MULTIPLY, state=State.ARCHIVED, **gone))
    with school(repository=repository, k=3, learning="off") as cascade:
        shown = [
            {each["id"] for each in host.ask(cascade, QUERY, snapshot=at(moment))[1]["strategies"]}
            for moment in (then - 4 * day, then - 2 * day, then)
        ]
        _, present = host.ask(cascade, QUERY)

    new, old = strategy(pears(2, 3)).id, strategy(pears(3, 3), advice=MULTIPLY).id
    assert shown == [set(), {new, old}, {new}]
    assert [each["id"] for each in present["strategies"]] == [new]


@pytest.mark.parametrize(
    "moment",
    ["2026-03-01T12:30:00", "2026-03-01T13:30:00+01:00", "2026-03-01T12:30:00Z", "2026-03-01T1230"],
)
def test_a_snapshot_may_be_written_in_any_time_zone(moment: str) -> None:
    """It is one moment; without a zone it is in UTC."""
    repository = memory()
    repository.put(strategy(activated_at="2026-03-01T12:00:00+00:00"))
    other = strategy(pears(3, 3), advice=MULTIPLY, activated_at="2026-03-01T13:00:00+00:00")
    repository.put(other)
    with school(repository=repository, learning="off") as cascade:
        _, record = ask(cascade, QUERY, snapshot=moment)

    assert [each["id"] for each in record["strategies"]] == [strategy().id]


def test_a_snapshot_that_is_no_time_is_a_configuration_error() -> None:
    """It is named; to show what nobody asked for would be worse."""
    with school() as cascade, pytest.raises(ConfigurationError, match="yesterday"):
        cascade.invoke(QUERY, snapshot="yesterday")


# Whose lessons.


@pytest.mark.parametrize("learning", ["inline", "background"])
def test_the_source_is_recorded(chat: Host, learning: str) -> None:
    """With the strategy, and with what is merged into it; so that it can be forgotten."""
    with school(admission="replay", learning=learning) as cascade:
        for who in range(2):
            chat.ask(cascade, pears(3, 5, who=who), source=f"user-{who}")
            cascade.flush(timeout=20)
        (learned,) = stored(cascade)

    assert learned.origin.source == "user-0"
    assert [each.source for each in learned.merged] == ["user-1"]


# Agreement.

CALLS: list[tuple[str, str, str]] = []


def never(query: str, one: str, other: str) -> bool:
    """Disagree, and note what was asked."""
    CALLS.append((query, one, other))
    return False


async def never_in_time(query: str, one: str, other: str) -> bool:
    """The same in the other colour."""
    await asyncio.sleep(0)
    return never(query, one, other)


@pytest.mark.parametrize("agreement", [never, never_in_time, lambda *_: np.bool_(0)])
def test_agreement_is_the_callers(chat: Host, agreement: Any) -> None:
    """It judges replays and deferrals alike, in either colour."""
    CALLS.clear()
    repository = memory()
    repository.put(strategy(pears(2, 3), advice=TAKE))
    with school(repository=repository, admission="replay", agreement=agreement) as cascade:
        chat.ask(cascade, QUERY)
        old, new = stored(cascade)

    assert old.ledger["weak-model"].wrong_with == 1
    assert new.state is State.ARCHIVED
    assert all(call[0] == QUERY for call in CALLS)


def broken(*_: object) -> bool:
    """Fail."""
    raise OSError


@pytest.mark.parametrize("agreement", [broken, lambda *_: "perhaps", lambda *_: None])
def test_an_agreement_that_cannot_tell_decides_nothing(chat: Host, agreement: Any) -> None:
    """The strategy stays on probation, and nobody is blamed."""
    repository = memory()
    repository.put(strategy(pears(2, 3), advice=TAKE))
    with school(repository=repository, admission="replay", agreement=agreement) as cascade:
        answer, _ = chat.ask(cascade, QUERY)
        old, new = stored(cascade)

    assert answer.content == "The answer is 9."
    assert (old.ledger, new.state) == ({}, State.CANDIDATE)


def test_what_is_no_agreement_is_a_configuration_error() -> None:
    """It says what would be one."""
    with pytest.raises(ConfigurationError, match="one answer, other answer"):
        school(agreement="exact")


@pytest.mark.parametrize("option", ["agreement", "verifier", "admission"])
def test_an_async_function_inside_a_running_loop_fails_closed(option: str) -> None:
    """`invoke` within a coroutine: nobody can wait for it there, and the answer does not either."""

    async def slow(*_: object) -> bool:
        await asyncio.sleep(0)
        return True

    options: dict[str, Any] = {"admission": "replay", option: slow}
    with school(**options) as cascade:

        async def main() -> str:
            return str(cascade.invoke(QUERY).content)

        assert asyncio.run(main()) == "The answer is 9."
        assert states(cascade) == [State.CANDIDATE]


# Shares and caps.


@pytest.mark.parametrize("name", ["holdout", "audit_rate"])
@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), "half"])
def test_a_share_is_from_zero_to_one(name: str, value: Any) -> None:
    """Anything else is named."""
    with pytest.raises((ConfigurationError, ValueError), match=name):
        school(**{name: value})


@pytest.mark.parametrize("value", [0, -1, 1.5, "many"])
def test_a_cap_is_a_whole_number_above_zero(value: Any) -> None:
    """Or `None`, for none."""
    with pytest.raises((ConfigurationError, ValueError), match="max_strategies"):
        school(max_strategies=value)


def test_the_least_useful_go_when_there_are_too_many() -> None:
    """What nobody taught but once, and nobody used, before what many taught."""
    repository = memory()
    for at in range(6):
        told = ADD.model_copy(update={"title": f"Kind {at}", "steps": (f"Do thing {at}.",)})
        made = strategy(f"Kind {at}: what is thing {at}?", advice=told, support=1 + at)
        repository.put(made)
    with school(repository=repository, max_strategies=4, k=0) as cascade:
        for at in range(20):
            ask(cascade, pears(2, at))
        assert cascade.flush(timeout=20)
        left = [each for each in stored(cascade) if each.state is State.ACTIVE]
        gone = [each for each in stored(cascade) if each.state is State.ARCHIVED]

    assert len(left) == 4
    assert {each.support for each in gone} == {1, 2, 3}
    assert all("more than 4" in each.reason for each in gone)


# Faults.


def _failing(*_: object) -> bool:
    raise RuntimeError


FAULTS: dict[str, Callable[[], dict[str, Any]]] = {
    "verifier": lambda: {"verifier": _failing},
    "policy": lambda: {"admission": _failing},
    "agreement": lambda: {"agreement": _failing},
    "distiller": lambda: {"distiller": pupil(lambda _: Reply(error=OSError()))},
    "search": lambda: {"repository": FlakyRepository("search")},
    "put": lambda: {"repository": FlakyRepository("put")},
    "get": lambda: {"repository": FlakyRepository("get")},
    "put_active": lambda: {"repository": FlakyRepository("put_active"), "admission": "always"},
    "all": lambda: {"repository": FlakyRepository("search", "put", "get"), "audit_rate": 1.0},
}


@pytest.mark.parametrize("learning", ["inline", "background"])
@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_of_learning_costs_an_answer(fault: str, learning: str, chat: Host) -> None:
    """Deferred or accepted, the answer is what it would have been."""
    options = {"admission": "replay"} | FAULTS[fault]()
    with school(learning=learning, threshold=0.5, **options) as cascade:
        deferred, _ = chat.ask(cascade, QUERY)
        accepted, _ = chat.ask(cascade, QUERY, threshold=0.0)
        cascade.flush(timeout=0.01)

    assert (deferred.content, accepted.content) == ("The answer is 9.", "The answer is 20.")


def test_a_replay_that_fails_costs_no_answer(chat: Host) -> None:
    """Nor does a canary or a comparison without strategies."""
    asked = 0

    def once(_: str) -> Reply:
        nonlocal asked
        asked += 1
        return Reply("1") if asked == 1 else Reply(error=OSError())

    repository = memory()
    repository.put(strategy(pears(2, 3), advice=TAKE))
    with school(pupil(once), repository=repository, admission="replay") as cascade:
        answer, record = chat.ask(cascade, QUERY)
        old, new = stored(cascade)

    assert answer.content == "The answer is 9."
    assert record["lesson"]["state"] == "candidate"
    assert new.state is State.CANDIDATE
    assert old.ledger["weak-model"].wrong_with == 1


def test_who_leaves_while_a_lesson_is_learned_loses_the_answer_only() -> None:
    """The lesson is written down: it is there when somebody asks again."""
    strong = teacher(advice=lambda _: Reply("{}", delay=30.0))
    with school(strong=strong) as cascade:

        async def main() -> None:
            task = asyncio.create_task(cascade.ainvoke(QUERY))
            while not distillations(strong):  # noqa: ASYNC110 - nobody sets an event here
                await asyncio.sleep(0.005)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(main())
        (left,) = stored(cascade)
        answer, _ = ask(cascade, pears(1, 1, who=5), learning="off")

    assert (left.state, left.keys) == (State.PENDING, (QUERY,))
    assert left.lesson is not None
    assert left.lesson.answer == "The answer is 9."
    assert answer.content == "The answer is 2."


# Costs.

PRICES = {"weak-model": (1.0, 2.0), "strong-model": (10.0, 20.0)}


def test_replays_are_in_the_record_of_who_waited_for_them(chat: Host) -> None:
    """Inline: every call of every model is charged to the answer, and none in the background."""
    weak, strong = pupil(), teacher()
    with school(weak, strong, admission="replay", prices=PRICES) as cascade:
        for who in range(3):
            before = len(weak.calls) + len(strong.calls)
            _, record = chat.ask(cascade, pears(3 + who, 5, who=who))
            calls = sum(use["calls"] for use in record["usage"].values())
            assert calls == len(weak.calls) + len(strong.calls) - before
            assert record["cost"] == pytest.approx(
                sum(use["cost"] or 0.0 for use in record["usage"].values())
            )
        assert cascade.spending().background == {}


def test_background_spending_adds_up(host: Host) -> None:
    """Answers and background together: every call of every model, once."""
    weak, strong = pupil(logprob=SURE), teacher()
    options: dict[str, Any] = {"learning": "background", "audit_rate": 1.0, "prices": PRICES}
    charged = 0
    with school(weak, strong, admission="replay", threshold=0.5, **options) as cascade:
        for who in range(3):
            force = "strong" if who == 1 else None
            _, record = host.ask(cascade, pears(3 + who, 5, who=who), force=force)
            charged += sum(use["calls"] for use in record["usage"].values())
        assert cascade.flush(timeout=20)
        spent = cascade.spending().background

    assert charged + sum(use["calls"] for use in spent.values()) == len(weak.calls) + len(
        strong.calls
    )
    assert set(spent) == {"audit", "distill", "replay"}
    assert all(use["cost"] is not None for use in spent.values())


def test_feedback_is_paid_for_in_the_background_too(chat: Host) -> None:
    """A judge who is asked about it."""
    from langchain_intercascade.agreement import JudgeAgreement  # noqa: PLC0415 - used here only

    judge = teacher(verdict="no")
    with trusting(agreement=JudgeAgreement(judge), learning="off") as cascade:
        _, record = chat.ask(cascade, QUERY)
        cascade.feedback(record, answer="nine pears or so")

        assert cascade.spending().background["replay"]["calls"] == len(judge.calls) == 1


def test_the_kept_example_is_the_lesson() -> None:
    """Question and strong answer, nothing of the weak attempt."""
    with school(keep_examples=True, admission="replay") as cascade:
        ask(cascade, QUERY)
        (learned,) = stored(cascade)

    assert learned.example == Example(query=QUERY, answer="The answer is 9.")
