"""This is where the strategies that brought most, and least, can be read in full.

Their text was written by a model from what users asked: it is shown, and nothing else.
"""

from __future__ import annotations

from langchain_intercascade.evaluation.html.figures import figure, whole
from langchain_intercascade.evaluation.html.markup import Child, Html, element, joined
from langchain_intercascade.evaluation.html.parts import dotted, lead, missing, section
from langchain_intercascade.evaluation.html.reading import Node, Run, nodes, number, text, texts

_RECORD = {
    "uses": "used {} times",
    "right_with": "right in {}",
    "right_without": "without it in {}",
}


def strategies(run: Run) -> Html:
    """Return the section of the best and the worst strategies."""
    best, worst = nodes(run.data, "strategies", "best"), nodes(run.data, "strategies", "worst")
    if not best and not worst:
        return section("strategies", "Strategies", _none(run))
    return section(
        "strategies",
        "Strategies",
        lead(
            "What the strong model taught, word for word. Each is counted against the weak model "
            "alone on the same questions."
        ),
        *_list("Those that brought most", best),
        *_list("Those that brought least", worst),
    )


def _none(run: Run) -> Html:
    if "strategies" in run.data:
        return element("p", "No strategy was used.")
    return missing("What was taught cannot be shown.", "strategies")


def _list(title: str, found: list[Node]) -> list[Child]:
    return [element("h3", title), *map(_strategy, found)] if found else []


def _strategy(strategy: Node) -> Html:
    when, steps = text(strategy, "when"), texts(strategy, "steps")
    return element(
        "article",
        element("h4", text(strategy, "title") or "Without a title", dir="auto"),
        element("p", *dotted(_record(strategy)), class_="note"),
        element("p", element("em", "When: "), when, dir="auto") if when else None,
        element("ol", *(element("li", step, dir="auto") for step in steps)) if steps else None,
        class_="strategy",
    )


def _record(strategy: Node) -> list[Child]:
    """Return how it fared: only what the report says."""
    said: list[Child] = []
    for key, words in _RECORD.items():
        value = number(strategy, key)
        if value is not None:
            before, _, after = words.partition("{}")
            rest = after.removesuffix("s") if value == 1 else after
            said.append(joined(before, figure(value, whole), rest))
    net, name = number(strategy, "net"), text(strategy, "id")
    if net is not None:
        said.append(joined("net ", element("b", figure(net, _net))))
    return [*said, element("code", name)] if name else said


def _net(value: float) -> str:
    return f"{value:+,.0f}"
