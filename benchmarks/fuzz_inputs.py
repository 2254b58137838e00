"""Hostile inputs: JSON that is nearly right, text that is nearly JSON, bytes that are neither."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from hypothesis import strategies as st

DEEP: Final = 3_000
"""Brackets in one another; Python's own JSON reader gives up on far fewer."""

_AWKWARD: Final = (
    *("", " ", "\x00", "\ud800", "\u2028", "\ufeff", "\x1b[2J", "a" * 5000, "__class__", "{0}"),
    *("NaN", "1e999", "-0", "null", "</strategies>", "file:///etc/passwd", "http://127.0.0.1:9/"),
    *("!!python/object/apply:os.system ['true']", "cos\nsystem\n(S'true'\ntR.", "$ref", "lc"),
)
_NUMBERS: Final = (0, -1, 1, 2**31, 2**63, 10**400, float("nan"), float("inf"), 1e308, -0.0, 0.5)

LEAVES: Final[st.SearchStrategy[Any]] = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(_NUMBERS),
    st.floats(),
    st.integers(),
    st.sampled_from(_AWKWARD),
    st.text(max_size=30),
)
VALUES: Final[st.SearchStrategy[Any]] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.dictionaries(
            st.one_of(st.sampled_from(_AWKWARD), st.text(max_size=9)), inner, max_size=5
        ),
    ),
    max_leaves=12,
)


def as_json(value: Any) -> str:
    """Return `value` as text that a lenient writer would call JSON; NaN and surrogates and all."""
    return json.dumps(value, ensure_ascii=True)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every part of a JSON-like value, itself first."""
    yield path
    pairs = (
        value.items()
        if isinstance(value, Mapping)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in pairs:
        yield from places(inner, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], news: Any) -> Any:
    """Return a copy of `value` with `news` at `path`."""
    if not path:
        return news
    copy = dict(value) if isinstance(value, Mapping) else list(value)
    copy[path[0]] = replaced(copy[path[0]], path[1:], news)
    return copy


@st.composite
def mutants(draw: st.DrawFn, *valid: Any) -> Any:
    """Draw one of `valid`, in which up to three parts are something else."""
    value = draw(st.sampled_from(valid))
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(list(places(value))))
        value = replaced(value, path, draw(VALUES))
    return value


@st.composite
def garbled(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> str:
    """Draw a text, and cut it, double it, or put something else in it."""
    text = draw(texts)
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(text)))
        to = draw(st.integers(at, min(len(text), at + 40)))
        text = text[:at] + draw(st.one_of(st.just(""), st.text(max_size=8), BRACKETS)) + text[to:]
    return text


BRACKETS: Final = st.sampled_from(
    ["[" * DEEP, '{"a":' * DEEP, "]", "}", '"', "\\", "`" * 6, "9" * 5000]
)
"""What makes readers recurse, count digits, or look for an end that never comes."""


def documents(*valid: Any) -> st.SearchStrategy[str]:
    """Texts that are one of `valid` as JSON, or once were."""
    return garbled(mutants(*valid).map(as_json))


def encoded(texts: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    """Bytes: mostly those of `texts`, sometimes in another encoding, sometimes anything."""
    as_bytes = st.tuples(texts, st.sampled_from(["utf-8", "utf-8", "utf-8", "utf-16", "latin-1"]))
    written = as_bytes.map(lambda pair: pair[0].encode(pair[1], "replace"))
    return st.one_of(written, written, written, st.binary(max_size=200))
