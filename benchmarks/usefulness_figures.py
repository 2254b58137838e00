"""The figures of the usefulness benchmark: what a stream comes to, and means over seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, stdev
from typing import Any, Final

import numpy as np
from scipy.stats import rankdata
from scipy.stats import t as student

from benchmarks.usefulness_runs import Streamed, by_fifth, family_of
from benchmarks.usefulness_streams import Corpus
from langchain_intercascade.strategy import State

CUT: Final = 0.02
"""Recorded effect up to which a family counts as one without benefit."""

STRONG: Final = ("strong", "audit", "distill")
"""Roles that ask the strong model."""


@dataclass(frozen=True, slots=True)
class Family:
    """What came of one family in one stream.

    Attributes:
        recorded: The recorded effect.
        estimates: What the ledger believed after each fifth.
        injected: Share of its queries that got a strategy of any family, by fifth.
        own: Share of its queries that got one of its own family, by fifth.
        strategies: How many there are of it in the end.
        labels: Labels of its strategies.
        suspended: Whether those that there are were all out of use in the end.
        again: How many had been out of use after some fifth, and were in use after a later one.
        reasons: Why strategies of it are out of use.
    """

    recorded: float
    estimates: Sequence[float]
    injected: Sequence[float]
    own: Sequence[float]
    strategies: int
    labels: int
    suspended: bool
    again: int
    reasons: Sequence[str]


@dataclass(frozen=True, slots=True)
class Drawn:
    """What came of one seed.

    Attributes:
        questions: How many were asked.
        right: How many were answered rightly.
        accepted: How many weak answers were accepted.
        calls: Model calls by role.
        families: By name.
    """

    questions: int
    right: int
    accepted: int
    calls: Mapping[str, int]
    families: Mapping[str, Family]


def drawn(corpus: Corpus, streamed: Streamed) -> Drawn:
    """Return what came of one stream."""
    seen = streamed.seen
    return Drawn(
        questions=len(seen),
        right=sum(each.right for each in seen),
        accepted=sum(each.accepted for each in seen),
        calls=streamed.calls,
        families={
            name: _family(name, recorded, streamed) for name, recorded in corpus.recorded().items()
        },
    )


def pooled(runs: Mapping[str, Drawn]) -> Drawn:
    """Return several streams of one seed as one; several models' families keep theirs apart."""
    if len(runs) == 1:
        return next(iter(runs.values()))
    roles = {role for run in runs.values() for role in run.calls}
    return Drawn(
        questions=sum(run.questions for run in runs.values()),
        right=sum(run.right for run in runs.values()),
        accepted=sum(run.accepted for run in runs.values()),
        calls={role: sum(run.calls.get(role, 0) for run in runs.values()) for role in roles},
        families={
            f"{name.partition(': ')[2]}: {family}": found
            for name, run in runs.items()
            for family, found in run.families.items()
        },
    )


def summary(runs: Sequence[Drawn], audit_rate: float) -> dict[str, Any]:
    """Return means over seeds with 95 % intervals.

    `audits_of_new` are the audits for each question beyond those of a steady `audit_rate`.
    """
    recorded = {name: each.recorded for name, each in runs[0].families.items()}
    useless = [name for name, effect in recorded.items() if effect <= CUT]
    fifths = range(len(next(iter(runs[0].families.values())).estimates))
    return {
        "seeds": len(runs),
        "rank_correlation": interval([_correlation(run, -1) for run in runs]),
        "rank_correlation_by_fifth": [
            fmean(_correlation(run, fifth) for run in runs) for fifth in fifths
        ],
        "injected_without_benefit": interval(
            [fmean(run.families[name].injected[-1] for name in useless) for run in runs]
        ),
        "right": interval([run.right / run.questions for run in runs]),
        "accepted": interval([run.accepted / run.questions for run in runs]),
        "strong_calls": interval(
            [sum(run.calls.get(role, 0) for role in STRONG) / run.questions for run in runs]
        ),
        "audits_of_new": interval(
            [
                (run.calls.get("audit", 0) - audit_rate * run.accepted) / run.questions
                for run in runs
            ]
        ),
        "calls": {
            role: interval([run.calls.get(role, 0) / run.questions for run in runs])
            for role in sorted({role for run in runs for role in run.calls})
        },
        "families": {
            name: _over_seeds([run.families[name] for run in runs])
            for name in sorted(recorded, key=recorded.__getitem__)
        },
        "reasons": [
            f"{name}: {reason}"
            for name, each in runs[0].families.items()
            for reason in each.reasons
        ],
    }


def interval(values: Sequence[float]) -> dict[str, float]:
    """Return mean and 95 % interval of the mean by Student's t; the mean alone for one value.

    Examples:
        >>> interval([0.5])
        {'mean': 0.5, 'low': 0.5, 'high': 0.5}
    """
    mean, n = fmean(values), len(values)
    half = float(student.ppf(0.975, n - 1)) * stdev(values) / math.sqrt(n) if n > 1 else 0.0
    return {"mean": mean, "low": mean - half, "high": mean + half}


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Return Spearman's correlation, 0 if one of the two does not vary.

    Examples:
        >>> rank_correlation([1, 2, 3], [10, 20, 90])
        1.0
        >>> rank_correlation([1, 2, 3], [5, 5, 5])
        0.0
    """
    ranks = rankdata(one), rankdata(other)
    if min(np.ptp(each) for each in ranks) == 0:
        return 0.0
    return round(float(np.corrcoef(*ranks)[0, 1]), 12)


def _correlation(run: Drawn, fifth: int) -> float:
    found = list(run.families.values())
    return rank_correlation(
        [each.recorded for each in found], [each.estimates[fifth] for each in found]
    )


def _over_seeds(found: Sequence[Family]) -> dict[str, Any]:
    return {
        "recorded": found[0].recorded,
        "estimate": interval([each.estimates[-1] for each in found]),
        "injected": _by_fifth([each.injected for each in found]),
        "injected_own": _by_fifth([each.own for each in found]),
        "injected_last": interval([each.injected[-1] for each in found]),
        "strategies": fmean(each.strategies for each in found),
        "labels": fmean(each.labels for each in found),
        "suspended": fmean(each.suspended for each in found),
        "brought_back": fmean(each.again for each in found),
    }


def _by_fifth(shares: Sequence[Sequence[float]]) -> list[float]:
    return [fmean(fifth) for fifth in zip(*shares, strict=True)]


def _family(name: str, recorded: float, streamed: Streamed) -> Family:
    kinds = {each.id: family_of(each) for each in streamed.made}
    mine = [each for each in streamed.seen if each.family == name]
    made = [each for each in streamed.made if family_of(each) == name]
    return Family(
        recorded=recorded,
        estimates=[each[name] for each in streamed.estimates],
        injected=by_fifth(mine, lambda seen: bool(seen.shown)),
        own=by_fifth(mine, lambda seen: name in {kinds.get(each) for each in seen.shown}),
        strategies=len(made),
        labels=sum(tally.labels for each in made for tally in each.ledger.values()),
        suspended=bool(made) and all(each.state is not State.ACTIVE for each in made),
        again=sum(_came_back(each.id, streamed) for each in made),
        reasons=[each.reason for each in made if each.state is State.SUSPENDED],
    )


def _came_back(id_: str, streamed: Streamed) -> bool:
    rested = [id_ in suspended for suspended in streamed.suspended]
    return any(before and not after for before, after in pairwise(rested))
