"""What was read a moment ago and will be read again: the last few values, by key."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Remembers the values that were used last. Safe to share between threads.

    What is read elsewhere may be changed there while it is on its way here.  So whoever reads
    something in order to put it here asks for `drops` first, and says so in `put`: if
    anything was dropped since, the value may be an old one, and is not kept.

    Examples:
        >>> recent = Recent[str, int](room=2)
        >>> for number, name in enumerate(["one", "two", "three"]):
        ...     recent.put(name, number)
        >>> recent.get("one"), recent.get("three")
        (None, 2)
        >>> before = recent.drops
        >>> recent.drop(["three"])
        >>> recent.put("three", 2, since=before)
        >>> recent.get("three") is None
        True
    """

    def __init__(self, room: int) -> None:
        """Remember `room` values at most."""
        self._room = room
        self._values: OrderedDict[K, V] = OrderedDict()
        self._drops = 0
        self._lock = threading.Lock()

    @property
    def drops(self) -> int:
        """How often something was dropped."""
        return self._drops

    def get(self, key: K) -> V | None:
        """Return the value of `key`, if it is remembered."""
        # Without the lock, which would take longer than all else: each of the two is one step.
        value = self._values.get(key)
        if value is not None:
            try:  # noqa: SIM105 - `suppress` would take longer than all else, too
                self._values.move_to_end(key)
            except KeyError:  # it was dropped just now, and this reader came before
                pass
        return value

    def put(self, key: K, value: V, *, since: int | None = None) -> None:
        """Remember `value`, unless something was dropped since `drops` was `since`."""
        with self._lock:
            if since is not None and since != self._drops:
                return
            self._values[key] = value
            self._values.move_to_end(key)
            if len(self._values) > self._room:
                self._values.popitem(last=False)

    def drop(self, keys: Iterable[K]) -> None:
        """Forget the values of `keys`: they were changed, or are about to be read anew."""
        with self._lock:
            self._drops += 1
            for key in keys:
                self._values.pop(key, None)
