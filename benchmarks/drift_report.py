"""What is written down and printed of the streams of `benchmarks.drift`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks.drift_streams import Tally
from benchmarks.online_report import allowed, interval, quantiles
from langchain_intercascade.threshold.bounds import lower_bound, upper_bound


class Silent(NamedTuple):
    """What came of one stream that may have switched unannounced.

    Attributes:
        served: Whether something was accepted when the switch came.
        early_alarm: Whether there was an alarm before the switch.
        alarm_after: Questions from the switch to the alarm; `None` if there was none.
        audits_after: Audits from the switch to the alarm.
        before: The stretch before the switch, from when something was served.
        until_alarm: From the switch to the alarm, or to the end.
        after_alarm: From the alarm to the end.
    """

    served: bool
    early_alarm: bool
    alarm_after: int | None
    audits_after: int
    before: Tally
    until_alarm: Tally
    after_alarm: Tally


class Named(NamedTuple):
    """What came of one stream in which the models' names are in their answers.

    Attributes:
        served: Whether something was accepted when the switch came.
        questions: Questions from the switch on until everything was deferred again, with the
            one at which that began.
        accepted: How many of them were accepted.
        reason: What the threshold says about it.
    """

    served: bool
    questions: int
    accepted: int
    reason: str


def shifted_summary(runs: Sequence[Silent]) -> dict[str, Any]:
    """Return when the switch was noticed, and what was accepted before, until then, and after."""
    serving = [each for each in runs if each.served]
    noticed = [each for each in serving if each.alarm_after is not None]
    waits = [float(each.alarm_after or 0) for each in noticed]
    return {
        "runs": len(runs),
        "serving_at_the_switch": len(serving),
        "noticed_share": _known([float(each.alarm_after is not None) for each in serving]),
        "questions_until_alarm": _known(waits),
        "questions_until_alarm_quantiles": quantiles([each.alarm_after for each in noticed]),
        "audits_until_alarm": _known([float(each.audits_after) for each in noticed]),
        "before_the_switch": _stretch([each.before for each in serving]),
        "from_switch_to_alarm": _stretch([each.until_alarm for each in serving]),
        "from_alarm_to_end": _stretch([each.after_alarm for each in noticed]),
    }


def unshifted_summary(runs: Sequence[Silent], questions: int) -> dict[str, Any]:
    """Return how often there was an alarm without a reason."""
    alarms = [each.early_alarm or each.alarm_after is not None for each in runs]
    share = float(np.mean(alarms))
    return {
        "runs": len(runs),
        "questions": questions,
        "false_alarm_share": share,
        "false_alarm_interval": _share_interval(sum(alarms), len(alarms)),
        "allowed_share": allowed(len(runs)),
        "holds": share <= allowed(len(runs)),
        "serving": _stretch([each.before for each in runs if each.served]),
    }


def named_summary(runs: Sequence[Named]) -> dict[str, Any]:
    """Return what was accepted of models that said who they were."""
    serving = [each for each in runs if each.served]
    return {
        "runs": len(runs),
        "serving_at_the_switch": len(serving),
        "questions_until_restart": _known([float(each.questions) for each in serving]),
        "accepted_until_restart": _known([float(each.accepted) for each in serving]),
        "most_accepted_until_restart": max((each.accepted for each in serving), default=0),
        "origin": serving[0].reason if serving else None,
    }


def _stretch(tallies: Sequence[Tally]) -> dict[str, Any]:
    rows = [tally.shares() for tally in tallies if tally.questions]
    names = list(Tally().shares())
    return {name: _known([row[name] for row in rows]) for name in names}


def _known(values: Sequence[float | None]) -> dict[str, float] | None:
    """Return the interval of what is known; `None` if nothing is."""
    known = [value for value in values if value is not None]
    return interval(known) if known else None


def _share_interval(count: int, n: int) -> dict[str, float]:
    return {"low": lower_bound(count, n, 0.025), "high": upper_bound(count, n, 0.025)}


def show(report: Mapping[str, Any]) -> None:
    """Print the main figures."""
    silent, unshifted, named = (report[name] for name in ("silent", "unshifted", "named"))
    _say(
        f"{silent['serving_at_the_switch']} of {silent['runs']} streams were serving at the "
        f"switch; noticed: {_cell(silent['noticed_share'])}"
    )
    _say("questions until the alarm:", _cell(silent["questions_until_alarm"], 0))
    _say("audits until the alarm:   ", _cell(silent["audits_until_alarm"], 1))
    for part in ("before_the_switch", "from_switch_to_alarm", "from_alarm_to_end"):
        _say(f"{part.replace('_', ' ')}:")
        for name, value in silent[part].items():
            _say(f"    {name.replace('_', ' '):28}{_cell(value)}")
    low, high = unshifted["false_alarm_interval"].values()
    _say(
        f"false alarms without a switch: {unshifted['false_alarm_share']:.3f} "
        f"[{low:.3f}, {high:.3f}], allowed {unshifted['allowed_share']:.3f}"
    )
    for who, found in named.items():
        _say(
            f"with names, accepted until the restart ({who.replace('_', ' ')}):",
            _cell(found["accepted_until_restart"], 1),
        )


def _cell(found: Mapping[str, float] | None, digits: int = 3) -> str:
    if found is None:
        return "-"
    mean, low, high = (format(found[name], f".{digits}f") for name in ("mean", "low", "high"))
    return f"{mean} [{low}, {high}]"


def _say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
