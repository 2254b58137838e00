"""The soak: ten thousand queries of many tenants, one request in twenty failing.

A cascade over real OpenAI clients and real sockets answers 64 queries at once, plain
and streamed, and learns in the background.  Afterwards every query is accounted for,
what was acknowledged is in the repository, memory has not grown, nothing is left open,
and no tenant's name was in another's prompt, in a log or in an error.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import httpx
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from benchmarks.reliability_found import Found
from benchmarks.reliability_kills import Tell
from benchmarks.reliability_meter import Held, at_rest, growth, halfway, held, left_behind
from benchmarks.reliability_provider import KINDS, Provider, Served, provider
from benchmarks.reliability_questions import NAME, TENANTS
from benchmarks.reliability_traffic import Account, asked, unaccounted
from langchain_intercascade import EdgeRepository, HashingEmbeddings, InterCascade
from langchain_intercascade.strategy import Strategy, normalised
from langchain_intercascade.testing import Fault

QUERIES: Final = 10_000
FEW: Final = 120
ROUNDS: Final = 10
"""After each the cascade comes to rest, and memory is measured; resting takes seconds."""

AT_ONCE: Final = 64
SHARE: Final = 0.05
"""Of the requests, which fail."""

GROWTH: Final = {"kib": 1.0, "blocks": 3.0}
"""By what each of these may grow with each query in the second half.

Less than one message takes that is kept of each query (about 1.7 KiB in 9 blocks), and more than
the noise: by then nothing new is asked, and the package's own memories (of vectors, runs and
labels: 2,000 of each) are full.  The noise of `kib` is that of allocators, which find ever new
pages to put things on; that of `blocks` is what is still learned.
"""

PATIENCE: Final = {
    **dict.fromkeys(("weak", "strong"), 8.0),
    **dict.fromkeys(("distill", "replay", "audit"), 2.0),
}
"""Seconds for which a call is waited for: with 64 at once on a busy machine some take long.

Of those in the background one is made at a time, so whatever one waits for, all wait for.
"""

STUCK: Final = {"no answer in time": Fault(hang=2 * max(PATIENCE.values()))}
"""Only in the long form, because it takes its time."""

WARM_UP: Final = 16
AT_LAST: Final = 300.0
"""Seconds in which the learner must come to rest: hundreds of calls wait for it, one at a time."""


class Plan(NamedTuple):
    """How much is asked."""

    queries: int
    rounds: int
    seed: int


@dataclass(slots=True)
class Soaked:
    """What was seen on this side."""

    account: Account = field(default_factory=Account)
    done: list[int] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    lessons: list[int] = field(default_factory=list)
    lost: int = 0
    in_logs: int = 0
    strategies: int = 0
    failures: list[str] = field(default_factory=list)


def soak(*, thorough: bool, seed: int, tell: Tell = lambda _: None) -> Found:
    """Run the suite.

    Args:
        thorough: Ten thousand queries; otherwise a few hundred, of which memory is not judged.
        seed: Of the questions and the faults.
        tell: Told how far it is.
    """
    began = time.monotonic()
    plan = Plan(QUERIES, ROUNDS, seed) if thorough else Plan(FEW, 2, seed)
    kinds = KINDS | STUCK if thorough else KINDS
    with provider(kinds, share=SHARE, seed=seed) as serving:
        # What is imported, opened and started once and for all, is so before the first look.
        asyncio.run(_soaked(serving, Soaked(), Plan(WARM_UP, 1, seed + 1)))
        warmed_up, before = serving.served(), held()
        soaked = Soaked()
        asyncio.run(_soaked(serving, soaked, plan, tell))
        after = at_rest(before, seconds=3 * max(PATIENCE.values()))
        served = serving.served()
    soaked.failures += left_behind(before, after)
    if thorough:
        soaked.failures += _grown(soaked)
    return _found(soaked, served, warmed_up, round(time.monotonic() - began, 1))


async def _soaked(
    serving: Provider, soaked: Soaked, plan: Plan, tell: Tell = lambda _: None
) -> None:
    each = plan.queries // plan.rounds
    with _listening(soaked), EdgeRepository(embeddings=HashingEmbeddings(64)) as repository:
        async with (
            _clients(serving.base_url) as (weak, strong),
            _cascade(weak, strong, repository) as cascade,
        ):
            for number in range(plan.rounds):
                numbers = range(number * each, (number + 1) * each)
                await asked(cascade, numbers, soaked.account, seed=plan.seed, at_once=AT_ONCE)
                if not await cascade.aflush(AT_LAST):
                    soaked.failures.append("the learner did not come to rest")
                soaked.done.append((number + 1) * each)
                soaked.held.append(held())
                soaked.lessons.append(len(soaked.account.lessons))
                tell(f"{soaked.done[-1]} queries of {plan.queries}; {soaked.held[-1].kib:.0f} KiB")
            soaked.failures += [*soaked.account.failures, *unaccounted(soaked.account, cascade)]
            soaked.lost = _lost(repository, soaked)


@asynccontextmanager
async def _clients(base_url: str) -> AsyncIterator[tuple[ChatOpenAI, ChatOpenAI]]:
    """Real clients with connections of their own, which are closed at the end."""
    async with httpx.AsyncClient() as awaited:
        with httpx.Client() as blocking:
            options: dict[str, Any] = {
                "base_url": base_url,
                "api_key": SecretStr("any"),
                "max_retries": 0,
                "stream_usage": True,
                "http_client": blocking,
                "http_async_client": awaited,
            }
            yield ChatOpenAI(model="weak", **options), ChatOpenAI(model="strong", **options)


@asynccontextmanager
async def _cascade(
    weak: ChatOpenAI, strong: ChatOpenAI, repository: EdgeRepository
) -> AsyncIterator[InterCascade]:
    cascade = InterCascade(
        weak=weak,
        strong=strong,
        repository=repository,
        threshold=0.5,
        learning="background",
        admission="always",
        audit_rate=0.02,
        timeouts=PATIENCE,
    )
    async with cascade:
        yield cascade


@contextmanager
def _listening(soaked: Soaked) -> Iterator[None]:
    """Read all that the package logs, and what others warn of, and count names in it."""

    class Reader(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            soaked.in_logs += bool(NAME.search(self.format(record)))

    reader, own = Reader(), logging.getLogger("langchain_intercascade")
    root, level = logging.getLogger(), own.level
    own.setLevel(logging.DEBUG)
    root.addHandler(reader)
    try:
        yield
    finally:
        root.removeHandler(reader)
        own.setLevel(level)


def _lost(repository: EdgeRepository, soaked: Soaked) -> int:
    """Count lessons that were written down, and that neither stand nor are stood for."""
    stored: dict[str, Strategy] = {}
    for tenant in range(TENANTS):
        found = repository.scan(tenant=f"tenant-{tenant}", limit=100_000)
        stored |= {each.id: each for each in found}
    soaked.strategies = len(stored)
    known = {
        normalised(query)
        for each in stored.values()
        for query in (*each.keys, *(one.query for one in each.merged))
    }
    lessons = soaked.account.lessons
    return sum(
        name not in stored and normalised(each.text) not in known for name, each in lessons.items()
    )


def _growth(soaked: Soaked) -> dict[str, float]:
    """Return by what each part of memory grew with a query."""
    return {
        what: growth(soaked.done, [getattr(each, what) for each in soaked.held]) for what in GROWTH
    }


def _grown(soaked: Soaked) -> list[str]:
    return [
        f"memory grew by {each:.2f} {what} a query in the second half, of which {GROWTH[what]} are "
        "noise"
        for what, each in _growth(soaked).items()
        if each > GROWTH[what]
    ]


def _growing(soaked: Soaked) -> dict[str, float]:
    """Return by what memory grew, and how many lessons were new while that was measured."""
    if len(soaked.done) <= 3:  # noqa: PLR2004 - a line needs two points in the second half
        return {}
    late = soaked.lessons[-1] - soaked.lessons[halfway(soaked.lessons)]
    grown = {f"{what}_per_query": round(each, 3) for what, each in _growth(soaked).items()}
    return {**grown, "lessons_while_measured": late}


def _found(soaked: Soaked, served: Served, warmed_up: Served, seconds: float) -> Found:
    faults = {
        kind: served.faults.get(kind, 0) - warmed_up.faults.get(kind, 0) for kind in KINDS | STUCK
    }
    account = soaked.account
    failures = list(dict.fromkeys(soaked.failures))
    failures += [f"{soaked.lost} lessons were lost"] if soaked.lost else []
    leaked = served.leaks + account.leaks + soaked.in_logs
    failures += [f"names were seen by others {leaked} times"] if leaked else []
    failures += [f"{served.unknown} requests without a question"] if served.unknown else []
    injected = sum(faults.values())
    return Found(
        suite="soak",
        injected=injected,
        kinds=tuple(sorted(kind for kind, times in faults.items() if times)),
        survived=0 if failures else injected,
        lost=soaked.lost,
        leaked=leaked,
        seconds=seconds,
        failures=tuple(failures[:20]),
        figures={
            "queries": account.queries,
            "computing_seconds": round(time.process_time()),
            "at_once": AT_ONCE,
            "tenants": TENANTS,
            "requests": sum(served.requests.values()) - sum(warmed_up.requests.values()),
            "answers_weak": account.routes["weak"],
            "answers_strong": account.routes["strong"],
            "errors": account.errors.total(),
            "left": account.left,
            "lessons": len(account.lessons),
            "distilled_again": served.distilled_again,
            "strategies": soaked.strategies,
            "prompts_with_strategies": served.with_strategies,
            **_growing(soaked),
            **{f"fault_{kind.lower().replace(' ', '_')}": times for kind, times in faults.items()},
        },
    )
