"""The compiled graph, drawn: a row up to the gate, and below it what a deferral goes through.

Nodes, edges and the words on them are those of the graph; what stands below a node's
name is the first line of the file that it lives in.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from benchmarks.picture_look import picture
from langchain_intercascade.evaluation.html.markup import Html, element, joined

if TYPE_CHECKING:
    from langchain_core.runnables.graph import Graph

WIDE, HIGH = 150, 78
_PITCH: Final = 174
_LEFT: Final = 88
_ROWS: Final = (22, 144)
_WIDTH: Final = 1030
_HEIGHT: Final = 262
_LETTERS: Final = 23
_LINES: Final = 3


def graph_picture(graph: Graph) -> str:
    """Return the picture of `graph`.

    Raises:
        ValueError: It is not a row that forks once, with both ways leading to the end.
    """
    upper, lower = _rows(graph)
    places = {name: (_LEFT + i * _PITCH, _ROWS[0]) for i, name in enumerate(upper)}
    first = len(upper) - 1
    places |= {name: (_LEFT + (first + i) * _PITCH, _ROWS[1]) for i, name in enumerate(lower)}
    gate = upper[-1]
    end = (places[lower[-1]][0] + WIDE + 22, _ROWS[0] + HIGH / 2)
    accept, defer = (_said(graph, gate, to) for to in ("__end__", lower[0]))
    return picture(
        "The graph",
        f"A query goes through {', '.join(upper)}. The gate accepts, which ends the run, or "
        f"defers: then follow {', '.join(lower)}. What was stored is retrieved for later queries.",
        *(_edge(places[one], places[other]) for one, other in _pairs(upper)),
        *(_edge(places[one], places[other]) for one, other in _pairs(lower)),
        _begin(places[upper[0]]),
        _accepted(places[gate], end, accept),
        _deferred(places[gate], places[lower[0]], defer),
        _stored(places[lower[-1]], end),
        _taught(places[lower[-1]], places[upper[0]]),
        *(_node(name, at, gate=name == gate) for name, at in places.items()),
        _words(end[0] + 8, end[1] + 4, "answer", "name"),
        width=_WIDTH,
        height=_HEIGHT,
    )


def _rows(graph: Graph) -> tuple[list[str], list[str]]:
    """Return the nodes up to the gate, and those that only a deferred query goes through."""
    after: dict[str, list[str]] = {}
    for edge in graph.edges:
        after.setdefault(edge.source, []).append(edge.target)
    upper = _row(after, after["__start__"][0])
    below = [name for name in after[upper[-1]] if name != "__end__"]
    lower = _row(after, below[0]) if below else []
    if {"__start__", "__end__", *upper, *lower} != set(graph.nodes) or len(below) != 1:
        msg = f"This picture cannot show a graph of the nodes {sorted(graph.nodes)}."
        raise ValueError(msg)
    return upper, lower


def _row(after: dict[str, list[str]], name: str) -> list[str]:
    row = [name]
    while len(after[row[-1]]) == 1 and after[row[-1]] != ["__end__"]:
        row.append(after[row[-1]][0])
    return row


def _said(graph: Graph, source: str, target: str) -> str:
    """Return what is said on an edge; the drawing puts it between hard spaces."""
    (edge,) = (e for e in graph.edges if (e.source, e.target) == (source, target))
    return str(edge.data or "").replace("&nbsp;", " ").strip()


def _pairs(row: Sequence[str]) -> list[tuple[str, str]]:
    return list(pairwise(row))


def _node(name: str, at: tuple[float, float], *, gate: bool) -> Html:
    x, y = at
    text = import_module(f"langchain_intercascade.nodes.{name}").__doc__ or ""
    about = text.splitlines()[0].rstrip(".").replace("->", "\N{RIGHTWARDS ARROW}")
    told = [
        _words(x + WIDE / 2, y + 38 + 13 * i, line, "soft", "middle")
        for i, line in enumerate(textwrap.wrap(about, _LETTERS)[:_LINES])
    ]
    box = element("rect", x=x, y=y, width=WIDE, height=HIGH, rx=7, class_="gate" if gate else "box")
    return joined(box, _words(x + WIDE / 2, y + 22, name, "node", "middle"), *told)


def _begin(first: tuple[float, float]) -> Html:
    y = first[1] + HIGH / 2
    return joined(_arrow([(58, y), (first[0], y)]), _words(10, y + 4, "query", "name"))


def _edge(one: tuple[float, float], other: tuple[float, float]) -> Html:
    y = one[1] + HIGH / 2
    return _arrow([(one[0] + WIDE, y), (other[0], y)])


def _accepted(gate: tuple[float, float], end: tuple[float, float], said: str) -> Html:
    begin = (gate[0] + WIDE, end[1])
    return joined(_arrow([begin, end]), _words(begin[0] + 14, end[1] - 8, said))


def _deferred(gate: tuple[float, float], strong: tuple[float, float], said: str) -> Html:
    x = gate[0] + WIDE / 2
    way = _arrow([(x, gate[1] + HIGH), (x, strong[1])])
    return joined(way, _words(x + 10, (gate[1] + HIGH + strong[1]) / 2 + 4, said))


def _stored(store: tuple[float, float], end: tuple[float, float]) -> Html:
    x = end[0] + 30
    y = store[1] + HIGH / 2
    return _arrow([(store[0] + WIDE, y), (x, y), (x, end[1] + 14)])


def _taught(store: tuple[float, float], retrieve: tuple[float, float]) -> Html:
    """Return what no edge shows: strategies that were stored help later queries."""
    low = store[1] + HIGH + 24
    one, other = store[0] + WIDE / 2, retrieve[0] + WIDE / 2
    way = [(one, store[1] + HIGH), (one, low), (other, low), (other, retrieve[1] + HIGH)]
    said = _words(other + 14, low - 8, "strategies, for later queries like it", "said")
    return joined(_arrow(way, kind="later", head="later-head"), said)


def _arrow(way: Sequence[tuple[float, float]], kind: str = "edge", head: str = "head") -> Html:
    (fx, fy), (x, y) = way[-2], way[-1]
    across = fx != x
    sign = 1 if (x > fx if across else y > fy) else -1
    back = [(x - 8 * sign, y - 4), (x - 8 * sign, y + 4)]
    if not across:
        back = [(x - 4, y - 8 * sign), (x + 4, y - 8 * sign)]
    stop = (x - 6 * sign, y) if across else (x, y - 6 * sign)
    path = " L".join(f"{px:g},{py:g}" for px, py in [*way[:-1], stop])
    points = " ".join(f"{px:g},{py:g}" for px, py in [(x, y), *back])
    return joined(
        element("path", d=f"M{path}", class_=kind), element("polygon", points=points, class_=head)
    )


def _words(x: float, y: float, said: str, kind: str = "name", anchor: str | None = None) -> Html:
    return element("text", said, x=x, y=y, class_=kind, text_anchor=anchor)
