"""Questions to calibrate on are read as they are, and what is none is named by its line."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.evaluation.questions import (
    Columns,
    LabelledQuestion,
    questions_from,
    read_questions,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the questions of a test lie."""
    return tmp_path / "questions.jsonl"


def write(file: Path, *rows: Any) -> None:
    """Write rows as JSON lines; text as it is."""
    lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    file.write_text("\n".join(lines), "utf-8")


@pytest.mark.parametrize("question", ["question", "prompt", "input", "query"])
@pytest.mark.parametrize("answer", ["answer", "gold", "output", "label", "target"])
def test_common_names_are_known(file: Path, question: str, answer: str) -> None:
    write(file, {question: "2+2?", answer: "4", "id": 7})

    assert (LabelledQuestion(line=1, question="2+2?", answer="4"),) == read_questions(file).rows


@pytest.mark.parametrize(
    ("given", "answer"), [(4, "4"), (0.5, "0.5"), ("x", "x"), (None, None), (" ", None)]
)
def test_an_answer_is_text_or_a_number_or_absent(
    file: Path, given: Any, answer: str | None
) -> None:
    write(file, {"question": "?", "answer": given})

    assert answer == read_questions(file).rows[0].answer


def test_blank_lines_are_passed_over_and_lines_counted(file: Path) -> None:
    write(file, "", {"question": "a"}, "  ", {"question": "b", "system": "Be brief."})

    assert [(2, ""), (4, "Be brief.")] == [
        (row.line, row.system) for row in read_questions(file).rows
    ]


def test_a_repeated_question_counts_once(file: Path) -> None:
    """The same question twice is no second piece of evidence."""
    write(file, {"question": "a", "answer": 1}, {"question": "b"}, {"question": "a", "answer": 2})
    found = read_questions(file)

    assert (["a", "b"], 1) == ([row.question for row in found.rows], found.repeated)


def test_a_limit_takes_the_first(file: Path) -> None:
    write(file, *({"question": str(number)} for number in range(9)))

    assert ["0", "1", "2"] == [row.question for row in read_questions(file, 3).rows]


def test_a_key_tells_what_is_said_and_not_where(file: Path) -> None:
    write(file, {"question": "a"}, {"question": "b"})
    first = [row.key for row in read_questions(file).rows]
    write(file, {"question": "b"}, {"question": "c"}, {"question": "a"})
    again = {row.question: row.key for row in read_questions(file).rows}

    assert first == [again["a"], again["b"]]
    assert 3 == len(set(again.values()))


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        pytest.param("{torn", "line 2 is not JSON", id="not JSON"),
        pytest.param("[1]", "line 2 is a list.*Write it as", id="a list"),
        pytest.param({"text": "?"}, "line 2 has no question.*its keys are text", id="no key"),
        pytest.param({"question": " "}, "line 2 has no question", id="blank"),
        pytest.param({"question": 5}, "line 2 has no question", id="a number"),
        pytest.param(
            {"question": "a", "prompt": "b"}, "both `question` and `prompt`", id="two questions"
        ),
        pytest.param({"question": "a", "gold": 1, "label": 2}, "both `gold`", id="two answers"),
        pytest.param({"question": "a", "answer": [1]}, "the answer is a list", id="an odd answer"),
        pytest.param({"question": "a", "system": 1}, "`system` is a int", id="an odd system"),
    ],
)
def test_what_is_no_row_is_named_by_its_line(file: Path, row: Any, complaint: str) -> None:
    write(file, {"question": "fine"}, row)

    with pytest.raises(ConfigurationError, match=complaint):
        read_questions(file)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "holds no question"),
        (b"\n\n", "holds no question"),
        (b"\x1f\x8b\x00\xff", "save it as UTF-8"),
    ],
)
def test_what_is_no_file_of_questions_is_refused(
    file: Path, content: bytes, complaint: str
) -> None:
    file.write_bytes(content)

    with pytest.raises(ConfigurationError, match=complaint):
        read_questions(file)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"absent\.jsonl cannot be read .*Name a file of q"
    ):
        read_questions(tmp_path / "absent.jsonl")


ROWS = [
    {"question": "2+2?", "answer": "4", "subject": "sums"},
    {"question": 'Say "a,b"\nand c', "answer": "1,200", "subject": "words"},
]


def as_csv() -> str:
    """Return `ROWS` as CSV, with a comma, quotes and a line break inside cells."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(ROWS[0]))
    writer.writeheader()
    writer.writerows(ROWS)
    return out.getvalue()


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        (".jsonl", "\n".join(map(json.dumps, ROWS))),
        (".txt", "\n".join(map(json.dumps, ROWS))),
        (".json", json.dumps(ROWS)),
        (".csv", as_csv()),
        (".csv", "\ufeff" + as_csv()),
    ],
)
def test_every_form_of_file_says_the_same(
    tmp_path: Path, suffix: str, text: str, *, zipped: bool
) -> None:
    """As do rows of a data set that is in memory already."""
    data = text.encode()
    file = tmp_path / f"questions{suffix}{'.gz' if zipped else ''}"
    file.write_bytes(gzip.compress(data) if zipped else data)

    found = read_questions(file)

    assert [("2+2?", "4", "sums"), ('Say "a,b"\nand c', "1,200", "words")] == [
        (row.question, row.answer, row.family) for row in found.rows
    ]
    assert [row.key for row in questions_from(ROWS).rows] == [row.key for row in found.rows]
    assert 64 == len(found.digest)


def test_columns_can_be_named(file: Path) -> None:
    """Then what else there is does not matter."""
    write(file, {"q": "2+2?", "question": "?", "prompt": "!", "a": 4, "kind": 7})
    columns = Columns(question="q", answer="a", family="kind")

    (row,) = read_questions(file, columns=columns).rows

    assert ("2+2?", "4", "7") == (row.question, row.answer, row.family)
    with pytest.raises(ConfigurationError, match=r"no column 'text'; it has q, .*Name one of"):
        read_questions(file, columns=Columns(question="text"))


def test_the_first_of_several_families_counts(file: Path) -> None:
    """A kind of question that is no text is none; it is no reason to refuse the row."""
    write(file, {"question": "a", "category": ["x"], "subject": "art", "task": "mmlu"})

    assert "art" == read_questions(file).rows[0].family


@pytest.mark.parametrize(
    ("name", "data", "complaint"),
    [
        ("q.json", b'{"question": "a"}', r"one JSON array.*named \.jsonl"),
        ("q.json", b"[1]", "row 1 is a int"),
        ("q.csv", b"question,answer\na,b,c", "line 2 has more cells.*in quotation marks"),
        ("q.csv", b'question\n"a', "is not CSV.*close its quotation marks"),
        ("q.jsonl.gz", b"plain", "not a whole gzipped file.*get it again"),
        (
            "q.jsonl.gz",
            gzip.compress(b'{"question": "a"}', mtime=0)[:-9],
            "not a whole gzipped file",
        ),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(
    tmp_path: Path, name: str, data: bytes, complaint: str
) -> None:
    """With the place, where there is one."""
    (tmp_path / name).write_bytes(data)

    with pytest.raises(ConfigurationError, match=complaint):
        read_questions(tmp_path / name)


def test_no_rows_are_no_questions() -> None:
    with pytest.raises(ConfigurationError, match="rows holds no question"):
        questions_from([])
