"""What `intercascade bench` prints about a run: everything is read from its report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from langchain_intercascade.cli.screen import dollars
from langchain_intercascade.errors import how_many

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import Console

    from langchain_intercascade.evaluation.report import Comparison, Report

SHORT: Final = {
    "weak_only": "weak only",
    "strong_only": "strong only",
    "cascade_plain": "plain cascade",
    "cascade": "cascade",
    "cascade_random": "random ones",
    "few_shot": "past answers",
    "prompt_only": "neutral prompt",
    "oracle": "oracle",
}
"""What the arms are called where there is little room."""

COLUMNS: Final = {
    "accuracy": "system_accuracy",
    "weak\naccuracy": "weak_accuracy",
    "strong\ncalls": "strong_call_share",
    "risk": "selective_risk",
    "harm": "harm_rate",
}
"""The columns of the table of arms, and the metric in each."""

OTHERS: Final = {
    "cascade_vs_plain": "the cascade without strategies",
    "cascade_vs_strong": "always asking the strong model",
    "cascade_vs_random": "the cascade with random strategies",
    "cascade_vs_few_shot": "the cascade with past answers as examples",
}


def printed(report: Report, console: Console) -> None:
    """Print a report."""
    first, *assumed = report["assumed"]
    console.print(Text(first, style="" if report["kind"] == "live" else "yellow"), soft_wrap=True)
    console.print(_head(report), soft_wrap=True)
    if report["arms"]:
        console.print(_arms(report))
        console.print(_legend(report), soft_wrap=True)
    for sentence in (*_sentences(report), *assumed):
        console.print(sentence, soft_wrap=True)


def _head(report: Report) -> str:
    data, seeds = report["data"], report["seeds"]
    families = f" of {how_many(data['families'], 'family')}" if data["families"] else ""
    seed = "seed" if len(seeds) == 1 else "seeds"
    return (
        f"{report['title']}: {how_many(data['questions'], 'question')}{families}, {seed} "
        f"{', '.join(map(str, seeds))}; {' -> '.join(report['models'].values())}; threshold "
        f"{report['threshold']}; graded by {data['grader']}."
    )


def _arms(report: Report) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("arm")
    for name in (*COLUMNS, "$ per 1000\nquestions"):
        table.add_column(name, justify="right")
    for name, arm in report["arms"].items():
        cells = [_with_interval(arm, metric) for metric in COLUMNS.values()]
        each = arm["cost_per_question"]
        table.add_row(SHORT.get(name, name), *cells, _money(each))
    return table


def _legend(report: Report) -> str:
    resampled = next(iter(report["arms"].values()))["resampled"]
    return (
        "Risk: wrong ones among the accepted answers. Harm: right alone, wrong with what was "
        f"shown. Intervals: 95 %, by resampling {resampled}. Costs are net of all lessons."
    )


def _sentences(report: Report) -> Iterator[str]:
    for key, other in OTHERS.items():
        if key in report["compared"]:
            yield f"Beside {other}: {_changes(report['compared'][key])}."
    if report["break_even"] is not None:
        yield _pays(report)


def _changes(found: Comparison) -> str:
    told = [
        _relative("strong calls", found["strong_calls_change"]),
        _relative("fees", found["fees_change"]),
        _points("weak accuracy", found["weak_accuracy_gain"]),
        _points("accuracy", found["system_accuracy_gain"]),
    ]
    return ", ".join(each for each in told if each)


def _relative(what: str, change: float | None) -> str:
    return "" if change is None else f"{what} {100 * change:+.1f} %"


def _points(what: str, gain: float | None) -> str:
    return "" if gain is None else f"{what} {100 * gain:+.1f} points"


def _pays(report: Report) -> str:
    found = report["break_even"]
    if found is None or found["strong"] is None:
        return "Within this stream the lessons did not pay for themselves against the strong model."
    told = f"Cheaper than always asking the strong model from question {found['strong']} on"
    if "cascade_plain" not in report["arms"]:
        return f"{told}."
    if found["plain"] is None:
        return f"{told}; not cheaper than the cascade without strategies within this stream."
    return f"{told}, and than the cascade without strategies from question {found['plain']} on."


def _with_interval(arm: Mapping[str, Any], metric: str) -> str:
    value, around = arm[metric], arm["intervals"].get(metric)
    if around is None or around[0] == around[1]:
        return _number(value)
    return f"{_number(value)}\n{'-'.join(map(_number, around))}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}".removeprefix("0")


def _money(each: float | None) -> str:
    return dollars(None if each is None else 1000 * each)
