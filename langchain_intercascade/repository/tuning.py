"""Solved examples as data: for fine-tuning a weak model offline, or as a few-shot set.

What was learned online can so become part of the weights.  Only strategies that
kept their example have one to give.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_intercascade._steps import Steps
from langchain_intercascade.repository.drafts import drafted
from langchain_intercascade.repository.pages import turning
from langchain_intercascade.strategy import Example, State

if TYPE_CHECKING:
    from langchain_intercascade.repository.base import StrategyRepository


class Shape(StrEnum):
    """What a file of examples looks like."""

    CHAT = "chat"
    """A line each: `{"messages": [{"role": "user", ...}, {"role": "assistant", ...}]}`."""
    FEW_SHOT = "few-shot"
    """One JSON list of `{"input": ..., "output": ...}`."""


@dataclass(frozen=True, slots=True)
class Examples:
    """What was written.

    Attributes:
        path: The file.
        count: How many examples are in it.
        without: How many strategies had none: they were learned without `keep_examples=True`.
    """

    path: str
    count: int
    without: int

    def payload(self) -> dict[str, Any]:
        """Return this as JSON-like data."""
        return asdict(self)


def exporting_examples(
    repository: StrategyRepository,
    path: Path,
    *,
    tenant: str,
    shape: Shape,
    states: Sequence[State] = (State.ACTIVE,),
    force: bool = False,
) -> Steps[Examples]:
    """Write the solved examples of `tenant` into a file, which appears whole or not at all.

    They hold queries and answers in full, and no ids: what is forgotten later has to be
    forgotten in such a file by writing it anew.

    Raises:
        ConfigurationError: The file cannot be written there.
        RepositoryError: The engine cannot list what it holds.
    """
    count = without = 0
    after = None
    with drafted(path, force=force) as file:
        file.write(_opening(shape))
        while page := (yield from turning(repository, tenant=tenant, states=states, after=after)):
            for each in page.strategies:
                if each.example is None:
                    without += 1
                    continue
                file.write(_item(each.example, shape, first=count == 0))
                count += 1
            after = page.last
        file.write(_closing(shape))
    return Examples(str(path), count, without)


def _item(example: Example, shape: Shape, *, first: bool) -> bytes:
    if shape is Shape.FEW_SHOT:
        pair = {"input": example.query, "output": example.answer}
        return (b"\n" if first else b",\n") + _json(pair)
    user = {"role": "user", "content": example.query}
    assistant = {"role": "assistant", "content": example.answer}
    return _json({"messages": [user, assistant]}) + b"\n"


def _opening(shape: Shape) -> bytes:
    return b"[" if shape is Shape.FEW_SHOT else b""


def _closing(shape: Shape) -> bytes:
    return b"\n]\n" if shape is Shape.FEW_SHOT else b""


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8")
