"""The queries of the soak: many at once, plain and streamed, each accounted for."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from typing import Any, Final, cast

from langchain_core.messages import AIMessage

from benchmarks.reliability_questions import NAME, Question, question
from langchain_intercascade import InterCascade
from langchain_intercascade.errors import InterCascadeError
from langchain_intercascade.record import RECORD_KEY, DecisionRecord

LEAVERS: Final = 0.02
"""Share of the streamed queries whose reader leaves after the first piece."""


@dataclass(slots=True)
class Account:
    """What became of the queries.

    Attributes:
        routes: Answers, by route.
        reasons: Answers, by the record's reason.
        errors: Errors, by type.
        left: Queries whose reader left.
        lessons: What was written down to be learned, by id.
        leaks: Answers and errors with the name of another tenant, or errors with any.
        failures: What was not as promised.
    """

    routes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    left: int = 0
    lessons: dict[str, Question] = field(default_factory=dict)
    leaks: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def queries(self) -> int:
        """How many queries are accounted for."""
        return self.routes.total() + self.errors.total() + self.left

    def answered(self, asked: Question, answer: AIMessage) -> None:
        """Add an answer."""
        record: DecisionRecord = answer.response_metadata[RECORD_KEY]
        self.routes[str(record["route"])] += 1
        self.reasons[record["reason"] or ""] += 1
        lesson = record["lesson"]
        if lesson["state"] in {"pending", "queued"} and lesson["id"] is not None:
            self.lessons[lesson["id"]] = asked
        if answer.text != asked.answer:
            self.failures.append(f"room {asked.room} was answered with something else")
        if set(NAME.findall(f"{answer.text} {record}")) != {asked.name}:
            self.leaks += 1
        if record["tenant"] != asked.owner:
            self.failures.append(f"the record of {asked.owner} says {record['tenant']}")

    def failed(self, error: BaseException) -> None:
        """Add an error; whoever gets it must be able to do something about it."""
        self.errors[type(error).__name__] += 1
        if not isinstance(error, InterCascadeError):
            self.failures.append(f"{type(error).__name__} came through")
        elif NAME.search(str(error)):
            self.leaks += 1


async def asked(
    cascade: InterCascade, numbers: Iterable[int], account: Account, *, seed: int, at_once: int
) -> None:
    """Ask the questions with these numbers, so many at once, and account for each."""
    waiting = iter(numbers)

    async def asking() -> None:
        for number in waiting:
            await _ask(cascade, number, account, seed)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(asking())


async def _ask(cascade: InterCascade, number: int, account: Account, seed: int) -> None:
    asking, dice = question(number, seed), random.Random(f"{seed} {number}")
    streamed = dice.random() < 0.5  # noqa: PLR2004 - every other one
    try:
        if not streamed:
            answer = await cascade.ainvoke(asking.text, tenant=asking.owner)
        elif dice.random() < LEAVERS:
            await _left(cascade, asking)
            account.left += 1
            return
        else:
            answer = reduce(add, [piece async for piece in _stream(cascade, asking)])
    except Exception as error:  # noqa: BLE001 - each is counted, and any that is not ours reported
        account.failed(error)
    else:
        account.answered(asking, answer)


async def _left(cascade: InterCascade, asking: Question) -> None:
    """Leave after the first piece."""
    async with aclosing(_stream(cascade, asking)) as pieces:
        await anext(pieces)


def _stream(cascade: InterCascade, asking: Question) -> AsyncGenerator[Any]:
    return cast("AsyncGenerator[Any]", cascade.astream(asking.text, tenant=asking.owner))


def unaccounted(account: Account, cascade: InterCascade) -> Iterator[str]:
    """Say where the cascade's own counts differ from what its callers saw.

    Of a query whose reader left it is not known how it ended, so that many may be
    in excess.
    """
    stats = cascade.stats()
    told = {
        "runs": (stats.runs, account.queries),
        "in flight": (stats.in_flight, 0),
        "accepted, deferred or failed": (
            stats.accepted + stats.deferred + stats.failed,
            stats.runs,
        ),
    }
    yield from (f"{what}: {own}, not {seen}" for what, (own, seen) in told.items() if own != seen)
    known = {
        "accepted": (stats.accepted, account.routes["weak"]),
        "deferred": (stats.deferred, account.routes["strong"]),
        "failed": (stats.failed, account.errors.total()),
    }
    known |= {
        f"reason {reason}": (stats.reasons.get(reason, 0), account.reasons[reason])
        for reason in {*stats.reasons, *account.reasons}
    }
    for what, (own, seen) in known.items():
        if not seen <= own <= seen + account.left:
            yield f"{what}: {own}, but {seen} were seen, and {account.left} left"
