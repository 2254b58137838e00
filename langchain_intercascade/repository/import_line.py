"""One line of a file that may come from anybody: what it says, or what is wrong with it."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from langchain_intercascade.errors import RepositoryCorruptError
from langchain_intercascade.repository.export_file import (
    LONGEST,
    Entry,
    Header,
    Trailer,
    canonical,
)
from langchain_intercascade.repository.lifecycle import MAX_KEYS
from langchain_intercascade.strategy import State, Strategy, storable


class BadLineError(Exception):
    """What is wrong with a line."""


def trailer_in(raw: bytes) -> Trailer | None:
    """Return the last line; `None` if it is one with a strategy, or cannot be told."""
    found = object_in(raw)
    if "count" not in found:
        return None
    try:
        return Trailer.model_validate(found)
    except ValidationError as error:
        raise BadLineError(first_fault(error)) from None


def strategy_in(raw: bytes, header: Header) -> Strategy:
    """Return the strategy on a line, if nothing is wrong with it.

    Raises:
        BadLineError: Something is.
    """
    try:
        entry = Entry.model_validate(object_in(raw))
    except ValidationError as error:
        raise BadLineError(first_fault(error)) from None
    if sha256(canonical(entry.strategy)).hexdigest() != entry.sha256:
        msg = "its checksum is another: it was changed or cut"
        raise BadLineError(msg)
    if not _is_storable(entry.strategy):
        msg = "it holds characters that no database can hold"
        raise BadLineError(msg)
    try:
        strategy = Strategy.from_payload(entry.strategy)
    except RepositoryCorruptError as error:
        cause = error.__cause__
        why = first_fault(cause) if isinstance(cause, ValidationError) else str(error)
        raise BadLineError(why) from None
    _check_fitting(strategy, header)
    return strategy


def _check_fitting(strategy: Strategy, header: Header) -> None:
    """Refuse what our own export would never have written."""
    pending = strategy.state is State.PENDING
    faults = {
        "its id is not a UUID": not _is_uuid(strategy.id),
        "its tenant is not the file's": strategy.tenant != header.tenant,
        f"it has more than {MAX_KEYS} keys": len(strategy.keys) > MAX_KEYS,
        "it has neither advice nor lesson": not (strategy.lesson if pending else strategy.advice),
        "it can be undone": any(each.undo is not None for each in strategy.history),
    }
    if found := [why for why, so in faults.items() if so]:
        raise BadLineError(found[0])


def object_in(raw: bytes) -> dict[str, Any]:
    """Return the JSON object that is the line.

    Raises:
        BadLineError: It is none, or is longer than `LONGEST` bytes.
    """
    if len(raw) > LONGEST:
        msg = f"it is longer than {LONGEST} bytes"
        raise BadLineError(msg)
    try:
        found = json.loads(raw.decode("utf-8"), parse_constant=_no_constant)
        canonical(found)  # refuses what JSON cannot say, such as the number 1e999
    except (ValueError, RecursionError) as error:
        msg = "it is not JSON"
        raise BadLineError(msg) from error
    if not isinstance(found, dict) or not raw.endswith(b"\n"):
        msg = "it breaks off" if isinstance(found, dict) else "it is not a JSON object"
        raise BadLineError(msg)
    return found


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _is_storable(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_storable, (*value, *value.values())))
    if isinstance(value, list):
        return all(map(_is_storable, value))
    return not isinstance(value, str) or value == storable(value)


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def first_fault(error: ValidationError) -> str:
    """Return where the first fault is and what it is; the text of the line is not quoted."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'it'}: {first['msg']}"
