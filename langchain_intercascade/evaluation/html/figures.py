"""This is where numbers become words on the page, each with its exact value behind it.

Every figure is a `data` element whose `value` is the number in the report, to the last
digit; what is seen is that number, rounded.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final, TypeAlias

from langchain_intercascade.evaluation.html.markup import Html, element, joined
from langchain_intercascade.evaluation.html.reading import Interval

Writer: TypeAlias = Callable[[float], str]

NOT_KNOWN: Final = "\N{EN DASH}"
"""Stands in a table where the report has no number."""

_DASH: Final = "\N{EN DASH}"
_MINUS: Final = "\N{MINUS SIGN}"
_THIN: Final = "\N{NARROW NO-BREAK SPACE}"
_PER: Final = 1000


def figure(value: float | None, write: Writer) -> Html:
    """Return `value` as `write` rounds it; a dash if there is none.

    Examples:
        >>> figure(0.7109158, hundredths)
        '<data value="0.7109158">71.1</data>'
    """
    if value is None:
        return element("span", NOT_KNOWN, class_="none", title="not in the report")
    return element("data", _true_minus(write(value)), value=json.dumps(value))


def spread(ends: Interval | None, write: Writer) -> Html | None:
    """Return an interval, or nothing where it is not known or has no width."""
    if ends is None or ends[0] == ends[1]:
        return None
    dash = " to " if min(ends) < 0 or write(1).startswith("+") else _DASH
    # One dollar sign is enough for both ends.
    bare = (lambda value: write(value).removeprefix("$")) if dash == _DASH else write
    return element("span", figure(ends[0], write), dash, figure(ends[1], bare), class_="interval")


def stacked(value: float | None, ends: Interval | None, write: Writer) -> Html:
    """Return a figure with its interval below it, for a cell of a table."""
    around = spread(ends, write)
    return joined(figure(value, write), around)


def hundredths(value: float) -> str:
    """Write a share in a column headed with %.

    Examples:
        >>> hundredths(0.70949), hundredths(1), hundredths(-0.04)
        ('70.9', '100.0', '-4.0')
    """
    return f"{100 * value:.1f}"


def percent(value: float) -> str:
    """Write a share in a sentence."""
    return f"{hundredths(value)}{_THIN}%"


def signed(value: float) -> str:
    """Write a change of a share with its sign, in a column headed with % or points."""
    return f"{100 * value:+.1f}"


def dollars(value: float) -> str:
    """Write an amount of money with as many decimals as it needs.

    Examples:
        >>> dollars(12.3456), dollars(0.0123456), dollars(0), dollars(0.0000213)
        ('$12.35', '$0.0123', '$0', '$0.000021')
    """
    if value == 0:
        return "$0"
    sign, size = ("-" if value < 0 else ""), abs(value)
    if size >= 1:
        return f"{sign}${size:,.2f}"
    # Two digits at least, also of what costs next to nothing.
    decimals = max(4, 1 - int(f"{size:e}".partition("e")[2]))
    return f"{sign}${size:.{decimals}f}"


def per_thousand(value: float) -> str:
    """Write what a thousand questions cost, given what one costs."""
    return dollars(_PER * value)


def whole(value: float) -> str:
    """Write a count."""
    return f"{value:,.0f}"


def thousandths(value: float) -> str:
    """Write a score that is no share, such as an area or a calibration error."""
    return f"{value:.3f}"


def plain(value: float) -> str:
    """Write a number whose meaning is not known, with up to four significant digits."""
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _true_minus(shown: str) -> str:
    return shown.replace("-", _MINUS) if shown.startswith("-") else shown
