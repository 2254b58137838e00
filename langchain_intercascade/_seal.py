"""Keeps what is not an answer unreadable while it travels through a graph's state.

The weak attempt, and the lesson that quotes it, must pass from node to node, and
event streams show every node's input and output.  Sealed, they cannot be taken
for an answer by anything that shows streams to a user.  This is no secrecy:
whoever wants to read them can, and traces show the weak run as it is.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64decode, b64encode, b85decode
from collections.abc import Mapping
from typing import Any, Final, cast

from langchain_core.messages import message_to_dict, messages_from_dict

from langchain_intercascade.repository._recent import Recent
from langchain_intercascade.state import CascadeState, Update

SEALED: Final = ("attempt", "lesson")

_PACKED: Final = ":"
_PLAIN: Final = "."

_SHORT: Final = 4096
"""Bytes up to which packing takes longer than it saves, and what was sealed is remembered."""

_SEALED_HERE: Recent[str, dict[str, Any]] = Recent(room=512)
"""What lies under the last seals of this process: the next node need not read it again."""


def sealed(update: Update) -> Update:
    """Return `update` with its private parts as one string each."""
    return {
        name: _seal(value) if name in SEALED and value is not None else value
        for name, value in update.items()
    }


def unsealed(state: CascadeState) -> CascadeState:
    """Return `state` as the bodies read it."""
    plain = cast("dict[str, Any]", dict(state))
    plain |= {name: _unseal(plain[name]) for name in SEALED if plain.get(name)}
    return cast("CascadeState", plain)


def _seal(value: Mapping[str, Any]) -> str:
    plain = dict(value)
    if plain.get("message") is not None:
        plain["message"] = message_to_dict(plain["message"])
    told = json.dumps(plain).encode()
    if len(told) > _SHORT:
        return _PACKED + b64encode(zlib.compress(told, level=1)).decode()
    text = _PLAIN + b64encode(told).decode()
    _SEALED_HERE.put(text, dict(value))
    return text


def _unseal(text: str) -> dict[str, Any]:
    # What is remembered is as good as what would be read, because bodies change no part of a state.
    if (known := _SEALED_HERE.get(text)) is not None:
        return dict(known)
    plain: dict[str, Any] = json.loads(_told(text))
    if plain.get("message") is not None:
        plain["message"] = messages_from_dict([plain["message"]])[0]
    return plain


def _told(text: str) -> bytes:
    if text.startswith(_PLAIN):
        return b64decode(text[1:])
    # Without a mark it was sealed by an earlier version, ten times as slowly.
    return zlib.decompress(b64decode(text[1:]) if text.startswith(_PACKED) else b85decode(text))
