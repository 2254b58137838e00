"""What is promised of a run in which somebody fails, each promise as a check of what was seen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from benchmarks.reliability_faults_kinds import (
    AUTH,
    BEHIND,
    CANARY,
    CANCELLED,
    PANIC,
    SLOW,
)
from benchmarks.reliability_faults_runs import Asked, Seen
from benchmarks.reliability_faults_scenarios import QUERY
from langchain_intercascade import ConfigurationError, State, Strategy, StrongModelError
from langchain_intercascade.errors import InterCascadeError

Promise: TypeAlias = Callable[[Seen, Seen, Asked], Iterator[str]]
"""Yields what is wrong with a run, given the same one without faults, and a plain strong call."""

_UNSEEN: Final = frozenset({"callback", "clock", "thread"})
"""Whose faults leave no trace in a record: LangChain logs the first, and the others cost time."""

_WHOLE: Final = {
    State.PENDING: (False, True),
    State.CANDIDATE: (True, True),
    State.ACTIVE: (True, False),
}
"""Whether there is advice in a strategy, and whether there is a lesson, by its state."""

_ACKNOWLEDGED: Final = frozenset({"pending", "queued", "stored", "candidate", "merged", "rejected"})


def broken(seen: Seen, clean: Seen, plain: Asked) -> list[str]:
    """Return what was promised and not kept, in words; nothing if all is well."""
    return [each for promise in PROMISES for each in promise(seen, clean, plain)]


def leaked(seen: Seen) -> int:
    """Count the logs, records and errors in which there is text of a prompt."""
    return len(list(_kept_secret(seen, seen, seen.first)))


def _answered_or_typed(seen: Seen, clean: Seen, plain: Asked) -> Iterator[str]:
    """What a plain strong call gives, the accepted weak answer, or an error one can act on."""
    error = seen.first.error
    if error is not None:
        if not _legal(seen, error):
            yield f"raised {type(error).__name__}"
        return
    if _must_raise(seen):
        yield "raised nothing"
        return
    allowed = [_said(plain)]
    if clean.first.record and clean.first.record["route"] == "weak" and not _who(seen, "weak"):
        allowed.append(_said(clean.first))
    if _who(seen, "weak") and seen.site and seen.site.kind is SLOW:
        allowed.append(_said(clean.first))
    if _said(seen.first) not in allowed:
        yield f"answered {_said(seen.first)}"


def _record_is_true(seen: Seen, clean: Seen, plain: Asked) -> Iterator[str]:
    record = seen.first.record
    if seen.first.error is not None:
        return
    if record is None:
        yield "no record"
        return
    route = "strong" if _said(seen.first) == _said(plain) else "weak"
    if record["route"] != route and _said(plain) != _said(clean.first):
        yield f"record says {record['route']}, and {route} answered"
    if _matters(seen) and _trace(seen) == _trace(clean):
        yield "no trace of the fault"
    for fault in record["faults"]:
        if not seen.stats or fault["error"] not in seen.stats.faults.get(fault["where"], {}):
            yield f"fault {fault} is not in the counters"


def _paid_is_booked(seen: Seen, clean: Seen, plain: Asked) -> Iterator[str]:
    del clean, plain
    if seen.paid != seen.booked:
        yield f"{seen.paid} replies were paid for, and {seen.booked} booked"


def _counted(seen: Seen, clean: Seen, plain: Asked) -> Iterator[str]:
    del clean, plain
    for stats, asked in ((seen.stats, [seen.first]), (seen.stats_after, [seen.first, seen.second])):
        if stats is None:
            yield "no counters"
            continue
        cancelled = seen.site is not None and seen.site.kind is CANCELLED
        failed = sum(each.error is not None for each in asked)
        told = stats.failed == failed or (cancelled and stats.failed < failed)
        if (stats.runs, told, stats.in_flight) != (len(asked), True, 0):
            yield f"counted {stats.runs} runs, {stats.failed} failed, {stats.in_flight} in flight"
        ended = stats.accepted + stats.deferred + stats.failed
        # Nobody sees a run that is cancelled between two nodes end.
        if ended != stats.runs and not (cancelled and ended == stats.runs - 1):
            yield f"{stats.accepted} accepted and {stats.deferred} deferred of {stats.runs} runs"
        busy = {
            n: (s.in_flight, s.waiting) for n, s in stats.slots.items() if s.in_flight or s.waiting
        }
        if busy:
            yield f"slots are not free: {busy}"
    if not seen.idle:
        yield "the learner did not come to rest"


def _nothing_half_stored(seen: Seen, clean: Seen, plain: Asked) -> Iterator[str]:
    del clean, plain
    if seen.unreadable:
        yield f"{seen.unreadable} strategies are damaged"
    for each in (*seen.kept, *seen.kept_after):
        parts = (each.advice is not None, each.lesson is not None)
        if parts != _WHOLE.get(each.state, parts):
            yield f"a {each.state} strategy with (advice, lesson) = {parts}"


def _acknowledged_is_kept(seen: Seen, clean: Seen, plain: Asked) -> Iterator[str]:
    del clean, plain
    record = seen.first.record
    if record is None:
        return
    note, ids = record["lesson"], {each.id for each in seen.kept}
    if note["state"] in _ACKNOWLEDGED and note["id"] not in ids and not _learned(seen.kept):
        yield f"the lesson is {note['state']}, and not there"
    # A database that writes and then does not say so leaves nobody the wiser.
    lost_reply = seen.site is not None and (seen.site.kind.done or seen.site.who == "client")
    if note["state"] == "failed" and note["id"] is None and _of_query(seen.kept) and not lost_reply:
        yield "the lesson was not written down, and is there"


def _next_run_is_well(seen: Seen, clean: Seen, plain: Asked) -> Iterator[str]:
    record = seen.second.record
    if seen.second.error is not None or record is None:
        yield f"the next run raised {type(seen.second.error).__name__}"
        return
    if _said(seen.second) not in (_said(clean.second), _said(clean.first), _said(plain)):
        yield f"the next run answered {_said(seen.second)}"
    if record["faults"]:
        yield f"the next run has the faults {record['faults']}"


def _nothing_is_lost(seen: Seen, clean: Seen, plain: Asked) -> Iterator[str]:
    """In the end the lesson is learned, and once."""
    del plain
    if _learned(clean.kept_after) and not _learned(seen.kept_after):
        states = [each.state.value for each in _of_query(seen.kept_after)]
        yield f"the lesson was never learned; it is {states or 'not there'}"
    if len(_of_query(seen.kept_after)) > 1:
        yield "the lesson is there twice"


def _kept_secret(seen: Seen, clean: Seen, plain: Asked) -> Iterator[str]:
    del clean, plain
    for asked in (seen.first, seen.second):
        if asked.record is not None and CANARY in str(asked.record):
            yield "the record quotes"
        if (
            isinstance(asked.error, InterCascadeError)
            and CANARY in f"{asked.error} {asked.error!r}"
        ):
            yield f"{type(asked.error).__name__} quotes"
    if any(CANARY in line for line in seen.logged):
        yield "the log quotes"


PROMISES: Final[tuple[Promise, ...]] = (
    _answered_or_typed,
    _record_is_true,
    _paid_is_booked,
    _counted,
    _nothing_half_stored,
    _acknowledged_is_kept,
    _next_run_is_well,
    _nothing_is_lost,
    _kept_secret,
)


def _legal(seen: Seen, error: BaseException) -> bool:
    """Say whether the fault may end in this error."""
    site = seen.site
    if site is None or site.who.endswith(BEHIND):
        return False
    if site.kind is CANCELLED:
        return isinstance(error, asyncio.CancelledError | KeyboardInterrupt)
    if site.who == "weak" and site.kind is AUTH:
        return isinstance(error, ConfigurationError) and "Check its key" in str(error)
    if site.who != "strong" or not isinstance(error, StrongModelError) or site.kind.error is None:
        return False
    names = [type(each).__name__ for each in _causes(error)]
    expected = {type(site.kind.error()).__name__}
    if site.kind is PANIC:
        expected.add("AttributeError")  # what LangChain makes of one that was awaited
    return bool(expected & {*names}) and "on_strong_error" in str(error)


def _must_raise(seen: Seen) -> bool:
    site = seen.site
    if site is None or not seen.fired:
        return False
    return site.kind.error is not None and (
        site.who == "strong" or (site.who == "weak" and site.kind is AUTH)
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause = error.__cause__
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _said(asked: Asked) -> tuple[Any, ...]:
    message = asked.message
    if message is None:
        return (type(asked.error).__name__,)
    calls = [(each["name"], str(each["args"])) for each in message.tool_calls]
    invalid = [(each["name"], each["args"]) for each in message.invalid_tool_calls]
    return message.text, calls, invalid


def _who(seen: Seen, who: str) -> bool:
    return seen.site is not None and seen.fired > 0 and seen.site.who == who


def _name(seen: Seen) -> str:
    return seen.site.who.removesuffix(BEHIND) if seen.site else ""


def _matters(seen: Seen) -> bool:
    """Say whether somebody has failed in a way that has to leave a trace."""
    if not seen.fired or seen.site is None or seen.site.kind is SLOW or _name(seen) in _UNSEEN:
        return False
    # A judge that says neither yes nor no is none that has failed.
    return _name(seen) != "judge" or seen.site.kind.error is not None


def _trace(seen: Seen) -> tuple[Any, ...]:
    """Return all that could tell of a fault."""
    record, stats = seen.first.record, seen.stats
    told = record and (
        record["route"],
        record["reason"],
        record["faults"],
        record["lesson"]["state"],
        record["lesson"]["reason"],
        record["cost"] is None,
        record["always_strong_cost"] is None,
        record["retrieval"],
    )
    lessons = stats and stats.lessons
    warned = sum(not each.startswith(("DEBUG", "INFO")) for each in seen.logged)
    return told, stats and stats.faults, lessons, warned, seen.paid, seen.priced, _states(seen)


def _states(seen: Seen) -> list[tuple[str, ...]]:
    return sorted(
        (each.state.value, each.reason, str(each.cost), str(each.ledger)) for each in seen.kept
    )


def _of_query(kept: list[Strategy]) -> list[Strategy]:
    return [each for each in kept if QUERY in each.keys]


def _learned(kept: list[Strategy]) -> bool:
    return any(each.state in {State.ACTIVE, State.CANDIDATE} for each in _of_query(kept))
