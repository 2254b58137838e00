"""Runs are compared where they are alike; where they are not, the page says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.evaluation.html.comparison import comparison_page, warning
from langchain_intercascade.evaluation.html.reading import read_run
from tests.unit_tests.evaluation.html_reading import (
    SVG,
    figures,
    found,
    parsed,
    run_of,
    said,
    table,
)
from tests.unit_tests.evaluation.html_stock import full_report, old_report

DATA = full_report()["data"]


def compared(*reports: dict[str, Any]) -> Any:
    """The page that compares reports, parsed."""
    return parsed(comparison_page([run_of(r, f"{i}.json") for i, r in enumerate(reports)]))


def test_every_arm_of_every_run_stands_in_one_table() -> None:
    other = full_report(k=1)
    other["arms"]["cascade"]["system_accuracy"] = 0.8125
    del other["arms"]["oracle"]

    rows = table(compared(full_report(), other), "Every arm of every run")

    assert 8 + 7 == len(rows)
    assert 0.8125 == figures(rows["B cascade"]["right %"])[0]
    assert full_report()["arms"]["cascade"]["harm_rate"] == figures(rows["A cascade"]["harm %"])[0]


def test_the_settings_that_differ_are_named() -> None:
    page = compared(full_report(), full_report(k=1, threshold=[0.5, "always_defer"], title="new"))

    rows = table(page, "In what the runs differ")

    assert {"k", "threshold"} == set(rows)
    assert ["2", "1"] == [said(rows["k"][run]) for run in "AB"]
    assert "0.5, always_defer" == said(rows["threshold"]["B"])


def test_curves_of_runs_that_are_alike_are_drawn_over_each_other() -> None:
    drawings = list(compared(full_report(), full_report(k=1)).iter(f"{SVG}svg"))

    assert 5 == len(drawings)
    for each in drawings:
        assert ["A", "B"] == [said(name) for name in found(each, f"{SVG}text", "name")]
        assert ["line look0", "line look1"] == [
            path.get("class") for path in found(each, f"{SVG}path", "line")
        ]


@pytest.mark.parametrize(
    "other",
    [
        full_report(kind="live"),
        full_report(incomplete="stopped"),
        *(
            full_report(data={**DATA, **change})
            for change in ({"sha256": "cd" * 32}, {"questions": 299}, {"grader": "exact"})
        ),
        old_report(),
    ],
    ids=["kind", "incomplete", "file", "questions", "grader", "old"],
)
def test_runs_that_are_not_alike_are_not_drawn_over_each_other(other: dict[str, Any]) -> None:
    page = compared(full_report(), other)

    assert said(found(page, "p", "warning")[0]).startswith("Not alike These runs were not asked")
    assert [] == list(page.iter(f"{SVG}svg"))
    assert "A cascade" in table(page, "Every arm of every run")


def test_the_warning_says_what_differs() -> None:
    other = full_report(data={**DATA, "sha256": "cd" * 32, "grader": "exact"})

    said_so = warning([run_of(full_report()), run_of(other)])

    assert said_so is not None
    assert "questions: A word problems (abababababab), B word problems (cdcdcdcdcdcd)" in said_so
    assert "grader: A numeric, B exact" in said_so
    assert warning([run_of(full_report()), run_of(full_report(k=1))]) is None


def test_the_seeds_of_a_stream_are_its_questions() -> None:
    """Of a file, they are only the order."""
    stream = {**DATA, "sha256": None}
    few, many = ([0, 1], [0, 1, 2])

    assert warning([run_of(full_report(seeds=seeds)) for seeds in (few, many)]) is None
    assert "seeds of the stream: A 0, 1, B 0, 1, 2" in str(
        warning([run_of(full_report(seeds=seeds, data=stream)) for seeds in (few, many)])
    )


def test_each_run_says_how_it_was_made() -> None:
    page = said(compared(full_report(), full_report(command="intercascade bench --k 1", k=1)))

    assert "How B was made" in page
    assert "intercascade bench --k 1" in page


# Reading.


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, r"cannot be read \(No such file or directory\)\. Name a report"),
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b'{"arms": {"cascade": {"n": NaN}}}', "NaN is no number"),
        (b"[]", "no `arms`"),
        (b'{"arms": {"cascade": 1}}', "no `arms`"),
        (b"[" * 100_000, r"nested too deeply for a report\. Name a report"),
    ],
)
def test_what_is_no_report_is_refused(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "run.json"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigurationError, match=words) as refused:
        read_run(path)

    assert str(path) in str(refused.value)
