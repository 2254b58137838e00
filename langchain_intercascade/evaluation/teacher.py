"""This is where the oracle gets its strategies: one for each family, kept apart by tenant."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

from langchain_intercascade.costs import total
from langchain_intercascade.errors import StrongModelError
from langchain_intercascade.evaluation.spent import flattened, plus
from langchain_intercascade.record import RECORD_KEY, DecisionRecord, RoleUse, amended

if TYPE_CHECKING:
    from uuid import UUID

    from langchain_core.runnables import RunnableConfig

    from langchain_intercascade.chat_model import InterCascade
    from langchain_intercascade.evaluation.arms import Grader, Outcome, Question

TRIES: Final = 3
"""Questions of a family that are put to the strong model, at most, until it has one right."""


class Teacher:
    """Has the strong model write a strategy for each family when it first comes up.

    It is made of another question of the family than the one at hand, if there is another,
    and only of one that the strong model answers rightly.
    """

    def __init__(
        self,
        cascade: InterCascade,
        pool: Sequence[Question],
        grade: Grader,
        named: Callable[[int], UUID],
    ) -> None:
        """Teach `cascade`.

        Args:
            cascade: Distils, and answers then.
            pool: Where other questions of a family are looked for.
            grade: Says whether the strong answer is right.
            named: Makes run ids; those below 0 are nobody's.
        """
        self._cascade, self._pool, self._grade, self._named = cascade, pool, grade, named
        self._tenants: dict[str, str] = {}
        self._bills: dict[str, dict[str, RoleUse]] = {}
        self._lessons = 0

    def taught(self, question: Question) -> Mapping[str, Any]:
        """Return the settings with which `question` is answered, its family's strategy at hand."""
        family = question.family or ""
        if family not in self._tenants:
            self._tenants[family] = f"family-{len(self._tenants)}"
            self._bills[question.key] = self._teach(question, self._tenants[family])
        return {"tenant": self._tenants[family], "min_similarity": -1.0}

    def charged(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Return the outcomes with each lesson on the bill of the question it was made for."""
        return [
            _billed(each, self._bills.pop(each.key)) if each.key in self._bills else each
            for each in outcomes
        ]

    def _teach(self, question: Question, tenant: str) -> dict[str, RoleUse]:
        spent: dict[str, RoleUse] = {}
        for source in self._sources(question):
            record = self._lesson(source, tenant)
            if record is not None:
                spent = plus(spent, flattened(record))
                if record["lesson"]["state"] == "stored":
                    break
        return spent

    def _lesson(self, source: Question, tenant: str) -> DecisionRecord | None:
        """Have the strong model answer and distil; a lesson of a wrong answer is thrown away."""
        self._lessons += 1
        config: RunnableConfig = {"run_id": self._named(-self._lessons)}
        asked = list(source.messages)
        how: dict[str, Any] = {"force": "strong", "learning": "inline", "tenant": tenant}
        try:
            answer = self._cascade.invoke(asked, config, **how)
        except StrongModelError:
            return None
        record = cast("DecisionRecord", answer.response_metadata[RECORD_KEY])
        lesson = record["lesson"]
        if lesson["state"] != "stored" or self._grade(source, answer).correct:
            return record
        self._cascade.repository.remove(lesson["id"], tenant=tenant)
        return amended(record, lesson={**lesson, "state": "rejected"})

    def _sources(self, question: Question) -> Iterator[Question]:
        same = {each.key: each for each in self._pool if each.family == question.family}
        others = [each for key, each in same.items() if key != question.key]
        yield from (others or [question])[:TRIES]


def _billed(outcome: Outcome, bill: Mapping[str, RoleUse]) -> Outcome:
    usage = plus(outcome.usage, bill)
    return replace(outcome, usage=usage, cost=total([use["cost"] for use in usage.values()]))
