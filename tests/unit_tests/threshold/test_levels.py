"""Thresholds of several levels lie in one file, and are read back level by level."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.threshold.base import FixedThreshold
from langchain_intercascade.threshold.binding import Binding
from langchain_intercascade.threshold.calibrate import calibrate_regimes
from langchain_intercascade.threshold.file import load_thresholds, save_thresholds
from langchain_intercascade.threshold.levels import load_levels, save_levels, thresholds_of

FIRST = calibrate_regimes({"plain": ([0.9] * 60, [True] * 60)}, target_risk=0.1, levels=2)
SECOND = calibrate_regimes({"plain": ([0.7] * 60, [True] * 60)}, target_risk=0.1, levels=2)


def bound(weak: str) -> Binding:
    """What a level belongs to."""
    return Binding(weak_model=weak, confidence="logprobs", prompts="2")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of two levels."""
    path = tmp_path / "t.json"
    save_levels([(FIRST, bound("small")), (SECOND, bound("middle"))], path)
    return path


def test_every_level_gets_its_own(file: Path) -> None:
    found = load_levels(file)
    for level, weak in zip(found, ("small", "middle"), strict=True):
        level.check(bound(weak))

    assert [0.9, 0.7] == [level.cut("plain").value for level in found]
    with pytest.raises(ConfigurationError, match=r"t\.json, level 2, was calibrated with some"):
        found[1].check(bound("small"))


def test_a_file_of_one_level_is_one_of_one_level(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    save_thresholds(FIRST, path, bound_to=bound("small"))
    (only,) = load_levels(path)
    only.check(bound("small"))

    assert 0.9 == only.cut("plain").value


def test_a_file_of_several_is_not_taken_for_one_of_one(file: Path) -> None:
    with pytest.raises(ConfigurationError, match="holds the thresholds of several levels"):
        load_thresholds(file)


def test_what_is_no_file_is_taken_as_it_is(file: Path) -> None:
    given = [0.8, FixedThreshold(0.9)]

    assert given is thresholds_of(given)
    assert 2 == len(thresholds_of(str(file)))


def test_one_level_is_not_several(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match="levels or more are needed, not 1: for one there is `save"
    ):
        save_levels([(FIRST, bound("small"))], tmp_path / "t.json")
    assert not (tmp_path / "t.json").exists()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"levels": None}, "has no list of levels"),
        ({"levels": ["small"]}, "has no list of levels"),
        ({"levels": [{}, {}]}, r"level 1, is damaged: bound_to"),
        ({"schema_version": 2}, "level 1, has schema version 2"),
        ({"kind": "poems"}, "no threshold file"),
    ],
)
def test_a_damaged_file_is_refused(file: Path, change: dict[str, Any], complaint: str) -> None:
    content = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps({**content, **change}), "utf-8")

    with pytest.raises(ConfigurationError, match=complaint):
        load_levels(file)
