"""The file to begin with: every setting, with what it is for."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Final

from langchain_intercascade.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

NAME: Final = "intercascade.toml"
"""What such a file is called unless somebody says otherwise."""


def template() -> str:
    """Return the text of the file.

    Examples:
        >>> 'weak = "openai:gpt-4o-mini"' in template().splitlines()
        True
    """
    return files(__package__).joinpath(NAME).read_text("utf-8")


def write_template(file: Path, *, force: bool = False) -> None:
    """Write the file to begin with.

    Args:
        file: Where; its folder is made if need be.
        force: Whether a file that is there already is replaced.

    Raises:
        ConfigurationError: There is a file already, or it cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # Never between a look and a write of somebody else: the system itself refuses.
        with file.open("w" if force else "x", encoding="utf-8") as out:
            out.write(template())
    except FileExistsError:
        msg = f"{file} is there already. Choose another name, or replace it with --force."
        raise ConfigurationError(msg) from None
    except OSError as error:
        msg = (
            f"{file} cannot be written ({error.strerror or type(error).__name__}). Name a file in "
            "a folder that you may write to."
        )
        raise ConfigurationError(msg) from error
