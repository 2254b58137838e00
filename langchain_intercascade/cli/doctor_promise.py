"""What does the threshold promise, and do the parts go together?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from langchain_intercascade._steps import Fault, Steps, attempt, run
from langchain_intercascade.assembly import build_parts
from langchain_intercascade.cli.doctor_findings import Finding, ok, problem, warning
from langchain_intercascade.config.building import model_of, options_of
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.learning.promise import Promise
from langchain_intercascade.threshold.base import ALWAYS_DEFER
from langchain_intercascade.threshold.self_calibrating import REGIMES

if TYPE_CHECKING:
    from langchain_intercascade.config.config import Config
    from langchain_intercascade.repository.base import StrategyRepository
    from langchain_intercascade.threshold.base import Threshold

ABOUT: Final = "threshold"


def look_at_promise(
    config: Config, repository: StrategyRepository, *, readable: bool
) -> Iterator[Finding]:
    """Put the cascade together, ask nobody, and say what its threshold promises.

    Args:
        config: What is looked at.
        repository: Where a threshold that calibrates itself keeps what it has found out.
        readable: Whether the repository is there, and may be read.
    """
    try:
        models = [model_of(config, role) for role in ("weak", "strong")]
        options = {**options_of(config), "repository": repository}
    except ConfigurationError:  # said where the models were looked at
        return
    try:
        parts = build_parts(*models, **options)
    except ConfigurationError as error:
        yield problem("cascade", str(error), "Mend the setting; then look again.")
        return
    parts.learner.close()
    yield from _threshold(config, parts.threshold, there=readable)


def _threshold(config: Config, cut: Threshold, *, there: bool) -> Iterator[Finding]:
    if config.threshold is None and config.threshold_file is None and config.target_risk is None:
        seen = "none is set, so the default of 0.9 holds, which promises nothing"
        yield warning(ABOUT, seen, _CALIBRATE)
    elif config.threshold == ALWAYS_DEFER:
        yield warning(ABOUT, "always_defer: the strong model answers everything", _CALIBRATE)
    elif config.threshold is not None:
        yield warning(
            ABOUT, f"{config.threshold:g} was set by hand and promises nothing", _CALIBRATE
        )
    elif there or config.target_risk is None:
        yield from _regimes(cut, there=there)
    else:
        yield ok(ABOUT, f"target risk {config.target_risk:g}: nothing found out yet, or not looked")


def _regimes(cut: Threshold, *, there: bool) -> Iterator[Finding]:
    """Say what is certified in which regime."""
    looked = run(attempt(_looking(cut))) if there else None
    if isinstance(looked, Fault):
        seen = f"what it has found out cannot be read ({looked})"
        yield problem(ABOUT, seen, "See what is said about the repository.")
        return
    certified = [each for each in REGIMES if cut.cut(each).value != ALWAYS_DEFER]
    for sentence in cut.words():
        yield ok(ABOUT, sentence)
    if certified:
        yield ok(ABOUT, f"certified for {' and '.join(certified)} answers")
    else:
        seen = "nothing is certified, so every query is deferred"
        yield warning(ABOUT, seen, "`intercascade gate explain` says what would loosen it.")


def _looking(cut: Threshold) -> Steps[None]:
    # Only reading: a cascade also writes down what it promises, and this is no cascade.
    return cut.syncing() if isinstance(cut, Promise) else cut.preparing()


_CALIBRATE: Final = (
    "Say target_risk, and it is found in the cascade's own traffic; or take the threshold_file "
    "of `intercascade calibrate`."
)
