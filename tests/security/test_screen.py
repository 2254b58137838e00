"""What is on the screen is what there is: text from elsewhere cannot act on a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from langchain_intercascade import EdgeRepository
from langchain_intercascade.cli.app import app
from langchain_intercascade.cli.screen import visible
from langchain_intercascade.strategy import Advice, State
from tests.unit_tests.repository.stock import strategy

ACTING: Final = (
    "\x1b[2J",  # clears the screen
    "\x1b[8mhidden\x1b[0m",  # hides what follows
    "\x1b]0;title\x07",  # names the window
    "\x9b1A",  # the same in one byte: up a line
    "\r",  # back to the beginning, to be written over
    "\x08" * 9,
    "\u202eneddih\u202c",  # written from right to left
    "\u2066\u200b\ufeff",
)
HOSTILE: Final = Advice(
    title=f"Sums {ACTING[0]}",
    when_to_use=f"Adding {''.join(ACTING)}.",
    steps=(f"Add {ACTING[1]}", *(f"x{each}y" for each in ACTING)),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a strategy that would rather not be read, waiting for review."""
    place = tmp_path_factory.mktemp("screen") / "strategies"
    with EdgeRepository(place) as repository:
        repository.put(
            strategy(f"pears{ACTING[0]}", tenant="default", advice=HOSTILE, state=State.CANDIDATE)
        )
    return place


@pytest.mark.parametrize(
    "words", [["list"], ["show", "ID"], ["review"], ["explain", "pears\x1b[2J"]]
)
def test_whoever_reviews_sees_all_of_it(folder: Path, words: list[str]) -> None:
    """A step that is hidden on the screen would be approved unread."""
    with EdgeRepository(folder) as repository:
        (found,) = repository.scan(tenant="default")
    given_words = [found.id if word == "ID" else word for word in words]
    result = CliRunner().invoke(app, ["strategies", *given_words, "--path", str(folder)], input="q")

    assert [] == [each for each in result.output if each != "\n" and visible(each) != each]
    if words[0] in ("show", "review"):
        assert "hidden" in result.output
        assert "\\x1b[8m" in result.output


def test_an_error_cannot_act_either(tmp_path: Path) -> None:
    """It may name a file or an id that somebody else chose."""
    wanted = ["show", "\x1b[2J", "--path", str(tmp_path / "\x1b]0;x\x07")]
    result = CliRunner().invoke(app, ["strategies", *wanted])

    assert result.exit_code != 0
    assert "\x1b" not in result.output


@given(st.text())
def test_only_what_acts_is_spelt_out(text: str) -> None:
    """Words of all languages, lines and tabs stay as they are."""
    shown = visible(text)

    assert shown == visible(shown)
    assert "\x1b" not in shown
    assert "Größe 数\t\u200d\r\nb" == visible("Größe 数\t\u200d\r\nb")
