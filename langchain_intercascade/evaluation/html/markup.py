"""This is where text becomes HTML: what is not known to be HTML is escaped, always.

A strategy, a title or a model's name may hold anything, so no other file writes an
angle bracket of its own.  What is made here is also well-formed XML.
"""

from __future__ import annotations

import re
from html import escape, unescape
from typing import Final, TypeAlias

_VOID: Final = {"meta", "br", "line", "rect", "circle", "path", "polygon"}

# Controls and lone surrogates cannot be written as XML or UTF-8; marks that turn the direction
# of writing would let a text rearrange what stands around it.
_UNPRINTABLE: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


class Html(str):
    """Text that is HTML already, and is not escaped again."""

    __slots__ = ()


Child: TypeAlias = str | Html | None


def element(name: str, /, *children: Child, **attributes: str | float | None) -> Html:
    """Return an element.

    Args:
        name: The element's name.
        children: What is in it: `Html` stays as it is, other text is escaped, `None` is left out.
        attributes: Its attributes. An underscore at the end is dropped (`class_`), others become
            hyphens (`aria_label`), and `None` leaves the attribute out.

    Examples:
        >>> element("p", "1 < 2", element("b", "!"), class_="loud")
        '<p class="loud">1 &lt; 2<b>!</b></p>'
        >>> element("path", d="M0 0", fill=None)
        '<path d="M0 0"/>'
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(_written(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Html(f"<{name}{given}/>")
    return Html(f"<{name}{given}>{joined(*children)}</{name}>")


def joined(*children: Child) -> Html:
    """Return the children one after the other."""
    return Html("".join(escaped(child) for child in children if child is not None))


def escaped(text: str) -> Html:
    """Return `text` so that a browser shows it and does nothing else with it.

    Examples:
        >>> escaped("<script>"), escaped(Html("<b>"))
        ('&lt;script&gt;', '<b>')
    """
    if isinstance(text, Html):
        return text
    return Html(escape(_UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)))


def words(html: Child) -> str:
    """Return what is read on a page, without its elements; an interval is a line of its own.

    Examples:
        >>> words(element("b", "1 < 2"))
        '1 < 2'
    """
    lines = escaped(html or "").replace('<span class="interval">', "\n")
    return unescape(re.sub(r"<[^>]*>", "", lines))


def _written(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:g}"
