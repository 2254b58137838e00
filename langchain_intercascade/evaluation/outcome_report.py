"""This is where a finished run becomes a report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from langchain_core.messages.ai import UsageMetadata

from langchain_intercascade.confidence.custom import as_confidence
from langchain_intercascade.costs import Price
from langchain_intercascade.evaluation.figures import figures
from langchain_intercascade.evaluation.grading import UNTOLD
from langchain_intercascade.evaluation.report import SCHEMA, library_versions

if TYPE_CHECKING:
    from langchain_intercascade.costs import Prices
    from langchain_intercascade.evaluation.experiment import Experiment
    from langchain_intercascade.evaluation.played import Ran
    from langchain_intercascade.evaluation.report import Data, Kind, Report
    from langchain_intercascade.evaluation.report_arms import ArmReport, Pair

MILLION: Final = 1_000_000

KINDS: Final[Mapping[Kind, str]] = {
    "live": "The models were called while this ran; another day they may answer otherwise.",
    "simulated": (
        "The models are simulated by scripts. The figures show how a cascade behaves, not how "
        "good any real model is."
    ),
    "trained": (
        "The weak model is a tiny network trained for this package, and the strong one an exact "
        "solver that errs at a chosen rate. The figures show the mechanism, not what is saved "
        "with any other model."
    ),
    "recorded": "The answers were recorded earlier.",
}

FOUND: Final = (
    "Each cascade finds its threshold in its own stream: it defers everything until one is "
    "certified, asks the strong model about a share of what it accepts (in `audit`), and takes "
    "saying something else than the strong model for wrong."
)

PAIRED: Final = (
    "Harm, help and what a strategy brought compare each answer with the one that the weak model "
    "gives alone to the same question; a model that answers by chance differs from itself too."
)


def make_report(experiment: Experiment, ran: Ran, *, title: str, command: str) -> Report:
    """Return the report of a run.

    Args:
        experiment: What was run.
        ran: What came of it.
        title: What was measured, in a line.
        command: What to type to run the same again.
    """
    found = figures(ran)
    return {
        "schema": SCHEMA,
        "kind": experiment.kind,
        "title": title,
        "command": command,
        "versions": library_versions(),
        "models": experiment.names,
        "data": _data(experiment),
        "seeds": list(experiment.seeds),
        "threshold": experiment.threshold_told,
        "k": experiment.k,
        "min_similarity": experiment.min_similarity,
        "learning": "inline",
        "admission": experiment.admission,
        "confidence": as_confidence(experiment.confidence).method,
        "warm": None if experiment.warm is None else str(experiment.warm),
        "prices": {name: _price(experiment.prices, name) for name in experiment.names.values()},
        "spent": ran.spent,
        "recorded": [experiment.stream.described] if experiment.stream.described else [],
        "assumed": _assumed(experiment, found["arms"]),
        "incomplete": _incomplete(ran),
        **found,
    }


def _data(experiment: Experiment) -> Data:
    streams = [experiment.stream.order(seed) for seed in experiment.seeds]
    families = [each.family for stream in streams for each in stream]
    return {
        "name": experiment.stream.name,
        "sha256": experiment.stream.digest,
        "questions": len(streams[0]),
        "families": None if None in families else len(set(families)),
        "grader": experiment.grader_name,
        "repeated": experiment.stream.repeated,
    }


def _price(prices: Prices, model: str) -> Pair | None:
    """Return what a million tokens read, and as many written, cost."""
    price = prices.of(model)
    if price is None:
        return None
    if isinstance(price, Price):
        return price.input, price.output
    read = price.of(UsageMetadata(input_tokens=MILLION, output_tokens=0, total_tokens=MILLION))
    written = price.of(UsageMetadata(input_tokens=0, output_tokens=MILLION, total_tokens=MILLION))
    return None if read is None or written is None else (read, written)


def _assumed(experiment: Experiment, arms: Mapping[str, ArmReport]) -> list[str]:
    """Return in sentences what the figures take for granted."""
    found = [KINDS[experiment.kind]]
    if experiment.target_risk is not None:
        found.append(FOUND)
    if "weak_only" in arms and "cascade" in arms:
        found.append(PAIRED)
    if any(arm["assumed_answers"].get(UNTOLD) for arm in arms.values()):
        found.append("An answer of which the grader could not tell is counted as wrong.")
    if any(arm["failed"] for arm in arms.values()):
        found.append(
            "A question that a model failed at is counted as wrong, and as costing nothing."
        )
    if any(arm["cost"] is None for arm in arms.values()):
        found.append("Where the price of a model is unknown, so is every sum that it is part of.")
    if experiment.kind != "live":
        found.append("Prices are declared, not billed: only their ratio says anything.")
    return found


def _incomplete(ran: Ran) -> str | None:
    if not ran.missing:
        return None
    seeds: dict[str, list[str]] = {}
    for name, seed in ran.missing:
        seeds.setdefault(name, []).append(str(seed))
    told = "; ".join(f"{name} under seed {', '.join(each)}" for name, each in seeds.items())
    return f"It was stopped ({ran.why}) before these were finished: {told}."
