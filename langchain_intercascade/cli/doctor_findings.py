"""What a doctor finds: how bad it is, what was seen, and how to mend it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Final

from rich.text import Text

from langchain_intercascade.config.secrets import redacted


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


EXIT_CODES: Final = {Level.OK: 0, Level.WARNING: 1, Level.PROBLEM: 2}
"""The exit code of a visit is that of its worst finding."""

_STYLES: Final = {Level.OK: "green", Level.WARNING: "yellow", Level.PROBLEM: "red"}
_WIDTHS: Final = (len(Level.PROBLEM) + 2, 15)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        level: How bad it is.
        about: What was looked at, in a few words.
        seen: What was seen.
        mend: How to mend it; empty if there is nothing to mend.
    """

    level: Level
    about: str
    seen: str
    mend: str = ""

    def redacted(self, variables: Sequence[str]) -> Finding:
        """Return the finding without keys, least of all what `variables` hold."""
        seen, mend = (redacted(each, variables) for each in (self.seen, self.mend))
        return replace(self, seen=seen, mend=mend)

    def payload(self) -> dict[str, Any]:
        """Return the finding as JSON-like data."""
        return asdict(self)

    def text(self) -> Text:
        """Return the finding as it is shown on a screen.

        Examples:
            >>> print(warning("prices", "That of big is unknown.", "Add it to [prices]."))
            warning  prices         That of big is unknown.
                                    -> Add it to [prices].
        """
        margin = " " * sum(_WIDTHS)
        line = Text(f"{self.level.value:<{_WIDTHS[0]}}", _STYLES[self.level])
        line.append(f"{self.about:<{_WIDTHS[1]}}", "dim").append(self.seen, "default")
        if self.mend:
            line.append(f"\n{margin}-> {self.mend}", "default")
        return line

    def __str__(self) -> str:
        """Return the finding without colours."""
        return self.text().plain


def ok(about: str, seen: str) -> Finding:
    """Return a finding that is well."""
    return Finding(Level.OK, about, seen)


def warning(about: str, seen: str, mend: str) -> Finding:
    """Return a finding that works, but not as well as it might."""
    return Finding(Level.WARNING, about, seen, mend)


def problem(about: str, seen: str, mend: str) -> Finding:
    """Return a finding that does not work."""
    return Finding(Level.PROBLEM, about, seen, mend)


def worst(found: Sequence[Finding]) -> Level:
    """Return the worst level in `found`; ok if there is nothing.

    Examples:
        >>> worst([ok("", ""), problem("", "", ""), warning("", "", "")])
        <Level.PROBLEM: 'problem'>
    """
    return max((each.level for each in found), key=EXIT_CODES.__getitem__, default=Level.OK)


def summary(found: Sequence[Finding]) -> str:
    """Say how many findings there are of each kind.

    Examples:
        >>> summary([ok("", ""), ok("", ""), warning("", "", "")])
        '2 ok, 1 warning, 0 problems'
    """
    counts = {level: sum(each.level is level for each in found) for level in Level}
    others = (
        f"{counts[level]} {level.value}{'' if counts[level] == 1 else 's'}"
        for level in (Level.WARNING, Level.PROBLEM)
    )
    return ", ".join((f"{counts[Level.OK]} ok", *others))
