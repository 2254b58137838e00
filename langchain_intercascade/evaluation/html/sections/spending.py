"""This is where the money went: one bar for each arm, in pieces for what it was spent on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from langchain_intercascade.evaluation.html.drawing import (
    LETTER,
    WIDTH,
    Axis,
    bar,
    label,
    marks,
    plot,
    stroke,
)
from langchain_intercascade.evaluation.html.figures import dollars, figure, whole
from langchain_intercascade.evaluation.html.looks import arm_look, full_name
from langchain_intercascade.evaluation.html.markup import Child, Html, element, joined
from langchain_intercascade.evaluation.html.parts import (
    Table,
    drawn,
    missing,
    note,
    shown,
    side_by_side,
    spoken,
)
from langchain_intercascade.evaluation.html.reading import Node, Run, is_node, node, number

ROLES: Final = (
    "weak",
    "strong",
    "distill",
    "advise",
    "replay",
    "audit",
    "confidence",
    "embedding",
    "middle",
)
"""What money is spent on; the looks of the pieces go by this order."""

Spent: TypeAlias = Mapping[str, float]

_TOP, _ROW, _HIGH = 6.0, 23.0, 16.0
_NARROWEST: Final = 10.5
"""A piece narrower than this has no room for its letter."""


def spending(run: Run) -> Html:
    """Return the bars, and beside them what the main arm spent in figures."""
    spent = {name: _spent(arm) for name, arm in run.arms.items()}
    known = {name: each for name, each in spent.items() if sum(each.values()) > 0}
    if not known:
        return missing("Where the money went is not known.", "arms \N{RIGHTWARDS ARROW} usage")
    said = joined("All that each arm spent, in dollars. ", _letters(known))
    bars = drawn("Where the money went", said, _bars(known), _every_role(run))
    return joined(side_by_side(bars, _main_roles(run)), _without_price(run))


def _roles(usage: Node) -> list[str]:
    """Return the roles in an arm that are used, known ones first."""
    known = [role for role in ROLES if role in usage]
    return [
        role
        for role in (*known, *(role for role in usage if role not in ROLES))
        if is_node(usage[role])
    ]


def _spent(arm: Node) -> Spent:
    """Return dollars by role; what has no known price is left out."""
    usage = node(arm, "usage")
    costs = {role: number(usage, role, "cost") for role in _roles(usage)}
    return {role: cost for role, cost in costs.items() if cost is not None}


def _bars(spent: Mapping[str, Spent]) -> Html:
    names = 10 + LETTER * max(len(arm_look(name).name) for name in spent)
    most = max(sum(each.values()) for each in spent.values())
    axis = Axis("dollars", (0.0, most), (names, WIDTH - 16), _tick)
    floor = _TOP + _ROW * len(spent)
    rows = [_row(axis, *each, _TOP + _ROW * at) for at, each in enumerate(spent.items())]
    said = [f"{full_name(name)} {dollars(sum(each.values()))}" for name, each in spent.items()]
    return plot(
        "spent",
        "Where the money went",
        f"Dollars spent: {spoken(said)}.",
        _scale(axis, floor),
        *rows,
        height=floor + 24,
    )


def _scale(axis: Axis, floor: float) -> Html:
    parts = []
    for value in marks(axis.shown):
        x = axis.at(value)
        parts.append(stroke("grid", (x, 2), (x, floor)))
        parts.append(label(x, floor + 15, axis.write(value), "soft", "middle"))
    return joined(*parts)


def _row(axis: Axis, name: str, spent: Spent, top: float) -> Html:
    begin, parts = 0.0, [label(axis.place[0] - 8, top + 12, arm_look(name).name, "row", "end")]
    for role, cost in spent.items():
        left, right = axis.at(begin), axis.at(begin + cost)
        begin += cost
        if right > left:
            parts.append(bar(f"role role{_look(role)}", (left, top), (right, top + _HIGH)))
        if right - left >= _NARROWEST:
            middle = (left + right) / 2
            parts.append(label(middle, top + 12, _letter(role), f"on{_look(role)}", "middle"))
    return joined(*parts)


def _look(role: str) -> int:
    # "middle2" and so on look as "middle" does, and so does what is not known.
    return ROLES.index(role if role in ROLES else "middle")


def _letter(role: str) -> str:
    # "a" is for audit.
    return "v" if role == "advise" else role[:1]


def _letters(spent: Mapping[str, Spent]) -> Html:
    """Return the key: each role that cost something, with the letter in its pieces."""
    used = {role: None for each in spent.values() for role, cost in each.items() if cost > 0}
    return joined(
        *(
            element(
                "span",
                element("span", _letter(role), class_=f"swatch role{_look(role)}"),
                f" {role}",
                class_="swatched",
            )
            for role in _roles({role: {} for role in used})
        )
    )


def _cells(use: Node) -> list[Child]:
    counts = ("calls", "input_tokens", "output_tokens")
    money = figure(number(use, "cost"), dollars)
    return [*(figure(number(use, key), whole) for key in counts), money]


def _every_role(run: Run) -> Table:
    rows: list[list[Child]] = [
        [f"{full_name(name)}: {role}", *_cells(node(arm, "usage", role))]
        for name, arm in run.arms.items()
        for role in _roles(node(arm, "usage"))
    ]
    return Table("Spent by arm and role", ["", "calls", "read", "written", "$"], rows)


def _main_roles(run: Run) -> Html:
    usage = node(run.main_arm, "usage")
    rows: list[list[Child]] = [[role, *_cells(usage[role])] for role in _roles(usage)]
    rows.append(["in all", "", "", "", figure(number(run.main_arm, "cost"), dollars)])
    head = ["role", "calls", "tokens read", "written", "$"]
    name = f"Spent in the arm \N{LEFT DOUBLE QUOTATION MARK}{full_name(run.main)}"
    table = Table(f"{name}\N{RIGHT DOUBLE QUOTATION MARK}", head, rows)
    return element("div", shown(table, kind="named summed"))


def _without_price(run: Run) -> Html | None:
    """Name what was used and has no known price: it is not free."""
    found = [
        f"{role} ({full_name(name)})"
        for name, arm in run.arms.items()
        for role, use in node(arm, "usage").items()
        if number(use, "calls") and number(use, "cost") is None
    ]
    return note(f"Without a known price, and so not drawn: {spoken(found)}.") if found else None


def _tick(value: float) -> str:
    return f"${value:.3g}"
