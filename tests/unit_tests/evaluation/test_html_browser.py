"""A real browser shows the page, if there is one: on a telephone, in the light and in the dark."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from langchain_intercascade.evaluation.html.page import run_page
from tests.unit_tests.evaluation.html_reading import run_of
from tests.unit_tests.evaluation.html_stock import full_report

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
pytestmark = pytest.mark.skipif(not BROWSER, reason="there is no Chromium here")

MEASURE = """<script>addEventListener("load", () => {
  const seen = document.querySelector("main"), style = (each) => getComputedStyle(each);
  document.body.dataset.seen = JSON.stringify({
    wide: document.documentElement.scrollWidth, window: innerWidth,
    paper: style(document.documentElement).backgroundColor, ink: style(seen).color,
    letter: Math.min(...[...document.querySelectorAll("svg text")].map(
      (each) => each.getBoundingClientRect().height)),
    asked: performance.getEntriesByType("resource").length,
  });
});</script>"""


def seen(folder: Path, scheme: str) -> dict[str, Any]:
    """What a browser as wide as a telephone makes of the page."""
    # The page forbids scripts; to be measured it has to allow this one.
    page = re.sub("<meta http-equiv=[^>]*>", "", run_page(run_of(full_report())))
    (folder / "page.html").write_text(page.replace("</head>", f"{MEASURE}</head>"), "utf-8")
    command = [
        BROWSER,
        *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"),
        *("--disable-background-networking", "--disable-component-update", "--window-size=360,740"),
        f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}",
        *(f"--user-data-dir={folder / 'profile'}", "--dump-dom"),
        (folder / "page.html").as_uri(),
    ]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=50).stdout
    found = re.search(r'data-seen="([^"]*)"', shown)
    assert found is not None
    values: dict[str, Any] = json.loads(found[1].replace("&quot;", '"'))
    return values


@pytest.mark.parametrize(
    ("scheme", "paper", "ink"),
    [
        ("light", "rgb(255, 254, 251)", "rgb(28, 27, 24)"),
        ("dark", "rgb(22, 22, 20)", "rgb(236, 234, 227)"),
    ],
)
def test_a_browser_shows_it_on_a_telephone(
    tmp_path: Path, scheme: str, paper: str, ink: str
) -> None:
    """The page does not scroll sideways, letters on drawings can be read, nothing is fetched."""
    values = seen(tmp_path, scheme)

    assert (paper, ink) == (values["paper"], values["ink"])
    assert values["wide"] <= values["window"] <= 500
    assert values["letter"] >= 10
    assert 0 == values["asked"]
