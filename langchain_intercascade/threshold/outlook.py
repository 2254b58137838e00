"""A self-calibrating threshold in words: what it promises, on what data, what would loosen it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from langchain_intercascade.errors import how_many
from langchain_intercascade.threshold.base import ALWAYS_DEFER
from langchain_intercascade.threshold.certification import lowest
from langchain_intercascade.threshold.forecast import SOME, foreseen

if TYPE_CHECKING:
    from langchain_intercascade.record import Regime
    from langchain_intercascade.threshold.certification import Certification
    from langchain_intercascade.threshold.self_calibrating import SelfCalibrating


_ANEW: Final = (
    "What would loosen it: find out what has changed, then start anew with "
    "`cascade.recertify(reason)`; it does not drift back by itself."
)


def outlook(threshold: SelfCalibrating, regime: Regime) -> list[str]:
    """Return sentences for people about one regime of `threshold`.

    Raises:
        ConfigurationError: The regime is not among those that occur.

    Examples:
        >>> from langchain_intercascade.threshold.self_calibrating import SelfCalibrating
        >>> print(*outlook(SelfCalibrating(0.1), "plain"), sep=chr(10))
        Every plain answer is deferred: cold start: 0 labels, the next look is at 100.
        What would loosen it: 100 more labels, at the least. Every deferred query is one.
    """
    return [*_stated(threshold, regime), *_unjudged(threshold, regime)]


def _stated(threshold: SelfCalibrating, regime: Regime) -> list[str]:
    cut = threshold.cut(regime)
    if threshold.standing(regime) == "withdrawn":
        return [f"Every {regime} answer is deferred: {cut.origin}.", _ANEW]
    found = threshold.certification(regime)
    if cut.value == ALWAYS_DEFER:
        return [f"Every {regime} answer is deferred: {cut.origin}.", _cold(threshold, found)]
    served = f"{regime.capitalize()} answers with a confidence of {cut.value:.6g} or more"
    accepted = f"{served} are accepted: {cut.origin}."
    return [accepted, *_certified(found), _watched(threshold, regime)]


def _cold(threshold: SelfCalibrating, found: Certification) -> str:
    """Return how many more labels it takes, as far as that can be foreseen."""
    skips = threshold.on_abstain == "skip"
    labels = (
        "Every deferred query that can be judged is one" if skips else "Every deferred query is one"
    )
    coming = found.next_size
    if coming is None or (found.size >= SOME and foreseen(found) is None):
        return (
            "What would loosen it: a better confidence, a better weak model or a higher target; "
            f"with errors as frequent as in these {found.size} labels, more labels would not."
        )
    if found.size < SOME:
        more = f"{how_many(coming - found.size, 'more label')}, at the least"
    else:
        more = _foreseen(found, "for a threshold")
    return f"What would loosen it: {more}. {labels}."


def _certified(found: Certification) -> list[str]:
    """Return what it was certified on, and what would loosen it."""
    report = found.certified
    if report is None:
        return []
    sample = (
        f"It was certified on {how_many(report.n, 'labelled answer')}, on {report.on}: "
        f"{report.errors} wrong of {report.accepted} that it would have accepted. There were "
        f"{how_many(found.labels, 'label')} in all, among them {how_many(found.audits, 'audit')}."
    )
    return [sample, _lower(found)]


def _lower(found: Certification) -> str:
    """Return what it takes to accept more than what is served."""
    if min(found.sample[0]) >= lowest(found.certified):
        return "Nothing would loosen it: every answer of the sample is accepted already."
    if found.next_size is None:
        return "It was the last look; only starting anew could loosen it."
    if foreseen(found) is None:
        return (
            "What would loosen it: a better confidence or a better weak model; with errors where "
            "they are, more labels would not."
        )
    # Once it serves, each answer of the traffic enters the sample with the same chance.
    queries = round((found.next_size - found.size) / found.audit_rate)
    return (
        f"What would loosen it: {_foreseen(found, 'to accept more')}. The next look comes after "
        f"about {how_many(queries, 'query')}."
    )


def _foreseen(found: Certification, what: str) -> str:
    size = foreseen(found) or found.size
    more = f"about {how_many(size - found.size, 'more label')} {what}"
    return f"{more}, if errors stay as rare as in {found.size}"


def _watched(threshold: SelfCalibrating, regime: Regime) -> str:
    monitor = threshold.monitor(regime)
    if not monitor.n:
        return "No accepted answer was audited yet."
    return (
        f"Audited since: {how_many(monitor.n, 'accepted answer')}, by which their risk lies "
        f"between {monitor.lower:.3g} and {monitor.upper:.3g}. More than {threshold.target_risk:g} "
        "for sure would withdraw it."
    )


def _unjudged(threshold: SelfCalibrating, regime: Regime) -> list[str]:
    """Return what became of answers that nobody could judge, if there were any."""
    n = threshold.unjudged(regime)
    if not n:
        return []
    answers = f"{how_many(n, 'answer')} could not be judged and"
    wrong = (
        f"{answers} {'counts' if n == 1 else 'count'} as wrong. An `agreement` that can tell would "
        "loosen it; on_abstain='skip' would leave such answers out of the promise."
    )
    skipped = (
        f"{answers} {'was' if n == 1 else 'were'} left out: about answers like that nothing is "
        "promised, and they are accepted all the same if their confidence is high enough."
    )
    return [wrong if threshold.on_abstain == "wrong" else skipped]
