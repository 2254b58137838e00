"""The distiller is asked for the strategy behind a lesson, and its reply is read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.utils.json import parse_json_markdown
from pydantic import ValidationError

from langchain_intercascade import prompts
from langchain_intercascade._steps import QUIET, Fault, Steps, ask, attempt
from langchain_intercascade.costs import Prices, total
from langchain_intercascade.errors import LessonRejectedError
from langchain_intercascade.learning.lesson import is_outage, kept_back, lesson_in, set_back
from langchain_intercascade.strategy import Advice, Lesson, State, Strategy, storable

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable
    from pydantic_core import ErrorDetails


LONGEST_REPLY: Final = 65_000
"""Characters in a reply; the longest advice has about 10,000, and JSON may spell each as six."""

# LangChain's own parser completes what was cut off, which would make half a step of a step, and
# does so in time that grows with the square of the length.
_AS_IT_STANDS: Final = partial(json.loads, strict=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Distilled:
    """What came of one try at distilling.

    Attributes:
        strategy: A candidate with advice; the pending lesson, refused, put off or left as
            it is; or the strategy that stands for the lesson already.
        merged: Whether it is the latter.
        waiting: Whether an equal lesson is being learned right now, so that this one waits.
        why: Why it waits, if for another reason, in words.
        message: The distiller's reply, for its cost; `None` if it was not asked or gave none.
        replays: Replies of the weak model, and of judges, on the way.
        latency_ms: How long the distiller took.
        fault: What went wrong, if anything.
    """

    strategy: Strategy
    merged: bool = False
    waiting: bool = False
    why: str = ""
    message: AIMessage | None = None
    replays: Sequence[AIMessage] = ()
    latency_ms: float = 0.0
    fault: Fault | None = None

    @property
    def outage(self) -> bool:
        """Whether something was out of order, so that the lesson is put off."""
        return self.fault is not None and is_outage(self.fault.error)


def asking(
    distiller: Runnable[Any, AIMessage], pending: Strategy, *, prices: Prices
) -> Steps[Distilled]:
    """Ask the distiller once for the strategy behind `pending`, as steps.

    Fails closed: a reply that is not exactly the JSON asked for is no strategy.
    """
    prompt = distill_prompt(lesson_in(pending))
    link = {"inter_cascade_run_id": pending.origin.run_id}
    began = perf_counter()
    reply = yield from attempt(
        ask(distiller, prompt, run_name="distill", tags=[QUIET], metadata=link)
    )
    spent = 1000 * (perf_counter() - began)
    if isinstance(reply, Fault):
        failed = kept_back(pending, f"the distiller failed ({reply})", reply.error)
        return Distilled(strategy=failed, latency_ms=spent, fault=reply)
    paid = pending.changed(cost=total([pending.cost, prices.cost(reply)]))
    try:
        advice = parse_advice(reply.text)
    except LessonRejectedError as error:
        back = set_back(paid, str(error))
        return Distilled(strategy=back, message=reply, latency_ms=spent, fault=Fault(error))
    candidate = paid.changed(state=State.CANDIDATE, advice=advice)
    return Distilled(strategy=candidate, message=reply, latency_ms=spent)


def distill_prompt(lesson: Lesson) -> list[BaseMessage]:
    """Return what the distiller is asked; no strategy is in it, lest lessons feed on lessons."""
    text = prompts.filled(prompts.DISTILL, query=lesson.query, answer=lesson.answer)
    if lesson.weak_answer:
        text += prompts.filled(prompts.DISTILL_WEAK, weak_answer=lesson.weak_answer)
    return [SystemMessage(prompts.DISTILL_SYSTEM), HumanMessage(text)]


def parse_advice(text: str) -> Advice:
    """Read the distiller's reply.

    Args:
        text: One JSON object, alone or in a Markdown fence.

    Raises:
        LessonRejectedError: It is anything else, or a part is missing, empty or too long.

    Examples:
        >>> parse_advice('{"title": "Sums", "when_to_use": "Adding.", "steps": ["Add."]}').steps
        ('Add.',)
    """
    if len(text) > LONGEST_REPLY:
        msg = f"the distiller's reply is longer than {LONGEST_REPLY} characters"
        raise LessonRejectedError(msg)
    try:
        found = parse_json_markdown(text, parser=_AS_IT_STANDS)
    except (ValueError, RecursionError) as error:
        msg = "the distiller's reply is not JSON"
        raise LessonRejectedError(msg) from error
    if not isinstance(found, dict):
        msg = f"the distiller's reply is a JSON {type(found).__name__}, not an object"
        raise LessonRejectedError(msg)
    known = {name: value for name, value in found.items() if name in Advice.model_fields}
    try:
        advice = Advice.model_validate(known)
    except ValidationError as error:
        parts = sorted({_where(each) for each in error.errors()})
        msg = f"the distilled strategy is malformed in: {', '.join(parts)}"
        raise LessonRejectedError(msg) from error
    if (told := advice.text()) != storable(told):
        msg = "the distilled strategy holds characters that no database can hold"
        raise LessonRejectedError(msg)
    return advice


def _where(error: ErrorDetails) -> str:
    """Name the part that an error is about; errors of the whole begin with it."""
    told = error["msg"].removeprefix("Value error, ").partition(":")[0]
    return ".".join(map(str, error["loc"])) or told
