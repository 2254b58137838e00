"""Values made for a schema are accepted by it."""

from __future__ import annotations

import datetime as dt
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from langchain_intercascade.testing.stub.schema import value_for_schema


class Colour(Enum):
    """A choice."""

    RED = "red"


class Leaf(BaseModel):
    """Something to refer to."""

    colour: Colour
    day: dt.date


class Tree(BaseModel):
    """Something that contains itself."""

    leaf: Leaf
    branches: list[Tree]
    parent: Tree | None


class Limited(BaseModel):
    """Values with limits."""

    share: float = Field(gt=0, lt=1)
    few: int = Field(ge=-2, le=-1)
    tens: int = Field(ge=11, multiple_of=10)
    code: str = Field(min_length=6, max_length=8)
    short: str = Field(max_length=2)
    pair: tuple[int, bool]
    three: Annotated[list[str], Field(min_length=3)]
    nothing: None
    kind: Literal["only"]
    either: int | str
    optional: str = "left out"


@pytest.mark.parametrize("model", [Leaf, Tree, Limited])
def test_a_value_is_accepted_by_its_schema(model: type[BaseModel]) -> None:
    """Types, references, limits, formats and recursion are respected."""
    value = _value(model)

    assert model.model_validate(value).model_fields_set == set(value)


def test_only_required_properties_are_filled() -> None:
    """What may be left out is left out."""
    assert "optional" not in _value(Limited)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({}, "text"),
        ({"type": ["null", "integer"]}, 3),
        ({"enum": ["a", "b"]}, "a"),
        ({"type": "number", "minimum": 5, "maximum": 4}, 3),
        ({"allOf": [{"type": "string"}, {"maxLength": 1}]}, "t"),
        ({"type": "array", "maxItems": 0}, []),
    ],
)
def test_values_are_predictable(schema: dict[str, Any], value: object) -> None:
    """Including the last resorts: a string when nothing is said, a 3 when nothing can fit."""
    assert value_for_schema(schema, text="text") == value


def _value(model: type[BaseModel]) -> Any:
    return value_for_schema(model.model_json_schema())
