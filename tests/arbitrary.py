"""Hypothesis generators; not called "strategies", because that word is taken here."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from langchain_core.messages import AIMessage

ANY_NUMBER: st.SearchStrategy[Any] = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.integers(min_value=-10_000, max_value=10),
    st.none(),
    st.text(max_size=3),
    st.booleans(),
)


def _openai(values: list[Any]) -> dict[str, Any]:
    return {"logprobs": {"content": [{"token": "t", "logprob": value} for value in values]}}


def _ollama(values: list[Any]) -> dict[str, Any]:
    return {"logprobs": [{"token": "t", "logprob": value} for value in values]}


def _vertex(values: list[Any]) -> dict[str, Any]:
    chosen = [{"token": "t", "log_probability": value} for value in values]
    return {"logprobs_result": {"chosen_candidates": chosen}}


def _vertex_list(values: list[Any]) -> dict[str, Any]:
    return {"logprobs_result": [{"token": "t", "logprob": value} for value in values]}


SHAPES = (_openai, _ollama, _vertex, _vertex_list)


def metadata() -> st.SearchStrategy[dict[str, Any]]:
    """Response metadata as a provider, or a broken one, might return it."""
    shaped = st.builds(
        lambda shape, values: shape(values),
        st.sampled_from(SHAPES),
        st.lists(ANY_NUMBER, max_size=6),
    )
    averaged = st.builds(lambda value: {"avg_logprobs": value}, ANY_NUMBER)
    junk = st.builds(
        lambda value: {"logprobs": value},
        st.one_of(st.none(), st.text(), st.integers(), st.lists(st.text()), st.just({})),
    )
    return st.one_of(shaped, averaged, junk, st.just({}))


def answers() -> st.SearchStrategy[AIMessage]:
    """Messages with any metadata and any count of output tokens."""
    return st.builds(
        lambda found, written: AIMessage(
            "text",
            response_metadata=found,
            usage_metadata={
                "input_tokens": 1,
                "output_tokens": written,
                "total_tokens": 1 + written,
            },
        ),
        metadata(),
        st.integers(min_value=0, max_value=20),
    )
