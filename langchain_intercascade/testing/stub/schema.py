"""Values that a JSON schema accepts, for a model that must fill in a form."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Schema: TypeAlias = Mapping[str, Any]

NUMBER = 3
"""Every number, where the schema allows it: LangChain's standard tests ask for this one."""

DEEPEST = 6
"""Levels below which recursive schemas are brought to an end."""

FORMATS = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "email": "test@example.com",
    "time": "12:00:00Z",
    "uri": "https://example.com",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def value_for_schema(schema: Schema, *, text: str = "test") -> Any:
    """Return the same plausible value for the same schema, always.

    Objects get their required properties only, arrays one item, enumerations their
    first value, numbers a 3 and strings the given `text`, each bent to the limits
    that the schema states.  Patterns are not followed.

    Examples:
        >>> value_for_schema({"type": "object", "required": ["input"],
        ...                   "properties": {"input": {"type": "integer"}, "unit": {}}})
        {'input': 3}
        >>> value_for_schema({"type": "number", "minimum": 0, "maximum": 1})
        0
    """
    return _Form(root=schema, text=text).fill(schema, depth=0)


@dataclass(frozen=True, slots=True)
class _Form:
    """A schema being filled in."""

    root: Schema
    """Where references point into."""
    text: str

    def fill(self, schema: Schema, depth: int) -> Any:
        """Return a value for a part of the schema."""
        schema = self._spelled_out(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][0]
        if options := schema.get("anyOf") or schema.get("oneOf"):
            return self.fill(_chosen(options, depth), depth)
        return self._of_type(_type_of(schema, depth), schema, depth)

    def _spelled_out(self, schema: Schema) -> Schema:
        """Return the schema with its references and conjunctions written out."""
        while "$ref" in schema or "allOf" in schema:
            rest = {key: value for key, value in schema.items() if key not in {"$ref", "allOf"}}
            parts = schema.get("allOf", [])
            named = [self._referenced(schema["$ref"])] if "$ref" in schema else []
            schema = _merged([rest, *named, *parts])
        return schema

    def _referenced(self, reference: str) -> Schema:
        """Return the part of the schema at a local reference, such as `#/$defs/Item`."""
        part = self.root
        for step in reference.removeprefix("#/").split("/"):
            part = part[step]
        return part

    def _of_type(self, kind: str, schema: Schema, depth: int) -> Any:
        """Return a value of the named type."""
        values: dict[str, Callable[[], Any]] = {
            "object": lambda: self._object(schema, depth),
            "array": lambda: self._array(schema, depth),
            "integer": lambda: _number(schema, whole=True),
            "number": lambda: _number(schema, whole=False),
            "boolean": lambda: True,
            "null": lambda: None,
        }
        return values.get(kind, lambda: self._string(schema))()

    def _object(self, schema: Schema, depth: int) -> dict[str, Any]:
        """Return an object with the required properties."""
        properties = schema.get("properties", {})
        required = schema.get("required", [])
        return {name: self.fill(properties.get(name, {}), depth + 1) for name in required}

    def _array(self, schema: Schema, depth: int) -> list[Any]:
        """Return an array of one item, or of as many as the schema asks for."""
        fixed = schema.get("prefixItems", [])
        wanted = 0 if depth >= DEEPEST else min(1, schema.get("maxItems", 1))
        more = max(schema.get("minItems", 0), wanted) - len(fixed)
        items = [*fixed, *[schema.get("items", {})] * more]
        return [self.fill(item, depth + 1) for item in items]

    def _string(self, schema: Schema) -> str:
        """Return a string of the right format and length."""
        text = FORMATS.get(schema.get("format", ""), self.text)
        return text.ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength")]


def _merged(parts: list[Schema]) -> dict[str, Any]:
    """Return one schema that states what all parts state."""
    whole: dict[str, Any] = {}
    for part in parts:
        properties = {**whole.get("properties", {}), **part.get("properties", {})}
        required = [*whole.get("required", []), *part.get("required", [])]
        # An empty `properties` would turn a string into an object.
        found = {"properties": properties, "required": required} if properties else {}
        whole = {**whole, **part, **found}
    return whole


def _chosen(options: list[Schema], depth: int) -> Schema:
    """Return the first option that is not null; far down rather null, to come to an end."""
    nulls = [option for option in options if option.get("type") == "null"]
    others = [option for option in options if option.get("type") != "null"]
    preferred = [*nulls, *others] if depth >= DEEPEST else [*others, *nulls]
    return preferred[0]


def _type_of(schema: Schema, depth: int) -> str:
    """Return the one type to use; a schema without any is taken for a string."""
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(kind, str):
        return kind
    return str(_chosen([{"type": name} for name in kind], depth)["type"])


def _number(schema: Schema, *, whole: bool) -> float:
    """Return the first number within the limits; 3 if there is none."""
    low = schema.get("minimum", schema.get("exclusiveMinimum", -math.inf))
    high = schema.get("maximum", schema.get("exclusiveMaximum", math.inf))
    step = schema.get("multipleOf", 1)
    near_low = [low, low + step, math.ceil(low / step) * step] if math.isfinite(low) else []
    near_high = [high, high - step, math.floor(high / step) * step] if math.isfinite(high) else []
    between = [(low + high) / 2] if near_low and near_high else []
    tries = [NUMBER, *near_low, *near_high, *between, step]
    found = next((number for number in tries if _fits(number, schema, whole=whole)), NUMBER)
    return int(found) if whole else found


def _fits(number: float, schema: Schema, *, whole: bool) -> bool:
    """Tell whether the number is within the limits."""
    return (
        schema.get("minimum", -math.inf) <= number <= schema.get("maximum", math.inf)
        and schema.get("exclusiveMinimum", -math.inf) < number
        and number < schema.get("exclusiveMaximum", math.inf)
        and number % schema.get("multipleOf", number or 1) == 0
        and (not whole or float(number).is_integer())
    )
