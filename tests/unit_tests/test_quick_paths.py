"""What is done in a quicker way gives what the plain way gives."""

from __future__ import annotations

import json
import math
import zlib
from base64 import b85encode
from decimal import Decimal
from hashlib import blake2b
from typing import Any, cast

import pytest
from genai_prices import Usage, calc_price
from genai_prices.data_snapshot import get_snapshot
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.embeddings import Embeddings
from langchain_core.messages import AIMessage, HumanMessage, message_to_dict
from langchain_core.messages.ai import UsageMetadata

from langchain_intercascade import Evidence, HashingEmbeddings, _seal
from langchain_intercascade._seal import sealed, unsealed
from langchain_intercascade._steps import run
from langchain_intercascade.confidence.token_logprobs import logprob_of, read_logprobs
from langchain_intercascade.costs.table import TablePrice, _rates
from langchain_intercascade.errors import LessonRejectedError
from langchain_intercascade.repository._recent import Recent
from langchain_intercascade.repository.admission import check_leaks
from langchain_intercascade.repository.embeddings import PROBE, Encoder
from langchain_intercascade.repository.ranking import chosen
from langchain_intercascade.state import CascadeState
from langchain_intercascade.strategy import Advice, Lesson, Strategy
from tests.arbitrary import ANY_NUMBER
from tests.hits import hit


class OneVector(Embeddings):
    """Encodes everything as one vector."""

    def __init__(self, vector: list[float]) -> None:
        self._vector = vector

    def embed_query(self, text: str) -> list[float]:  # noqa: ARG002 - in the contract
        return list(self._vector)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [list(self._vector) for _ in texts]


@pytest.mark.parametrize("tokens", [(0, 0), (1, 1), (1_234_567, 89), (7, 999_999)])
def test_every_price_of_the_table_is_what_the_table_says(tokens: tuple[int, int]) -> None:
    read, written = tokens
    usage = UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)
    quick = 0
    for provider in get_snapshot().providers:
        for model in provider.models:
            if (rates := _rates(model.id, provider.id)) is None:
                continue
            quick += 1
            said = calc_price(
                Usage(input_tokens=read, output_tokens=written), model.id, provider_id=provider.id
            )

            assert all(isinstance(rate, Decimal) for rate in rates)
            assert float(said.total_price) == pytest.approx(
                TablePrice(model.id, provider.id, "").of(usage), abs=1e-12
            )
    assert quick > 500


@settings(max_examples=100)
@given(st.lists(ANY_NUMBER, min_size=1, max_size=6), st.booleans())
def test_log_probabilities_are_read_alike_one_by_one_and_all_at_once(
    values: list[Any],
    floats: bool,  # noqa: FBT001 - drawn
) -> None:
    told = [value for value in values if isinstance(value, float)] if floats else values
    entries: list[Any] = [{"token": "t", "logprob": value} for value in told]
    found = read_logprobs(AIMessage("text", response_metadata={"logprobs": {"content": entries}}))
    plain = [logprob_of(entry) for entry in entries]

    assert bool(entries) is (found is not None)
    if found is not None:
        pairs = zip(found.values, plain, strict=True)
        assert all(one == other or (math.isnan(one) and math.isnan(other)) for one, other in pairs)
        assert {float} == set(map(type, found.values))


def test_a_state_that_an_earlier_version_sealed_is_opened() -> None:
    tried = {"message": message_to_dict(AIMessage("four")), "reason": None, "detail": ""}
    before = b85encode(zlib.compress(json.dumps(tried).encode())).decode()
    opened: Any = unsealed(cast("CascadeState", {"messages": [], "attempt": before}))["attempt"]
    resealed = sealed({"attempt": opened})
    again: Any = unsealed(cast("CascadeState", {"messages": [], **resealed}))["attempt"]

    assert opened == again
    assert resealed["attempt"] != before
    assert "four" == opened["message"].text


@pytest.mark.parametrize("words", [1, 5000], ids=["short", "long"])
def test_what_was_sealed_here_is_opened_as_another_process_reads_it(
    words: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "four or five, " * words
    tried = {"message": AIMessage(text, id="a"), "reason": None, "detail": "\ud800"}
    state = cast("CascadeState", {"messages": [], **sealed({"attempt": tried})})
    here: Any = unsealed(state)["attempt"]
    here["reason"] = "changed by whoever opened it"
    again: Any = unsealed(state)["attempt"]
    monkeypatch.setattr(_seal, "_SEALED_HERE", Recent(room=1))
    elsewhere: Any = unsealed(state)["attempt"]

    assert tried == again == elsewhere
    assert "four" not in str(state)


def test_the_built_in_encoder_gives_the_vectors_that_are_stored_already() -> None:
    """Another vector for the probe text would lock everybody out of their repositories."""
    texts = (PROBE, "x" * 200 + " ünïcode 漢字 %%% 12.5 a a a", "")
    vectors = [HashingEmbeddings().embed_query(text) for text in texts]
    rounded = json.dumps([[round(x, 9) for x in vector] for vector in vectors])

    assert "15d1bf8e2c065f87" == blake2b(rounded.encode(), digest_size=8).hexdigest()


def test_advice_that_was_held_against_one_source_is_held_against_the_next_too() -> None:
    """What was found out a moment ago counts for the same texts only."""
    source, other = ("How many apples?", "There are 8128."), ("How many pears?", "There are 4096.")
    advice = Advice(title="Sums", when_to_use="Adding.", steps=("Add up to 8128.",))
    candidates = [
        hit("a", 0.9).strategy.changed(advice=advice, lesson=Lesson(query=query, answer=answer))
        for query, answer in (other, source, other)
    ]
    check_leaks(candidates[0])
    with pytest.raises(LessonRejectedError):
        check_leaks(candidates[1])
    with pytest.raises(LessonRejectedError):
        check_leaks(candidates[1])
    check_leaks(candidates[2])


@given(st.floats(min_value=-1e-9, max_value=1e-9))
def test_a_vector_of_length_one_is_taken_as_it_is_and_any_other_made_one(more: float) -> None:
    vector = [x * (1.0 + more) for x in HashingEmbeddings().embed_query("Two trains")]
    encoder = Encoder(OneVector(vector))

    assert abs(math.hypot(*run(encoder.encoding("any text"))) - 1.0) < 1e-12


def test_why_something_is_not_shown_is_worked_out_only_when_asked() -> None:
    read: list[str] = []

    def text(strategy: Strategy) -> str:
        read.append(strategy.id)
        return strategy.id

    hits = [hit("near", 0.9), hit("far", 0.2), hit("farther", 0.1)]
    choice = chosen(hits, k=1, text=text)

    assert ["near"] == read
    assert ["near", "far", "farther"] == [each.hit.strategy.id for each in choice.considered]
    assert {"near", "far", "farther"} == set(read)
    assert 3 == len(choice.found)


def test_a_prompt_is_made_only_for_who_asks_for_it() -> None:
    made: list[int] = []

    def prompt() -> list[HumanMessage]:
        made.append(1)
        return [HumanMessage("with strategies")]

    evidence = Evidence("q", [HumanMessage("q")], AIMessage("a"), prompt)

    assert not made
    assert "with strategies" == evidence.asked[0].text
