"""The Studio entry: which graph comes of which environment, and whether its guide is true."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from langchain_intercascade import ConfigurationError
from langchain_intercascade.studio import graph_from
from langchain_intercascade.testing import StubServer
from tests.conftest import Colour

GUIDE = (Path(__file__).parents[2] / "docs/studio.md").read_text("utf-8")
MODELS = {"INTERCASCADE_WEAK": "openai:weak", "INTERCASCADE_STRONG": "openai:strong"}


def asked(question: str) -> dict[str, list[tuple[str, str]]]:
    return {"messages": [("user", question)]}


def test_the_questions_in_the_guide_do_what_it_says(colour: Colour) -> None:
    """The first is deferred and learned from, the second is answered with what was learned."""
    questions = re.findall(r"^> (.*)$", GUIDE, flags=re.MULTILINE)
    graph = graph_from({})
    first, second = [colour.invoke(graph, asked(each))["record"] for each in questions]

    assert ("strong", "stored") == (first["route"], first["lesson"]["state"])
    assert ("weak", "augmented") == (second["route"], second["regime"])
    assert second["strategies"][0]["id"] == first["lesson"]["id"]
    assert second["cost"] is not None


def test_real_models_are_named_by_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """So are the folder and the threshold, and nothing is called simulated."""
    where = {"INTERCASCADE_PATH": str(tmp_path / "store"), "INTERCASCADE_THRESHOLD": "0.25"}
    with StubServer() as server:
        server.model("weak", lambda _: "five pears", logprob=-0.01)
        monkeypatch.setenv("OPENAI_API_KEY", "test")
        monkeypatch.setenv("OPENAI_API_BASE", server.base_url)
        graph = graph_from(MODELS | where)
        result = graph.invoke(asked("How many pears?"))

    assert "five pears" == result["messages"][-1].text
    assert 0.25 == result["record"]["threshold"]
    assert "inter_cascade" == graph.name
    assert (tmp_path / "store").is_dir()


def test_an_empty_variable_is_as_good_as_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Container files set variables that nobody filled in."""
    monkeypatch.chdir(tmp_path)
    names = (*MODELS, "INTERCASCADE_PATH", "INTERCASCADE_THRESHOLD")
    graph = graph_from(dict.fromkeys(names, ""))
    record = graph.invoke(asked("What is 2 plus 2?"))["record"]

    assert "inter_cascade (simulated)" == graph.name
    assert "default, not calibrated" == record["threshold_origin"]
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({"INTERCASCADE_WEAK": "openai:weak"}, "INTERCASCADE_STRONG=None: set both"),
        ({"INTERCASCADE_STRONG": "openai:strong"}, "INTERCASCADE_WEAK=None .* set both"),
        ({"INTERCASCADE_THRESHOLD": "7"}, "INTERCASCADE_THRESHOLD='7' must be a number from 0"),
        ({"INTERCASCADE_THRESHOLD": "nan"}, "INTERCASCADE_THRESHOLD='nan' must be a number"),
        (MODELS, "INTERCASCADE_WEAK='openai:weak' needs a key: set .* OPENAI_API_KEY"),
        (MODELS | {"INTERCASCADE_WEAK": "nobody:none"}, "INTERCASCADE_WEAK='nobody:none'"),
    ],
)
def test_what_cannot_work_is_named(
    monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str], complaint: str
) -> None:
    """The server shows this as the reason why it does not start."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ConfigurationError, match=complaint):
        graph_from(environment)
