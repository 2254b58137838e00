"""The paper's data sets come where they can be had, and are refused in a sentence elsewhere."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import httpx
import pytest

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.evaluation.loaders import DATA_SETS, public_questions
from langchain_intercascade.evaluation.streams import file_stream


def symbolic(template: int, instance: int, **changes: Any) -> dict[str, Any]:
    """Return a row as GSM-Symbolic has it."""
    worked = f"{instance} + 1 = <<1>>.\n#### {instance + 1:,}"
    told = {"id": template, "instance": instance, "original_id": 100 + template}
    return {**told, "question": f"{template}: {instance} + 1?", "answer": worked, **changes}


def plus(seed: str, answer: str | None) -> dict[str, Any]:
    """Return a row as GSM-Plus has it."""
    return {"question": f"{seed} {answer}?", "answer": answer, "seed_question": seed}


def test_a_template_is_a_family_and_the_answer_its_last_number() -> None:
    rows = [symbolic(template, instance) for template in (3, 4) for instance in (7, 1999)]
    found = public_questions("gsm_symbolic", fetch=lambda *_: rows)

    told = [(each.answer, each.family) for each in found.rows]
    assert [("8", "template 3"), ("2000", "template 3")] == told[:2]
    assert {"template 3", "template 4"} == {each.family for each in found.rows}
    assert ("gsm_symbolic", 4) == (file_stream(found).name, len(file_stream(found).order(0)))


def test_the_variants_of_a_question_are_a_family_and_those_without_an_answer_are_left_out() -> None:
    rows = [plus("a", "5"), plus("a", "None"), plus("b", None), plus("b", "2.5")]
    found = public_questions("gsm_plus", fetch=lambda *_: rows)

    assert [("5", "a"), ("2.5", "b")] == [(each.answer, each.family) for each in found.rows]


def test_some_of_them_are_drawn_by_lot() -> None:
    """The same under the same seed, and not the first of the file."""
    rows = [symbolic(0, instance) for instance in range(50)]

    def drawn(seed: int) -> list[str]:
        found = public_questions("gsm_symbolic", limit=5, seed=seed, fetch=lambda *_: rows)
        return [each.question for each in found.rows]

    assert drawn(1) == drawn(1) != drawn(2)
    assert 5 == len(set(drawn(1)))
    assert drawn(1) != [row["question"] for row in rows[:5]]


def test_it_is_asked_for_by_its_name_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Through `datasets`, which is imported only now."""
    asked = []

    def load_dataset(path: str, part: str | None, *, split: str) -> list[dict[str, Any]]:
        asked.append((path, part, split))
        return [symbolic(0, 1) | {"seed_question": "a"}]

    stub = ModuleType("datasets")
    stub.load_dataset = load_dataset  # type: ignore[attr-defined]  # as the real one has
    monkeypatch.setitem(sys.modules, "datasets", stub)
    for name in DATA_SETS:
        public_questions(name)

    symbolics = [("apple/GSM-Symbolic", part, "test") for part in ("main", "p1", "p2")]
    pluses = [("qintongli/GSM-Plus", None, split) for split in ("test", "testmini")]
    assert symbolics + pluses == asked


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)

    with pytest.raises(ConfigurationError, match="pip install datasets"):
        public_questions("gsm_plus")


@pytest.mark.parametrize(
    "error", [ConnectionError("secret"), ValueError("no such part"), httpx.ConnectError("no")]
)
def test_offline_it_says_so(error: Exception) -> None:
    def fetch(*_: object) -> list[dict[str, Any]]:
        raise error

    with pytest.raises(ConfigurationError, match=rf"cannot be fetched \({type(error).__name__}\)"):
        public_questions("gsm_symbolic", fetch=fetch)


def test_a_data_set_that_was_changed_is_named() -> None:
    row = {"prompt": "2 + 2?", "answer": "#### 4"}

    with pytest.raises(ConfigurationError, match="no column 'id'; it has prompt, answer"):
        public_questions("gsm_symbolic", fetch=lambda *_: [row])


def test_another_name_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no data set 'gsm8k' here: there are gsm_symb"):
        public_questions("gsm8k")
