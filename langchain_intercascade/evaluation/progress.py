"""What a calibration has paid for so far, on disk: it goes on where it was stopped, however.

One line for each finished question, written as soon as it is finished; a last line that was
torn is dropped and its question asked again.  No question and no answer is written down.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.evaluation.logbook import Logbook
from langchain_intercascade.record import Regime, RoleUse

KIND: Final = "langchain_intercascade.calibration"
VERSION: Final = 1


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Finished(_Line):
    """What came of one question.

    Attributes:
        key: The question's digest.
        regime: Whether the weak model was shown strategies.
        confidence: The score; `None` if there was none, as when the answer cannot stand.
        correct: Whether the weak answer was right; `None` if that cannot be told.
        why: Why there is no score, or no verdict; else empty.
        method: What made the score.
        usage: What it cost, by role.
        cost: All of it in dollars; `None` if a part is unknown.
    """

    key: str
    regime: Regime
    confidence: float | None = Field(ge=0, le=1)
    correct: bool | None
    why: str = ""
    method: str = ""
    usage: dict[str, RoleUse]
    cost: float | None


class Look(_Line):
    """A promise that was sought in these answers.

    Attributes:
        target_risk: Which risk.
        delta: With which probability it may fail.
    """

    target_risk: float
    delta: float


class Progress:
    """The file, and what is in it."""

    def __init__(self, path: str | Path, settings: Mapping[str, object]) -> None:
        """Begin, or go on with what lies in `path`.

        Args:
            path: The file.
            settings: Everything that a finished question depends on; JSON-like.

        Raises:
            ConfigurationError: It was begun with other settings, is no such file, is
                damaged, or cannot be written.
        """
        self.path = Path(path)
        self._finished: dict[str, Finished] = {}
        self._looks: list[Look] = []
        name = "the progress of a calibration|--out"
        self._book = Logbook(self.path, settings, kind=KIND, version=VERSION, name=name)
        for number, line in self._book.entries():
            self._take(number, line)

    @property
    def finished(self) -> Mapping[str, Finished]:
        """What came of each question so far, by the question's digest."""
        return self._finished

    @property
    def looks(self) -> tuple[Look, ...]:
        """The promises that were sought so far; each pair once, in order."""
        return tuple(self._looks)

    def add(self, row: Finished) -> None:
        """Write a finished question down."""
        self._book.add({"row": row.model_dump(mode="json")})
        self._finished[row.key] = row

    def looked(self, look: Look) -> None:
        """Write down that a promise was sought."""
        if look not in self._looks:
            self._book.add({"look": look.model_dump(mode="json")})
            self._looks.append(look)

    def _take(self, number: int, line: Mapping[str, Any]) -> None:
        try:
            if "look" in line:
                self._looks.append(Look.model_validate(line["look"]))
            else:
                row = Finished.model_validate(line.get("row"))
                self._finished[row.key] = row
        except ValidationError as error:
            wrong = error.errors()[0]
            where = ".".join(map(str, wrong["loc"]))
            msg = (
                f"{self.path.name}, line {number} is damaged: {where}: {wrong['msg']}. Delete the "
                "file to begin anew."
            )
            raise ConfigurationError(msg) from error
