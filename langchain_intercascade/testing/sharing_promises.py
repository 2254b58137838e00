"""What every repository promises to several who use it at once, and to whoever opens it again.

Part of `check_repository`; each promise is steps over a fresh repository.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from langchain_intercascade._steps import Call, Steps, run
from langchain_intercascade.errors import EncoderMismatchError, RepositoryError
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.repository.embeddings import Encoder
from langchain_intercascade.strategy import State, Strategy
from langchain_intercascade.testing.checks import expect, holds, in_new_loop, refused
from langchain_intercascade.testing.material import (
    ALICE,
    APPLES,
    BOB,
    TEXTS,
    TRAINS,
    Factory,
    Negated,
    Promise,
    ask,
    counted,
    found_by,
    put,
    strategy_of,
)


def _at_once(
    workers: int, work: Callable[[int], None], awork: Callable[[int], Awaitable[None]]
) -> Call:
    """Return the request that has all workers work: as threads, or as tasks of one loop."""

    def threads(_: Any) -> None:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(work, range(workers)))

    async def tasks(_: Any) -> None:
        await asyncio.gather(*map(awork, range(workers)))

    return Call(threads, tasks)


def _concurrent_use_loses_nothing(repository: StrategyRepository) -> Steps[None]:
    workers, rounds, pause = 8, 25, 5

    def work(worker: int) -> None:
        for number in range(rounds):
            repository.put(strategy_of(APPLES, name=f"{worker}-{number}"))
            if number % pause == 0:
                repository.search(APPLES, tenant=ALICE, k=2)

    async def awork(worker: int) -> None:
        for number in range(rounds):
            await repository.aput(strategy_of(APPLES, name=f"{worker}-{number}"))
            if number % pause == 0:
                await repository.asearch(APPLES, tenant=ALICE, k=2)

    yield _at_once(workers, work, awork)
    names = [f"{worker}-{number}" for worker in range(workers) for number in range(rounds)]
    expect(len(names), (yield from counted(repository, names)), "every strategy was written")


def _a_swap_needs_the_version_it_names(repository: StrategyRepository) -> Steps[None]:
    first = strategy_of(APPLES)
    holds((yield from ask(repository, "swap", first, version=None)), "the first is written")
    again = strategy_of(APPLES)
    holds(not (yield from ask(repository, "swap", again, version=None)), "but not twice")
    second = first.changed(reason="second")
    holds((yield from ask(repository, "swap", second, version=1)), "the next version")
    late = first.changed(reason="late")
    holds(not (yield from ask(repository, "swap", late, version=1)), "a late one is refused")
    stored = yield from ask(repository, "get", first.id, tenant=ALICE)
    expect(second, stored, "a refused swap changes nothing")
    yield from ask(repository, "remove", first.id, tenant=ALICE)
    gone = second.changed(reason="back from the dead")
    holds(not (yield from ask(repository, "swap", gone, version=2)), "what is gone stays gone")
    expect(None, (yield from ask(repository, "get", first.id, tenant=ALICE)), "nothing is back")


def _an_update_is_applied_to_what_is_stored(repository: StrategyRepository) -> Steps[None]:
    yield from put(repository, strategy_of(APPLES), strategy_of(APPLES, tenant=BOB))
    name = strategy_of(APPLES).id
    news = yield from ask(repository, "update", name, tenant=ALICE, change=_one_more)
    stored = yield from ask(repository, "get", name, tenant=ALICE)
    expect((2, news), (stored.support, stored), "an update is written and returned")
    left = yield from ask(repository, "update", name, tenant=ALICE, change=lambda _: None)
    expect(None, left, "a change to nothing leaves it as it is")
    none = yield from ask(repository, "update", "unknown", tenant=ALICE, change=_one_more)
    expect(None, none, "what is not there is not made")
    other = yield from ask(repository, "get", strategy_of(APPLES, tenant=BOB).id, tenant=BOB)
    expect(1, other.support, "an update stays with its tenant")


def _one_more(strategy: Strategy) -> Strategy:
    return strategy.changed(support=strategy.support + 1)


def _concurrent_updates_are_all_counted(repository: StrategyRepository) -> Steps[None]:
    if not repository.swaps:
        return
    workers, rounds = 8, 10
    name = strategy_of(APPLES).id
    yield from put(repository, strategy_of(APPLES))

    def work(_: int) -> None:
        for _ in range(rounds):
            repository.update(name, tenant=ALICE, change=_one_more)

    async def awork(_: int) -> None:
        for _ in range(rounds):
            await repository.aupdate(name, tenant=ALICE, change=_one_more)

    yield _at_once(workers, work, awork)
    stored = yield from ask(repository, "get", name, tenant=ALICE)
    expect(1 + workers * rounds, stored.support, "every update counts")


def _the_keys_of_a_strategy_move_with_it(repository: StrategyRepository) -> Steps[None]:
    yield from put(repository, strategy_of(APPLES))
    name = strategy_of(APPLES).id

    def merged(strategy: Strategy) -> Strategy:
        return strategy.changed(keys=(*strategy.keys, TRAINS))

    yield from ask(repository, "update", name, tenant=ALICE, change=merged)
    found = yield from found_by(repository, TRAINS, min_similarity=0.99)
    expect([name], found, "an added key is found at once")
    states = {"states": (State.CANDIDATE,), "min_similarity": -1.0}
    expect([], (yield from found_by(repository, APPLES, **states)), "a search by state")


def _a_closed_repository_refuses(repository: StrategyRepository) -> Steps[None]:
    yield from put(repository, strategy_of(APPLES))
    yield from ask(repository, "close")
    yield from ask(repository, "close")
    yield from _every_method_is_refused(repository)


def _one_closed_before_its_first_use_refuses(repository: StrategyRepository) -> Steps[None]:
    yield from ask(repository, "close")
    yield from _every_method_is_refused(repository)


def _every_method_is_refused(repository: StrategyRepository) -> Steps[None]:
    strategy = strategy_of(APPLES)
    for steps in (
        ask(repository, "put", strategy),
        ask(repository, "get", strategy.id, tenant=ALICE),
        ask(repository, "remove", strategy.id, tenant=ALICE),
        ask(repository, "search", APPLES, tenant=ALICE, k=1),
        ask(repository, "scan", tenant=ALICE),
        ask(repository, "count", tenant=ALICE),
    ):
        yield from refused(steps, RepositoryError, "a closed repository refuses")


def _what_was_put_is_there_after_reopening(
    repository: StrategyRepository, *, reopen: Factory
) -> Steps[None]:
    strategies = [strategy_of(text) for text in TEXTS]
    yield from put(repository, *strategies)
    yield from ask(repository, "close")
    with reopen() as again:
        for strategy in strategies:
            found = yield from ask(again, "get", strategy.id, tenant=ALICE)
            expect(strategy, found, "what was put is there after reopening")
        expect(strategies[0].id, (yield from found_by(again, APPLES))[0], "and it is found")


def _another_encoder_is_refused(repository: StrategyRepository, *, reopen: Factory) -> Steps[None]:
    yield from put(repository, strategy_of(APPLES))
    yield from ask(repository, "close")
    with reopen() as again:
        other = Encoder(Negated(again.encoder.embeddings))
        again.encoder, own = other, again.encoder
        for steps in (found_by(again, APPLES), put(again, strategy_of(TRAINS))):
            yield from refused(steps, EncoderMismatchError, "another encoder is refused")
        again.encoder = own
        expect(
            [strategy_of(APPLES).id], (yield from found_by(again, APPLES)), "and changes nothing"
        )


def serve_two_loops(factory: Factory) -> None:
    """Raise `AssertionError` unless one repository serves one event loop after another."""
    repository = factory()
    try:
        for text in (APPLES, TRAINS):
            in_new_loop(repository.aput(strategy_of(text)))
        names = [strategy_of(text).id for text in (APPLES, TRAINS)]
        expect(2, run(counted(repository, names)), "each event loop is served")
    finally:
        repository.close()


SHARING_PROMISES: Final[tuple[Promise, ...]] = (
    _concurrent_use_loses_nothing,
    _a_swap_needs_the_version_it_names,
    _an_update_is_applied_to_what_is_stored,
    _concurrent_updates_are_all_counted,
    _the_keys_of_a_strategy_move_with_it,
    _a_closed_repository_refuses,
    _one_closed_before_its_first_use_refuses,
)
LASTING_PROMISES: Final = (_what_was_put_is_there_after_reopening, _another_encoder_is_refused)
