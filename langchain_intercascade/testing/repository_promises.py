"""What every repository promises: what is put is found, listed and kept apart, by tenant.

Part of `check_repository`; each promise is steps over a fresh repository.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Final

from langchain_intercascade._steps import Steps
from langchain_intercascade.errors import RepositoryError, TenantError
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.repository.embeddings import PROBE, Encoder
from langchain_intercascade.repository.points import META_ID
from langchain_intercascade.strategy import Lesson, State
from langchain_intercascade.testing.checks import expect, holds, refused
from langchain_intercascade.testing.material import (
    ALICE,
    APPLES,
    BOB,
    ROOTS,
    TEXTS,
    TRAINS,
    WORDS,
    Promise,
    Turning,
    ask,
    found_by,
    put,
    strategy_of,
)


def _what_is_put_is_read_back_equal(repository: StrategyRepository) -> Steps[None]:
    for query in (
        APPLES,
        "naïve 中文 😀 \u202e\u2028 \\ \" ' {} %s",
        "nul \x00 \x1f",
        "long " * 4_000,
    ):
        lesson = Lesson(query=query, answer=query, weak_answer=None, attempts=2)
        strategy = strategy_of(query).changed(lesson=lesson, cost=0.25, reason=query)
        yield from put(repository, strategy)
        found = yield from ask(repository, "get", strategy.id, tenant=ALICE)
        expect(strategy, found, "`get` returns what was put")
        hits = yield from ask(repository, "search", query, tenant=ALICE, k=1)
        expect(strategy, hits[0].strategy, "`search` returns what was put")
        if repository.lists:
            scanned = yield from ask(repository, "scan", tenant=ALICE)
            holds(strategy in scanned, "`scan` returns what was put")


def _an_empty_repository_has_nothing(repository: StrategyRepository) -> Steps[None]:
    # Not even the point that describes the repository, whose vector is that of the probe text.
    expect([], (yield from found_by(repository, PROBE)), "a search finds nothing")
    if repository.lists:
        expect([], (yield from ask(repository, "scan", tenant=ALICE)), "a scan finds nothing")
        expect(0, (yield from ask(repository, "count", tenant=ALICE)), "nothing to count")
    for name in ("no such id", "", META_ID, strategy_of(APPLES).id):
        expect(None, (yield from ask(repository, "get", name, tenant=ALICE)), "nothing to get")
        holds(not (yield from ask(repository, "remove", name, tenant=ALICE)), "nothing to remove")


def _the_same_id_is_one_point(repository: StrategyRepository) -> Steps[None]:
    first = strategy_of(APPLES)
    second = first.changed(keys=(TRAINS,), reason="changed")
    yield from put(repository, first, second, second)
    if repository.lists:
        expect(1, (yield from ask(repository, "count", tenant=ALICE)), "one id, one point")
    hits = yield from ask(repository, "search", TRAINS, tenant=ALICE, k=10)
    expect([second], [hit.strategy for hit in hits], "the last state is found, and only it")
    hits = yield from ask(repository, "search", APPLES, tenant=ALICE, k=10, min_similarity=0.99)
    expect([], hits, "keys of an earlier state are forgotten")


def _what_is_removed_is_gone(repository: StrategyRepository) -> Steps[None]:
    gone, kept = strategy_of(APPLES), strategy_of(TRAINS)
    yield from put(repository, gone, kept)
    remove = partial(ask, repository, "remove", gone.id, tenant=ALICE)
    holds((yield from remove()), "removing says that it was there")
    holds(not (yield from remove()), "removing again says that it was not")
    expect([kept.id], (yield from found_by(repository, APPLES)), "it is not found any more")
    if repository.lists:
        expect([kept], (yield from ask(repository, "scan", tenant=ALICE)), "the rest is left")


def _only_active_strategies_are_found(repository: StrategyRepository) -> Steps[None]:
    strategies = [strategy_of(APPLES, state=state, name=state.value) for state in State]
    yield from put(repository, *strategies)
    expect(["active"], (yield from found_by(repository, APPLES)), "only active ones are found")
    if not repository.lists:
        return
    for state in State:
        selected = yield from ask(repository, "scan", tenant=ALICE, states=[state])
        expect([state.value], [strategy.id for strategy in selected], "`scan` selects by state")
        counted = yield from ask(repository, "count", tenant=ALICE, states=[state])
        expect(1, counted, "`count` selects by state")
    expect(
        len(State),
        (yield from ask(repository, "count", tenant=ALICE)),
        "the default is all states",
    )
    none = yield from ask(repository, "count", tenant=ALICE, states=[])
    expect(0, none, "no state selects nothing")


def _the_nearest_is_first(repository: StrategyRepository) -> Steps[None]:
    yield from put(repository, *map(strategy_of, TEXTS))
    for text in TEXTS:
        hits = yield from ask(repository, "search", text, tenant=ALICE, k=4, min_similarity=-1.0)
        expect(strategy_of(text).id, hits[0].strategy.id, "the nearest comes first")
        exact = math.isclose(hits[0].similarity, 1.0, abs_tol=1e-3)
        holds(exact, f"its own text has similarity 1 (not {hits[0].similarity})")
        similarities = [hit.similarity for hit in hits]
        expect(sorted(similarities, reverse=True), similarities, "best first")


def _the_nearest_key_counts(repository: StrategyRepository) -> Steps[None]:
    many = strategy_of(APPLES, keys=(APPLES, TRAINS, WORDS))
    yield from put(repository, many, strategy_of(ROOTS))
    for key in many.keys:
        hits = yield from ask(repository, "search", key, tenant=ALICE, k=2, min_similarity=-1.0)
        found = [hit.strategy.id for hit in hits]
        expect([many.id, strategy_of(ROOTS).id], found, "a strategy with many keys is found once")
        exact = math.isclose(hits[0].similarity, 1.0, abs_tol=1e-3)
        holds(exact, f"the nearest key gives the similarity (not {hits[0].similarity})")


def _no_more_than_k_and_none_too_far(repository: StrategyRepository) -> Steps[None]:
    yield from put(repository, *map(strategy_of, TEXTS))
    for k in (-1, 0, 1, 2, 4, 50):
        found = yield from found_by(repository, APPLES, k=k)
        expect(min(max(k, 0), len(TEXTS)), len(found), f"at most k={k} are found")
    near = yield from found_by(repository, APPLES, min_similarity=0.99)
    expect([strategy_of(APPLES).id], near, "what is less similar than the floor is left out")
    for floor in (1.1, math.inf, math.nan):
        none = yield from found_by(repository, APPLES, min_similarity=floor)
        expect([], none, "nothing reaches an impossible floor")


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
        yield from put(repository, strategy_of(APPLES, tenant=tenant))
    for tenant in tenants:
        own = strategy_of(APPLES, tenant=tenant).id
        found = yield from found_by(repository, APPLES, tenant=tenant)
        expect([own], found, f"{tenant!r} finds its own")
        if repository.lists:
            scanned = yield from ask(repository, "scan", tenant=tenant)
            expect([own], [strategy.id for strategy in scanned], f"{tenant!r} scans its own")
            expect(1, (yield from ask(repository, "count", tenant=tenant)), f"{tenant!r} counts")
    expect([], (yield from found_by(repository, APPLES, tenant="b")), "a stranger finds nothing")


def _an_id_opens_no_door(repository: StrategyRepository) -> Steps[None]:
    victim = strategy_of(APPLES, tenant=ALICE)
    yield from put(repository, victim)
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
        expect(None, (yield from ask(repository, "get", name, tenant=BOB)), "reading by id")
        holds(not (yield from ask(repository, "remove", name, tenant=BOB)), "removing by id")
    yield from put(repository, *(strategy_of(TRAINS, tenant=BOB, name=name) for name in crafted))
    for name in crafted:
        written = yield from ask(repository, "get", name, tenant=BOB)
        expect(name, written.id, "each id is its own")
        holds((yield from ask(repository, "remove", name, tenant=BOB)), "and can go")
    survivor = yield from ask(repository, "get", victim.id, tenant=ALICE)
    expect(victim, survivor, "no id of one tenant touches what another has")


def _a_tenant_is_never_optional(repository: StrategyRepository) -> Steps[None]:
    for tenant in ("", " ", "\n", "alice\x00", None, 7, b"alice", ["alice"]):
        blank = strategy_of(APPLES).model_copy(update={"tenant": tenant})
        for steps in (
            ask(repository, "put", blank),
            ask(repository, "get", blank.id, tenant=tenant),
            ask(repository, "remove", blank.id, tenant=tenant),
            ask(repository, "search", APPLES, tenant=tenant, k=1),
            ask(repository, "search", APPLES, tenant=tenant, k=0),
            ask(repository, "scan", tenant=tenant),
            ask(repository, "count", tenant=tenant),
        ):
            yield from refused(steps, TenantError, f"the tenant {tenant!r} is refused")


def _pages_hold_everything_once(repository: StrategyRepository) -> Steps[None]:
    if not repository.lists:
        yield from _listing_is_refused_with_the_cure(repository)
        return
    own = {f"{number}": strategy_of(APPLES, name=f"{number}") for number in range(7)}
    yield from put(repository, *own.values(), strategy_of(APPLES, tenant=BOB))
    seen: list[str] = []
    for expected in (3, 3, 1, 0):
        after = seen[-1] if seen else None
        page = yield from ask(repository, "scan", tenant=ALICE, limit=3, after=after)
        expect(expected, len(page), "a page is as long as it can be")
        seen += [strategy.id for strategy in page]
    expect(sorted(own), sorted(seen), "the pages hold every strategy once")
    expect([], (yield from ask(repository, "scan", tenant=ALICE, limit=0)), "an empty page")


def _listing_is_refused_with_the_cure(repository: StrategyRepository) -> Steps[None]:
    for method in ("scan", "count"):
        try:
            found = yield from ask(repository, method, tenant=ALICE)
        except RepositoryError as error:
            holds("Use " in str(error), f"the refusal of `{method}` says what to use instead")
        else:
            msg = f"`{method}` is refused: expected RepositoryError, found {found!r}."
            raise AssertionError(msg)


def _unusable_vectors_never_arrive(repository: StrategyRepository) -> Steps[None]:
    encoder = Turning(repository.encoder.embeddings)
    repository.encoder = Encoder(encoder)
    yield from put(repository, strategy_of(APPLES))
    length = len(encoder.wrapped.embed_query(PROBE))
    for bad in (math.nan, math.inf, -math.inf, 0.0):
        encoder.answer = [bad] * length
        yield from refused(
            put(repository, strategy_of(TRAINS)), RepositoryError, f"{bad} is refused"
        )
        yield from refused(found_by(repository, WORDS), RepositoryError, f"{bad} is refused")
    for wrong in (0, length - 1, length + 1):
        encoder.answer = [1.0] * wrong
        message = f"a vector of length {wrong} is refused"
        yield from refused(put(repository, strategy_of(TRAINS)), RepositoryError, message)
        yield from refused(found_by(repository, WORDS), RepositoryError, message)
    encoder.answer = None
    expect([strategy_of(APPLES).id], (yield from found_by(repository, APPLES)), "nothing arrived")


def _huge_and_tiny_vectors_are_as_good_as_any(repository: StrategyRepository) -> Steps[None]:
    encoder = Turning(repository.encoder.embeddings)
    repository.encoder = Encoder(encoder)
    for text, scale in ((APPLES, 1e200), (TRAINS, 1e-200)):
        yield from put(repository, strategy_of(WORDS))
        encoder.answer = [scale * x for x in encoder.wrapped.embed_query(text)]
        yield from put(repository, strategy_of(text))
        found = yield from found_by(repository, text, k=1, min_similarity=0.999)
        expect([strategy_of(text).id], found, "only the direction of a vector counts")
        encoder.answer = None


PROMISES: Final[tuple[Promise, ...]] = (
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
)
