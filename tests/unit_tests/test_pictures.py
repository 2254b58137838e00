"""The pictures of the README are what the command draws, and need nothing but themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from benchmarks.picture_of_graph import graph_picture
from benchmarks.picture_of_savings import savings_picture
from benchmarks.pictures import FOLDER, RESULTS, main, pictures
from langchain_intercascade.graph import create_inter_cascade
from tests.cascades import strong_model, weak_model


@pytest.fixture(scope="module")
def drawn() -> dict[str, str]:
    return pictures()


def words(picture: str) -> list[str]:
    """Return the texts of a picture, in the order in which they are drawn."""
    root = ET.fromstring(picture)  # noqa: S314 - our own
    return [each.text or "" for each in root.iter("{http://www.w3.org/2000/svg}text")]


def test_the_pictures_are_what_the_command_draws(drawn: dict[str, str], tmp_path: Path) -> None:
    """After `lab.json` or the graph has changed: `python -m benchmarks.pictures`."""
    assert main(["--out", str(tmp_path)]) == 0

    assert {path.name: path.read_text("utf-8") for path in tmp_path.iterdir()} == drawn
    assert {path.name: path.read_text("utf-8") for path in FOLDER.glob("*.svg")} == drawn


def test_a_picture_loads_nothing_and_knows_the_night(drawn: dict[str, str]) -> None:
    for picture in drawn.values():
        assert "prefers-color-scheme: dark" in picture
        assert picture.count("http") == 1  # the name of the format
        assert not any(each in picture for each in ("<script", "<image", "url(", "@import"))


def test_the_graph_shows_every_node_and_what_is_said_on_edges(drawn: dict[str, str]) -> None:
    graph = create_inter_cascade(weak_model(), strong_model()).compile().get_graph()
    nodes = {name for name in graph.nodes if not name.startswith("__")}

    assert nodes | {"accept", "defer", "query", "answer"} <= set(words(drawn["graph.svg"]))


def test_a_graph_of_another_shape_is_not_drawn_wrong() -> None:
    graph = create_inter_cascade(weak_model(), strong_model()).compile().get_graph()
    lonely = graph.nodes["store"]
    graph.nodes["lonely"] = lonely

    with pytest.raises(ValueError, match="lonely"):
        graph_picture(graph)


def test_the_savings_are_those_that_were_measured() -> None:
    """Figures and curve follow the file."""
    measured: dict[str, Any] = json.loads(RESULTS.read_text("utf-8"))
    before = savings_picture(measured)
    measured["headline"]["strong_call_reduction"]["value"] = 0.123
    figures = savings_picture(measured)
    measured["arms"]["cascade"]["tenths"][0]["strong_call_share"] = 0.987
    curve = savings_picture(measured)

    assert "12% of the strong calls" in words(figures)[0]
    assert len({before, figures, curve}) == 3
