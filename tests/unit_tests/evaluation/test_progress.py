"""What was paid for is written down at once, survives a torn line, and is never mixed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.evaluation.progress import Finished, Look, Progress

SETTINGS = {"weak_model": "small", "confidence": "logprobs", "encoder": None}


def finished(key: str = "a", confidence: float | None = 0.5) -> Finished:
    """What came of a question."""
    return Finished(
        key=key, regime="plain", confidence=confidence, correct=True, usage={}, cost=0.25
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the progress lies."""
    return tmp_path / "t.progress.jsonl"


def test_what_was_written_is_there_again(file: Path) -> None:
    first = Progress(file, SETTINGS)
    first.add(finished("a"))
    first.add(finished("b", None))
    first.looked(Look(target_risk=0.1, delta=0.1))
    first.looked(Look(target_risk=0.1, delta=0.1))
    again = Progress(file, SETTINGS)

    assert {"a": finished("a"), "b": finished("b", None)} == dict(again.finished)
    assert (Look(target_risk=0.1, delta=0.1),) == again.looks


@given(cut=st.integers(0, 600))
def test_wherever_it_was_torn_whole_lines_stay(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    """A killed process may leave half a line, even half of the first."""
    file = tmp_path_factory.mktemp("torn") / "p.jsonl"
    first = Progress(file, SETTINGS)
    for key in "abc":
        first.add(finished(key))
    whole = file.read_bytes()
    file.write_bytes(whole[:cut])
    rows = max(0, whole[:cut].count(b"\n") - 1)
    again = Progress(file, SETTINGS)
    kept = len(again.finished)
    again.add(finished("z"))

    assert rows == kept
    assert rows + 1 == len(Progress(file, SETTINGS).finished)


def test_other_settings_are_refused_and_each_difference_is_named(file: Path) -> None:
    Progress(file, SETTINGS)

    with pytest.raises(ConfigurationError) as refused:
        Progress(file, {**SETTINGS, "weak_model": "large", "encoder": "hashing"})

    assert "weak model: 'small' then, 'large' now" in str(refused.value)
    assert "encoder: None then, 'hashing' now" in str(refused.value)
    assert "confidence" not in str(refused.value)


def test_settings_changed_by_hand_are_noticed(file: Path) -> None:
    """The digest is what is compared."""
    Progress(file, SETTINGS)
    text = file.read_text("utf-8").replace('"digest": "', '"digest": "0')
    file.write_text(text, "utf-8")

    with pytest.raises(ConfigurationError, match="begun with other settings"):
        Progress(file, SETTINGS)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        pytest.param("{", "line 2 is damaged: it is not JSON", id="torn in the middle"),
        pytest.param("[]", "line 2 is damaged: it is no object", id="a list"),
        pytest.param('{"row": {"key": "a"}}', "line 2 is damaged: regime", id="half a row"),
        pytest.param("{}", "line 2 is damaged", id="nothing"),
        pytest.param(
            json.dumps({"row": {**finished().model_dump(), "confidence": 2}}),
            "line 2 is damaged: confidence",
            id="out of range",
        ),
    ],
)
def test_damage_is_named_by_its_line(file: Path, line: str, complaint: str) -> None:
    Progress(file, SETTINGS)
    with file.open("a") as more:
        more.write(f"{line}\n")

    with pytest.raises(ConfigurationError, match=complaint):
        Progress(file, SETTINGS)


@pytest.mark.parametrize("head", ["{}", '{"kind": "recipe"}'])
def test_another_file_is_left_alone(file: Path, head: str) -> None:
    file.write_text(f"{head}\n", "utf-8")

    with pytest.raises(ConfigurationError, match="is not the progress of a calibration"):
        Progress(file, SETTINGS)
    assert f"{head}\n" == file.read_text("utf-8")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be read and written.*Name another --out"):
        Progress(tmp_path / "absent" / "p.jsonl", SETTINGS)
