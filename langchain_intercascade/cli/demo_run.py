"""What the demo does and measures: every question put to the cascade and to both models alone."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from langchain_core.messages import HumanMessage

from langchain_intercascade.cli.demo_pair import Asked, Pair
from langchain_intercascade.costs import Prices, total
from langchain_intercascade.nodes.weak_generate import with_strategies
from langchain_intercascade.record import RECORD_KEY, DecisionRecord
from langchain_intercascade.strategy import State

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage

    from langchain_intercascade.chat_model import InterCascade
    from langchain_intercascade.repository.base import StrategyRepository
    from langchain_intercascade.strategy import Strategy

TENTHS: Final = 10
WHO: Final = ("weak", "cascade", "strong")


@dataclass(frozen=True, slots=True)
class Said:
    """What one of the three said to a question, whether it is right, and what it cost."""

    text: str
    right: bool
    cost: float | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """One question, answered by the weak model alone, the cascade, and the strong model alone."""

    problem: Asked
    weak: Said
    cascade: Said
    strong: Said
    record: DecisionRecord


def answered(cascade: InterCascade, stream: Sequence[Asked], pair: Pair) -> Iterator[Outcome]:
    """Put each problem of `stream` to the cascade, and to its two models alone."""
    weak, strong = pair.weak(), pair.strong()
    for problem in stream:
        answer = cascade.invoke(problem.text)
        record: DecisionRecord = answer.response_metadata[RECORD_KEY]
        yield Outcome(
            problem,
            weak=_said(weak.invoke(problem.text), problem, pair),
            # All that the cascade spent, the writing of strategies included.
            cascade=Said(answer.text, pair.right(answer.text, problem), record["cost"]),
            strong=_said(strong.invoke(problem.text), problem, pair),
            record=record,
        )


def strong_share(outcomes: Collection[Outcome]) -> float | None:
    """Return the share of `outcomes` that the strong model answered; `None` if there are none."""
    return _share([outcome.record["route"] == "strong" for outcome in outcomes])


def measured(
    outcomes: Sequence[Outcome],
    repository: StrategyRepository,
    pair: Pair,
    *,
    seed: int,
    known: int,
    kept: bool,
) -> dict[str, Any]:
    """Return everything that the demo reports, as JSON-like data.

    Args:
        outcomes: The whole run, in order.
        repository: What was learned.
        pair: The two models.
        seed: The stream's seed.
        known: How many strategies there were before.
        kept: Whether the repository outlives the run.
    """
    costs = {who: total([getattr(each, who).cost for each in outcomes]) for who in WHO}
    accepted = [each for each in outcomes if each.record["route"] == "weak"]
    last = outcomes[-1].record
    return {
        "models": pair.name.value,
        "heading": pair.heading,
        "seed": seed,
        "questions": len(outcomes),
        "threshold": {"value": last["threshold"], "origin": last["threshold_origin"]},
        "accuracy": {who: _share([getattr(each, who).right for each in outcomes]) for who in WHO},
        "cost": costs,
        "cost_by_role": _by_role(outcomes),
        "saving": 1 - costs["cascade"] / costs["strong"],
        "strong_share": strong_share(outcomes),
        "strong_share_by_tenth": [strong_share(tenth) for tenth in tenths(outcomes)],
        "coverage": _share([each.record["route"] == "weak" for each in outcomes]),
        "selective_risk": _share([not each.cascade.right for each in accepted]),
        "strategies": {
            "before": known,
            "after": repository.count(tenant=last["tenant"], states=[State.ACTIVE]),
            "encoder": last["encoder"],
            "location": repository.location,
            "kept": kept,
        },
        "example": example(outcomes, repository, pair),
        "outcomes": [_as_json(each) for each in outcomes],
    }


def tenths(outcomes: Sequence[Outcome]) -> list[Sequence[Outcome]]:
    """Cut the stream into ten parts of about the same length; fewer for fewer questions."""
    parts = min(TENTHS, len(outcomes))
    cuts = [len(outcomes) * at // parts for at in range(parts + 1)]
    return [outcomes[start:end] for start, end in pairwise(cuts)]


def example(
    outcomes: Sequence[Outcome], repository: StrategyRepository, pair: Pair
) -> dict[str, Any] | None:
    """Return the first deferred question that the weak model can do once it was taught.

    The weak model is really asked again, with the strategy in its prompt and
    nothing else changed.  `None` if there is no such question.
    """
    for at, outcome in enumerate(outcomes):
        if outcome.weak.right or outcome.record["lesson"]["state"] != "stored":
            continue
        strategy = _taught_by(outcome, repository)
        taught = _asked_with(strategy, outcome.problem, pair) if strategy else None
        if strategy and taught and taught.right:
            return {
                "number": at + 1,
                "question": outcome.problem.text,
                "answer": outcome.problem.answer,
                "before": outcome.weak.text,
                "strategy": strategy.payload(),
                "after": taught.text,
                "later_accepted": _later(strategy, outcomes[at + 1 :]),
            }
    return None


def _taught_by(outcome: Outcome, repository: StrategyRepository) -> Strategy | None:
    strategy_id = outcome.record["lesson"]["id"]
    return repository.get(strategy_id, tenant=outcome.record["tenant"]) if strategy_id else None


def _asked_with(strategy: Strategy, problem: Asked, pair: Pair) -> Said | None:
    """Ask the weak model with `strategy` in its prompt; `None` if it was never distilled."""
    if strategy.advice is None:
        return None
    shown = [strategy.advice.model_dump(mode="json")]
    prompt = with_strategies([HumanMessage(problem.text)], shown)
    return _said(pair.weak().invoke(prompt), problem, pair)


def _later(strategy: Strategy, later: Sequence[Outcome]) -> dict[str, int]:
    """Count the later weak answers that were accepted with `strategy` in the prompt."""
    shown_in = [
        each
        for each in later
        if each.record["route"] == "weak"
        and strategy.id in {used["id"] for used in each.record["strategies"]}
    ]
    return {"answers": len(shown_in), "right": sum(each.cascade.right for each in shown_in)}


def _said(answer: AIMessage, problem: Asked, pair: Pair) -> Said:
    right = pair.right(answer.text, problem)
    return Said(answer.text, right, Prices(pair.prices).cost(answer))


def _by_role(outcomes: Sequence[Outcome]) -> dict[str, float | None]:
    roles = sorted({role for each in outcomes for role in each.record["usage"]})
    return {
        role: total(
            [
                each.record["usage"][role]["cost"]
                for each in outcomes
                if role in each.record["usage"]
            ]
        )
        for role in roles
    }


def _share(facts: Sequence[bool]) -> float | None:
    return sum(facts) / len(facts) if facts else None


def _as_json(outcome: Outcome) -> dict[str, Any]:
    said = {who: getattr(outcome, who) for who in WHO}
    return {
        "question": outcome.problem.text,
        "answer": outcome.problem.answer,
        "family": outcome.problem.family,
        **{who: {"text": s.text, "right": s.right, "cost": s.cost} for who, s in said.items()},
        "record": outcome.record,
    }
