"""What the commands share on the screen: where things are printed, and how figures are written."""

from __future__ import annotations

import re
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from langchain_intercascade.errors import InterCascadeError

_BARS: Final = "▁▂▃▄▅▆▇█"
_LONGEST_CAUSE: Final = 200
_SMALL_SHARE: Final = 0.1
_TENTH_OF_A_CENT: Final = 0.001


# What moves the cursor, clears the screen, or turns the direction of writing.  Whoever reviews a
# strategy decides by what is on the screen, so what is on the screen is what there is.
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\ufeff\ud800-\udfff]|\r(?!\n)"
)


class _Screen(Console):
    """A console on which text from elsewhere cannot act."""

    def render_str(self, text: str, **how: Any) -> Text:
        """Return `text` as it is to be shown."""
        return super().render_str(visible(text), **how)


def visible(text: str) -> str:
    r"""Return `text` with what a terminal would obey, or nobody would see, spelt out.

    Examples:
        >>> visible("two\nlines"), visible("\x1b[2Jgone")
        ('two\nlines', '\\x1b[2Jgone')
    """
    return _UNSEEN.sub(lambda found: ascii(found[0])[1:-1], text)


def out() -> Console:
    """Return the console for results.

    Colours appear on a terminal only, and never when `NO_COLOR` is set.  Text is
    printed as it is: brackets in a model's answer are not markup, and escape sequences
    in it do nothing.
    """
    return _Screen(highlight=False, markup=False)


def err() -> Console:
    """Return the console for progress and complaints."""
    return _Screen(stderr=True, highlight=False, markup=False)


def complain(error: InterCascadeError) -> None:
    """Print `error` as one red line, and below it what others said that caused it, if anything."""
    line = Text(f"Error: {_one_line(str(error))}", style="red")
    cause = error.__cause__
    if cause is not None and str(cause) not in str(error):
        line.append(f"\n  {type(cause).__name__}: {_one_line(str(cause))[:_LONGEST_CAUSE]}", "dim")
    err().print(line, soft_wrap=True)


def percent(share: float | None) -> str:
    """Return `share` as a whole percentage, with one decimal below ten.

    Examples:
        >>> percent(0.353), percent(0.0213), percent(1.0), percent(None)
        ('35 %', '2.1 %', '100 %', 'unknown')
    """
    if share is None:
        return "unknown"
    decimals = 1 if 0 < share < _SMALL_SHARE else 0
    return f"{100 * share:.{decimals}f} %"


def dollars(amount: float | None) -> str:
    """Return `amount` in dollars with as many decimals as it needs; unknown is not zero.

    Examples:
        >>> dollars(0.0000213), dollars(1.5), dollars(0), dollars(None)
        ('$0.000021', '$1.50', '$0.00', 'unknown')
    """
    if amount is None:
        return "unknown"
    if amount == 0 or amount >= 1:
        return f"${amount:.2f}"
    return f"${amount:.{4 if amount >= _TENTH_OF_A_CENT else 6}f}"


def sparkline(shares: list[float]) -> str:
    """Return one bar for each share, the tallest for the largest.

    Examples:
        >>> sparkline([0.4, 0.2, 0.0])
        '█▅▁'
    """
    top = max(shares, default=0.0)
    return "".join(_BARS[round(share / top * 7) if top else 0] for share in shares)


def _one_line(text: str) -> str:
    return visible(re.sub(r"\s+", " ", text).strip())
