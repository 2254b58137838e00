"""This is where money is spoken of: what was had for it, where it went, and when it paid."""

from __future__ import annotations

from langchain_intercascade.evaluation.html.figures import (
    dollars,
    figure,
    hundredths,
    per_thousand,
    whole,
)
from langchain_intercascade.evaluation.html.markup import Child, Html, element, joined
from langchain_intercascade.evaluation.html.parts import (
    Table,
    folded,
    missing,
    note,
    section,
    sentences,
    shown,
    side_by_side,
)
from langchain_intercascade.evaluation.html.reading import Node, Run, node, number
from langchain_intercascade.evaluation.html.sections.plane import plane
from langchain_intercascade.evaluation.html.sections.spending import spending


def money(run: Run) -> Html:
    """Return the section about money."""
    return section(
        "money",
        "Money",
        side_by_side(plane(run), element("div", _break_even(run), _rivals(run))),
        spending(run),
        _prices(run),
        _spent(run),
    )


def _break_even(run: Run) -> Html:
    found, head = node(run.data, "break_even"), element("h3", "When it pays")
    if not found:
        return joined(
            head, missing("When the lessons had paid for themselves is not known.", "break_even")
        )
    said = [
        _paid(number(found, "strong"), "always asking the strong model"),
        _paid(number(found, "plain"), "a cascade without strategies"),
        _of(number(found, "questions")),
    ]
    return joined(head, element("p", sentences(said)))


def _paid(question: float | None, rival: str) -> Html:
    if question is None:
        return joined(f"It never came to cost less than {rival} for good.")
    after = figure(question, whole)
    return joined("After question ", after, f" it has cost less than {rival}, and stays below.")


def _of(questions: float | None) -> Html | None:
    if questions is None:
        return None
    return joined("A stream has ", figure(questions, whole), " questions.")


def _rivals(run: Run) -> Html:
    found, head = node(run.data, "matched"), element("h3", "What the same is worth elsewhere")
    if not found:
        return joined(head, missing("What was cheaper at equal accuracy is not known.", "matched"))
    rows: list[list[Child]] = [
        [
            "the cascade",
            figure(number(found, "system_accuracy"), hundredths),
            figure(number(found, "cost_per_question"), per_thousand),
        ],
        _rival("strong for a random share", found, "mixture"),
        _rival("no strategies, best threshold", found, "plain"),
    ]
    columns = ["", "right % at its cost", "$ per 1,000 at its accuracy"]
    table = Table("What the same is worth elsewhere", columns, rows)
    return joined(head, shown(table), note("A dash: it cannot get there at any price."))


def _rival(name: str, found: Node, key: str) -> list[Child]:
    return [
        name,
        figure(number(found, f"{key}_accuracy"), hundredths),
        figure(number(found, f"{key}_cost"), per_thousand),
    ]


def _prices(run: Run) -> Html:
    prices = node(run.data, "prices")
    if not prices:
        return missing("At which prices is not known.", "prices")
    rows: list[list[Child]] = [[model, *_price(prices[model])] for model in prices]
    table = Table("Dollars per million tokens", ["model", "read", "written"], rows)
    return folded("Prices, in dollars per million tokens", shown(table, kind="few"))


def _price(pair: object) -> list[Child]:
    ends = list(pair) if isinstance(pair, list | tuple) else []
    read, written = (*ends, None, None)[:2]
    return [figure(number({"price": end}, "price"), dollars) for end in (read, written)]


def _spent(run: Run) -> Html | None:
    spent = number(run.data, "spent")
    if spent is None:
        return None
    return note(
        "At these prices all calls of this run come to ",
        figure(spent, dollars),
        "; those that several arms or orders share are counted once.",
    )
