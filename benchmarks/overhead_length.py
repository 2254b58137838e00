"""What grows with the length of the prompt, and what the gate costs."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any, Final

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from benchmarks.overhead_cascades import cascade
from benchmarks.overhead_clock import Row, Times, each, interleaved, lasting, scaled
from benchmarks.overhead_pair import (
    ACCEPTING,
    TENANTS,
    Instant,
    bare_query,
    query_of,
    shard_of,
    stocked,
)
from langchain_intercascade import Evidence, LogprobConfidence
from langchain_intercascade._steps import run

LENGTHS: Final = (1_000, 10_000, 100_000, 1_000_000)
_NOTE: Final = "above two bare model runs, the encoder and the engine with the same texts"


def prompts(*, rounds: int) -> list[Row]:
    """Measure the overhead of an accepted call, as the prompt grows from 1 k to 1 M characters."""
    rows: list[Row] = []
    for where in ("context", "query"):
        with cascade(stocked(100), ACCEPTING) as ours:
            contest = _Contest(ours, where)
            lengths = LENGTHS if where == "context" else LENGTHS[:3]
            times = interleaved(contest.blocks(lengths), rounds=rounds, calls=1)
            rows += _rows_of(times, where, lengths)
            ours.repository.close()
    return rows


class _Contest:
    """A cascade and its parts, with prompts of given lengths: before the query, or all query."""

    def __init__(self, ours: Any, where: str) -> None:
        self._ours, self._where, self._bare = ours, where, Instant()
        self._encoder = ours.repository.encoder.embeddings
        self._shard = shard_of(ours.repository)
        self._numbers = itertools.count()

    def blocks(self, lengths: tuple[int, ...]) -> dict[str, Any]:
        found = {}
        for length in lengths:
            filler = ("The report says that all is well in the north. " * (length // 47 + 1))[
                :length
            ]
            found[f"ours {length}"] = each(partial(self._ask, filler))
            found[f"parts {length}"] = each(partial(self._parts, filler))
        return found

    def _prompt(self, filler: str) -> list[Any]:
        query = query_of(3, next(self._numbers))
        if self._where == "query":
            return [HumanMessage(f"{filler}\n{query}")]
        return [SystemMessage(filler), HumanMessage(query)]

    def _ask(self, filler: str) -> None:
        self._ours.invoke(self._prompt(filler))

    def _parts(self, filler: str) -> None:
        prompt = self._prompt(filler)
        self._bare.invoke(prompt)
        self._bare.invoke(prompt)
        vector = self._encoder.embed_query(prompt[-1].text)
        bare_query(self._shard, vector, tenant=TENANTS[0], limit=2)


def _rows_of(times: Times, where: str, lengths: tuple[int, ...]) -> list[Row]:
    over = {
        n: median(a - b for a, b in zip(times[f"ours {n}"], times[f"parts {n}"], strict=True))
        for n in lengths
    }
    said = "in the messages before the query" if where == "context" else "in the query itself"
    return [
        Row(
            name=f"overhead with {n:,} characters {said}, to that with 1,000",
            ratio=over[n] / over[lengths[0]],
            target=1.5 if where == "context" and n == lengths[-1] else None,
            note=f"{1e6 * over[n]:.0f} us against {1e6 * over[lengths[0]]:.0f} us, {_NOTE}",
        )
        for n in lengths[1:]
    ]


def gates(*, rounds: int) -> list[Row]:
    """Measure the gate: with the answer's length, and with the prompt's."""
    scorer = LogprobConfidence()
    blocks = {
        f"{tokens} tokens": each(_scoring(scorer, tokens, 100)) for tokens in (10, 100, 500, 4000)
    }
    blocks |= {f"{n} characters": each(_scoring(scorer, 500, n)) for n in (1_000, 1_000_000)}
    bare = Instant()
    blocks["bare"] = each(lambda: bare.invoke("hello"))
    times = interleaved(blocks, rounds=rounds, calls=5)
    ratio = [
        one / other
        for one, other in zip(times["1000000 characters"], times["1000 characters"], strict=True)
    ]
    return [
        scaled("gate, 500 tokens", times, "500 tokens", target=50.0),
        *(lasting(f"gate, {n} tokens", times[f"{n} tokens"]) for n in (10, 100, 4000)),
        Row(
            name="gate with a prompt of 1,000,000 characters, to that of 1,000",
            ratio=median(ratio),
            note="the score of an answer of 500 tokens",
        ),
    ]


def _scoring(scorer: LogprobConfidence, tokens: int, characters: int) -> Callable[[], object]:
    result = Instant(tokens=tokens).invoke([HumanMessage("hello")])
    answer = AIMessage.model_validate(result)
    prompt = [HumanMessage("a" * characters)]
    evidence = Evidence("hello", prompt, answer, prompt, None)
    return lambda: run(scorer.scoring(evidence))
