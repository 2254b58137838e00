"""Never more calls in flight than allowed, and no slot is ever lost."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_intercascade.errors import NoSlotError
from langchain_intercascade.resilience.slots import Slots


@dataclass(frozen=True)
class Plan:
    """One call: how many turns of the event loop it takes, and after how many it is cancelled."""

    background: bool
    turns: int
    cancelled_after: int | None


PLANS = st.lists(
    st.builds(
        Plan,
        background=st.booleans(),
        turns=st.integers(0, 4),
        cancelled_after=st.none() | st.integers(0, 8),
    ),
    max_size=12,
)


@dataclass
class Watch:
    """Counts who is inside."""

    limit: int
    inside: int = 0
    background: int = 0
    broken: list[str] = field(default_factory=list)
    served: int = 0

    def enter(self, *, background: bool) -> None:
        self.inside += 1
        self.background += background
        if self.inside > self.limit:
            self.broken.append("more than allowed")
        if self.background > max(1, self.limit - 1):
            self.broken.append("background work took the last slot")

    def leave(self, *, background: bool) -> None:
        self.inside -= 1
        self.background -= background


async def _calling(slots: Slots, watch: Watch, plan: Plan) -> None:
    async with slots.aheld(background=plan.background):
        watch.enter(background=plan.background)
        try:
            for _ in range(plan.turns):
                await asyncio.sleep(0)
        finally:
            watch.leave(background=plan.background)
    watch.served += 1


async def _cancelling(task: asyncio.Task[None], after: int) -> None:
    for _ in range(after):
        await asyncio.sleep(0)
    task.cancel()


async def _carried_out(slots: Slots, watch: Watch, plans: list[Plan]) -> list[object]:
    tasks = [asyncio.create_task(_calling(slots, watch, plan)) for plan in plans]
    both = zip(tasks, plans, strict=True)
    given_up = [_cancelling(t, p.cancelled_after) for t, p in both if p.cancelled_after is not None]
    await asyncio.gather(*given_up)
    return list(await asyncio.gather(*tasks, return_exceptions=True))


@given(limit=st.integers(1, 4), plans=PLANS)
@settings(max_examples=30, deadline=None)
def test_never_too_many_and_none_lost(limit: int, plans: list[Plan]) -> None:
    """Whoever comes, whoever leaves, and whenever: the limit holds, and every slot comes back."""
    slots, watch = Slots(limit), Watch(limit)
    outcomes = asyncio.run(_carried_out(slots, watch, plans))
    kept = [o for o, p in zip(outcomes, plans, strict=True) if p.cancelled_after is None]
    state = slots.state()

    assert watch.broken == []
    assert kept == [None] * len(kept)
    assert (state.in_flight, state.waiting) == (0, 0)
    assert state.most <= limit


def test_threads_and_tasks_share_one_limit() -> None:
    """Blocking and awaited calls go to the same service, and are counted together."""
    slots, watch, lock = Slots(3), Watch(3), threading.Lock()
    pause = threading.Event()

    def blocking() -> None:
        for _ in range(10):
            with slots.held():
                with lock:
                    watch.enter(background=False)
                pause.wait(0.0005)
                with lock:
                    watch.leave(background=False)
                    watch.served += 1

    async def awaited() -> None:
        async def one() -> None:
            async with slots.aheld():
                with lock:
                    watch.enter(background=False)
                await asyncio.sleep(0.0005)
                with lock:
                    watch.leave(background=False)
                    watch.served += 1

        await asyncio.gather(*(one() for _ in range(40)))

    threads = [threading.Thread(target=blocking) for _ in range(6)]
    for thread in threads:
        thread.start()
    asyncio.run(awaited())
    for thread in threads:
        thread.join()

    assert watch.broken == []
    assert watch.served == 100
    assert slots.state().in_flight == 0


def test_who_came_first_is_served_first() -> None:
    """And answers go before background work, though that came earlier."""
    slots, order = Slots(1), []

    async def calling(name: str) -> None:
        async with slots.aheld(background=name == "lesson"):
            order.append(name)

    async def main() -> None:
        await slots.atake()
        names = ["lesson", "one", "two", "three"]
        tasks = [asyncio.create_task(calling(name)) for name in names]
        await asyncio.sleep(0)
        slots.give_back()
        await asyncio.gather(*tasks)

    asyncio.run(main())

    assert order == ["one", "two", "three", "lesson"]


def test_a_slot_handed_to_somebody_who_leaves_is_not_lost() -> None:
    """The hand-over and the cancellation fall into the same turn of the event loop."""
    slots = Slots(1)

    async def main() -> None:
        await slots.atake()
        waiting = asyncio.create_task(slots.atake())
        await asyncio.sleep(0)
        slots.give_back()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(main())
    slots.take(seconds=0)

    assert slots.state().in_flight == 1


def test_background_work_leaves_one_slot_to_answers() -> None:
    """It waits, for a while, though a slot is free."""
    slots = Slots(2)
    slots.take(background=True)
    with pytest.raises(NoSlotError, match="All 2 slots of the model"):
        slots.take(background=True, seconds=0)
    slots.take(seconds=0)

    assert slots.state().in_flight == 2


def test_who_waits_too_long_leaves_the_queue() -> None:
    """The next one in it is served all the same."""
    slots = Slots(1)
    slots.take()
    with pytest.raises(NoSlotError):
        slots.take(seconds=0.001)
    slots.give_back()
    slots.take(seconds=0)

    assert (slots.state().in_flight, slots.state().waiting) == (1, 0)


def test_background_work_gets_in_once_another_slot_stays_free() -> None:
    """Not before, though nobody else is waiting."""
    slots = Slots(2)

    async def main() -> None:
        await slots.atake()
        await slots.atake()
        answer = asyncio.create_task(slots.atake())
        lesson = asyncio.create_task(slots.atake(background=True))
        await asyncio.sleep(0)
        slots.give_back()  # to the answer
        await answer
        slots.give_back()  # to nobody: it is the last one
        await asyncio.sleep(0)
        assert not lesson.done()
        slots.give_back()
        await lesson

    asyncio.run(main())

    assert slots.state().in_flight == 1
