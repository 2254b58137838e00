"""What `intercascade calibrate` says at the end: what was found, its cost, what to beware of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_intercascade.cli.screen import dollars
from langchain_intercascade.costs import total
from langchain_intercascade.errors import how_many

if TYPE_CHECKING:
    from langchain_intercascade.evaluation.calibration import Found, Outcome
    from langchain_intercascade.evaluation.progress import Finished, Look
    from langchain_intercascade.evaluation.questions import Questions
    from langchain_intercascade.threshold.binding import Binding


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A calibration that came to its end.

    Attributes:
        questions: What was asked.
        found: What that comes to.
        finished: What came of each question.
        resumed: How many of those had been finished before.
        outcome: How this run went.
        looks: Every promise that was sought in these answers.
        bound_to: What the thresholds belong to.
        out: Where they lie.
        plot: Where they are drawn, if so.
        simulated: Whether a simulated model answered.
    """

    questions: Questions
    found: Found
    finished: tuple[Finished, ...]
    resumed: int
    outcome: Outcome
    looks: tuple[Look, ...]
    bound_to: Binding
    out: Path
    plot: Path | None
    simulated: bool


def as_json(results: Sequence[Result]) -> dict[str, Any]:
    """Return what was found as JSON-like data; of several levels, as a list of them."""
    if len(results) == 1:
        return _one_as_json(results[0])
    return {
        "levels": [_one_as_json(each) for each in results],
        "cost": {
            "this_run": total([each.outcome.spent for each in results]),
            "in_all": total([_cost(each) for each in results]),
        },
        "out": str(results[0].out),
    }


def _one_as_json(result: Result) -> dict[str, Any]:
    found = result.found
    return {
        "bound_to": result.bound_to.model_dump(),
        "reports": {regime: report.as_json() for regime, report in found.reports.items()},
        "questions": {
            "asked": len(result.questions.rows),
            "repeated": result.questions.repeated,
            "resumed": result.resumed,
            "failed": len(result.outcome.failed),
            "judged": dict(found.judged),
            "unjudged": dict(found.unjudged),
        },
        "cost": {
            "this_run": result.outcome.spent,
            "in_all": _cost(result),
            "by_role": _roles(result),
        },
        "words": [sentence for report in found.reports.values() for sentence in report.words()],
        "beware": beware(result),
        "out": str(result.out),
        "plot": None if result.plot is None else str(result.plot),
    }


def as_words(results: Sequence[Result]) -> list[str]:
    """Return what was found as paragraphs for people."""
    served = "threshold= of a cascade" if len(results) == 1 else "thresholds= of `from_models`"
    written = f"Written to {results[0].out}; serve it as {served}."
    if len(results) == 1:
        return [*_one_in_words(results[0]), written, *_drawn(results)]
    told = [
        paragraph
        for number, each in enumerate(results, start=1)
        for paragraph in (f"Level {number}", *_one_in_words(each), "")
    ]
    return [*told, written, *_drawn(results)]


def _drawn(results: Sequence[Result]) -> list[str]:
    return [f"Drawn in {each.plot}." for each in results if each.plot is not None]


def _one_in_words(result: Result) -> list[str]:
    found = result.found
    paragraphs = [_counts(result)]
    for regime, report in found.reports.items():
        paragraphs += ["", f"{regime.capitalize()} answers"]
        paragraphs += [f"  {sentence}" for sentence in report.words()]
    warnings = beware(result)
    paragraphs += ["", "Beware", *(f"  {sentence}" for sentence in warnings)] if warnings else []
    return [*paragraphs, "", _spent(result)]


def beware(result: Result) -> list[str]:
    """Return what somebody who trusts the promise should know."""
    found, failed = result.found, result.outcome.failed
    warnings: list[str] = []
    unjudged, judged = sum(found.unjudged.values()), sum(found.judged.values())
    if unjudged:
        whole = judged + (unjudged if found.on_abstain == "skip" else 0)
        answers = f"{unjudged} of {how_many(whole, 'answer')}"
        warnings.append(f"{answers} could not be judged {_ruling(found)}")
    if failed:
        why = Counter(each.why for each in failed).most_common(1)[0][0]
        warnings.append(
            f"{how_many(len(failed), 'question')} failed ({why}) and {_were(len(failed))} left "
            "out; the same command tries again."
        )
    if repeated := result.questions.repeated:
        warnings.append(
            f"{how_many(repeated, 'line')} repeated an earlier question and {_were(repeated)} left "
            "out: a repetition is no evidence of its own."
        )
    if any("strong" in row.usage for row in result.finished):
        warnings.append(
            "Where the file had no answer, right means what the strong model says, errors of its "
            "own included."
        )
    return warnings + _more(result)


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def _ruling(found: Found) -> str:
    """Return what came of answers that nobody could judge, and what that means."""
    compared = (
        "Answers are compared by what they conclude with: a number, a choice letter, JSON or a "
        "few words."
    )
    if found.on_abstain == "wrong":
        return (
            f"and count as wrong. {compared} With --on-abstain skip they are left out, and then "
            "nothing is promised about answers like those."
        )
    return (
        f"and were left out. {compared} About free text nothing is promised, and a cascade would "
        "accept it all the same if its confidence is high enough."
    )


def _more(result: Result) -> list[str]:
    warnings: list[str] = []
    if len(result.found.methods) > 1:
        warnings.append(
            f"The scores come from {' and '.join(result.found.methods)}, which are not on one "
            "scale: name one with --confidence."
        )
    if len(result.looks) > 1:
        doubt = min(1.0, sum(look.delta for look in result.looks))
        risks = ", ".join(f"{look.target_risk:g}" for look in result.looks)
        warnings.append(
            f"{len(result.looks)} promises were sought in these same answers (target risks "
            f"{risks}). If you choose among them by what came out, be sure of it with "
            f"{100 * (1 - doubt):.3g} % only."
        )
    if result.bound_to.repository is not None:
        warnings.append(
            "What is promised about augmented answers ends as soon as another strategy is in "
            "use, so it is for a cascade that no longer learns; one that learns keeps its promise "
            "with target_risk=."
        )
    if result.simulated:
        warnings.append("A simulated model answered: this shows how it works, nothing else.")
    return warnings


def unfinished(outcome: Outcome, finished: int, asked: int, progress: Path) -> str:
    """Return why a calibration was not finished, and how it goes on."""
    why = {
        "ceiling": f"Stopped below --max-cost, after {dollars(outcome.spent)}",
        "interrupted": f"Interrupted, after {dollars(outcome.spent)}",
    }[outcome.ending]
    return (
        f"{why}: {finished} of {how_many(asked, 'question')} {'is' if finished == 1 else 'are'} "
        f"finished and kept in {progress}. Nothing is promised yet. "
        "The same command goes on from here."
    )


def _counts(result: Result) -> str:
    judged = result.found.judged
    regimes = " and ".join(f"{n} {regime}" for regime, n in judged.items() if n)
    before = f", {result.resumed} of them in an earlier run" if result.resumed else ""
    questions = how_many(len(result.finished), "question")
    count = "answer counts" if sum(judged.values()) == 1 else "answers count"
    return (
        f"{result.bound_to.weak_model} answered {questions} of {result.questions.name}{before}; "
        f"{regimes} {count}."
    )


def _spent(result: Result) -> str:
    roles = ", ".join(f"{role} {dollars(cost)}" for role, cost in _roles(result).items())
    whole = f"Cost: {dollars(_cost(result))} ({roles})"
    if result.resumed:
        return f"{whole}, of which {dollars(result.outcome.spent)} now."
    return f"{whole}."


def _cost(result: Result) -> float | None:
    known: float | None = total([row.cost for row in result.finished])
    return known


def _roles(result: Result) -> dict[str, float | None]:
    roles = sorted({role for row in result.finished for role in row.usage})
    return {
        role: total([row.usage[role]["cost"] for row in result.finished if role in row.usage])
        for role in roles
    }
