"""This is where the parts of a page are made: sections, tables, drawings with their figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from langchain_intercascade.evaluation.html.markup import Child, Html, element, joined


class Missing(Html):
    """A sentence in the place of something that the report does not have."""

    __slots__ = ()


class Table(NamedTuple):
    """A table, to be shown on a page or on a screen.

    Attributes:
        caption: What it shows, in a few words; also its name for those who hear it.
        head: The columns' heads; the first is that of the rows' names.
        rows: As long as `head` each; a row begins with its name.
    """

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[Child]]


def section(slug: str, title: str, *children: Child) -> Html:
    """Return a part of the page with a heading of the second rank."""
    head = element("h2", title, id=slug)
    return element("section", head, element("div", *children), aria_labelledby=slug)


def lead(*words: Child) -> Html:
    """Return the paragraph that a part of the page begins with."""
    return element("p", *words, class_="lead")


def note(*words: Child) -> Html:
    """Return a remark in small print."""
    return element("p", *words, class_="note")


def missing(what: str, keys: str) -> Missing:
    """Say in a sentence what a report does not have, and under which keys it would be."""
    named = element("code", keys)
    return Missing(element("p", f"{what} The report has no ", named, ".", class_="missing"))


def spoken(words: Sequence[str]) -> str:
    """Return words as a list in a sentence.

    Examples:
        >>> spoken(["a"]), spoken(["a", "b", "c"])
        ('a', 'a, b and c')
    """
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def sentences(said: Iterable[Html | None]) -> Html:
    """Return sentences with a space between them; those that are `None` are left out."""
    kept = [each for each in said if each is not None]
    return joined(*(part for each in kept for part in (each, " ")))


def shown(table: Table, *, kind: str = "") -> Html:
    """Return a table that can be scrolled sideways where the page is narrow."""
    head = element("tr", *(element("th", name, scope="col") for name in table.head))
    body = [
        element("tr", element("th", row[0], scope="row"), *(element("td", c) for c in row[1:]))
        for row in table.rows
    ]
    made = element(
        "table",
        element("caption", table.caption),
        element("thead", head),
        element("tbody", *body),
        class_=kind or None,
    )
    return element(
        "div", made, class_="scroll", role="region", tabindex="0", aria_label=table.caption
    )


def folded(summary: str, *children: Child) -> Html:
    """Return something that is opened on request."""
    return element("details", element("summary", summary), *children)


def told(said: Iterable[tuple[Child, Child | None]], *, kind: str = "facts") -> Html:
    """Return words with what they mean; those without a meaning are left out."""
    rows = [(word, meaning) for word, meaning in said if meaning is not None]
    parts = [part for word, each in rows for part in (element("dt", word), element("dd", each))]
    return element("dl", *parts, class_=kind)


def dotted(parts: Iterable[Child]) -> list[Child]:
    """Return the parts with a dot between them."""
    return [piece for part in parts for piece in (" \N{MIDDLE DOT} ", part)][1:]


def drawn(title: str, said: Child, drawing: Html, table: Table) -> Html:
    """Return a drawing under its name, with the figures it was drawn from."""
    head = element("figcaption", element("h3", title), element("p", said))
    return element("figure", head, drawing, folded("The figures", shown(table)))


def side_by_side(*children: Html) -> Html:
    """Return what is there in two columns where the page is wide enough; then what is not."""
    there = [child for child in children if not isinstance(child, Missing)]
    absent = [child for child in children if isinstance(child, Missing)]
    return joined(element("div", *there, class_="pair") if there else None, *absent)


def without_empty_columns(table: Table) -> tuple[Table, list[str]]:
    """Return the table without columns in which nothing is known, and the heads of these."""
    kept = [
        i for i in range(len(table.head)) if i == 0 or any(_is_known(row[i]) for row in table.rows)
    ]
    gone = [name for i, name in enumerate(table.head) if i not in kept]
    rows = [[row[i] for i in kept] for row in table.rows]
    return table._replace(head=[table.head[i] for i in kept], rows=rows), gone


def _is_known(cell: Child) -> bool:
    return cell is not None and "<data" in cell
