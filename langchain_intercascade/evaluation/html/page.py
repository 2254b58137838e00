"""This is where a report becomes one HTML page, from its JSON alone."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from langchain_intercascade.evaluation.html.markup import Child, Html, element
from langchain_intercascade.evaluation.html.reading import Run
from langchain_intercascade.evaluation.html.sections.arms import arms
from langchain_intercascade.evaluation.html.sections.confidence import confidence
from langchain_intercascade.evaluation.html.sections.headline import headline, title
from langchain_intercascade.evaluation.html.sections.money import money
from langchain_intercascade.evaluation.html.sections.origin import origin
from langchain_intercascade.evaluation.html.sections.over_time import over_time
from langchain_intercascade.evaluation.html.sections.strategies import strategies

_SECTIONS: Final = (headline, arms, over_time, confidence, money, strategies, origin)

# Whatever a hostile text might have managed to become, a browser loads and runs nothing.
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


def run_page(run: Run) -> str:
    """Return the page of one run: a whole HTML document.

    Args:
        run: The report. What it lacks is said in a sentence where it would stand.

    Examples:
        >>> page = run_page(Run("r.json", {"arms": {"cascade": {"n": 2, "weak_accuracy": 0.5}}}))
        >>> page.startswith("<!DOCTYPE html>"), "50.0" in page
        (True, True)
    """
    return document(title(run), *(make(run) for make in _SECTIONS))


def document(name: str, *content: Child) -> str:
    """Return a whole HTML document that needs nothing but itself."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{name} \N{EM DASH} langchain-intercascade"),
        element("style", Html(_style())),
    )
    page = element("html", head, element("body", element("main", *content)), lang="en")
    return f"<!DOCTYPE html>\n{page}\n"


def write_page(page: str, path: Path) -> None:
    """Write `page` to `path`.

    Raises:
        OSError: It cannot be written there.
    """
    path.write_text(page, encoding="utf-8")


@cache
def _style() -> str:
    return files(__package__).joinpath("style.css").read_text("utf-8")
