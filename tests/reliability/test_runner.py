"""The runner prints one screen, writes what was found, and fails when anything was broken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import reliability
from benchmarks.reliability import SUITES, held, main, table
from benchmarks.reliability_found import Found

GOOD = Found("crash", 1200, ("kill", "death"), 1200, 0, 0, 61.4, (), {"kills": 1200.0})


def given(found: Found) -> Any:
    """A suite that finds this."""

    def suite(*, thorough: bool, seed: int, tell: reliability.Tell) -> Found:
        tell(f"thorough={thorough} seed={seed}")
        return found

    return suite


@pytest.mark.parametrize(
    "change",
    [
        {"survived": 1199},
        {"lost": 1},
        {"leaked": 1},
        {"failures": ("a learner ended by itself",)},
        {"injected": 0, "survived": 0},
    ],
)
def test_a_broken_promise_is_an_exit_code(
    change: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Also a suite in which nothing was tried: it shows nothing."""
    bad = GOOD._replace(**change)

    assert 0 == main(["--quick"], suites={"crash": given(GOOD)})
    assert "BROKEN" not in capsys.readouterr().out
    assert 1 == main(["--quick"], suites={"crash": given(bad)})
    assert "BROKEN" in capsys.readouterr().out
    assert (held(GOOD), held(bad)) == (True, False)


def test_the_table_is_one_line_a_suite_and_tells_what_went_wrong() -> None:
    soak = Found("soak", 7, ("empty",), 0, 0, 2, 3.0, tuple(f"number {n}" for n in range(7)))

    head, *lines = table([GOOD, soak])

    assert head.split() == [
        "suite",
        "faults",
        "injected",
        "kinds",
        "survived",
        "lost",
        "leaked",
        "time",
    ]
    assert lines[0].split() == ["crash", "1,200", "2", "1,200", "0", "0", "61", "s", "held"]
    assert lines[1].split() == ["soak", "7", "1", "0", "0", "2", "3", "s", "BROKEN"]
    assert lines[2:] == [*(f"soak: number {n}" for n in range(5)), "soak: and 2 more"]


def test_what_was_found_is_written_with_how_it_was_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Progress goes to the error stream; an entry stays when another suite is run anew."""
    out = tmp_path / "new" / "found.json"
    soak = Found("soak", 7, ("empty",), 7, 0, 0, 3.0)
    main(["--only", "crash", "--out", str(out), "--seed", "4"], suites={"crash": given(GOOD)})
    main(["--only", "soak", "--out", str(out), "--quick"], suites={"soak": given(soak)})

    told = capsys.readouterr()
    report = json.loads(out.read_text("utf-8"))
    assert "crash: thorough=True seed=4\n" in told.err
    assert "soak: thorough=False seed=0\n" in told.err
    assert ["crash", "soak"] == list(report["suites"])
    assert (1207, 0, 0) == (report["injected"], report["lost"], report["leaked"])
    crash = report["suites"]["crash"]
    assert "python -m benchmarks.reliability --only crash --seed 4" == crash["command"]
    assert (crash["held"], crash["figures"]) == (True, {"kills": 1200.0})
    assert {"qdrant-client", "qdrant-edge-py"} == crash["engines"].keys()


def test_the_short_form_writes_nothing_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The figures in the documentation are the long form's."""
    monkeypatch.setattr(reliability, "OUT", tmp_path / "found.json")

    main(["--quick"], suites={"crash": given(GOOD)})
    assert not (tmp_path / "found.json").exists()
    main([], suites={"crash": given(GOOD)})
    assert (tmp_path / "found.json").exists()


def test_a_suite_that_is_not_there_is_not_passed_over(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(SUITES, "soak", ("benchmarks.nowhere", "soak"))

    assert 1 == main(["--quick", "--only", "soak"])
    assert "soak: it could not be run: there is no benchmarks.nowhere" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["crash", "soak", "isolation"])
def test_every_suite_has_its_module(name: str) -> None:
    """As the runner will import it."""
    module, function = SUITES[name]

    imported = __import__(module, fromlist=[function])
    assert callable(getattr(imported, function))
