"""Both models are replaced in the middle of a stream: when is it noticed, and what did it cost?

    python -m benchmarks.drift [--data DIR] [--out FILE] [--seeds N] [--quick]

Recorded answers to "is this number prime?" of gpt-3.5 (weak) and gpt-4 (strong), of March and
of June 2023.  No confidences were recorded: `drift_streams` declares the score, which is weak.
So the target is generous.  Streams are drawn with replacement from the March answers,
and from the June answers after the switch; the threshold calibrates itself.

*silent*: The models do not say who they are. The audits have to notice.
*unshifted*: The same without a switch: an alarm is a false one.
*named*: The models' names are in their answers, and the threshold is kept with its log of
labels in a repository, as in the cascade. Certification starts anew at the first label under
a new name; written down is how many answers were accepted between the switch and then.

Risk is disagreement with the strong model: that is all a cascade can see, and all that it
promises.  Errors against the truth stand beside it; here the strong model becomes the worse one.
Intervals are 95 % for means over streams.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from benchmarks.drift_streams import AFTER, BEFORE, Answers, Tally, ask, recorded
from benchmarks.online_report import allowed, interval, quantiles
from langchain_intercascade import EdgeRepository
from langchain_intercascade._steps import run
from langchain_intercascade.learning.promise import Promise
from langchain_intercascade.record import versions
from langchain_intercascade.threshold.base import ALWAYS_DEFER
from langchain_intercascade.threshold.bounds import lower_bound, upper_bound
from langchain_intercascade.threshold.self_calibrating import AUDIT_RATE, SelfCalibrating

OUT: Final = Path(__file__).parent / "results" / "drift.json"
DATA: Final = Path(
    os.environ.get("INTERCASCADE_DATA") or Path(__file__).parents[2] / "shared" / "data"
)
PACK: Final = "p9_drift.jsonl.gz"
TARGET: Final = 0.5
DELTA: Final = 0.1
STRETCH: Final = 4000
"""Questions before the switch, and as many after it."""
NAMED_STRETCH: Final = 2400
SEEDS: Final = 200
NAMED_SEEDS: Final = 10
SEED: Final = 20230613


def main(arguments: list[str] | None = None) -> int:
    """Play all, write the file, and print the main figures; 1 if the recordings are absent."""
    given = _given(arguments)
    file = given.data / PACK
    if not file.is_file():
        sys.stderr.write(f"{file} is not there; say with --data where the recordings are.\n")
        return 1
    march, june = recorded(file)
    silent = [_silent(march, june, seed) for seed in _told(given.seeds, "silent")]
    unshifted = [_silent(march, march, seed) for seed in _told(given.seeds, "unshifted")]
    named = [_named(march, june, seed) for seed in _told(given.named, "named")]
    report = {
        "benchmark": "drift",
        "command": f"python -m benchmarks.drift --seeds {given.seeds} --named {given.named}",
        "pack": PACK,
        "pack_sha256": sha256(file.read_bytes()).hexdigest(),
        "seed": SEED,
        "seeds": given.seeds,
        "score": "declared, not recorded: 1 for yes, else 0.5 / (1 + tokens / 200)",
        "target_risk": TARGET,
        "delta": DELTA,
        "audit_rate": AUDIT_RATE,
        "stretch": STRETCH,
        "recorded": {
            "before": _alone(march, BEFORE),
            "after": _alone(june, AFTER),
        },
        "silent": _shifted_summary(silent),
        "unshifted": _unshifted_summary(unshifted),
        "named": _named_summary(named),
        "versions": {
            "langchain-intercascade": versions()["package"],
            **{name: version(name) for name in ("numpy", "scipy")},
            "python": platform.python_version(),
        },
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(report, indent=1, allow_nan=False) + "\n", "utf-8")
    _show(report)
    return 0


def _told(seeds: int, what: str) -> range:
    sys.stderr.write(f"{what}: {seeds} streams\n")
    return range(seeds)


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


def _silent(first: Answers, second: Answers, seed: int) -> Silent:
    rng = np.random.default_rng([SEED, seed])
    threshold = SelfCalibrating(TARGET, delta=DELTA)
    cold, before, until, later = Tally(), Tally(), Tally(), Tally()
    for number, at in enumerate(rng.integers(0, len(first.scores), STRETCH).tolist()):
        serving = threshold.standing("plain") == "serving"
        ask(threshold, first, at, f"{seed}/{number}", before if serving else cold)
    served = threshold.standing("plain") == "serving"
    early, audited = threshold.standing("plain") == "withdrawn", threshold.monitor("plain").n
    alarm = None
    for number, at in enumerate(rng.integers(0, len(second.scores), STRETCH).tolist(), 1):
        tally = until if alarm is None else later
        ask(threshold, second, at, f"{seed}/after {number}", tally)
        if alarm is None and not early and threshold.standing("plain") == "withdrawn":
            alarm = number
    audits = threshold.monitor("plain").n - audited
    return Silent(served, early, alarm, audits, before, until, later)


class Named(NamedTuple):
    """What came of one stream in which the models' names are in their answers.

    Attributes:
        served: Whether something was accepted when the switch came.
        questions: Questions from the switch on until everything was deferred again.
        accepted: How many of them were accepted.
        reason: What the threshold says about it.
    """

    served: bool
    questions: int
    accepted: int
    reason: str


def _named(first: Answers, second: Answers, seed: int) -> Named:
    rng = np.random.default_rng([SEED, seed, 1])
    with EdgeRepository() as repository:
        promise = Promise(
            lambda: SelfCalibrating(TARGET, delta=DELTA),
            repository,
            tenant="default",
            weak_model="weak",
        )
        for number, at in enumerate(rng.integers(0, len(first.scores), NAMED_STRETCH).tolist()):
            if ask(promise, first, at, f"{seed}/{number}", Tally()):
                run(promise.syncing())
        served, tally = promise.cut("plain").value != ALWAYS_DEFER, Tally()
        for number, at in enumerate(rng.integers(0, len(second.scores), NAMED_STRETCH).tolist()):
            if promise.cut("plain").value == ALWAYS_DEFER:
                break
            if ask(promise, second, at, f"{seed}/after {number}", tally):
                run(promise.syncing())
        return Named(served, tally.questions, tally.accepted, promise.cut("plain").origin)


def _alone(answers: Answers, names: tuple[str, str]) -> dict[str, Any]:
    return {
        "weak_model": names[0],
        "strong_model": names[1],
        "questions": len(answers.scores),
        "weak_accuracy": float(answers.weak_right.mean()),
        "strong_accuracy": float(answers.strong_right.mean()),
        "agreement": float(np.nanmean(answers.agrees)),
    }


def _shifted_summary(runs: Sequence[Silent]) -> dict[str, Any]:
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


def _unshifted_summary(runs: Sequence[Silent]) -> dict[str, Any]:
    alarms = [each.early_alarm or each.alarm_after is not None for each in runs]
    share = float(np.mean(alarms))
    return {
        "runs": len(runs),
        "questions": 2 * STRETCH,
        "false_alarm_share": share,
        "false_alarm_interval": _share_interval(sum(alarms), len(alarms)),
        "allowed_share": allowed(len(runs)),
        "holds": share <= allowed(len(runs)),
        "serving": _stretch([each.before for each in runs if each.served]),
    }


def _named_summary(runs: Sequence[Named]) -> dict[str, Any]:
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


def _show(report: Mapping[str, Any]) -> None:
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
    _say("with names, accepted until the restart:", _cell(named["accepted_until_restart"], 1))


def _cell(found: Mapping[str, float] | None, digits: int = 3) -> str:
    if found is None:
        return "-"
    mean, low, high = (format(found[name], f".{digits}f") for name in ("mean", "low", "high"))
    return f"{mean} [{low}, {high}]"


def _say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")


def _given(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.drift", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--data", type=Path, default=DATA, help="where the recordings are")
    parser.add_argument("--out", type=Path, default=OUT, help="the file to write")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many streams each")
    parser.add_argument("--named", type=int, default=NAMED_SEEDS, help="streams with names")
    parser.add_argument("--quick", action="store_true", help="a tenth of the streams")
    given = parser.parse_args(arguments)
    if given.quick:
        given.seeds, given.named = max(2, given.seeds // 10), max(1, given.named // 10)
    return given


if __name__ == "__main__":
    raise SystemExit(main())
