"""What a threshold that certifies itself has pledged, and beside what: kept in the repository.

Labels are evidence for one pledge only: another confidence function gives other scores,
another strong model other verdicts, and a target that was chosen by looking at the labels
is none.  So each pledge has a log of labels of its own, named by the pledge's digest, and
one document lists the pledges of a tenant, for whoever wants them explained.
"""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from langchain_intercascade.errors import RepositoryCorruptError, RepositoryError
from langchain_intercascade.record import Regime
from langchain_intercascade.strategy import now
from langchain_intercascade.threshold.self_calibrating import (
    AUDIT_RATE,
    REGIMES,
    SelfCalibrating,
)
from langchain_intercascade.threshold.watch import OnAbstain

if TYPE_CHECKING:
    from langchain_intercascade._steps import Steps
    from langchain_intercascade.repository.base import StrategyRepository

NOTE: Final = "pledges"
"""Name of the document."""

LISTED: Final = 50
"""The document holds so many; the one that was in use longest ago makes room."""

_TRIES: Final = 20


class Pledge(BaseModel):
    """What was promised, and beside what.

    Attributes:
        weak_model: Whose answers it is about.
        strong_model: Who says what is right.
        confidence: The confidence function's method.
        agreement: The method by which two answers are compared.
        prompts: Version of the prompts.
        target_risk: Share of accepted answers that may be wrong.
        delta: Probability with which that may fail.
        audit_rate: Share of accepted answers that are audited.
        regimes: The regimes that occur.
        on_abstain: What an answer counts for that nobody could judge.

    Examples:
        >>> then = Pledge(weak_model="small", target_risk=0.1, prompts="2")
        >>> then.model_copy(update={"prompts": "3"}).differences(then)
        ["prompts was '2' and is now '3'"]
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    weak_model: str
    strong_model: str = ""
    confidence: str = ""
    agreement: str = ""
    prompts: str = ""
    target_risk: float
    delta: float = 0.1
    audit_rate: float = AUDIT_RATE
    regimes: tuple[Regime, ...] = REGIMES
    on_abstain: OnAbstain = "wrong"

    @property
    def digest(self) -> str:
        """What tells this pledge from any other, in every process."""
        said = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return blake2b(said.encode("utf-8"), digest_size=8).hexdigest()

    def differences(self, then: Pledge) -> list[str]:
        """Return a phrase for each thing that is not as it was."""
        return [
            f"{name.replace('_', ' ')} was {getattr(then, name)!r} and is now {value!r}"
            for name, value in self
            if getattr(then, name) != value
        ]

    def threshold(self) -> SelfCalibrating:
        """Return the threshold as it is before any label.

        Raises:
            ConfigurationError: A number is out of range.
        """
        return SelfCalibrating(
            self.target_risk,
            delta=self.delta,
            audit_rate=self.audit_rate,
            regimes=self.regimes,
            on_abstain=self.on_abstain,
        )


class Listed(BaseModel):
    """A pledge in the document.

    Attributes:
        pledge: It.
        since: When a cascade first gave it, ISO 8601.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    pledge: Pledge
    since: str


def reading_pledges(repository: StrategyRepository, *, tenant: str) -> Steps[list[Listed]]:
    """Return the pledges that were given in `tenant`, that which came into use last at the end.

    Raises:
        RepositoryCorruptError: The document is none.
    """
    note = yield from repository.reading_note(NOTE, tenant=tenant)
    return _listed(repository, note.data if note else {})


def giving(repository: StrategyRepository, pledge: Pledge, *, tenant: str) -> Steps[Pledge | None]:
    """Write down that `pledge` is in use from now on.

    Returns:
        The one that was in use for the same weak model before; `None` if there was none, or
        the same.

    Raises:
        RepositoryError: It could not be written down.
    """
    for _ in range(_TRIES):
        note = yield from repository.reading_note(NOTE, tenant=tenant)
        known = _listed(repository, note.data if note else {})
        alike = [each for each in known if each.pledge.weak_model == pledge.weak_model]
        if alike and alike[-1].pledge == pledge:
            return None
        since = next((each.since for each in alike if each.pledge == pledge), now())
        others = [each for each in known if each.pledge != pledge]
        kept = [*others, Listed(pledge=pledge, since=since)][-LISTED:]
        data = {"pledges": [each.model_dump(mode="json") for each in kept]}
        if (yield from repository.writing_note(NOTE, data, tenant=tenant, after=note)):
            return alike[-1].pledge if alike else None
    msg = (
        f"The pledge about {pledge.weak_model} could not be written into {repository!r}: {_TRIES} "
        "others were quicker. It is tried again; if this comes back, let fewer processes start "
        "at once."
    )
    raise RepositoryError(msg)


def _listed(repository: StrategyRepository, data: dict[str, object]) -> list[Listed]:
    found = data.get("pledges", [])
    try:
        return [Listed.model_validate(each) for each in found]  # type: ignore[attr-defined]  # as below
    except (ValidationError, TypeError) as error:
        msg = (
            f"The list of pledges {NOTE!r} in {repository!r} cannot be read: it is damaged, or a "
            "newer version wrote it. Upgrade the package, restore the repository from a backup, "
            "or use another path or collection."
        )
        raise RepositoryCorruptError(msg) from error
