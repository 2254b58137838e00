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

from langchain_intercascade.state import CascadeState, Update

SEALED: Final = ("attempt", "lesson")

_MARK: Final = ":"


def sealed(update: Update) -> Update:
    """Return `update` with its private parts as one string each."""
    return {
        name: _seal(value) if name in SEALED and value is not None else value
        for name, value in update.items()
    }


def unsealed(state: CascadeState) -> CascadeState:
    """Return `state` as the bodies read it."""
    plain = cast("dict[str, Any]", dict(state))
    opened = {name: _unseal(plain[name]) for name in SEALED if plain.get(name)}
    return cast("CascadeState", plain | opened)


def _seal(value: Mapping[str, Any]) -> str:
    plain = dict(value)
    if plain.get("message") is not None:
        plain["message"] = message_to_dict(plain["message"])
    return _MARK + b64encode(zlib.compress(json.dumps(plain).encode(), level=1)).decode()


def _unseal(text: str) -> dict[str, Any]:
    # Without the mark it was sealed by an earlier version, ten times as slowly.
    packed = b64decode(text[1:]) if text.startswith(_MARK) else b85decode(text)
    plain: dict[str, Any] = json.loads(zlib.decompress(packed))
    if plain.get("message") is not None:
        plain["message"] = messages_from_dict([plain["message"]])[0]
    return plain
