"""A self-calibrating threshold in words: what it promises, on what data, what would loosen it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from langchain_intercascade.threshold.base import ALWAYS_DEFER
from langchain_intercascade.threshold.certification import SIZES
from langchain_intercascade.threshold.report import ThresholdReport

if TYPE_CHECKING:
    from langchain_intercascade.record import Regime
    from langchain_intercascade.threshold.self_calibrating import SelfCalibrating


_ANEW: Final = (
    "What would loosen it: find out what has changed, then start anew with "
    "`cascade.recertify(reason)`; it does not drift back by itself."
)


def outlook(threshold: SelfCalibrating, regime: Regime) -> list[str]:
    """Return sentences for people about one regime of `threshold`.

    Examples:
        >>> from langchain_intercascade.threshold.self_calibrating import SelfCalibrating
        >>> print(*outlook(SelfCalibrating(0.1), "plain"), sep=chr(10))
        Every plain answer is deferred: cold start: 0 labels, the next look is at 100.
        What would loosen it: labels. Every deferred query whose answers can be compared is one.
    """
    cut = threshold.cut(regime)
    if threshold.standing(regime) == "withdrawn":
        return [f"Every {regime} answer is deferred: {cut.origin}.", _ANEW]
    state = threshold.state()["regimes"].get(regime)
    kept = {} if state is None else state["certification"]
    if cut.value == ALWAYS_DEFER:
        return [f"Every {regime} answer is deferred: {cut.origin}.", _cold(kept)]
    served = f"{regime.capitalize()} answers with a confidence of {cut.value:.6g} or more"
    accepted = f"{served} are accepted: {cut.origin}."
    return [accepted, *_certified(kept), _watched(threshold, regime)]


def _cold(kept: dict[str, Any]) -> str:
    if len(kept.get("scores", ())) >= SIZES[-1]:
        return (
            "What would loosen it: a better confidence, a better weak model or a higher target; "
            "more labels would not."
        )
    return (
        "What would loosen it: labels. Every deferred query whose answers can be compared is one."
    )


def _certified(kept: dict[str, Any]) -> list[str]:
    """Return what it was certified on, and what would loosen it."""
    report = ThresholdReport.model_validate(kept["certified"])
    sample = (
        f"It was certified on {report.n} labelled answers, on {report.on}: {report.errors} wrong "
        f"of {report.accepted} that it would have accepted. There were {kept['labels']} labels in "
        f"all, {kept['audits']} of them audits."
    )
    coming = next((size for size in SIZES if size > len(kept["scores"])), None)
    if coming is None:
        return [sample, "It was the last look; only starting anew could loosen it."]
    more = f"The next look is at {coming}, now there are {len(kept['scores'])}."
    return [sample, f"What would loosen it: labels. {more}"]


def _watched(threshold: SelfCalibrating, regime: Regime) -> str:
    monitor = threshold.monitor(regime)
    if not monitor.n:
        return "No accepted answer was audited yet."
    return (
        f"Audited since: {monitor.n} accepted answers, by which their risk lies between "
        f"{monitor.lower:.3g} and {monitor.upper:.3g}. More than {threshold.target_risk:g} "
        "for sure would withdraw it."
    )
