"""A process dies at each operation of one lesson's life, in turn; the next one finishes it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from langchain_core.messages import BaseMessage

from benchmarks.reliability_found import Found
from benchmarks.reliability_kills import everything, is_whole
from langchain_intercascade import EdgeRepository, InterCascade, State
from langchain_intercascade.repository.base import StrategyRepository
from langchain_intercascade.repository.operations import Operation
from langchain_intercascade.testing import ScriptedChatModel
from tests.cascades import ADVICE, QUERY, is_distil_prompt, weak_model
from tests.lessons import TENANT, note, noted, processes

DIED: Final = 9
AT_ONCE: Final = 8
MOST: Final = 200
"""Operations of a life at most; it takes about a dozen."""

PATIENCE: Final = 50.0


class Mortal(EdgeRepository):
    """Ends the process at one of its operations, before or after carrying it out."""

    def __init__(self, path: Path, *, dies_at: int, before: bool) -> None:
        """Die at the operation with this number, counted from 1."""
        super().__init__(path)
        self.left = dies_at
        self.before = before

    def create(self, dimension: int) -> None:
        """See `EdgeRepository`."""
        self._living(lambda: super(Mortal, self).create(dimension))

    def execute(self, operation: Operation) -> Any:
        """See `EdgeRepository`."""
        return self._living(lambda: super(Mortal, self).execute(operation))

    def _living(self, act: Callable[[], Any]) -> Any:
        self.left -= 1
        if self.left == 0 and self.before:
            os._exit(DIED)
        reply = act()
        if self.left == 0:
            os._exit(DIED)
        return reply


def deaths(folder: Path, *, before: bool) -> Found:
    """From opening the folder to the strategy in use, let each operation in turn be the last.

    Args:
        folder: Where the repositories are made.
        before: Whether death comes before the operation, or right after it.
    """
    began, kind = time.monotonic(), f"dying {'before' if before else 'after'} each operation"
    ends: list[int | None] = []
    wrong: dict[int, list[str]] = {}
    while 0 not in ends and len(ends) < MOST:
        first = len(ends) + 1
        with processes(AT_ONCE, one_life, folder, first, before) as running:
            for process in running:
                process.join(PATIENCE)
            ends += [process.exitcode for process in running]
        for dies_at in range(first, first + AT_ONCE):
            wrong[dies_at] = _afterlife(folder / f"store {dies_at}", folder / f"notes {dies_at}")
    died = ends.index(0) if 0 in ends else len(ends)
    odd = [end for end in ends[:died] if end != DIED] + [end for end in ends[died:] if end]
    failures = [f"{kind}: operation {at}: {each}" for at, told in wrong.items() for each in told]
    failures += [f"{kind}: a life ended with exit code {end}" for end in odd]
    return Found(
        suite="crash",
        injected=died,
        kinds=(kind,),
        survived=sum(not wrong[at] for at in range(1, died + 1)),
        lost=sum("gone" in each for told in wrong.values() for each in told),
        leaked=0,
        seconds=round(time.monotonic() - began, 1),
        failures=tuple(failures),
        figures={f"deaths_{'before' if before else 'after'}": died},
    )


def one_life(folder: Path, first: int, before: bool, number: int) -> None:  # noqa: FBT001 - processes take arguments by position
    """Answer one query and learn from it, unless death comes first."""
    dies_at = first + number
    place, notes = folder / f"store {dies_at}", folder / f"notes {dies_at}"
    with Mortal(place, dies_at=dies_at, before=before) as repository:
        with _cascade(repository, notes) as cascade:
            cascade.invoke(QUERY)
            note(notes, "acknowledged answer")
            if not cascade.flush(timeout=30):
                os._exit(1)
        note(notes, "acknowledged learning")


def _cascade(repository: StrategyRepository, notes: Path) -> InterCascade:
    """Make a cascade that defers, and notes what it asks the strong model for."""

    def respond(messages: list[BaseMessage]) -> str:
        distils = is_distil_prompt(messages)
        note(notes, "paid distilling" if distils else "paid answering")
        return ADVICE if distils else "They have five pears."

    strong = ScriptedChatModel(respond=respond, model_name="strong-model")
    return InterCascade(
        weak=weak_model(),
        strong=strong,
        repository=repository,
        threshold=0.5,
        admission="always",
        learning="background",
        tenant=TENANT,
    )


def _afterlife(place: Path, notes: Path) -> list[str]:
    """Look at what a life has left, let another learner finish it, and say what is wrong."""
    acknowledged = noted(notes, "acknowledged")
    with EdgeRepository(place) as repository:
        left = list(everything(repository))
        whole = all(map(is_whole, left)) and repository.unreadable == 0
        with _cascade(repository, notes) as cascade:
            cascade.recover()
            done = cascade.flush(timeout=20)
        finished = list(everything(repository))
    paid = noted(notes, "paid")
    told = {
        "the lesson of an answer is gone": len(left) < bool(acknowledged["answer"]),
        "what was learned is gone": bool(acknowledged["learning"])
        and [each.state for each in left] != [State.ACTIVE],
        "there is more than the one lesson": len(left) > 1,
        "a strategy is half written": not whole,
        "the next learner did not finish it": not done
        or [each.id for each in left] != [each.id for each in finished]
        or any(each.state is not State.ACTIVE or each.lesson for each in finished),
        "the lesson was paid for too often": not len(left) <= paid["distilling"] <= 2,  # noqa: PLR2004 - once, and once more for the one that died
        "the answer was paid for again": paid["answering"] > 1,
    }
    return [words for words, wrong in told.items() if wrong]
