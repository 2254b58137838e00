"""A threshold file is served beside what it was calibrated with, and beside nothing else."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.threshold.binding import Binding
from langchain_intercascade.threshold.calibrate import calibrate_regimes, calibrate_threshold
from langchain_intercascade.threshold.file import load_thresholds, save_thresholds

HERE = Binding(
    weak_model="small-1",
    confidence="mean_token_probability",
    prompts="3",
    repository="v7",
    encoder="hashing-512",
)
ANSWERS = ([0.9] * 60 + [0.1] * 20, [True] * 60 + [False] * 20)
REPORTS = calibrate_regimes(
    {"plain": ANSWERS, "augmented": ANSWERS}, target_risk=0.1, on=date(2026, 11, 22)
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with thresholds for both regimes."""
    path = tmp_path / "thresholds.json"
    save_thresholds(REPORTS, path, bound_to=HERE)
    return path


def changed(path: Path, **changes: Any) -> None:
    """Change parts of what lies in the file."""
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **changes}), "utf-8")


def test_what_was_saved_is_served(file: Path) -> None:
    loaded = load_thresholds(file, beside=HERE)

    assert loaded.reports == REPORTS
    assert 0.9 == loaded.cut("plain").value
    assert "risk <= 0.1 with confidence 0.9 for all 2 thresholds" in loaded.cut("augmented").origin


def test_one_report_alone_can_be_saved(tmp_path: Path) -> None:
    report = calibrate_threshold(*ANSWERS, target_risk=0.1)
    save_thresholds(report, tmp_path / "a.json", bound_to=HERE)

    assert {"plain": report} == load_thresholds(tmp_path / "a.json", beside=HERE).reports


def test_nothing_else_is_left_in_the_folder(file: Path) -> None:
    """It is written beside and moved into place, whole or not at all."""
    assert [file] == list(file.parent.iterdir())


def test_the_file_is_plain_json_that_others_can_read(file: Path) -> None:
    content = json.loads(file.read_text("utf-8"))

    assert (1, "small-1") == (content["schema_version"], content["bound_to"]["weak_model"])
    assert 0.75 == content["reports"]["plain"]["coverage"]


@pytest.mark.parametrize(
    ("name", "now", "phrase"),
    [
        ("weak_model", "small-2", "weak model: 'small-1' then, 'small-2' now"),
        ("confidence", "judge", "confidence: 'mean_token_probability' then, 'judge' now"),
        ("prompts", "4", "prompts: '3' then, '4' now"),
        ("repository", "v8", "repository: 'v7' then, 'v8' now"),
        ("encoder", None, "encoder: 'hashing-512' then, None now"),
    ],
)
def test_beside_anything_else_it_is_refused(
    file: Path, name: str, now: str | None, phrase: str
) -> None:
    with pytest.raises(ConfigurationError, match="thresholds promise nothing here") as refused:
        load_thresholds(file, beside=HERE.model_copy(update={name: now}))

    assert phrase in str(refused.value)


def test_every_difference_is_named(file: Path) -> None:
    other = Binding(weak_model="small-2", confidence="judge", prompts="3")

    with pytest.raises(ConfigurationError) as refused:
        load_thresholds(file, beside=other)

    assert 4 == str(refused.value).count(" now")


def test_a_newer_file_is_refused_as_newer(file: Path) -> None:
    changed(file, schema_version=2, unheard_of={})

    with pytest.raises(ConfigurationError, match=r"has schema version 2.*newer version\. Upgrade"):
        load_thresholds(file, beside=HERE)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("", "is not JSON", id="empty"),
        pytest.param('{"kind": ', "is not JSON", id="torn"),
        pytest.param("[" * 100_000, "is not JSON", id="too deep"),
        pytest.param("[]", "is no threshold file", id="a list"),
        pytest.param('{"kind": "recipe"}', "is no threshold file", id="something else"),
    ],
)
def test_a_file_that_is_none_is_refused(file: Path, text: str, complaint: str) -> None:
    file.write_text(text, "utf-8")

    with pytest.raises(ConfigurationError, match=complaint):
        load_thresholds(file, beside=HERE)


def test_bytes_that_are_no_text_are_refused(file: Path) -> None:
    file.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ConfigurationError, match="is not JSON"):
        load_thresholds(file, beside=HERE)


@pytest.mark.parametrize("name", ["absent.json", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_thresholds(tmp_path / name, beside=HERE)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        pytest.param({"schema_version": "1"}, "schema_version", id="version as text"),
        pytest.param({"schema_version": 0}, "schema_version", id="no such version"),
        pytest.param({"bound_to": {"weak_model": "a"}}, "bound_to.confidence", id="unbound"),
        pytest.param({"reports": {"plain": {}}}, "reports.plain.regime", id="no report"),
        pytest.param({"reports": {"odd": {}}}, "reports.odd", id="unknown regime"),
    ],
)
def test_damage_is_named_by_its_place(file: Path, changes: dict[str, Any], complaint: str) -> None:
    changed(file, **changes)

    with pytest.raises(ConfigurationError, match=f"is damaged: {complaint}"):
        load_thresholds(file, beside=HERE)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        pytest.param({"threshold": 1.5}, "damaged", id="out of range"),
        pytest.param({"threshold": "always_defer"}, "does not agree", id="threshold and counts"),
        pytest.param({"errors": 61}, "more errors", id="more errors than answers"),
        pytest.param({"bound": 0.3}, "above the target", id="a promise not kept"),
        pytest.param({"bound": float("nan")}, "damaged", id="NaN"),
        pytest.param({"regime": "augmented"}, "is about 'augmented'", id="misfiled"),
    ],
)
def test_a_report_that_contradicts_itself_is_refused(
    file: Path, changes: dict[str, Any], complaint: str
) -> None:
    """A threshold changed by hand must not be served as if it had been calibrated."""
    changed(file, reports={"plain": {**REPORTS["plain"].as_json(), **changes}})

    with pytest.raises(ConfigurationError, match=complaint):
        load_thresholds(file, beside=HERE)
