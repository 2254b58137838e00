"""A pack is read whole and checked, or refused with the file, the line and what was expected."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path
from typing import Any

import pytest

from langchain_intercascade.evaluation.pack import LogprobPack, PackError, TransferPack, read_pack
from tests.packs import (
    answered,
    bbh,
    logprob_row,
    logprob_rows,
    mmlu,
    transfer_row,
    transfer_rows,
    written,
)


def logprob_pack(path: Path, rows: list[dict[str, Any]]) -> LogprobPack:
    """Write `rows` and read them back as a logprob pack."""
    pack = read_pack(written(path / "some.jsonl", rows))
    assert isinstance(pack, LogprobPack)
    return pack


@pytest.mark.parametrize(
    ("name", "form"), [("a.jsonl", "plain"), ("a.jsonl.gz", "zipped"), ("a.jsonl", "zipped")]
)
def test_a_pack_is_read_zipped_or_not(tmp_path: Path, name: str, form: str) -> None:
    """The content decides, not the name."""
    pack = read_pack(written(tmp_path / name, logprob_rows(3), zipped=form == "zipped"))

    assert isinstance(pack, LogprobPack)
    assert ("small", "large") == pack.models
    assert (name, 3) == (pack.name, len(pack.rows))


def test_a_plain_file_that_claims_to_be_zipped_is_refused(tmp_path: Path) -> None:
    """It is more likely a page that some server sent in place of the file."""
    with pytest.raises(PackError, match=r"is not a gzip file.*call it \.jsonl"):
        read_pack(written(tmp_path / "a.jsonl.gz", logprob_rows(3)))


def test_a_transfer_pack_is_recognised(tmp_path: Path) -> None:
    """Its rows say which family a question belongs to."""
    pack = read_pack(written(tmp_path / "some.jsonl", transfer_rows(2)))

    assert isinstance(pack, TransferPack)
    assert ("trains", "apples", "spelling") == pack.families
    assert (False, True) == (pack.rows[0].direct_ok, pack.rows[0].cot_ok)


def test_more_than_is_needed_is_passed_over(tmp_path: Path) -> None:
    """Blank lines, a byte order mark, further keys and odd line separators do no harm."""
    row = {**transfer_row("trains", 1), "question": "One\u2028two?", "note": 1}
    path = tmp_path / "some.jsonl"
    path.write_text(f"\n{json.dumps(row, ensure_ascii=False)}\n\n", encoding="utf-8-sig")

    pack = read_pack(path)

    assert isinstance(pack, TransferPack)
    assert ["One\u2028two?"] == [each.question for each in pack.rows]


@pytest.mark.parametrize("logp", [-math.inf, math.nan, None, 0.0])
def test_broken_recordings_are_legal(tmp_path: Path, logp: float | None) -> None:
    """Missing answers and unusable log-probabilities are real, so they are kept."""
    weak = answered(None, correct=False, logp=logp)
    row = logprob_row(1, weak=weak, strong=answered("B", correct=True, logp=-0.1))

    (read,) = logprob_pack(tmp_path, [row]).rows

    assert read.models["small"].answer is None
    assert repr(logp) == repr(read.models["small"].conf_logp)


GOOD = json.dumps(logprob_rows(1)[0])
_TORN = "damaged or incomplete gzip file.*get it again, whole"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        pytest.param("{", r"line 2: it is not JSON \(Expecting", id="torn"),
        pytest.param("[1]", "line 2: it is a JSON list, not an object", id="not an object"),
        pytest.param("null", "line 2: it is a JSON NoneType", id="nothing"),
        pytest.param("[" * 100_000, "line 2: it is not JSON", id="too deep"),
        pytest.param('{"prompt": "a"}', "line 2: models: Field required", id="a part is missing"),
        pytest.param(
            '{"prompt": "a", "models": {}}', "line 2: models: .*at least 1", id="nobody answered"
        ),
        pytest.param(
            '{"prompt": " ", "models": {"m": {"answer": "a", "correct": true}}}',
            "line 2: prompt: ",
            id="nothing was asked",
        ),
        pytest.param(
            '{"prompt": "a", "models": {"m": {"answer": "a", "correct": "perhaps"}}}',
            "line 2: models.m.correct: .*boolean",
            id="not a grade",
        ),
        pytest.param(
            '{"prompt": "a", "models": {"m": {"answer": "a", "correct": true, "cost": -1}}}',
            "line 2: models.m.cost: .*greater than or equal to 0",
            id="negative cost",
        ),
        pytest.param(
            '{"prompt": "a", "split": "dev", "models": {"m": {"answer": "a", "correct": true}}}',
            "line 2: split: .*'train' or 'test'",
            id="unknown split",
        ),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    """The message says in which file and line what is wrong."""
    path = tmp_path / "some.jsonl"
    path.write_text(f"{GOOD}\n{line}\n")

    with pytest.raises(PackError, match=f"some.jsonl, {complaint}"):
        read_pack(path)


@pytest.mark.parametrize("family", ["", " trains", "two\nlines", "x" * 101])
def test_a_family_has_to_fit_into_a_title(tmp_path: Path, family: str) -> None:
    """The stand-in strategy's title names it."""
    row = {**transfer_row("trains", 1), "family": family}

    with pytest.raises(PackError, match="line 1: family"):
        read_pack(written(tmp_path / "some.jsonl", [row]))


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        pytest.param(b"", "is empty; expected JSON lines", id="empty"),
        pytest.param(b" \n\n", "is empty", id="blank"),
        pytest.param(gzip.compress(b""), "is empty", id="empty gzip"),
        pytest.param(gzip.compress(GOOD.encode())[:-9], _TORN, id="torn gzip"),
        pytest.param(b"\x1f\x8b nonsense", _TORN, id="no gzip inside"),
        pytest.param(
            gzip.compress(GOOD.encode())[:30] + b"\xff" * 40, "damaged", id="damaged gzip"
        ),
        pytest.param(
            b"{}\n\xff\xfe\n",
            r"line 2: it is not UTF-8 text \(byte 3\).*Save it as UTF-8",
            id="not text",
        ),
        pytest.param(
            b'{"a": 1, "b": 2}',
            "has the keys a, b, which is no known.*Give each line at least",
            id="other keys",
        ),
        pytest.param(b"[1]", "is a JSON list, not an object.*in braces", id="no object"),
        pytest.param(b"{", "Mend the line or leave it out", id="no JSON"),
        pytest.param(b"{}", r"has the keys \(none\)", id="no keys"),
    ],
)
def test_a_file_that_is_no_pack_is_refused(tmp_path: Path, data: bytes, complaint: str) -> None:
    """Whatever it is, the message says what was found and what was expected."""
    path = tmp_path / "some.jsonl"
    path.write_bytes(data)

    with pytest.raises(PackError, match=complaint):
        read_pack(path)


@pytest.mark.parametrize("name", ["absent.jsonl", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    """A missing file and a folder are ordinary mistakes."""
    with pytest.raises(PackError, match=r"cannot be read.*Name a file of JSON lines"):
        read_pack(tmp_path / name)


def test_an_unknown_model_is_answered_with_those_there_are(tmp_path: Path) -> None:
    """A typing error is cured by reading the message."""
    pack = logprob_pack(tmp_path, logprob_rows(2))

    with pytest.raises(PackError, match=r"no model 'smal'; it has small, large. Choose two"):
        pack.rows_of("smal", "large")


def test_models_that_never_met_are_refused(tmp_path: Path) -> None:
    """Two chains in one file asked different sets of models."""
    weak, strong = answered("A", correct=True, logp=-1), answered("B", correct=True, logp=-1)
    one = logprob_row(1, weak=weak, strong=strong)
    other = {**logprob_row(2, weak=weak, strong=strong), "models": {"tiny": weak}}

    with pytest.raises(PackError, match="Choose two of: small, large; or tiny"):
        logprob_pack(tmp_path, [one, other]).rows_of("small", "tiny")


def test_rows_are_chosen_by_split(tmp_path: Path) -> None:
    """No split means all; a split that is not there is an error."""
    rows = [*logprob_rows(3), *logprob_rows(2, split="train")]
    pack = logprob_pack(tmp_path, rows)

    assert [3, 2, 5] == [
        len(pack.rows_of("small", "large", "test")),
        len(pack.rows_of("small", "large", "train")),
        len(pack.rows_of("small", "large")),
    ]
    with pytest.raises(PackError, match=r"has no train split.*it has test. Name another"):
        logprob_pack(tmp_path, logprob_rows(3)).rows_of("small", "large", "train")


def test_the_real_logprob_pack_is_read() -> None:
    """Two chains of models answered the same 285 + 1,531 questions."""
    pack = mmlu()

    assert 3632 == len(pack.rows)
    assert 9 == len(pack.models)
    assert 1531 == len(pack.rows_of("llama3.1-8b", "llama3.1-405b", "test"))
    assert 285 == len(pack.rows_of("gpt-4o-mini", "gpt-4o", "train"))


def test_the_real_transfer_pack_is_read() -> None:
    """Without help .519 of the answers are right, with help .736."""
    rows = bbh().rows

    assert (4324, 18) == (len(rows), len(bbh().families))
    assert (2242, 3183) == (sum(r.direct_ok for r in rows), sum(r.cot_ok for r in rows))
