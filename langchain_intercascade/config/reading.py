"""What was said, and where: a TOML file, over it the environment, over both what was given."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from pydantic_settings import EnvSettingsSource

from langchain_intercascade.errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic import BaseModel

PREFIX: Final = "INTERCASCADE_"
CONFIG: Final = "INTERCASCADE_CONFIG"
"""The variable that names the file."""

PATH: Final = "INTERCASCADE_PATH"
"""A short name of `INTERCASCADE_REPOSITORY__PATH`."""

NAMED: Final = ("weak", "strong", "distiller", "embeddings", "confidence")
"""Settings for which a name alone may stand."""

PATHS: Final = (("repository", "path"), ("threshold_file",))
"""Settings that name files; a relative one in a file is beside that file."""

EXCLUSIVE: Final = (
    (("threshold",), ("threshold_file",), ("target_risk",)),
    (("repository", "path"), ("repository", "url")),
)
"""Settings of which only one can be meant."""

Keys: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """What was said.

    Attributes:
        values: The settings, nested as the tables are.
        called: What each setting is called where it was said.
        file: The file, if there is one.
        clashes: Settings that exclude each other and were said in the same place.
    """

    values: dict[str, Any] = field(default_factory=dict)
    called: Mapping[Keys, str] = field(default_factory=dict)
    file: Path | None = None
    clashes: Sequence[tuple[Keys, ...]] = ()

    def where(self, keys: Sequence[str]) -> str:
        """Return what a setting, or a part of one, is called where it was said.

        One that was not said anywhere is called as it would be in the file.
        """
        if (told := self.called.get(tuple(keys))) is not None:
            return told
        known = self.called.get(tuple(keys[:-1])) if len(keys) > 1 else None
        if known is not None:
            return known
        return _in_file(self.file, keys)


def gather(
    path: str | Path | None,
    environment: Mapping[str, str] | None,
    given: Mapping[str, Any],
    *,
    shape: type[BaseModel],
) -> Given:
    """Read the file, the environment and what was given, each over the one before.

    Raises:
        ConfigurationError: The file cannot be read.
    """
    here = os.environ if environment is None else environment
    file = Path(named) if (named := path or here.get(CONFIG)) else None
    sources: list[tuple[dict[str, Any], Callable[[Keys], str]]] = [
        (_of_file(file), partial(_in_file, file)),
        (_of_environment(here, shape), _variable),
        (_spelled_out(_said(given)), ".".join),
    ]
    values: dict[str, Any] = {}
    called: dict[Keys, str] = {}
    clashes: list[tuple[Keys, ...]] = []
    for source, name in sources:
        clashes += _displace(values, source)
        called = {keys: told for keys, told in called.items() if _is_in(values, keys)}
        _lay_over(values, source)
        called |= {keys: name(_short(keys)) for keys, _ in leaves(source)}
    if PATH in here and called.get(("repository", "path")) == _variable(("repository", "path")):
        called["repository", "path"] = PATH
    return Given(values, called, file, clashes)


def leaves(values: Mapping[str, Any], above: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    """Yield each setting that is no table, with its keys; and tables that are empty.

    Examples:
        >>> list(leaves({"k": 2, "serve": {"port": 80}}))
        [(('k',), 2), (('serve', 'port'), 80)]
    """
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, (*above, str(key)))
        else:
            yield (*above, str(key)), value


def variables(shape: type[BaseModel]) -> set[str]:
    """Return the variables that are read; those of tables go on after two underscores."""
    return {CONFIG, PATH} | {_variable((name,)) for name in shape.model_fields}


def _of_file(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        found = _spelled_out(tomllib.loads(file.read_text("utf-8")))
    except OSError as error:
        msg = (
            f"{file} cannot be read ({error.strerror or type(error).__name__}). "
            f"`intercascade init {file}` writes one to begin with."
        )
        raise ConfigurationError(msg) from error
    except ValueError as error:  # no TOML, or no UTF-8
        msg = f"{file} is not TOML: {error}. `intercascade init` shows what one looks like."
        raise ConfigurationError(msg) from error
    for keys in PATHS:
        _anchor(found, keys, file.parent)
    return found


def _anchor(values: dict[str, Any], keys: Keys, folder: Path) -> None:
    """Make a relative path one from `folder`."""
    *above, last = keys
    table = values.get(above[0]) if above else values
    if isinstance(table, dict) and isinstance(table.get(last), str) and table[last]:
        table[last] = str(folder / Path(table[last]).expanduser())


class _Environment(EnvSettingsSource):
    """Reads the environment that it is given, and leaves mistakes to the validation."""

    def __init__(self, environment: Mapping[str, str], shape: type[BaseModel]) -> None:
        self._environment = environment
        super().__init__(
            # Only the fields are looked at, so any model will do.
            cast("Any", shape),
            env_prefix=PREFIX,
            env_nested_delimiter="__",
            env_ignore_empty=True,
        )

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._environment.items() if value}

    def decode_complex_value(self, field_name: str, field: Any, value: Any) -> Any:
        """Return what `value` says in JSON; the text itself if it says nothing in JSON."""
        try:
            found = super().decode_complex_value(field_name, field, value)
        except ValueError:
            found = value
        return {"name": found} if field_name in NAMED and not isinstance(found, dict) else found


def _of_environment(environment: Mapping[str, str], shape: type[BaseModel]) -> dict[str, Any]:
    found = _Environment(environment, shape)()
    for name in NAMED:
        if isinstance(table := found.get(name), dict):
            found[name] = {key: _plain(key, value) for key, value in table.items()}
    if (path := environment.get(PATH)) and isinstance(found.setdefault("repository", {}), dict):
        found["repository"].setdefault("path", path)
    return found


def _plain(key: str, value: Any) -> Any:
    """Return the number or truth value that a text from the environment stands for."""
    if key == "name" or not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _in_file(file: Path | None, keys: Sequence[str]) -> str:
    return f"{file.name}: {'.'.join(keys)}" if file else ".".join(keys)


def _short(keys: Keys) -> Keys:
    """Return `keys` without that of a name, which may stand alone."""
    return keys[:-1] if keys[0] in NAMED and keys[1:] == ("name",) else keys


def _variable(keys: Keys) -> str:
    return PREFIX + "__".join(keys).upper()


def _spelled_out(values: dict[str, Any]) -> dict[str, Any]:
    """Write a name that stands alone as a table, so that sources can add to each other."""
    return {
        key: {"name": value} if key in NAMED and isinstance(value, str) else value
        for key, value in values.items()
    }


def _said(values: Mapping[str, Any]) -> dict[str, Any]:
    inner = {
        key: _said(value) if isinstance(value, Mapping) else value for key, value in values.items()
    }
    return {key: value for key, value in inner.items() if value not in (None, {})}


def _displace(values: dict[str, Any], source: Mapping[str, Any]) -> list[tuple[Keys, ...]]:
    """Take out of `values` what `source` excludes; return what excludes itself in `source`."""
    clashes: list[tuple[Keys, ...]] = []
    told = {keys for keys, _ in leaves(source)}
    for group in EXCLUSIVE:
        said = tuple(keys for keys in group if keys in told)
        if len(said) > 1:
            clashes.append(said)
        for keys in group if said else ():
            _take_out(values, keys)
    return clashes


def _take_out(values: dict[str, Any], keys: Keys) -> None:
    *above, last = keys
    table = values.get(above[0]) if above else values
    if isinstance(table, dict):
        table.pop(last, None)


def _is_in(values: Any, keys: Keys) -> bool:
    for key in keys:
        if not isinstance(values, Mapping) or key not in values:
            return False
        values = values[key]
    return True


def _lay_over(values: dict[str, Any], source: Mapping[str, Any]) -> None:
    """Put the settings of `source` over `values`, table by table."""
    for key, value in source.items():
        if isinstance(value, Mapping) and isinstance(values.get(key), dict):
            _lay_over(values[key], value)
        else:
            values[key] = dict(value) if isinstance(value, Mapping) else value
