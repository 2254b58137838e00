"""Any text becomes a usable vector, or a clear error."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.embeddings import Embeddings

from langchain_intercascade._steps import arun, run
from langchain_intercascade.errors import RepositoryError
from langchain_intercascade.repository.embeddings import PROBE, Encoder, HashingEmbeddings, Vector
from tests.conftest import Colour

# Hypothesis leaves lone surrogates out unless told otherwise; users do not.
any_text = st.text(st.characters(exclude_categories=()))


# A busy machine is not a failure.
patient = settings(deadline=None)

# Slot and sign of every feature of "Two trains" in 32 dimensions, as version 1 hashed them.
TWO_TRAINS = {
    **dict.fromkeys((3, 5, 7, 9, 12, 15, 18, 19), 1.0),
    **dict.fromkeys((11, 17, 21, 22, 28), -1.0),
}


class Answering(Embeddings):
    """An encoder that answers with what it is told, and notes what it was asked."""

    def __init__(self, answer: Any = (1.0, 0.0)) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def embed_query(self, text: str) -> list[float]:
        self.asked.append(text)
        return self.answer  # type: ignore[no-any-return]  # the point is that it may be anything

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]


def encode(colour: Colour, encoder: Encoder, text: str) -> Vector:
    return colour.run(lambda: run(encoder.encoding(text)), lambda: arun(encoder.encoding(text)))


@patient
@given(any_text, st.integers(1, 600))
def test_any_text_gives_a_unit_vector_of_the_stated_length(text: str, dimension: int) -> None:
    vector = HashingEmbeddings(dimension).embed_query(text)

    assert dimension == len(vector)
    assert math.isclose(1.0, math.hypot(*vector), rel_tol=1e-9)


@patient
@given(any_text)
def test_the_same_text_always_gives_the_same_vector(text: str) -> None:
    assert HashingEmbeddings().embed_query(text) == HashingEmbeddings().embed_query(text)


def test_vectors_do_not_change_between_versions() -> None:
    """Stored vectors would be void; a new recipe needs a new name in `model`."""
    encoder = HashingEmbeddings(32)
    vector = encoder.embed_query("Two trains")

    assert "hashing-v1-32" == encoder.model
    assert TWO_TRAINS == {slot: math.copysign(1, x) for slot, x in enumerate(vector) if x}


@pytest.mark.parametrize(
    "same",
    [
        pytest.param("Add 12 apples to 7", id="number"),
        pytest.param("add 3 APPLES to 1,000.5", id="case"),
        pytest.param("add\t99 apples  to 4", id="spacing"),
        pytest.param("\uff41\uff44\uff44 1 apples to 2", id="width"),
    ],
)
def test_numbers_case_spacing_and_width_do_not_matter(same: str) -> None:
    encoder = HashingEmbeddings()

    assert encoder.embed_query("add 5 apples to 6") == encoder.embed_query(same)


def test_shared_words_make_texts_similar() -> None:
    encoder = HashingEmbeddings()
    query, near, far = encoder.embed_documents(
        ["How fast does the train travel?", "How far does the train travel?", "Name a red fruit."]
    )

    assert np.dot(query, near) > 0.5
    assert np.dot(query, far) < 0.2


async def test_the_asynchronous_twin_agrees() -> None:
    encoder = HashingEmbeddings()

    assert encoder.embed_query("one") == await encoder.aembed_query("one")
    assert encoder.embed_documents(["one"]) == await encoder.aembed_documents(["one"])


def test_a_dimension_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        HashingEmbeddings(0)


@patient
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1).filter(any))
def test_only_the_direction_of_a_vector_is_kept(numbers: list[float]) -> None:
    """Whatever is finite comes out with length one, so that no engine can overflow."""
    vector = run(Encoder(Answering(numbers)).encoding("text"))

    assert math.isclose(1.0, math.hypot(*vector), rel_tol=1e-9)
    assert [math.copysign(1, x) for x in numbers] == [math.copysign(1, x) for x in vector]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param([], id="empty"),
        pytest.param([0.0, 0.0], id="zero"),
        pytest.param([1.0, math.nan], id="nan"),
        pytest.param([1.0, -math.inf], id="infinite"),
        pytest.param([10**400], id="too large for a float"),
        pytest.param(None, id="nothing"),
        pytest.param(["a", "b"], id="words"),
        pytest.param([[1.0], [0.0]], id="nested"),
    ],
)
def test_an_unusable_answer_is_refused(colour: Colour, answer: Any) -> None:
    with pytest.raises(RepositoryError, match="Answering"):
        encode(colour, Encoder(Answering(answer)), "text")


def test_an_answer_of_another_length_than_the_probe_is_refused(colour: Colour) -> None:
    embeddings = Answering([1.0, 0.0])
    encoder = Encoder(embeddings)
    colour.run(lambda: run(encoder.probing()), lambda: arun(encoder.probing()))
    embeddings.answer = [1.0, 0.0, 0.0]

    with pytest.raises(RepositoryError, match="3 numbers"):
        encode(colour, encoder, "text")


def test_an_array_is_as_good_as_a_list(colour: Colour) -> None:
    """Some encoders answer with arrays of 32-bit numbers, which no protocol can carry."""
    vector = encode(colour, Encoder(Answering(np.array([3.0, 4.0], np.float32))), "text")

    assert (0.6, 0.8) == vector
    assert {float} == {type(x) for x in vector}


def test_a_refused_answer_is_not_remembered(colour: Colour) -> None:
    embeddings = Answering([0.0])
    encoder = Encoder(embeddings)
    with pytest.raises(RepositoryError):
        encode(colour, encoder, "text")
    embeddings.answer = [2.0]

    assert (1.0,) == encode(colour, encoder, "text")


def test_recent_texts_are_remembered_and_the_oldest_forgotten(colour: Colour) -> None:
    embeddings = Answering()
    encoder = Encoder(embeddings, remembered=2)
    for text in ("a", "b", "a", "c", "a", "b"):
        encode(colour, encoder, text)

    assert ["a", "b", "c", "b"] == embeddings.asked


def test_the_probe_is_encoded_as_any_text(colour: Colour) -> None:
    embeddings = Answering()
    encoder = Encoder(embeddings)

    probe = colour.run(lambda: run(encoder.probing()), lambda: arun(encoder.probing()))

    assert (1.0, 0.0) == probe
    assert [PROBE] == embeddings.asked


@pytest.mark.parametrize(
    ("attributes", "label"),
    [
        ({}, "Answering"),
        ({"model": "m-1"}, "Answering:m-1"),
        ({"model": "", "model_name": "m-2"}, "Answering:m-2"),
        ({"model": 7, "deployment": "d"}, "Answering:d"),
    ],
)
def test_the_label_names_class_and_model(attributes: dict[str, Any], label: str) -> None:
    embeddings = Answering()
    vars(embeddings).update(attributes)

    assert label == Encoder(embeddings).label
