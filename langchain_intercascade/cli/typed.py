"""What was typed, as it can be typed again."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    import typer


def typed(context: typer.Context) -> dict[str, str]:
    """Return the options that were typed: the parameter's name, and what the option is called."""
    return {
        parameter.name: parameter.opts[0]
        for parameter in context.command.params
        if parameter.name and _by_hand(context, parameter.name)
    }


def as_typed(context: typer.Context, *, without: Collection[str] = ()) -> str:
    """Return the command with the options that were typed, but those named in `without`."""
    words = ["intercascade", context.command.name or ""]
    for name, option in typed(context).items():
        if name in without:
            continue
        value = context.params[name]
        if isinstance(value, bool):
            words.append(option)
            continue
        several = value if isinstance(value, list | tuple) else [value]
        for each in several:
            words += [option, str(getattr(each, "value", each))]
    return shlex.join(words)


def _by_hand(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    # By name: newer versions of typer bring a click of their own.
    return source is not None and source.name == "COMMANDLINE"
