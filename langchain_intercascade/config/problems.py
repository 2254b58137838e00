"""What is wrong with a configuration, in sentences: the setting, its value, what would be right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING, Any, Final, get_args

from pydantic import BaseModel

from langchain_intercascade.config.reading import Given, Keys, leaves
from langchain_intercascade.config.secrets import ENV, HIDDEN, is_secret, redacted
from langchain_intercascade.errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

LONGEST: Final = 80
"""Characters of a value that are shown."""

KEY_TABLE: Final = ("serve", "api_keys")
"""The table whose keys are the names of variables, and whose values are tenants."""

_NOTHING: Final = object()


def refused(problems: Sequence[str]) -> ConfigurationError:
    """Return the error that names all `problems`."""
    told = [redacted(each) for each in dict.fromkeys(problems)]
    if len(told) == 1:
        return ConfigurationError(told[0])
    lines = "".join(f"\n  - {each}" for each in told)
    return ConfigurationError(f"The configuration has {len(told)} mistakes:{lines}")


def suspects(given: Given) -> list[str]:
    """Return a sentence for each key written in clear, and for settings that exclude each other."""
    return [*map(partial(_cured, given), _in_clear(given)), *_clashes(given)]


def problems_of(error: ValidationError, given: Given, *, shape: type[BaseModel]) -> list[str]:
    """Return a sentence for each mistake that the validation found, but not for keys in clear."""
    in_clear = {keys[:2] if keys[:2] == KEY_TABLE else keys for keys in _in_clear(given)}
    found = error.errors(include_url=False)
    told = [each for each in found if not _is_about(each, in_clear)]
    return [_sentence(each, given, shape) for each in told]


def _is_about(error: ErrorDetails, settings: set[Keys]) -> bool:
    keys = tuple(map(str, error["loc"]))
    return any(keys[: len(each)] == each for each in settings)


def _in_clear(given: Given) -> list[Keys]:
    return [keys for keys, value in leaves(given.values) if _is_key_literal(keys, value)]


def _cured(given: Given, keys: Keys) -> str:
    """Say what to do about a key that is written in clear."""
    *above, last = keys
    if keys[:2] == KEY_TABLE:
        return (
            f"{given.where(KEY_TABLE)} holds what looks like a key itself: give the name of the "
            'environment variable that holds it, and whose it is: {ACME_GATEWAY_KEY = "acme"}.'
        )
    if last.endswith(ENV):
        return (
            f"{given.where(keys)}={HIDDEN!r} looks like a key itself: give the name of the "
            "environment variable that holds it."
        )
    return (
        f"{given.where(keys)}={HIDDEN!r} looks like a key or a password, and those are not written "
        f'here: say {".".join((*above, last + ENV))} = "NAME", and set the environment variable '
        "NAME."
    )


def _is_key_literal(keys: Keys, value: Any) -> bool:
    if keys[:2] == KEY_TABLE:
        return is_secret("", keys[-1]) or is_secret("", value)
    return is_secret(keys[-1], value)


def _clashes(given: Given) -> Iterator[str]:
    for group in given.clashes:
        told = (f"{given.where(each)}={_short(_told_at(given.values, each, ''))}" for each in group)
        yield f"{', '.join(told)}: only one of these can be meant; take the others out."


def _sentence(error: ErrorDetails, given: Given, shape: type[BaseModel]) -> str:
    keys = tuple(str(each) for each in error["loc"])
    if error["type"] == "extra_forbidden":
        return _unknown(keys, given, shape)
    field, keys = _field_at(keys, shape)
    wanted = (field.description if field else None) or error["msg"]
    value = _told_at(given.values, keys, _NOTHING if error["type"] == "missing" else error["input"])
    if value is _NOTHING:
        return f"{given.where(keys)} is missing: give {wanted}."
    shown = HIDDEN if _is_key_literal(keys, value) else _short(value)
    return f"{given.where(keys)}={shown} must be {wanted}."


def _unknown(keys: Keys, given: Given, shape: type[BaseModel]) -> str:
    *above, last = keys
    known = sorted(_model_at(above, shape).model_fields)
    close = get_close_matches(last, known, n=1)
    meant = f"Did you mean {close[0]}?" if close else f"Known are: {', '.join(known)}."
    return f"{_called(keys, given)} is not known. {meant}"


def _called(keys: Keys, given: Given) -> str:
    """Return what an unknown setting is called; it may be a whole table."""
    inner = (told for told in given.called if told[: len(keys)] == keys)
    told = next(inner, keys)
    name = given.where(told)
    extra = len(".".join(told)) - len(".".join(keys))
    return name[:-extra] if extra and name.endswith(".".join(told)) else name


def _field_at(keys: Keys, shape: type[BaseModel]) -> tuple[FieldInfo | None, Keys]:
    """Return the field that an error is about, and its keys; the branches of unions are left out.

    In a table with any keys, such as `prices`, the key goes with the field.
    """
    model, field, known = shape, None, 0
    for key in keys:
        if (found := model.model_fields.get(key)) is None:
            break
        field, known = found, known + 1
        model = _table_in(found) or BaseModel
    rest = keys[known : known + 1] if field and _has_any_keys(field) else ()
    return field, (*keys[:known], *rest)


def _has_any_keys(field: FieldInfo) -> bool:
    return field.default_factory is dict


def _model_at(keys: Sequence[str], shape: type[BaseModel]) -> type[BaseModel]:
    model = shape
    for key in keys:
        model = _table_in(model.model_fields[key]) or model
    return model


def _table_in(field: FieldInfo) -> type[BaseModel] | None:
    """Return the table that a field holds; `None` if it holds something else."""
    options = (field.annotation, *get_args(field.annotation))
    tables = (each for each in options if isinstance(each, type) and issubclass(each, BaseModel))
    return next(tables, None)


def _told_at(values: Any, keys: Keys, otherwise: Any) -> Any:
    """Return what was said: errors of unions and of lists speak of parts of it."""
    for key in keys:
        if not isinstance(values, Mapping) or key not in values:
            return otherwise
        values = values[key]
    return values


def _short(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
