"""What learning saves, along the stream: fewer strong calls, as many right answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from benchmarks.picture_look import picture
from langchain_intercascade.evaluation.html.drawing import HEIGHT, WIDTH, Line, axes, framed, lines
from langchain_intercascade.evaluation.html.looks import arm_look
from langchain_intercascade.evaluation.html.markup import Html, element, joined

_MARGIN: Final = 22
_TOP: Final = 76
_GAP: Final = 34
_CALLED: Final = ("cascade", "cascade_plain")
_SERVED: Final = ("cascade", "cascade_plain", "weak_only")


def savings_picture(measured: Mapping[str, Any]) -> str:
    """Return the picture of the report `measured`, of `benchmarks.lab`."""
    called = _panel(measured, "strong_call_share", "strong calls", _CALLED)
    right = _panel(measured, "system_accuracy", "right answers", _SERVED)
    width = 2 * WIDTH + _GAP + 2 * _MARGIN
    return picture(
        "What learning saves",
        f"{_headline(measured)} {_setting(measured)}",
        _words(_MARGIN, 32, _headline(measured), "heading"),
        _words(_MARGIN, 52, _setting(measured), "soft"),
        element("g", called, transform=f"translate({_MARGIN} {_TOP})"),
        element("g", right, transform=f"translate({_MARGIN + WIDTH + _GAP} {_TOP})"),
        width=width,
        height=_TOP + HEIGHT + 8,
    )


def _panel(measured: Mapping[str, Any], figure: str, said: str, arms: Sequence[str]) -> Html:
    """Return one plot: a tenth of the stream after the other, at its middle."""
    tenths = {arm: measured["arms"][arm]["tenths"] for arm in arms}
    questions = measured["data"]["questions"]
    looks = {arm: arm_look(arm) for arm in arms}
    frame = axes(
        ("questions so far", (0, questions), "{:g}".format),
        (f"{said}, by tenths of the stream", (0, 1), "{:.0%}".format),
        names=[look.name for look in looks.values()],
    )
    drawn = [
        Line(
            looks[arm], [((i + 0.5) * questions / len(t), each[figure]) for i, each in enumerate(t)]
        )
        for arm, t in tenths.items()
    ]
    return joined(framed(frame), lines(frame, drawn))


def _headline(measured: Mapping[str, Any]) -> str:
    saved = measured["headline"]["strong_call_reduction"]["value"]
    fees = measured["headline"]["fee_reduction"]["value"]
    arms = measured["arms"]
    with_it, without = (arms[arm]["system_accuracy"] for arm in _CALLED)
    return (
        f"Learning saves {saved:.0%} of the strong calls and {fees:.0%} of the fees: "
        f"{with_it:.1%} right with it, {without:.1%} without."
    )


def _setting(measured: Mapping[str, Any]) -> str:
    seeds, questions = len(measured["seeds"]), measured["data"]["questions"]
    return (
        f"Our own small trained pair, {seeds} streams of {questions} problems; fees include "
        f"lessons, at a price ratio of {measured['price_ratio']:.1f}."
    )


def _words(x: float, y: float, said: str, kind: str) -> Html:
    return element("text", said, x=x, y=y, class_=kind)
