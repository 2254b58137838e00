"""What models cost: prices given, prices of the bundled table, and where each came from."""

from __future__ import annotations

from typing import Any

import pytest
from genai_prices import Usage, calc_price
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.embeddings import Embeddings
from langchain_core.messages import AIMessage

from langchain_intercascade import ConfigurationError, EdgeRepository, InterCascade, Price, Prices
from langchain_intercascade.costs import BUNDLED, metered
from langchain_intercascade.repository.embeddings import HashingEmbeddings
from langchain_intercascade.testing import ScriptedChatModel

COUNTS = st.integers(min_value=0, max_value=10_000)


def usage(read: int = 1000, written: int = 100, **details: Any) -> Any:
    """Usage metadata; `details` are those of the input, and `thought`."""
    thought = details.pop("thought", 0)
    return {
        "input_tokens": read,
        "output_tokens": written,
        "total_tokens": read + written,
        "input_token_details": details,
        "output_token_details": {"reasoning": thought} if thought else {},
    }


def said(model: str, provider: str = "", used: Any = None, **metadata: Any) -> AIMessage:
    """An answer as a provider's integration returns it."""
    told = {"model_name": model, **({"model_provider": provider} if provider else {}), **metadata}
    return AIMessage("4", usage_metadata=used or usage(), response_metadata=told)


# Prices that were given.


@given(read=COUNTS, written=COUNTS, cached=COUNTS, thought=COUNTS)
def test_kinds_at_the_price_of_their_side_change_nothing(
    read: int, written: int, cached: int, thought: int
) -> None:
    """A kind without a price of its own costs what its side costs."""
    used = usage(read, written, cache_read=min(cached, read), thought=min(thought, written))
    plain = Price(3, 5)

    assert pytest.approx((3 * read + 5 * written) / 1e6, abs=1e-12) == plain.of(used)
    assert plain.of(used) == Price(3, 5, cache_read=3, reasoning=5).of(used)


def test_each_kind_has_its_price() -> None:
    """Caches, sound and thought, in dollars per million."""
    price = Price(
        10, 20, cache_read=1, cache_write=12, input_audio=30, output_audio=40, reasoning=50
    )
    used = usage(1000, 100, cache_read=300, cache_creation=200, audio=100, thought=60)
    used["output_token_details"]["audio"] = 10

    dollars = (400 * 10 + 300 * 1 + 200 * 12 + 100 * 30 + 30 * 20 + 10 * 40 + 60 * 50) / 1e6
    assert pytest.approx(dollars) == price.of(used)


def test_what_is_kept_for_minutes_and_for_hours_is_written_to_the_cache() -> None:
    """As langchain-anthropic counts it: apart, and not under `cache_creation`."""
    kept = usage(1000, 0, ephemeral_5m_input_tokens=100, ephemeral_1h_input_tokens=300)

    assert pytest.approx(400 * 2 / 1e6) == Price(0, 0, cache_write=2).of(kept)


@pytest.mark.parametrize("wrong", [-1, float("nan"), float("inf"), "1"])
def test_a_price_is_a_number_of_dollars(wrong: Any) -> None:
    """Also that of a kind."""
    with pytest.raises(ConfigurationError, match="cache_read price"):
        Price(1, 1, cache_read=wrong)


# The bundled table.


def test_the_table_prices_what_is_not_given() -> None:
    """As the table itself reckons; its figures change, so they are asked of it."""
    prices = Prices({"mine": (1, 2)}, table=BUNDLED)
    expected = calc_price(
        Usage(
            input_tokens=1000, output_tokens=100, cache_read_tokens=800, output_reasoning_tokens=9
        ),
        "gpt-4o-mini",
        provider_id="openai",
    )
    used = usage(cache_read=800, thought=9)

    cost = prices.cost(said("gpt-4o-mini-2024-07-18", "openai", used))

    assert pytest.approx(float(expected.total_price)) == cost
    assert 0 < (cost or 0) < (prices.cost(said("gpt-4o-mini", "openai")) or 0)
    assert 0.0012 == prices.cost(said("mine", "openai"))


def test_a_given_price_wins_over_the_table() -> None:
    """Also one that says that the model costs nothing."""
    prices = Prices({"gpt-4o-mini": (0, 0), "gpt-4o": (1, 1)}, table=BUNDLED)

    assert 0 == prices.cost(said("gpt-4o-mini", "openai"))
    assert 0.0011 == prices.cost(said("gpt-4o-2024-08-06", "openai"))


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("gpt-4o-mini", "ollama"),  # a model of that name that runs at home
        ("my-finetune", "openai"),
        ("my-finetune", ""),
        ("gpt-4o", "github-copilot"),  # in the table, without a price
        ("", ""),
    ],
)
def test_what_the_table_does_not_know_has_no_price(model: str, provider: str) -> None:
    """Unknown is never 0, and nobody else's price."""
    prices = Prices(table=BUNDLED)

    assert prices.cost(said(model, provider)) is None
    assert {model: "unknown"} == prices.origins()


def test_counts_that_contradict_each_other_are_priced_without_kinds() -> None:
    """More out of the cache than was read at all."""
    prices = Prices(table=BUNDLED)
    odd, plain = usage(1000, 100, cache_read=5000), usage(1000, 100)

    assert prices.cost(said("gpt-4o-mini", "openai", odd)) == prices.cost(
        said("gpt-4o-mini", "openai", plain)
    )


def test_where_each_price_came_from_can_be_seen() -> None:
    """Given, of which table, reported, or unknown and why."""
    prices = Prices({"mine": (1, 1)}, table=BUNDLED)
    for message in (
        said("mine"),
        said("gpt-4o-mini", "openai"),
        said("honest", total_cost=0.5),
        said("strange"),
        AIMessage("4", response_metadata={"model_name": "silent"}),
    ):
        prices.cost(message)
    prices.cost(said("mine", total_cost=0))  # out of a cache

    origins = prices.origins()

    assert origins.pop("gpt-4o-mini").startswith("genai-prices ")
    assert origins == {
        "mine": "given",
        "honest": "reported by the model",
        "strange": "unknown",
        "silent": "unknown: it did not say how many tokens it used",
    }


def test_one_unknown_cost_stays_to_be_seen() -> None:
    """It made a sum unknown, and somebody will want to know which model it was."""
    prices = Prices({"mine": (1, 1)})
    prices.cost(AIMessage("4", response_metadata={"model_name": "mine"}))
    prices.cost(said("mine"))

    assert "unknown" in prices.origins()["mine"]


@settings(max_examples=20)
@given(st.text(max_size=30), st.text(max_size=10))
def test_any_name_may_be_looked_up(model: str, provider: str) -> None:
    """Names come from providers; none of them is an error."""
    found = Prices(table=BUNDLED).of(model, provider)

    assert found is None or (found.of(usage()) or 0) >= 0


def test_a_cascade_looks_prices_up_unless_told_which_to_use() -> None:
    """`Prices` are taken as they are; a mapping goes before the table."""
    weak = ScriptedChatModel(replies=["4"], repeat_last=True, model_name="gpt-4o-mini")
    strong = ScriptedChatModel(replies=["5"], repeat_last=True, model_name="gpt-4o")
    costs = []
    for prices in (None, {"gpt-4o": (1, 1)}, Prices({"gpt-4o": (1, 1)})):
        with InterCascade(weak=weak, strong=strong, prices=prices, learning="off") as cascade:
            answer = cascade.invoke("2 + 2?", threshold=0.0)
            costs.append(answer.response_metadata["inter_cascade"]["cost"])

    assert costs[0] == costs[1] > 0
    assert costs[2] is None


# The encoder.


class Counting(Embeddings):
    """An encoder that says how many tokens it has used."""

    model = "text-embedding-3-small"

    def __init__(self) -> None:
        self.tokens_used = 7

    def embed_query(self, text: str) -> list[float]:
        self.tokens_used += 1000
        return HashingEmbeddings(64).embed_query(text)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]


class Silent(HashingEmbeddings):
    """One that does not."""


def test_the_encoder_is_counted_where_it_counts() -> None:
    """From now on, not what it has used before."""
    encoder = Counting()
    spent, remarks = metered(
        encoder, Prices({"text-embedding-3-small": (2, 0)}), label="mine", free=False
    )
    encoder.embed_query("one")

    use = spent()

    assert () == remarks
    assert use is not None
    assert (0.002, 1000) == (use["cost"], use["input_tokens"])


def test_an_encoder_that_does_not_count_is_named_and_spoils_no_sum() -> None:
    """The built-in one costs nothing and is not mentioned."""
    spent, remarks = metered(Silent(), Prices(), label="other", free=False)

    assert (None, 1) == (spent(), len(remarks))
    assert remarks[0].startswith("other")
    assert () == metered(HashingEmbeddings(), Prices(), label="built in", free=True)[1]


@pytest.mark.parametrize(("price", "known"), [((2, 0), True), (None, False)])
def test_what_the_encoder_spends_is_in_the_sum(price: Any, known: bool) -> None:  # noqa: FBT001 - a case
    """In the background: no answer's share of it is known."""
    models = {"w": (0, 0), "s": (0, 0), **({"text-embedding-3-small": price} if price else {})}
    weak, strong = (
        ScriptedChatModel(replies=["4"], repeat_last=True, model_name=name) for name in "ws"
    )
    with (
        EdgeRepository(embeddings=Counting()) as repository,
        InterCascade(
            weak=weak, strong=strong, repository=repository, prices=Prices(models), learning="off"
        ) as cascade,
    ):
        cascade.invoke("2 + 2?")
        spending = cascade.spending()

    assert (spending.background["embedding"]["input_tokens"] or 0) > 0
    assert known == (spending.cost is not None)
    assert not known or spending.cost == spending.background["embedding"]["cost"]
