"""What every strategy repository promises, as checks that anybody may run on their own engine.

@pytest.mark.parametrize("check", check_repository(MyRepository), ids=lambda check: check.name)
def test_my_repository_keeps_the_contract(check):
    check.run()
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias

from langchain_core.embeddings import Embeddings

from langchain_intercascade._steps import Call, Steps, arun, either, run
from langchain_intercascade.errors import EncoderMismatchError, RepositoryError, TenantError
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.repository.embeddings import PROBE, Encoder
from langchain_intercascade.repository.points import META_ID
from langchain_intercascade.strategy import (
    Advice,
    Lesson,
    Origin,
    State,
    Strategy,
    now,
    strategy_id,
)
from langchain_intercascade.testing.custody_contract import CUSTODY_PROMISES

Factory: TypeAlias = Callable[[], StrategyRepository]
Promise: TypeAlias = Callable[[StrategyRepository], Steps[None]]

# Four texts with hardly a word in common, so that any encoder tells them apart.
APPLES: Final = "How many apples remain if Mira gives five away?"
TRAINS: Final = "When do the two trains meet each other on their journey?"
WORDS: Final = "Which word of this sentence is longest?"
ROOTS: Final = "Prove that the square root of two cannot be rational."
TEXTS: Final = (APPLES, TRAINS, WORDS, ROOTS)

ALICE: Final = "alice"
BOB: Final = "bob"


@dataclass(frozen=True, slots=True)
class Check:
    """One promise of the contract, in one colour.

    Attributes:
        name: The promise, and the colour.
        run: Returns if the promise is kept, and raises `AssertionError` if not.
    """

    name: str
    run: Callable[[], None]


def check_repository(factory: Factory, *, reopen: Factory | None = None) -> list[Check]:
    """Return a check for every promise of `StrategyRepository`, in both colours.

    Nothing is made or opened before a check is run.  Of an engine that cannot list
    (its class says `lists = False`) only the rest is asked, and that it says so.

    Args:
        factory: Makes a fresh, empty repository; called once a check.
        reopen: Opens again, as a new object, the repository that `factory` made
            last and that has been closed since.  Leave it out for engines that
            keep nothing.
    """
    promises = {promise.__name__: promise for promise in (*_PROMISES, *CUSTODY_PROMISES)}
    if reopen is not None:
        promises |= {
            lasting.__name__: partial(lasting, reopen=reopen) for lasting in _LASTING_PROMISES
        }
    return [
        *(check for named in promises.items() for check in _in_both_colours(*named, factory)),
        Check("serves_one_event_loop_after_another", partial(_serve_two_loops, factory)),
    ]


# Running a promise.


def _in_both_colours(name: str, promise: Promise, factory: Factory) -> Iterator[Check]:
    words = name.removeprefix("_")
    yield Check(f"{words}-sync", partial(_run, promise, factory))
    yield Check(f"{words}-async", lambda: _in_new_loop(_arun(promise, factory)))


def _run(promise: Promise, factory: Factory) -> None:
    repository = factory()
    try:
        run(promise(repository))
    finally:
        repository.close()


async def _arun(promise: Promise, factory: Factory) -> None:
    repository = factory()
    try:
        await arun(promise(repository))
    finally:
        await repository.aclose()


def _in_new_loop(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run `coroutine` in a thread, so that the caller may have an event loop running."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, coroutine).result()


def _ask(repository: StrategyRepository, method: str, *args: Any, **kwargs: Any) -> Steps[Any]:
    """Call a public method of `repository`, or its asynchronous twin."""
    return either(
        lambda: getattr(repository, method)(*args, **kwargs),
        lambda: getattr(repository, f"a{method}")(*args, **kwargs),
    )


def _expect(expected: object, found: object, promise: str) -> None:
    if found != expected:
        msg = f"{promise}: expected {expected!r}, found {found!r}."
        raise AssertionError(msg)


def _holds(condition: object, promise: str) -> None:
    if not condition:
        msg = f"{promise}: this is not so."
        raise AssertionError(msg)


def _refused(steps: Steps[Any], error: type[Exception], promise: str) -> Steps[None]:
    try:
        found = yield from steps
    except error:
        return
    msg = f"{promise}: expected {error.__name__}, found {found!r}."
    raise AssertionError(msg)


# Material.


def _strategy(
    query: str,
    *,
    tenant: str = ALICE,
    state: State = State.ACTIVE,
    keys: tuple[str, ...] = (),
    name: str = "",
) -> Strategy:
    return Strategy(
        id=name or strategy_id(tenant=tenant, query=query, strong_model="contract"),
        tenant=tenant,
        state=state,
        keys=keys or (query,),
        advice=Advice(title="A title", when_to_use="Always.", steps=("Think.", "Answer.")),
        origin=Origin(run_id="contract", strong_model="contract", prompt_version=1),
        created_at=now(),
        updated_at=now(),
    )


def _put(repository: StrategyRepository, *strategies: Strategy) -> Steps[None]:
    for strategy in strategies:
        yield from _ask(repository, "put", strategy)


def _found(repository: StrategyRepository, query: str, **changes: Any) -> Steps[list[str]]:
    """Return the ids of what a search finds, best first."""
    options = {"tenant": ALICE, "k": 10, "min_similarity": -1.0, **changes}
    hits = yield from _ask(repository, "search", query, **options)
    return [hit.strategy.id for hit in hits]


def _counted(repository: StrategyRepository, names: Sequence[str]) -> Steps[int]:
    """Count what Alice has, or, of an engine that cannot, how many of `names` can be read."""
    if repository.lists:
        counted: int = yield from _ask(repository, "count", tenant=ALICE)
        return counted
    missing = 0
    for name in names:
        missing += (yield from _ask(repository, "get", name, tenant=ALICE)) is None
    return len(names) - missing


class _Turning(Embeddings):
    """An encoder that works as the wrapped one does until it is given an `answer` of its own."""

    def __init__(self, wrapped: Embeddings) -> None:
        self.wrapped = wrapped
        self.answer: list[float] | None = None

    def embed_query(self, text: str) -> list[float]:
        return self.wrapped.embed_query(text) if self.answer is None else self.answer

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]


class _Negated(_Turning):
    """Another encoder of the same dimension."""

    def embed_query(self, text: str) -> list[float]:
        return [-x for x in self.wrapped.embed_query(text)]


# The promises.


def _what_is_put_is_read_back_equal(repository: StrategyRepository) -> Steps[None]:
    for query in (
        APPLES,
        "naïve 中文 😀 \u202e\u2028 \\ \" ' {} %s",
        "nul \x00 \x1f",
        "long " * 4_000,
    ):
        lesson = Lesson(query=query, answer=query, weak_answer=None, attempts=2)
        strategy = _strategy(query).changed(lesson=lesson, cost=0.25, reason=query)
        yield from _put(repository, strategy)
        found = yield from _ask(repository, "get", strategy.id, tenant=ALICE)
        _expect(strategy, found, "`get` returns what was put")
        hits = yield from _ask(repository, "search", query, tenant=ALICE, k=1)
        _expect(strategy, hits[0].strategy, "`search` returns what was put")
        if repository.lists:
            scanned = yield from _ask(repository, "scan", tenant=ALICE)
            _holds(strategy in scanned, "`scan` returns what was put")


def _an_empty_repository_has_nothing(repository: StrategyRepository) -> Steps[None]:
    # Not even the point that describes the repository, whose vector is that of the probe text.
    _expect([], (yield from _found(repository, PROBE)), "a search finds nothing")
    if repository.lists:
        _expect([], (yield from _ask(repository, "scan", tenant=ALICE)), "a scan finds nothing")
        _expect(0, (yield from _ask(repository, "count", tenant=ALICE)), "nothing to count")
    for name in ("no such id", "", META_ID, _strategy(APPLES).id):
        _expect(None, (yield from _ask(repository, "get", name, tenant=ALICE)), "nothing to get")
        _holds(not (yield from _ask(repository, "remove", name, tenant=ALICE)), "nothing to remove")


def _the_same_id_is_one_point(repository: StrategyRepository) -> Steps[None]:
    first = _strategy(APPLES)
    second = first.changed(keys=(TRAINS,), reason="changed")
    yield from _put(repository, first, second, second)
    if repository.lists:
        _expect(1, (yield from _ask(repository, "count", tenant=ALICE)), "one id, one point")
    hits = yield from _ask(repository, "search", TRAINS, tenant=ALICE, k=10)
    _expect([second], [hit.strategy for hit in hits], "the last state is found, and only it")
    hits = yield from _ask(repository, "search", APPLES, tenant=ALICE, k=10, min_similarity=0.99)
    _expect([], hits, "keys of an earlier state are forgotten")


def _what_is_removed_is_gone(repository: StrategyRepository) -> Steps[None]:
    gone, kept = _strategy(APPLES), _strategy(TRAINS)
    yield from _put(repository, gone, kept)
    remove = partial(_ask, repository, "remove", gone.id, tenant=ALICE)
    _holds((yield from remove()), "removing says that it was there")
    _holds(not (yield from remove()), "removing again says that it was not")
    _expect([kept.id], (yield from _found(repository, APPLES)), "it is not found any more")
    if repository.lists:
        _expect([kept], (yield from _ask(repository, "scan", tenant=ALICE)), "the rest is left")


def _only_active_strategies_are_found(repository: StrategyRepository) -> Steps[None]:
    strategies = [_strategy(APPLES, state=state, name=state.value) for state in State]
    yield from _put(repository, *strategies)
    _expect(["active"], (yield from _found(repository, APPLES)), "only active ones are found")
    if not repository.lists:
        return
    for state in State:
        selected = yield from _ask(repository, "scan", tenant=ALICE, states=[state])
        _expect([state.value], [strategy.id for strategy in selected], "`scan` selects by state")
        counted = yield from _ask(repository, "count", tenant=ALICE, states=[state])
        _expect(1, counted, "`count` selects by state")
    _expect(
        len(State),
        (yield from _ask(repository, "count", tenant=ALICE)),
        "the default is all states",
    )
    none = yield from _ask(repository, "count", tenant=ALICE, states=[])
    _expect(0, none, "no state selects nothing")


def _the_nearest_is_first(repository: StrategyRepository) -> Steps[None]:
    yield from _put(repository, *map(_strategy, TEXTS))
    for text in TEXTS:
        hits = yield from _ask(repository, "search", text, tenant=ALICE, k=4, min_similarity=-1.0)
        _expect(_strategy(text).id, hits[0].strategy.id, "the nearest comes first")
        exact = math.isclose(hits[0].similarity, 1.0, abs_tol=1e-3)
        _holds(exact, f"its own text has similarity 1 (not {hits[0].similarity})")
        similarities = [hit.similarity for hit in hits]
        _expect(sorted(similarities, reverse=True), similarities, "best first")


def _the_nearest_key_counts(repository: StrategyRepository) -> Steps[None]:
    many = _strategy(APPLES, keys=(APPLES, TRAINS, WORDS))
    yield from _put(repository, many, _strategy(ROOTS))
    for key in many.keys:
        hits = yield from _ask(repository, "search", key, tenant=ALICE, k=2, min_similarity=-1.0)
        found = [hit.strategy.id for hit in hits]
        _expect([many.id, _strategy(ROOTS).id], found, "a strategy with many keys is found once")
        exact = math.isclose(hits[0].similarity, 1.0, abs_tol=1e-3)
        _holds(exact, f"the nearest key gives the similarity (not {hits[0].similarity})")


def _no_more_than_k_and_none_too_far(repository: StrategyRepository) -> Steps[None]:
    yield from _put(repository, *map(_strategy, TEXTS))
    for k in (-1, 0, 1, 2, 4, 50):
        found = yield from _found(repository, APPLES, k=k)
        _expect(min(max(k, 0), len(TEXTS)), len(found), f"at most k={k} are found")
    near = yield from _found(repository, APPLES, min_similarity=0.99)
    _expect([_strategy(APPLES).id], near, "what is less similar than the floor is left out")
    for floor in (1.1, math.inf, math.nan):
        none = yield from _found(repository, APPLES, min_similarity=floor)
        _expect([], none, "nothing reaches an impossible floor")


def _tenants_never_meet(repository: StrategyRepository) -> Steps[None]:
    tenants = (
        "a",
        "a ",
        " a",
        "A",
        "\u0430",
        "a\u0301",
        "á",
        "1",
        "null",
        "*",
        "a' OR 1=1",
    )
    for tenant in tenants:
        yield from _put(repository, _strategy(APPLES, tenant=tenant))
    for tenant in tenants:
        own = _strategy(APPLES, tenant=tenant).id
        found = yield from _found(repository, APPLES, tenant=tenant)
        _expect([own], found, f"{tenant!r} finds its own")
        if repository.lists:
            scanned = yield from _ask(repository, "scan", tenant=tenant)
            _expect([own], [strategy.id for strategy in scanned], f"{tenant!r} scans its own")
            _expect(1, (yield from _ask(repository, "count", tenant=tenant)), f"{tenant!r} counts")
    _expect([], (yield from _found(repository, APPLES, tenant="b")), "a stranger finds nothing")


def _an_id_opens_no_door(repository: StrategyRepository) -> Steps[None]:
    victim = _strategy(APPLES, tenant=ALICE)
    yield from _put(repository, victim)
    plain = victim.id.replace("-", "")
    crafted = (
        victim.id,
        victim.id.upper(),
        plain,
        f"{{{victim.id}}}",
        f"urn:uuid:{plain}",
        META_ID,
    )
    for name in crafted:
        _expect(None, (yield from _ask(repository, "get", name, tenant=BOB)), "reading by id")
        _holds(not (yield from _ask(repository, "remove", name, tenant=BOB)), "removing by id")
    yield from _put(repository, *(_strategy(TRAINS, tenant=BOB, name=name) for name in crafted))
    for name in crafted:
        written = yield from _ask(repository, "get", name, tenant=BOB)
        _expect(name, written.id, "each id is its own")
        _holds((yield from _ask(repository, "remove", name, tenant=BOB)), "and can go")
    survivor = yield from _ask(repository, "get", victim.id, tenant=ALICE)
    _expect(victim, survivor, "no id of one tenant touches what another has")


def _a_tenant_is_never_optional(repository: StrategyRepository) -> Steps[None]:
    for tenant in ("", " ", "\n", "alice\x00", None, 7, b"alice", ["alice"]):
        blank = _strategy(APPLES).model_copy(update={"tenant": tenant})
        for steps in (
            _ask(repository, "put", blank),
            _ask(repository, "get", blank.id, tenant=tenant),
            _ask(repository, "remove", blank.id, tenant=tenant),
            _ask(repository, "search", APPLES, tenant=tenant, k=1),
            _ask(repository, "search", APPLES, tenant=tenant, k=0),
            _ask(repository, "scan", tenant=tenant),
            _ask(repository, "count", tenant=tenant),
        ):
            yield from _refused(steps, TenantError, f"the tenant {tenant!r} is refused")


def _pages_hold_everything_once(repository: StrategyRepository) -> Steps[None]:
    if not repository.lists:
        yield from _listing_is_refused_with_the_cure(repository)
        return
    own = {f"{number}": _strategy(APPLES, name=f"{number}") for number in range(7)}
    yield from _put(repository, *own.values(), _strategy(APPLES, tenant=BOB))
    seen: list[str] = []
    for expected in (3, 3, 1, 0):
        after = seen[-1] if seen else None
        page = yield from _ask(repository, "scan", tenant=ALICE, limit=3, after=after)
        _expect(expected, len(page), "a page is as long as it can be")
        seen += [strategy.id for strategy in page]
    _expect(sorted(own), sorted(seen), "the pages hold every strategy once")
    _expect([], (yield from _ask(repository, "scan", tenant=ALICE, limit=0)), "an empty page")


def _listing_is_refused_with_the_cure(repository: StrategyRepository) -> Steps[None]:
    for method in ("scan", "count"):
        try:
            found = yield from _ask(repository, method, tenant=ALICE)
        except RepositoryError as error:
            _holds("Use " in str(error), f"the refusal of `{method}` says what to use instead")
        else:
            msg = f"`{method}` is refused: expected RepositoryError, found {found!r}."
            raise AssertionError(msg)


def _unusable_vectors_never_arrive(repository: StrategyRepository) -> Steps[None]:
    encoder = _Turning(repository.encoder.embeddings)
    repository.encoder = Encoder(encoder)
    yield from _put(repository, _strategy(APPLES))
    length = len(encoder.wrapped.embed_query(PROBE))
    for bad in (math.nan, math.inf, -math.inf, 0.0):
        encoder.answer = [bad] * length
        yield from _refused(
            _put(repository, _strategy(TRAINS)), RepositoryError, f"{bad} is refused"
        )
        yield from _refused(_found(repository, WORDS), RepositoryError, f"{bad} is refused")
    for wrong in (0, length - 1, length + 1):
        encoder.answer = [1.0] * wrong
        message = f"a vector of length {wrong} is refused"
        yield from _refused(_put(repository, _strategy(TRAINS)), RepositoryError, message)
        yield from _refused(_found(repository, WORDS), RepositoryError, message)
    encoder.answer = None
    _expect([_strategy(APPLES).id], (yield from _found(repository, APPLES)), "nothing arrived")


def _huge_and_tiny_vectors_are_as_good_as_any(repository: StrategyRepository) -> Steps[None]:
    encoder = _Turning(repository.encoder.embeddings)
    repository.encoder = Encoder(encoder)
    for text, scale in ((APPLES, 1e200), (TRAINS, 1e-200)):
        yield from _put(repository, _strategy(WORDS))
        encoder.answer = [scale * x for x in encoder.wrapped.embed_query(text)]
        yield from _put(repository, _strategy(text))
        found = yield from _found(repository, text, k=1, min_similarity=0.999)
        _expect([_strategy(text).id], found, "only the direction of a vector counts")
        encoder.answer = None


def _concurrent_use_loses_nothing(repository: StrategyRepository) -> Steps[None]:
    workers, rounds, pause = 8, 25, 5

    def work(worker: int) -> None:
        for number in range(rounds):
            repository.put(_strategy(APPLES, name=f"{worker}-{number}"))
            if number % pause == 0:
                repository.search(APPLES, tenant=ALICE, k=2)

    async def awork(worker: int) -> None:
        for number in range(rounds):
            await repository.aput(_strategy(APPLES, name=f"{worker}-{number}"))
            if number % pause == 0:
                await repository.asearch(APPLES, tenant=ALICE, k=2)

    def threads() -> None:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(work, range(workers)))

    async def tasks() -> None:
        await asyncio.gather(*map(awork, range(workers)))

    yield Call(lambda _: threads(), lambda _: tasks())
    names = [f"{worker}-{number}" for worker in range(workers) for number in range(rounds)]
    _expect(len(names), (yield from _counted(repository, names)), "every strategy was written")


def _a_swap_needs_the_version_it_names(repository: StrategyRepository) -> Steps[None]:
    first = _strategy(APPLES)
    _holds((yield from _ask(repository, "swap", first, version=None)), "the first is written")
    again = _strategy(APPLES)
    _holds(not (yield from _ask(repository, "swap", again, version=None)), "but not twice")
    second = first.changed(reason="second")
    _holds((yield from _ask(repository, "swap", second, version=1)), "the next version")
    late = first.changed(reason="late")
    _holds(not (yield from _ask(repository, "swap", late, version=1)), "a late one is refused")
    stored = yield from _ask(repository, "get", first.id, tenant=ALICE)
    _expect(second, stored, "a refused swap changes nothing")
    yield from _ask(repository, "remove", first.id, tenant=ALICE)
    gone = second.changed(reason="back from the dead")
    _holds(not (yield from _ask(repository, "swap", gone, version=2)), "what is gone stays gone")
    _expect(None, (yield from _ask(repository, "get", first.id, tenant=ALICE)), "nothing is back")


def _an_update_is_applied_to_what_is_stored(repository: StrategyRepository) -> Steps[None]:
    yield from _put(repository, _strategy(APPLES), _strategy(APPLES, tenant=BOB))
    name = _strategy(APPLES).id
    news = yield from _ask(repository, "update", name, tenant=ALICE, change=_one_more)
    stored = yield from _ask(repository, "get", name, tenant=ALICE)
    _expect((2, news), (stored.support, stored), "an update is written and returned")
    left = yield from _ask(repository, "update", name, tenant=ALICE, change=lambda _: None)
    _expect(None, left, "a change to nothing leaves it as it is")
    none = yield from _ask(repository, "update", "unknown", tenant=ALICE, change=_one_more)
    _expect(None, none, "what is not there is not made")
    other = yield from _ask(repository, "get", _strategy(APPLES, tenant=BOB).id, tenant=BOB)
    _expect(1, other.support, "an update stays with its tenant")


def _one_more(strategy: Strategy) -> Strategy:
    return strategy.changed(support=strategy.support + 1)


def _concurrent_updates_are_all_counted(repository: StrategyRepository) -> Steps[None]:
    if not repository.swaps:
        return
    workers, rounds = 8, 10
    name = _strategy(APPLES).id
    yield from _put(repository, _strategy(APPLES))

    def work(_: int) -> None:
        for _ in range(rounds):
            repository.update(name, tenant=ALICE, change=_one_more)

    async def awork(_: int) -> None:
        for _ in range(rounds):
            await repository.aupdate(name, tenant=ALICE, change=_one_more)

    def threads() -> None:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(work, range(workers)))

    async def tasks() -> None:
        await asyncio.gather(*map(awork, range(workers)))

    yield Call(lambda _: threads(), lambda _: tasks())
    stored = yield from _ask(repository, "get", name, tenant=ALICE)
    _expect(1 + workers * rounds, stored.support, "every update counts")


def _the_keys_of_a_strategy_move_with_it(repository: StrategyRepository) -> Steps[None]:
    yield from _put(repository, _strategy(APPLES))
    name = _strategy(APPLES).id

    def merged(strategy: Strategy) -> Strategy:
        return strategy.changed(keys=(*strategy.keys, TRAINS))

    yield from _ask(repository, "update", name, tenant=ALICE, change=merged)
    found = yield from _found(repository, TRAINS, min_similarity=0.99)
    _expect([name], found, "an added key is found at once")
    states = {"states": (State.CANDIDATE,), "min_similarity": -1.0}
    _expect([], (yield from _found(repository, APPLES, **states)), "a search by state")


def _a_closed_repository_refuses(repository: StrategyRepository) -> Steps[None]:
    yield from _put(repository, _strategy(APPLES))
    yield from _ask(repository, "close")
    yield from _ask(repository, "close")
    yield from _every_method_is_refused(repository)


def _one_closed_before_its_first_use_refuses(repository: StrategyRepository) -> Steps[None]:
    yield from _ask(repository, "close")
    yield from _every_method_is_refused(repository)


def _every_method_is_refused(repository: StrategyRepository) -> Steps[None]:
    strategy = _strategy(APPLES)
    for steps in (
        _ask(repository, "put", strategy),
        _ask(repository, "get", strategy.id, tenant=ALICE),
        _ask(repository, "remove", strategy.id, tenant=ALICE),
        _ask(repository, "search", APPLES, tenant=ALICE, k=1),
        _ask(repository, "scan", tenant=ALICE),
        _ask(repository, "count", tenant=ALICE),
    ):
        yield from _refused(steps, RepositoryError, "a closed repository refuses")


def _what_was_put_is_there_after_reopening(
    repository: StrategyRepository, *, reopen: Factory
) -> Steps[None]:
    strategies = [_strategy(text) for text in TEXTS]
    yield from _put(repository, *strategies)
    yield from _ask(repository, "close")
    with reopen() as again:
        for strategy in strategies:
            found = yield from _ask(again, "get", strategy.id, tenant=ALICE)
            _expect(strategy, found, "what was put is there after reopening")
        _expect(strategies[0].id, (yield from _found(again, APPLES))[0], "and it is found")


def _another_encoder_is_refused(repository: StrategyRepository, *, reopen: Factory) -> Steps[None]:
    yield from _put(repository, _strategy(APPLES))
    yield from _ask(repository, "close")
    with reopen() as again:
        other = Encoder(_Negated(again.encoder.embeddings))
        again.encoder, own = other, again.encoder
        for steps in (_found(again, APPLES), _put(again, _strategy(TRAINS))):
            yield from _refused(steps, EncoderMismatchError, "another encoder is refused")
        again.encoder = own
        _expect([_strategy(APPLES).id], (yield from _found(again, APPLES)), "and changes nothing")


def _serve_two_loops(factory: Factory) -> None:
    repository = factory()
    try:
        for text in (APPLES, TRAINS):
            _in_new_loop(repository.aput(_strategy(text)))
        names = [_strategy(text).id for text in (APPLES, TRAINS)]
        _expect(2, run(_counted(repository, names)), "each event loop is served")
    finally:
        repository.close()


_PROMISES: Final[tuple[Promise, ...]] = (
    _what_is_put_is_read_back_equal,
    _an_empty_repository_has_nothing,
    _the_same_id_is_one_point,
    _what_is_removed_is_gone,
    _only_active_strategies_are_found,
    _the_nearest_is_first,
    _the_nearest_key_counts,
    _no_more_than_k_and_none_too_far,
    _tenants_never_meet,
    _an_id_opens_no_door,
    _a_tenant_is_never_optional,
    _pages_hold_everything_once,
    _unusable_vectors_never_arrive,
    _huge_and_tiny_vectors_are_as_good_as_any,
    _concurrent_use_loses_nothing,
    _a_swap_needs_the_version_it_names,
    _an_update_is_applied_to_what_is_stored,
    _concurrent_updates_are_all_counted,
    _the_keys_of_a_strategy_move_with_it,
    _a_closed_repository_refuses,
    _one_closed_before_its_first_use_refuses,
)
_LASTING_PROMISES: Final = (_what_was_put_is_there_after_reopening, _another_encoder_is_refused)
