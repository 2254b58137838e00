"""Only typed errors come out of a reader; `python -m benchmarks.fuzz` asks the same for longer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.fuzz import fuzzed, main
from benchmarks.fuzz_inputs import DEEP
from benchmarks.fuzz_targets import ADVICE, TARGETS, Target, written
from langchain_intercascade.errors import LessonRejectedError
from langchain_intercascade.nodes.distiller import LONGEST_REPLY, parse_advice
from langchain_intercascade.repository.admission import check_secrets

EXAMPLES: Final = 15


@pytest.mark.parametrize("name", TARGETS)
def test_a_reader_answers_or_refuses(name: str) -> None:
    """Whatever it is given."""
    target = TARGETS[name]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(target.inputs)
    def attacked(hostile: Any) -> None:
        target.attack(hostile)

    attacked()


# What the fuzzers have found, kept.

CUT_OFF: Final = json.dumps(ADVICE)[:90]


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param("[" * DEEP, id="nested too deeply"),
        pytest.param('{"title": ' * DEEP, id="nested too deeply, as objects"),
        pytest.param("```json\n" + "[" * DEEP, id="the same in a fence"),
        pytest.param('{"title": ' + "9" * 5000 + "}", id="a number with too many digits"),
        pytest.param(CUT_OFF, id="cut off in the middle of a step"),
        pytest.param(json.dumps({**ADVICE, "steps": ["a\x00b"]}), id="a character for no database"),
        pytest.param(json.dumps({**ADVICE, "title": "\ud800"}), id="half a character"),
        pytest.param(json.dumps(ADVICE) + " " * LONGEST_REPLY, id="too long"),
    ],
)
def test_a_distiller_that_misbehaves_teaches_nothing(reply: str) -> None:
    """Neither does it fail in a way of its own, nor is half a step taken for a whole one."""
    with pytest.raises(LessonRejectedError):
        parse_advice(reply)


def test_a_reply_of_garbage_is_given_up_at_once(quick: Any) -> None:
    """Completing what was cut off took time that grew with the square of the length."""
    garbage = '{"title": "' + "a" * 20_000 + '", ' + '"b", ' * 5_000

    def read() -> None:
        with pytest.raises(LessonRejectedError):
            parse_advice(garbage)

    quick(read)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a" * 60_000, id="an address without an at sign"),
        pytest.param("a." * 30_000 + "@", id="nothing after the at sign"),
        pytest.param("(" * 60_000, id="brackets before a telephone number"),
        pytest.param("(0" * 30_000, id="area codes"),
        pytest.param(" " * 60_000, id="spaces"),
        pytest.param("password:" * 7_000, id="passwords that are none"),
        pytest.param("-eyJ" * 15_000, id="tokens that never end"),
        pytest.param("+1" * 30_000, id="country codes"),
        pytest.param("1 " * 30_000, id="cards"),
        pytest.param("-----BEGIN " * 5_000, id="keys that never begin"),
    ],
)
def test_no_text_keeps_the_secret_check_busy(quick: Any, text: str) -> None:
    """Queries that are kept as examples are checked in full, and anybody may write one."""

    def check() -> None:
        try:
            check_secrets(text)
        except LessonRejectedError:
            return

    quick(check)


# The fuzzer itself.


def test_the_fuzzer_finds_what_is_there() -> None:
    """And names the least input that does it."""

    def fragile(text: str) -> None:
        if "x" in text:
            raise KeyError(text)

    done = fuzzed(Target(st.text(alphabet="wxyz"), fragile), seconds=5)
    (finding,) = done.findings

    assert finding.startswith("seed 0: KeyError: 'x'")
    assert done.inputs > 0


def test_a_typed_error_is_no_finding() -> None:
    """It is what readers are to answer with."""
    strict = Target(st.text(), lambda _: parse_advice("no"), (LessonRejectedError,))

    assert [] == fuzzed(strict, seconds=0.05).findings


def test_the_file_says_what_was_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In figures, for documents to quote."""
    file = tmp_path / "fuzz.json"
    code = main(["--minutes", "0.001", "--target", "stated_confidence", "--out", str(file)])
    report = json.loads(file.read_text("utf-8"))

    assert (0, 0) == (code, report["findings"])
    assert report["inputs"] == report["targets"]["stated_confidence"]["inputs"] > 0
    assert "stated_confidence" in capsys.readouterr().out
    assert written("a", b"b").read_bytes() == b"b"
