"""What the demo prints: tables and sentences, each figure out of the measured run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from langchain_intercascade.cli.screen import dollars, percent, sparkline
from langchain_intercascade.errors import how_many

if TYPE_CHECKING:
    from rich.console import Console


def printed(run: dict[str, Any], console: Console) -> None:
    """Print the report of a run, as `demo_run.measured` returns it."""
    console.print(Text(run["heading"], style="yellow"))
    _say(console, "What was learned", _learned(run))
    console.print(_strong_calls(run))
    _say(console, f"The same {how_many(run['questions'], 'question')}, three times", _compared(run))
    console.print(_arms(run))
    if run["example"]:
        _say(console, "One question, before and after", "")
        console.print(_before_and_after(run["example"]))
    _say(console, "Where the strategies are", _where(run))


def _say(console: Console, title: str, text: str) -> None:
    console.print(Text(f"\n{title}", style="bold"))
    if text:
        console.print(Padding(text, (0, 0, 0, 2)))


def _learned(run: dict[str, Any]) -> str:
    made = run["strategies"]["after"] - run["strategies"]["before"]
    cut = run["threshold"]
    strategies = how_many(made, "strategy")
    text = (
        f"The strong model answered {percent(run['strong_share'])} of the questions and wrote "
        f"{strategies}. The gate accepted the weak answer to {percent(run['coverage'])} "
        f"(threshold {cut['value']}, {cut['origin']})"
    )
    if run["selective_risk"] is None:
        return f"{text}."
    return f"{text}; {percent(run['selective_risk'])} of these answers are wrong."


def _strong_calls(run: dict[str, Any]) -> Padding:
    shares = run["strong_share_by_tenth"]
    table = Table(box=None, padding=(0, 1), show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_row("tenth of the stream", *(str(at) for at in range(1, len(shares) + 1)))
    table.add_row("strong calls, %", *(f"{100 * share:.0f}" for share in shares))
    table.add_row("", *(Text(bar, style="cyan") for bar in sparkline(shares)))
    for column in table.columns[1:]:
        column.justify = "right"
    return Padding(table, (1, 0, 0, 1))


def _compared(run: dict[str, Any]) -> str:
    cost, roles = run["cost"], run["cost_by_role"]
    direction = "less" if run["saving"] >= 0 else "more"
    return (
        f"The cascade cost {percent(abs(run['saving']))} {direction} than always asking the strong "
        f"model: {dollars(cost['cascade'])} instead of {dollars(cost['strong'])}. That is all it "
        f"spent; {dollars(roles.get('distill', 0.0))} of it went into writing strategies."
    )


def _arms(run: dict[str, Any]) -> Padding:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("", "right answers", "cost", "cost of a right answer"):
        table.add_column(name, justify="right" if name else "left")
    names = {"weak": "weak alone", "cascade": "the cascade", "strong": "strong alone"}
    for who, name in names.items():
        right, cost = run["accuracy"][who], run["cost"][who]
        each = cost / (right * run["questions"]) if right else None
        table.add_row(name, percent(right), dollars(cost), dollars(each))
    return Padding(table, (0, 0, 0, 2))


def _before_and_after(found: dict[str, Any]) -> Padding:
    advice = found["strategy"]["advice"]
    steps = "\n".join(f"{at}. {step}" for at, step in enumerate(advice["steps"], start=1))
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_row(f"question {found['number']}", found["question"])
    table.add_row("weak, before", _marked(found["before"], "wrong", "red"))
    table.add_row("strategy", f"{advice['title']}\nUse when: {advice['when_to_use']}\n{steps}")
    table.add_row("weak, after", _marked(found["after"], "right", "green"))
    later = found["later_accepted"]
    table.add_row(
        "since then",
        f"shown for {later['answers']} of the accepted answers, {later['right']} right",
    )
    return Padding(table, (0, 0, 0, 2))


def _marked(text: str, verdict: str, style: str) -> Text:
    return Text.assemble(text, " ", (f"({verdict})", style))


def _where(run: dict[str, Any]) -> str:
    strategies = run["strategies"]
    if not strategies["kept"]:
        return (
            f"There were {strategies['after']}, in a temporary folder that is gone now. "
            "`intercascade demo --path ./strategies` keeps them."
        )
    return (
        f"There are {strategies['after']} in {strategies['location']}; see "
        f"`intercascade strategies list --path {strategies['location']}`."
    )
