"""The benchmark of the promise runs, writes what it measured, and says so when data are absent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import guarantee
from tests.packs import answered, written


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with a small made-up pack under the real one's name."""
    rng = np.random.default_rng(1)
    rows = [
        {
            "prompt": f"Question {number}?",
            "models": {
                model: answered("A", correct=bool(rng.random() < sure), logp=float(np.log(sure)))
                for model, sure in zip(guarantee.MODELS, rng.random(5), strict=True)
            },
        }
        for number in range(700)
    ]
    written(tmp_path / guarantee.PACK, rows, zipped=True)
    return tmp_path


def test_it_writes_one_cell_per_model_target_and_size(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "guarantee.json"

    assert 0 == guarantee.main(["--data", str(data), "--out", str(out), "--repeats", "2"])

    report: dict[str, Any] = json.loads(out.read_text("utf-8"))
    cells = report["cells"]
    expected = {
        (m, t, n) for m in guarantee.MODELS for t in guarantee.TARGETS for n in guarantee.SIZES
    }
    assert expected == {(c["weak_model"], c["target_risk"], c["calibration_size"]) for c in cells}
    assert {"seed", "versions", "command", "pack_sha256", "delta"} <= report.keys()
    assert all(0 <= c["draws"]["coverage"] <= 1 and c["answers"] == 700 for c in cells)


def test_absent_recordings_are_no_crash(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.json"

    assert 1 == guarantee.main(["--data", str(tmp_path), "--out", str(out)])
    assert "say with --data where the recordings are" in capsys.readouterr().err
    assert not out.exists()


def test_the_written_figures_keep_the_promise() -> None:
    """What is in the repository was measured with enough repeats and holds in every cell."""
    report: dict[str, Any] = json.loads(guarantee.OUT.read_text("utf-8"))

    assert report["repeats"] >= 400
    assert report["holds"]
    for cell in report["cells"]:
        for way in ("draws", "splits"):
            assert cell[way]["share_above_target"] <= report["allowed_share"]
