"""The NumPy engine is the network that was trained."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.lab.engine import CONTEXT, SHIPPED, Engine, shipped
from langchain_intercascade.lab.tokens import vocabulary
from langchain_intercascade.lab.weights import Weights, read_safetensors, read_weights

HERE = Path(__file__).parent
REFERENCE = json.loads((HERE / "reference.json").read_text("utf-8"))

tokens = st.lists(st.integers(0, 39), min_size=1, max_size=20)


def small() -> Engine:
    arrays, about = read_safetensors(HERE / "reference.safetensors")
    return Engine(Weights(arrays, json.loads(about["shape"]), about))


def test_its_logits_are_those_that_torch_computed() -> None:
    logits = small().logits(REFERENCE["tokens"])

    np.testing.assert_allclose(logits, REFERENCE["logits"], rtol=1e-4, atol=1e-4)


@given(read=tokens)
@settings(max_examples=15)
def test_reading_token_by_token_is_reading_at_once(read: list[int]) -> None:
    """Each further token is computed from what was kept, and might as well be from scratch."""
    engine, count = small(), 6
    said = list(islice(engine.following(read), count))
    whole = engine.logits([*read, *(each.best for each in said[:-1])])[-count:]

    np.testing.assert_allclose(
        [each.logprobs for each in said], [row - _log_sum(row) for row in whole], atol=2e-4
    )


@given(read=tokens)
@settings(max_examples=15)
def test_what_comes_later_changes_nothing_before(read: list[int]) -> None:
    engine = small()
    alone, followed = engine.logits(read), engine.logits([*read, 7, 3])

    np.testing.assert_allclose(alone, followed[: len(read)], atol=2e-4)


def test_probabilities_add_up_to_one_and_the_top_is_sorted() -> None:
    (first,) = islice(shipped().following([3, 5, 8]), 1)
    top = first.top(5)

    assert float(np.exp(first.logprobs).sum()) == pytest.approx(1, abs=1e-4)
    assert top[0] == first.best
    assert sorted(first.logprobs[top], reverse=True) == list(first.logprobs[top])


def test_it_stops_where_the_context_does() -> None:
    said = list(small().following([1] * (CONTEXT - 3)))

    assert len(said) == 4


@pytest.mark.parametrize("read", [[], [1] * (CONTEXT + 1)])
def test_a_prompt_must_fit(read: list[int]) -> None:
    with pytest.raises(ValueError, match="expected 1 to 256 tokens"):
        next(small().following(read))


def test_the_shipped_weights_are_small_and_belong_to_the_vocabulary() -> None:
    weights = read_weights(SHIPPED)

    assert SHIPPED.stat().st_size < 1_500_000
    assert weights.shape["vocabulary"] == len(vocabulary())
    assert 300_000 < sum(array.size for array in weights.arrays.values()) < 1_500_000


def test_weights_of_another_vocabulary_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"reference\.safetensors were trained for"):
        read_weights(HERE / "reference.safetensors")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a safetensors file",
        (9999).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (60).to_bytes(8, "little")
        + b'{"a":{"dtype":"F16","shape":[3],"data_offsets":[0,4]}}      ',
        (60).to_bytes(8, "little")
        + b'{"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}      ',
    ],
)
def test_a_file_that_is_no_such_file_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "weights.safetensors"
    file.write_bytes(content)

    with pytest.raises(ConfigurationError, match=r"weights\.safetensors cannot be read .*Install"):
        read_safetensors(file)


def _log_sum(row: np.ndarray) -> float:
    return float(np.log(np.exp(row - row.max()).sum()) + row.max())
