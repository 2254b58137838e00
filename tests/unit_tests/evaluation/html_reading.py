"""Pages as a test reads them: parsed as strictly as XML, and searched."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree as ET

from langchain_intercascade.evaluation.html.page import run_page
from langchain_intercascade.evaluation.html.reading import Run

SVG = "{http://www.w3.org/2000/svg}"


def run_of(report: dict[str, Any], name: str = "run.json") -> Run:
    """The report as it is read from a file."""
    return Run(name, json.loads(json.dumps(report)))


def page_of(report: dict[str, Any]) -> ET.Element:
    """The page of a report, parsed."""
    return parsed(run_page(run_of(report)))


def parsed(page: str) -> ET.Element:
    """A page, parsed; whatever is not closed, or not escaped, is an error."""
    page.encode("utf-8")
    return ET.fromstring(page)  # noqa: S314 - our own page, and the parser is what is to fail


def said(element: ET.Element | None) -> str:
    """All that is read in an element, with single spaces."""
    assert element is not None
    return " ".join("".join(element.itertext()).split())


def found(page: ET.Element, kind: str, name: str) -> list[ET.Element]:
    """The elements of a kind that have a class."""
    return [each for each in page.iter(kind) if name in (each.get("class") or "").split()]


def table(page: ET.Element, caption: str) -> dict[str, dict[str, ET.Element]]:
    """The cells of the table with this caption, by its rows' and its columns' names."""
    (one,) = [each for each in page.iter("table") if said(each.find("caption")) == caption]
    head = [said(cell) for cell in one.iterfind("thead/tr/th")]
    rows = [list(row) for row in one.iterfind("tbody/tr")]
    assert {len(head)} == {len(row) for row in rows}
    return {said(row[0]): dict(zip(head, row, strict=True)) for row in rows}


def figures(element: ET.Element) -> list[float]:
    """The exact numbers behind what is shown in an element."""
    return [json.loads(each.get("value") or "") for each in element.iter("data")]


def numbers(value: Any, wanted: Callable[[Any], bool] = lambda _: True) -> Iterator[float]:
    """Every number anywhere in a report."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for each in value:
            yield from numbers(each, wanted)
    elif isinstance(value, int | float) and not isinstance(value, bool) and wanted(value):
        yield value
