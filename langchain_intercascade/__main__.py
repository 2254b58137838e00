"""This is where `intercascade`, and `python -m langchain_intercascade`, begin."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line, or say in one line what is missing for it."""
    try:
        from langchain_intercascade.cli.app import app  # noqa: PLC0415 - an extra that may be absent
    except ModuleNotFoundError as error:
        package = f"{error.name}".partition(".")[0]
        if package not in {"typer", "rich"}:
            raise
        sys.stderr.write(
            f"The command line needs the `{package}` package: "
            "pip install 'langchain-intercascade[cli]'\n"
        )
        sys.exit(2)
    app(prog_name="intercascade")


if __name__ == "__main__":
    main()
