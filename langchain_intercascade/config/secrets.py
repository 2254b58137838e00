"""Keys and passwords: never written in a configuration, only the variables that hold them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from langchain_intercascade.errors import ConfigurationError

ENV: Final = "_env"
"""How a setting ends whose value is the name of an environment variable."""

VARIABLE: Final = r"^[A-Za-z_][A-Za-z0-9_]*$"
"""What environment variables are called."""

HIDDEN: Final = "***"

_SECRET_NAME: Final = re.compile(
    r"(?:^|[_-])(?:(?:api|access|private)?[_-]?key|token|secret|password|passwd|authorization"
    r"|credentials?|bearer)$",
    re.IGNORECASE,
)
# How the keys of common services begin, tokens of the web, and a password inside a URL.
_SECRET: Final = re.compile(
    r"\b(?:(?:sk|pk|rk|hf|npm|gsk)[-_]|gh[opsur]_|github_pat_|glpat-|xox[abprs]-|AIza)"
    r"[A-Za-z0-9_\-]{12,}|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY|(?i:\bbearer\s+\S{8,})|://[^/\s:@]*:[^/\s@]+@"
)
_SHORTEST: Final = 6
"""Characters of the shortest value that is taken out of a text; shorter ones occur in any text."""


def is_secret(name: str, value: object) -> bool:
    """Say whether a setting looks like a key or a password, by its name or by itself.

    Examples:
        >>> is_secret("api_key", "abc"), is_secret("api_key_env", "QDRANT_API_KEY")
        (True, False)
        >>> is_secret("base_url", "https://me:pass@example.com"), is_secret("max_tokens", 20)
        (True, False)
    """
    if not isinstance(value, str) or not value:
        return False
    return bool(_SECRET_NAME.search(name) or _SECRET.search(value))


def secret_in(variable: str, asked_by: str, environment: Mapping[str, str] | None = None) -> str:
    """Return what the environment variable `variable` holds.

    Args:
        variable: Its name.
        asked_by: The setting that names it, for the message.
        environment: Where to look; the process's own if `None`.

    Raises:
        ConfigurationError: It is not set, or empty.
    """
    if found := (os.environ if environment is None else environment).get(variable):
        return found
    msg = f"{asked_by}={variable!r} names an environment variable that is not set: set {variable}."
    raise ConfigurationError(msg)


def variables_in(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield the environment variables that settings name, at any depth.

    Examples:
        >>> list(variables_in({"k": 2, "repository": {"api_key_env": "QDRANT_API_KEY"}}))
        ['QDRANT_API_KEY']
    """
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from variables_in(value)
        elif name.endswith(ENV) and isinstance(value, str):
            yield value


def redacted(text: str, variables: Iterable[str] = ()) -> str:
    """Return `text` without anything that looks like a key, and without what `variables` hold.

    Variables whose names say that they hold a key are always among them.

    Examples:
        >>> redacted("Incorrect API key provided: sk-abcdefghijklmnop.")
        'Incorrect API key provided: ***.'
    """
    named = {name for name in os.environ if _SECRET_NAME.search(name)} | set(variables)
    values = {os.environ.get(name, "") for name in named}
    for value in sorted(values, key=len, reverse=True):
        if len(value) >= _SHORTEST:
            text = text.replace(value, HIDDEN)
    return _SECRET.sub(HIDDEN, text)
