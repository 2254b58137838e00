"""This is where a weak model is tried on one question, as a cascade would try it, and judged.

    question -> retrieve -> weak answer -> confidence
                                 |
                                 v
          does it say what the known answer, or the strong one, says?

A question counts in the regime in which the cascade would answer it: augmented where
strategies fit, else plain.  The promise of each regime is then about its own queries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from langchain_intercascade._steps import Fault, Steps, ask, attempt
from langchain_intercascade.costs import Prices, total, use_of
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.evaluation.progress import Finished
from langchain_intercascade.record import RoleUse
from langchain_intercascade.reply import configuration_fault, flaw, said

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable

    from langchain_intercascade.agreement import Agreement
    from langchain_intercascade.evaluation.questions import LabelledQuestion
    from langchain_intercascade.parts import Parts
    from langchain_intercascade.state import CascadeState


@dataclass(frozen=True, slots=True)
class Failed:
    """A question that has to be asked again: something was out of order, not the answer.

    Attributes:
        key: The question's digest.
        why: What was out of order.
        cost: Dollars spent on it all the same; `None` if unknown.
    """

    key: str
    why: str
    cost: float | None = 0.0


class Trial:
    """Tries the weak model of a cascade on one question after the other, learning nothing."""

    def __init__(
        self,
        parts: Parts,
        *,
        agreement: Agreement,
        prices: Prices,
        strong: Runnable[Any, AIMessage] | None = None,
    ) -> None:
        """Take the collaborators.

        Args:
            parts: The cascade whose nodes retrieve, answer and score.
            agreement: Judges answers.
            prices: What the strong model costs.
            strong: Asked where a question has no answer of its own.
        """
        self._parts, self._agreement = parts, agreement
        self._prices, self._strong = prices, strong

    def trying(self, row: LabelledQuestion, *, judged: bool = True) -> Steps[Finished | Failed]:
        """Let the weak model answer, score the answer, and judge it unless only the score counts.

        Args:
            row: The question.
            judged: Whether the answer is judged, for which the strong model may be asked.
        """
        state = yield from self._answering(row)
        record, tried = state["record"], state.get("attempt")
        usage = dict(record["usage"])
        if record["faults"]:
            fault = record["faults"][0]
            return Failed(row.key, f"{fault['where']}: {fault['error']}", record["cost"])
        weak = tried["message"] if tried and tried["reason"] is None else None
        found: dict[str, Any] = {"key": row.key, "regime": record["regime"], "correct": None}
        found |= {"confidence": record["confidence"], "method": record["confidence_method"]}
        if weak is None or record["confidence"] is None:  # never accepted, right or wrong
            return Finished(**found, why=record["explanation"], usage=usage, cost=record["cost"])
        if not judged:
            return Finished(**found, why="only scored", usage=usage, cost=record["cost"])
        truth = row.answer or (yield from self._truth(row, usage))
        if isinstance(truth, Fault):
            return Failed(row.key, f"strong model: {truth}", record["cost"])
        found["correct"] = yield from self._judging(row.question, said(weak), truth)
        why = "" if found["correct"] is not None else "it cannot be told whether it is right"
        cost = total([use["cost"] for use in usage.values()])
        return Finished(**found, why=why, usage=usage, cost=cost)

    def _answering(self, row: LabelledQuestion) -> Steps[CascadeState]:
        """Go through the nodes up to the gate, which accepts nothing here."""
        state = cast("CascadeState", {"messages": _asked(row)})
        nodes = self._parts.nodes
        for body in (nodes.retrieve_strategies, nodes.weak_generate, nodes.confidence_gate):
            update = yield from body(state, self._parts.run)
            state = cast("CascadeState", {**state, **update})
        return state

    def _truth(self, row: LabelledQuestion, usage: dict[str, RoleUse]) -> Steps[str | Fault]:
        """Ask the strong model; an answer that cannot stand is none."""
        if self._strong is None:
            msg = (
                f"Line {row.line} has no answer, and there is no strong model to ask for one. Give "
                "it an `answer`, or name a strong model."
            )
            raise ConfigurationError(msg)
        asked = ask(self._strong, _asked(row), run_name="strong")
        answer = yield from attempt(asked)
        if isinstance(answer, Fault):
            if configuration_fault(answer.error):
                msg = (
                    f"The strong model refuses every request like this one ({answer}). Check its "
                    "key, its name and its parameters."
                )
                raise ConfigurationError(msg) from answer.error
            return answer
        usage["strong"] = use_of(answer, prices=self._prices)
        return "" if flaw(answer) else said(answer)

    def _judging(self, query: str, weak: str, truth: str) -> Steps[bool | None]:
        if not weak or not truth:
            return None
        return (yield from self._agreement.judging(query, weak, truth))


def _asked(row: LabelledQuestion) -> list[BaseMessage]:
    system: list[BaseMessage] = [SystemMessage(row.system)] if row.system else []
    return [*system, HumanMessage(row.question)]
