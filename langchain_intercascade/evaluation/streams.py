"""This is where questions become a stream: in an order, or out of a well, that a seed fixes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from hashlib import blake2b
from typing import TYPE_CHECKING

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from langchain_intercascade.errors import ConfigurationError, how_many
from langchain_intercascade.evaluation.arms import Question, in_order

if TYPE_CHECKING:
    from langchain_intercascade.evaluation.questions import LabelledQuestion, Questions


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """What is asked.

    Attributes:
        name: Its name, for people.
        order: The questions under a seed, in order; every question has an answer and a key.
        digest: SHA-256 of the file; `None` if there is none.
        repeated: Rows of the file that repeated an earlier question and were left out.
        described: What it is, in a sentence.
    """

    name: str
    order: Callable[[int], Sequence[Question]]
    digest: str | None = None
    repeated: int = 0
    described: str = ""


def question_of(
    text: str, answer: str, *, family: str | None = None, system: str = "", key: str = ""
) -> Question:
    """Return a question whose answer is known.

    Args:
        text: What is asked.
        answer: The right answer.
        family: The kind of question, if it is known.
        system: The system message that goes with it.
        key: What it is known by; a digest of all that it says if empty.
    """
    said = f"{len(system)}:{system}{text}\x00{answer}".encode("utf-8", "surrogatepass")
    before: list[BaseMessage] = [SystemMessage(system)] if system else []
    return Question(
        [*before, HumanMessage(text)],
        family=family,
        answer=answer,
        key=key or blake2b(said, digest_size=12).hexdigest(),
    )


def file_stream(found: Questions, limit: int | None = None) -> Stream:
    """Return the questions of a file as a stream, shuffled by the seed.

    Args:
        found: The questions; families count only if every question has one.
        limit: How many under each seed; all if `None`.

    Raises:
        ConfigurationError: A question has no answer.
    """
    unknown = [row for row in found.rows if row.answer is None]
    if unknown:
        msg = (
            f"{found.name}: {how_many(len(unknown), 'line has', 'lines have')} no answer, the "
            f"first is line {unknown[0].line}. Give each an `answer`, or leave it out: what nobody "
            "knows the answer to cannot be graded."
        )
        raise ConfigurationError(msg)
    questions = [_question(row) for row in found.rows]
    all_of_them = how_many(len(questions), "question")
    return Stream(
        name=found.name,
        order=cache(lambda seed: in_order(questions, seed=seed, limit=limit)),
        digest=found.digest or None,
        repeated=found.repeated,
        described=f"{all_of_them} of {found.name}, in an order fixed by the seed.",
    )


def drawn_stream(name: str, draw: Callable[[int, int], Sequence[Question]], n: int) -> Stream:
    """Return a stream that is drawn anew for each seed.

    Args:
        name: Its name.
        draw: Draws under a seed, the first argument, so many questions, the second.
        n: How many.
    """
    return Stream(
        name=name,
        order=cache(partial(_drawn, draw, n)),
        described=f"{how_many(n, 'question')} for each seed, drawn from {name}.",
    )


def _drawn(draw: Callable[[int, int], Sequence[Question]], n: int, seed: int) -> Sequence[Question]:
    return draw(seed, n)


def _question(row: LabelledQuestion) -> Question:
    return question_of(
        row.question, row.answer or "", family=row.family, system=row.system, key=row.key
    )
