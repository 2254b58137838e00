"""What every engine promises about the rest: documents beside strategies, damage, custody.

Part of `check_repository`; each promise is steps over a fresh repository.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from langchain_intercascade._steps import Steps
from langchain_intercascade.repository.exporting import exporting
from langchain_intercascade.repository.forgetting import forgetting
from langchain_intercascade.repository.importing import importing
from langchain_intercascade.repository.lifecycle import activated, kept_from, merged, suspended
from langchain_intercascade.repository.points import point_id
from langchain_intercascade.strategy import (
    Advice,
    Lesson,
    Origin,
    State,
    Strategy,
    pending_lesson,
)
from langchain_intercascade.testing.checks import holds
from langchain_intercascade.testing.material import Promise

if TYPE_CHECKING:
    from langchain_intercascade.repository.base import StrategyRepository

OURS: Final = "contract"
OTHERS: Final = "contract, others"
CANARY: Final = "xylophone quagmire"
"""Words that stand in no other text, to be looked for where they must not be any more."""

_ADVICE: Final = Advice(title="A title", when_to_use="Always.", steps=("Think.", "Answer."))


def _made(query: str, *, tenant: str = OURS, source: str = "") -> Strategy:
    """Return a strategy in use that `query` has taught."""
    origin = Origin(run_id=query, strong_model="contract", prompt_version=1, source=source)
    lesson = Lesson(query=query, answer="An answer.")
    pending = pending_lesson(tenant=tenant, query=query, lesson=lesson, origin=origin)
    return activated(pending.changed(advice=_ADVICE), "for the contract")


def documents_are_swapped_and_stay_with_their_tenant(
    repository: StrategyRepository,
) -> Steps[None]:
    """A document beside the strategies is no strategy, and no other tenant's."""
    holds((yield from repository.reading_note("floor", tenant=OURS)) is None, "none at first")
    first = yield from repository.writing_note("floor", {"n": 1}, tenant=OURS, after=None)
    twice = yield from repository.writing_note("floor", {"n": 2}, tenant=OURS, after=None)
    holds((first, twice) == (True, False), "a document is made once")
    note = yield from repository.reading_note("floor", tenant=OURS)
    holds(note is not None and note.data == {"n": 1}, "it is read back")
    news = yield from repository.writing_note("floor", {"n": 3}, tenant=OURS, after=note)
    late = yield from repository.writing_note("floor", {"n": 4}, tenant=OURS, after=note)
    holds((news, late) == (True, False), "of two that replace it one succeeds")
    holds((yield from repository.reading_note("floor", tenant=OTHERS)) is None, "it has an owner")
    found = yield from repository.searching("floor", tenant=OURS, k=9, min_similarity=-1.0)
    holds(not found, "it is not found as a strategy")


def a_damaged_strategy_is_skipped_and_counted(repository: StrategyRepository) -> Steps[None]:
    """One that cannot be read costs its tenant no other."""
    whole, damaged = _made("How many apples remain?"), _made("When do the trains meet?")
    for strategy in (whole, damaged):
        yield from repository.putting(strategy)
    points = yield from repository.fetching([point_id(OURS, damaged.id)])
    points[0].payload["advice"] = "no advice"
    yield from repository.loading(points)
    found = yield from repository.searching("apples", tenant=OURS, k=9, min_similarity=-1.0)
    holds([hit.strategy.id for hit in found] == [whole.id], "the others are found")
    holds(repository.unreadable > 0, "and it is counted")


def what_is_done_can_be_undone_once(repository: StrategyRepository) -> Steps[None]:
    """The last change of a strategy is taken back, with the keys that came with it."""
    strategy = _made("How many apples remain?")
    yield from repository.putting(strategy)
    other = _made("How many pears remain?")
    for change in (lambda stored: merged(stored, other), lambda stored: suspended(stored, "test")):
        yield from repository.updating(strategy.id, tenant=OURS, change=change)
    yield from repository.updating(strategy.id, tenant=OURS, change=Strategy.undone)
    stored = yield from repository.getting(strategy.id, tenant=OURS)
    holds(stored is not None and stored.state is State.ACTIVE, "the suspension is taken back")
    holds(stored is not None and stored.support == 2, "the merge before it is not")  # noqa: PLR2004 - the two that were merged
    if stored is not None:
        holds(_refuses(stored.undone), "there is nothing left to undo")


def _refuses(call: Callable[[], Any]) -> bool:
    try:
        call()
    except ValueError:
        return True
    return False


def what_is_forgotten_leaves_no_trace(repository: StrategyRepository) -> Steps[None]:
    """Not in strategies, not in those it was merged into, not in what is pending."""
    if not repository.lists:
        return
    own = _made(f"How many {CANARY} remain?", source="ines")
    stands = _made("How many apples remain?")
    yield from repository.putting(own)
    late = merged(stands, _made(f"Where is the {CANARY}?", source="ines")) or stands
    yield from repository.putting(kept_from(late, f"What does the {CANARY} cost?"))
    yield from repository.putting(_made(f"Whose {CANARY} is it?", tenant=OTHERS, source="ines"))
    receipt = yield from forgetting(repository, tenant=OURS, source="ines")
    holds(receipt.payload(), "there is a receipt")
    kept = yield from repository.dumping()
    ours = [point for point in kept if point.payload.get("tenant") == OURS]
    holds(CANARY not in json.dumps([point.payload for point in ours]), "no trace is left")
    holds((yield from repository.getting(stands.id, tenant=OURS)), "what stood before stays")
    others = yield from repository.counting(tenant=OTHERS)
    holds(others == 1, "other tenants keep theirs")


def what_is_exported_comes_back_on_probation(repository: StrategyRepository) -> Steps[None]:
    """Whoever imports a file does not have to trust it."""
    if not repository.lists:
        return
    strategy = _made("How many apples remain?")
    yield from repository.putting(strategy)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "strategies.jsonl"
        yield from exporting(repository, path, tenant=OURS)
        yield from importing(repository, path, tenant=OTHERS)
    back = yield from repository.scanning(tenant=OTHERS)
    states = [each.state for each in back]
    holds(states == [State.CANDIDATE], "an imported strategy is on probation")
    holds(back[0].advice == strategy.advice, "and says the same")


CUSTODY_PROMISES: Final[tuple[Promise, ...]] = (
    documents_are_swapped_and_stay_with_their_tenant,
    a_damaged_strategy_is_skipped_and_counted,
    what_is_done_can_be_undone_once,
    what_is_forgotten_leaves_no_trace,
    what_is_exported_comes_back_on_probation,
)
