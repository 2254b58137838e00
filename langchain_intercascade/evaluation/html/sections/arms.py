"""This is where the arms stand side by side, and what one gained over another."""

from __future__ import annotations

from typing import Final, NamedTuple

from langchain_intercascade.evaluation.html.figures import (
    Writer,
    dollars,
    figure,
    hundredths,
    per_thousand,
    signed,
    stacked,
    whole,
)
from langchain_intercascade.evaluation.html.looks import MEANINGS, arm_look, full_name
from langchain_intercascade.evaluation.html.markup import Child, Html, element, joined
from langchain_intercascade.evaluation.html.parts import (
    Table,
    folded,
    lead,
    missing,
    note,
    section,
    shown,
    spoken,
    told,
    without_empty_columns,
)
from langchain_intercascade.evaluation.html.reading import (
    Node,
    Run,
    interval,
    is_node,
    node,
    nodes,
    number,
    text,
)


class Column(NamedTuple):
    """A column of figures: its head, where they are in an arm, and how they are written."""

    head: str
    path: tuple[str, ...]
    write: Writer


COLUMNS: Final = (
    Column("right\N{NO-BREAK SPACE}%", ("system_accuracy",), hundredths),
    Column("weak right\N{NO-BREAK SPACE}%", ("weak_accuracy",), hundredths),
    Column("strong calls\N{NO-BREAK SPACE}%", ("strong_call_share",), hundredths),
    Column("accepted\N{NO-BREAK SPACE}%", ("coverage",), hundredths),
    Column("risk\N{NO-BREAK SPACE}%", ("selective_risk",), hundredths),
    Column("harm\N{NO-BREAK SPACE}%", ("harm_rate",), hundredths),
    Column("help\N{NO-BREAK SPACE}%", ("help_rate",), hundredths),
    Column("$ per 1,000", ("cost_per_question",), per_thousand),
)
TOTALS: Final = (
    Column("$ in\N{NO-BREAK SPACE}all", ("cost",), dollars),
    Column("answers", ("n",), whole),
    Column("failed", ("failed",), whole),
    Column("median\N{NO-BREAK SPACE}ms", ("latency_ms", "p50"), whole),
    Column("95th\N{NO-BREAK SPACE}ms", ("latency_ms", "p95"), whole),
)
_GATES: Final = {"random_gate": "a gate that draws lots", "perfect_gate": "a gate that knows"}
_COMPARED: Final = {
    "strong_calls_change": "strong calls, %",
    "fees_change": "fees, %",
    "weak_accuracy_gain": "weak right, points",
    "system_accuracy_gain": "right, points",
}


def arms(run: Run) -> Html:
    """Return the section of the arms."""
    table, gone = without_empty_columns(arms_table(run))
    return section(
        "arms",
        "Every arm",
        lead(
            "The same questions in the same order, answered in different ways. ",
            "Small figures are 95\N{NO-BREAK SPACE}% intervals",
            _resampled(run),
            ".",
        ),
        shown(table, kind="wide"),
        note(f"Not in this report: {spoken(gone)}.") if gone else None,
        folded("Totals, failures and time", shown(_totals(run), kind="few")),
        folded("What the arms and columns mean", _meanings(run)),
        _compared(run),
        _split(run, "by_family", "Every family"),
        _seeds(run),
    )


def arms_table(run: Run) -> Table:
    """Return every arm with every metric; what is not known has a dash."""
    columns = COLUMNS
    rows: list[list[Child]] = []
    for name, arm in run.arms.items():
        rows.append([arm_name(name), *(_cell(arm, column) for column in columns)])
        bad = node(arm, "pessimistic")
        if bad:
            said = element("span", f"{full_name(name)}, pessimistic", class_="sub")
            rows.append([said, *(_cell(bad, column) for column in columns)])
    rows += _gate_rows(run, len(columns))
    return Table("Every arm", ["arm", *(column.head for column in columns)], rows)


def _totals(run: Run) -> Table:
    rows: list[list[Child]] = [
        [arm_name(name), *(_cell(arm, column) for column in TOTALS)]
        for name, arm in run.arms.items()
    ]
    head = ["arm", *(column.head for column in TOTALS)]
    return without_empty_columns(Table("Totals, failures and time", head, rows))[0]


def arm_name(name: str) -> Html:
    """Return an arm's name, with the mark that its lines have."""
    look = arm_look(name)
    return joined(element("span", class_=f"key-mark look{look.number}"), full_name(name))


def figures_of(arm: Node) -> list[Child]:
    """Return an arm's figures in the order of `COLUMNS`."""
    return [_cell(arm, column) for column in COLUMNS]


def _cell(arm: Node, column: Column) -> Html:
    ends = interval(arm, "intervals", column.path[0]) if len(column.path) == 1 else None
    return stacked(number(arm, *column.path), ends, column.write)


def _gate_rows(run: Run, width: int) -> list[list[Child]]:
    """Return the two gates that older reports compare with: they have an accuracy only."""
    found = [(name, number(run.data, "gates", key)) for key, name in _GATES.items()]
    return [
        [element("span", name, class_="sub"), figure(value, hundredths), *[""] * (width - 1)]
        for name, value in found
        if value is not None
    ]


def _resampled(run: Run) -> str:
    unit = text(run.main_arm, "resampled")
    return f", by drawing {unit} anew" if unit else ""


def _meanings(run: Run) -> Html:
    known = [(full_name(name), MEANINGS[name]) for name in run.arms if name in MEANINGS]
    return told([*known, *_COLUMN_MEANINGS.items()])


_COLUMN_MEANINGS: Final = {
    "right": "answers returned to the user that are right",
    "weak right": "answers of the weak model that are right, accepted or not",
    "strong calls": "questions for which the strong model was called",
    "accepted": "questions answered by the weak model alone",
    "risk": "wrong ones among the accepted answers",
    "harm, help": "of the questions answered with strategies or examples: those that the weak "
    "model gets right alone and got wrong with them; and the other way round",
    "$": "everything that was spent: weak, strong, learning, checking",
    "failed": "questions without an answer because a model failed; they count as wrong",
    "ms": "until the answer was there, without what was learned from it afterwards",
    "pessimistic": "every answer that had to be assumed counts as wrong",
}


def _compared(run: Run) -> Html | None:
    """Return what one arm gained over another, as the report says it."""
    pairs = {name: each for name, each in node(run.data, "compared").items() if is_node(each)}
    if not pairs:
        return missing("What learning changed cannot be said with intervals.", "compared")
    rows: list[list[Child]] = [
        [f"against {full_name(_rival(name))}", *_changes(each)] for name, each in pairs.items()
    ]
    table = Table("What the cascade changed", ["change", *_COMPARED.values()], rows)
    return shown(table, kind="named")


def _rival(pair: str) -> str:
    """Return the arm that the cascade is compared with: `cascade_vs_plain` and so on."""
    short = pair.removeprefix("cascade_vs_")
    candidates = (short, f"cascade_{short}", f"{short}_only")
    return next((arm for arm in candidates if arm in MEANINGS), short)


def _changes(pair: Node) -> list[Html]:
    return [
        stacked(number(pair, key), interval(pair, f"{key}_interval"), signed) for key in _COMPARED
    ]


def _split(run: Run, key: str, title: str) -> Html | None:
    """Return the main arm's figures by family."""
    found = node(run.main_arm, key)
    rows: list[list[Child]] = [
        [name, *figures_of(each)] for name, each in found.items() if is_node(each)
    ]
    if not rows:
        return None
    name = f"{title}, in the {full_name(run.main)}"
    table, _ = without_empty_columns(Table(name, ["", *(c.head for c in COLUMNS)], rows))
    return folded(title, shown(table))


def _seeds(run: Run) -> Html | None:
    rows: list[list[Child]] = [
        [figure(number(each, "seed"), whole), *figures_of(each)]
        for each in nodes(run.main_arm, "by_seed")
    ]
    if not rows:
        return None
    name = f"Every order of the questions, in the {full_name(run.main)}"
    table, _ = without_empty_columns(Table(name, ["seed", *(c.head for c in COLUMNS)], rows))
    return folded("Every order of the questions", shown(table))
