"""`intercascade ask`: one question, two models of your choice; who answered it, and why."""

from __future__ import annotations

import json as jsonlib
from contextlib import nullcontext
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer
from rich.table import Table

from langchain_intercascade.chat_model import InterCascade
from langchain_intercascade.cli import given
from langchain_intercascade.cli.options import JsonOption, PathOption, TenantOption, ThresholdOption
from langchain_intercascade.cli.screen import dollars, err, out
from langchain_intercascade.costs import total
from langchain_intercascade.record import RECORD_KEY, LessonNote
from langchain_intercascade.repository.edge import EdgeRepository
from langchain_intercascade.strategy import State
from langchain_intercascade.testing import PRICES

if TYPE_CHECKING:
    from langchain_intercascade.record import DecisionRecord
    from langchain_intercascade.repository.base import StrategyRepository

PATIENCE: Final = 120.0
"""Seconds to wait for a lesson; one that takes longer stays pending in the folder."""


class Learning(StrEnum):
    """When the lesson of a deferred question is distilled, as in `InterCascade`."""

    BACKGROUND = "background"
    INLINE = "inline"
    OBSERVE = "observe"
    OFF = "off"


class Asked(NamedTuple):
    """What came of a question.

    Attributes:
        answer: The answer's text.
        record: The decision record.
        lesson: What became of the lesson, when nothing more was being learned.
        lesson_cost: What learning in the background cost in dollars; `None` if unknown.
    """

    answer: str
    record: DecisionRecord
    lesson: LessonNote
    lesson_cost: float | None

    @property
    def cost(self) -> float | None:
        """Everything spent on this question, in dollars; `None` if a part is unknown."""
        spent: float | None = total([self.record["cost"], self.lesson_cost])
        return spent


def ask(
    question: Annotated[str, typer.Argument(help="What to ask.", show_default=False)],
    *,
    weak: Annotated[
        str, typer.Option(metavar="MODEL", help="The cheap model: provider:name, or simulated.")
    ],
    strong: Annotated[str, typer.Option(metavar="MODEL", help="The expensive model, likewise.")],
    path: PathOption = None,
    tenant: TenantOption = "default",
    threshold: ThresholdOption = None,
    learning: Annotated[
        Learning, typer.Option(help="When to distil the lesson of a deferred question, if at all.")
    ] = Learning.BACKGROUND,
    json: JsonOption = False,
) -> None:
    """Answer one question with two models of your choice.

    The weak model answers first, with those strategies in the folder that fit the question. If
    it is not sure enough, the strong model answers, and how it did becomes a strategy for the
    next question. Without --path strategies are forgotten at the end.

    \b
      intercascade ask "What is 17 * 23?" --path ./strategies \\
          --weak openai:gpt-4o-mini --strong openai:gpt-4o
      intercascade ask "Ines has 7 pens and finds 5 more. How many pens does Ines have now?" \\
          --weak simulated --strong simulated
    """  # noqa: D301 - \b is the mark that keeps lines apart in the help
    with (
        EdgeRepository(path) as repository,
        InterCascade(
            weak=given.model(weak, "weak"),
            strong=given.model(strong, "strong"),
            repository=repository,
            threshold=given.threshold(threshold),
            tenant=tenant,
            learning=learning.value,
            prices=PRICES,
        ) as cascade,
    ):
        asked = _asked(cascade, repository, question, quiet=json)
    if json:
        typer.echo(jsonlib.dumps({**asked._asdict(), "cost": asked.cost}, indent=2))
    else:
        out().print(_route(asked, weak, strong))


def _asked(
    cascade: InterCascade, repository: StrategyRepository, question: str, *, quiet: bool
) -> Asked:
    """Ask, show the answer at once unless `quiet`, and wait until it was learned from."""
    answer = cascade.invoke(question)
    record: DecisionRecord = answer.response_metadata[RECORD_KEY]
    if not quiet:
        out().print(answer.text, soft_wrap=True)
    waiting = err().status("Learning from the strong answer ...")
    with nullcontext() if quiet or record["lesson"]["state"] != "queued" else waiting:
        cascade.flush(PATIENCE)
    return Asked(answer.text, record, *_lesson(record, repository))


def _lesson(
    record: DecisionRecord, repository: StrategyRepository
) -> tuple[LessonNote, float | None]:
    """Return what became of the lesson since the answer returned, and what that cost."""
    note = record["lesson"]
    if note["state"] != "queued" or note["id"] is None:
        return note, 0.0
    strategy = repository.get(note["id"], tenant=record["tenant"])
    if strategy is None:
        return note, 0.0
    learned = LessonNote(
        state="stored" if strategy.state is State.ACTIVE else "pending",
        id=strategy.id,
        reason=strategy.reason,
    )
    return learned, strategy.cost


def _route(asked: Asked, weak: str, strong: str) -> Table:
    """Return the few lines that say how the answer came about."""
    record = asked.record
    names = {"weak": weak, "strong": strong}
    lines = Table.grid(padding=(0, 2))
    lines.add_column(style="dim")
    lines.add_row("", "")
    lines.add_row(
        "answered by", f"the {record['route']} model, {names[record['route'] or 'strong']}"
    )
    lines.add_row("because", record["explanation"])
    lines.add_row("confidence", _confidence(record))
    lines.add_row("strategies", _strategies(record))
    if record["route"] == "strong":
        lines.add_row("lesson", _learned(asked.lesson))
    lines.add_row("cost", _cost(asked))
    if given.SIMULATED in names.values():
        lines.add_row("note", "simulated models answer; the cost is at their declared prices")
    return lines


def _confidence(record: DecisionRecord) -> str:
    score = "none" if record["confidence"] is None else f"{record['confidence']:.3f}"
    return (
        f"{score} ({record['confidence_method']}); the threshold is {record['threshold']} "
        f"({record['threshold_origin']})"
    )


def _strategies(record: DecisionRecord) -> str:
    used = (
        f"{each['id'][:8]} (similarity {each['similarity']:.2f})" for each in record["strategies"]
    )
    return ", ".join(used) or "none fitted"


def _learned(lesson: LessonNote) -> str:
    known_as = f" as {lesson['id'][:8]}" if lesson["id"] else ""
    return f"{lesson['state']}{known_as}" + (f": {lesson['reason']}" if lesson["reason"] else "")


def _cost(asked: Asked) -> str:
    if asked.cost is None:
        return "unknown: the price of at least one of the models is not known"
    return dollars(asked.cost) + (
        f", of which {dollars(asked.lesson_cost)} for the lesson" if asked.lesson_cost else ""
    )
