"""How a strategy passes from state to state: every transition there is, as plain functions.

    pending -> candidate -> active -> suspended -> active or archived

Each returns the next version of the strategy with an entry in its history, and
touches nothing else, so each may be undone and may be tried again on what is
stored (see `StrategyRepository.update`).
"""

from __future__ import annotations

from typing import Final

from langchain_intercascade.strategy import (
    Merged,
    Replays,
    State,
    Strategy,
    normalised,
    now,
)

MAX_KEYS: Final = 8
"""Queries that a strategy is found by; each is a vector that every search compares."""


MAX_MERGED: Final = 32
"""Mergers that are remembered; what merges once more, after a crash, does so at once."""


def activated(strategy: Strategy, why: str) -> Strategy:
    """Put `strategy` in use; what it was distilled from is forgotten."""
    return strategy.recorded(
        f"activated: {why}",
        state=State.ACTIVE,
        lesson=None,
        reason="",
        activated_at=strategy.activated_at or now(),
        retired_at="",
    )


def on_probation(strategy: Strategy, why: str) -> Strategy:
    """Keep `strategy` out of use, to be tried out on later queries; `why` is shown to people."""
    return strategy.recorded(f"on probation: {why}", state=State.CANDIDATE, reason=why)


def suspended(strategy: Strategy, why: str) -> Strategy:
    """Take `strategy` out of use for now; trials that may bring it back count from here."""
    return strategy.recorded(
        f"suspended: {why}",
        state=State.SUSPENDED,
        reason=why,
        retired_at=now(),
        replays=Replays(source=strategy.replays.source),
    )


def reinstated(strategy: Strategy, why: str) -> Strategy:
    """Put a suspended strategy in use again; all that is known of it still counts."""
    return activated(strategy, f"again, {why}")


def archived(strategy: Strategy, why: str) -> Strategy:
    """Take `strategy` out of use for good; it is kept for its history, without its lesson."""
    return strategy.recorded(
        f"archived: {why}", state=State.ARCHIVED, reason=why, lesson=None, retired_at=now()
    )


def suspended_by(strategy: Strategy, who: str, why: str = "") -> Strategy | None:
    """Return a strategy as `who` has taken it out of use for now; `None` if it is not in use."""
    in_use = strategy.state in (State.ACTIVE, State.CANDIDATE)
    return suspended(strategy, why or f"by {who}") if in_use else None


def archived_by(strategy: Strategy, who: str, why: str = "") -> Strategy | None:
    """Return a strategy as `who` has put it away; `None` if it is away already."""
    is_away = strategy.state is State.ARCHIVED
    return None if is_away else archived(strategy, why or f"by {who}")


def merged(strategy: Strategy, other: Strategy) -> Strategy | None:
    """Let `strategy` stand for what `other` teaches too; its text stays as it is.

    Returns:
        It with the key and the support of `other`; `None` if `other` is in it already,
        so that merging again after a crash counts nothing twice.
    """
    queries = {normalised(each) for each in (*strategy.keys, *_merged_queries(strategy))}
    runs = {each.run_id for each in strategy.merged}
    if other.origin.run_id in runs or normalised(other.keys[0]) in queries:
        return None
    entry = Merged(query=other.keys[0], run_id=other.origin.run_id, source=other.origin.source)
    room = len(strategy.keys) < MAX_KEYS
    return strategy.recorded(
        "merged with an equal strategy",
        support=strategy.support + other.support,
        keys=(*strategy.keys, entry.query) if room else strategy.keys,
        merged=_remembered((*strategy.merged, entry)),
    )


def unmerged(strategy: Strategy, run_id: str, why: str) -> Strategy | None:
    """Take back what the run `run_id` had been merged for; `None` if it is not in `strategy`."""
    gone = [each for each in strategy.merged if each.run_id == run_id]
    if not gone:
        return None
    lost = {normalised(each.query) for each in gone}
    # Never the key that it was made with.
    own, *others = strategy.keys
    return strategy.recorded(
        f"a merger was taken back: {why}",
        support=max(1, strategy.support - len(gone)),
        keys=(own, *(key for key in others if normalised(key) not in lost)),
        merged=tuple(each for each in strategy.merged if each.run_id != run_id),
    )


def _remembered(mergers: tuple[Merged, ...]) -> tuple[Merged, ...]:
    """Return `mergers`, without the oldest that gave no key if there are too many."""
    return (
        mergers if len(mergers) <= MAX_MERGED else (*mergers[:MAX_KEYS], *mergers[MAX_KEYS + 1 :])
    )


def _merged_queries(strategy: Strategy) -> tuple[str, ...]:
    return tuple(each.query for each in strategy.merged)


def kept_from(strategy: Strategy, query: str) -> Strategy:
    """Remember that `strategy` has misled the weak model on `query`: only the last few are kept."""
    if normalised(query) in map(normalised, strategy.misled):
        return strategy
    return strategy.recorded("kept from a look-alike", misled=(*strategy.misled, query)[-MAX_KEYS:])


def let_near(strategy: Strategy, query: str) -> Strategy:
    """Take back that `strategy` has misled the weak model on `query`."""
    left = tuple(each for each in strategy.misled if normalised(each) != normalised(query))
    if left == strategy.misled:
        return strategy
    return strategy.recorded("let near a look-alike again", misled=left)


def is_expired(strategy: Strategy, *, at: str | None = None) -> bool:
    """Say whether the strategy's time is over at the moment `at` (now if `None`)."""
    return bool(strategy.expires_at) and strategy.expires_at <= (at or now())


def was_in_use(strategy: Strategy, at: str) -> bool:
    """Say whether `strategy` was in use at the moment `at`, ISO 8601 in UTC.

    Examples:
        >>> from langchain_intercascade.strategy import Lesson, Origin, pending_lesson
        >>> origin = Origin(run_id="r", strong_model="m", prompt_version=1)
        >>> lesson = Lesson(query="q", answer="a")
        >>> made = pending_lesson(tenant="t", query="q", lesson=lesson, origin=origin)
        >>> was_in_use(activated(made, "an example"), "2020-01-01")
        False
        >>> was_in_use(activated(made, "an example"), "2999-01-01")
        True
    """
    since, until = strategy.activated_at, strategy.retired_at
    return bool(since) and since <= at and (not until or at < until)
