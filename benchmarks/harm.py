"""What does a teacher that is often wrong do to the weak model, and what does admission save?

    python -m benchmarks.harm [--out FILE] [--seeds N] [--questions N]

Simulated models, declared as such: a fifth of the strong model's answers is wrong, and
whoever it teaches from a wrong answer is taught the same slip.  For each way to admit
strategies the same streams are run.  Written down are the share of the wrong strategies that
ever came into use, and the harm rate: how often the weak model is wrong with the strategies
that it was shown where it is right without, of all questions.

Intervals are 95 % for the mean over seeds; each seed is another stream and another teacher.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Final
from uuid import UUID, uuid5

from langchain_core.messages import AIMessage, HumanMessage

from langchain_intercascade import InterCascade, Strategy
from langchain_intercascade.evaluation.arms import Grade, Outcome, Question, run_alone, run_cascade
from langchain_intercascade.testing import PRICES, SimulatedStrong, SimulatedWeak, grade, problems
from langchain_intercascade.testing.simulated.problems import recognised

OUT: Final = Path(__file__).parent / "results" / "harm.json"
ERROR_RATE: Final = 0.2
THRESHOLD: Final = 0.85
TRUSTING: Final = 1.0
"""Share of the questions that it could do unaided at which the weak model follows advice."""
AUDITS: Final[Mapping[str, float]] = {"always": 0.0, "replay": 0.0, "replay_audited": 0.1}
"""Each way to admit, with the share of accepted answers that is audited beside it."""
TENANT: Final = "default"
_RUNS: Final = UUID("5f1f0c1e-6d0a-4d5e-8a53-1a3c6d1f7a20")


@dataclass(frozen=True, slots=True)
class Run:
    """What came of one stream under one way of admission.

    Attributes:
        wrong: Strategies that were distilled from a wrong answer.
        wrong_active: How many of them ever came into use.
        right: Strategies that were distilled from a right answer.
        right_active: How many of them ever came into use.
        harmed: Share of the questions right without strategies and wrong with them.
        helped: Share of the questions wrong without strategies and right with them.
        weak: Share of right weak answers.
        system: Share of right answers.
        strong_calls: Strong answers per question.
        cost: Dollars per question, with all that learning cost.
    """

    wrong: int
    wrong_active: int
    right: int
    right_active: int
    harmed: float
    helped: float
    weak: float
    system: float
    strong_calls: float
    cost: float


def main(arguments: list[str] | None = None) -> int:
    """Run every mode on every seed, write the file, and print a table."""
    given = _given(arguments)
    runs: dict[str, list[Run]] = {mode: [] for mode in AUDITS}
    for seed in range(given.seeds):
        for mode in AUDITS:
            runs[mode].append(one_run(mode, seed, given.questions))
        sys.stderr.write(f"seed {seed + 1} of {given.seeds}\n")
    report = {
        "command": "python -m benchmarks.harm",
        "simulated": True,
        "error_rate": ERROR_RATE,
        "threshold": THRESHOLD,
        "trusting": TRUSTING,
        "audit_rate": dict(AUDITS),
        "questions": given.questions,
        "seeds": given.seeds,
        "modes": {mode: summary(runs[mode]) for mode in AUDITS},
    }
    report["ratios"] = ratios(report["modes"])
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(report, indent=2) + "\n", "utf-8")
    _print(report)
    return 0


def one_run(mode: str, seed: int, questions: int) -> Run:
    """Run one stream under one mode."""
    stream = problems(seed, questions)
    asked = [Question([HumanMessage(each.text)], family=each.family) for each in stream]
    truth = {each.text: each for each in stream}

    def graded(question: Question, answer: AIMessage) -> Grade:
        return Grade(grade(answer.text, truth[question.messages[-1].text]))

    weak = SimulatedWeak(logprobs=True, seed=seed, trusting=TRUSTING)
    strong = SimulatedStrong(error_rate=ERROR_RATE, seed=seed)
    with InterCascade(
        weak=weak,
        strong=strong,
        threshold=THRESHOLD,
        admission=mode.partition("_")[0],
        learning="inline",
        audit_rate=AUDITS[mode],
        prices=PRICES,
    ) as cascade:
        with_strategies = run_cascade(asked, cascade, graded, named=partial(_run_id, seed))
        made = [each for each in cascade.repository.scan(tenant=TENANT) if each.advice]
        alone = run_alone(asked, SimulatedWeak(logprobs=True, seed=seed), graded, role="weak")
    return measured(made, with_strategies, alone)


def _run_id(seed: int, number: int) -> UUID:
    """Return the id of a run, which decides whether it is audited: the same each time."""
    return uuid5(_RUNS, f"{seed} {number}")


def measured(made: Sequence[Strategy], helped: Sequence[Outcome], alone: Sequence[Outcome]) -> Run:
    """Return what came of it."""
    wrong = [each for each in made if is_wrong(each)]
    right = [each for each in made if not is_wrong(each)]
    pairs = [
        (bool(plain.weak_correct), bool(each.weak_correct))
        for plain, each in zip(alone, helped, strict=True)
        if each.regime == "augmented"
    ]
    n = len(helped)
    return Run(
        wrong=len(wrong),
        wrong_active=sum(bool(each.activated_at) for each in wrong),
        right=len(right),
        right_active=sum(bool(each.activated_at) for each in right),
        harmed=sum(before and not after for before, after in pairs) / n,
        helped=sum(after and not before for before, after in pairs) / n,
        weak=fmean(bool(each.weak_correct) for each in helped),
        system=fmean(each.system_correct for each in helped),
        strong_calls=fmean(each.strong_called for each in helped),
        cost=math.fsum(each.cost or 0.0 for each in helped) / n,
    )


def is_wrong(strategy: Strategy) -> bool:
    """Say whether the steps of a strategy are not those of its source's family."""
    found = recognised(strategy.keys[0])
    steps = strategy.advice.steps if strategy.advice else ()
    return found is None or tuple(found[0].steps) != tuple(steps)


def summary(runs: Sequence[Run]) -> dict[str, Any]:
    """Return means over seeds with 95 % intervals."""
    shares = [run.wrong_active / run.wrong for run in runs if run.wrong]
    figures = {name: [getattr(run, name) for run in runs] for name in Run.__dataclass_fields__}
    return {
        "wrong_active_share": interval(shares),
        "right_active_share": interval([run.right_active / run.right for run in runs if run.right]),
        "harm_rate": interval(figures.pop("harmed")),
        "help_rate": interval(figures.pop("helped")),
        **{name: interval(values) for name, values in figures.items()},
    }


def ratios(modes: Mapping[str, Any]) -> dict[str, float | None]:
    """Return what replay leaves of the harm, as shares of what there is without."""

    def share(name: str) -> float | None:
        whole = modes["always"][name]["mean"]
        return modes["replay"][name]["mean"] / whole if whole else None

    return {name: share(name) for name in ("wrong_active_share", "harm_rate")}


def interval(values: Iterable[float]) -> dict[str, float]:
    """Return mean and 95 % interval of the mean (normal, over seeds)."""
    known = [float(value) for value in values]
    mean = fmean(known) if known else math.nan
    half = 1.96 * stdev(known) / math.sqrt(len(known)) if len(known) > 1 else 0.0
    return {"mean": mean, "low": mean - half, "high": mean + half}


def _print(report: Mapping[str, Any]) -> None:
    _say(
        f"{report['seeds']} simulated streams of {report['questions']}, "
        f"{report['error_rate']:.0%} of the strong answers wrong"
    )
    names = (
        "wrong_active_share",
        "right_active_share",
        "harm_rate",
        "help_rate",
        "weak",
        "system",
        "strong_calls",
        "wrong",
        "right",
    )
    for name in names:
        cells = []
        for mode in AUDITS:
            found = report["modes"][mode][name]
            cells.append(f"{mode} {found['mean']:.3f} [{found['low']:.3f}, {found['high']:.3f}]")
        _say(f"{name:20}", "   ".join(cells))
    _say("left of it with replay:", report["ratios"])


def _say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")


def _given(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.harm",
        description="Harm by a teacher that errs, by the way strategies are admitted.",
    )
    parser.add_argument("--out", type=Path, default=OUT, help="where the figures are written")
    parser.add_argument("--seeds", type=int, default=20, help="how many streams")
    parser.add_argument("--questions", type=int, default=400, help="how long each of them is")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
