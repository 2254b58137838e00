"""This is where every reply of a model is kept, so that no call is ever paid for twice.

A run that was killed is run again from its beginning: the same questions come up in the
same order, each model is asked the same, and what it said before is handed out again, so
that repository, thresholds and figures come out as they were.  Only then is anybody called.
"""

from __future__ import annotations

import json
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from langchain_core.messages import AIMessage, message_to_dict, messages_from_dict

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.evaluation.logbook import Logbook

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

    from langchain_intercascade.evaluation.purse import Purse

KIND: Final = "langchain_intercascade.bench"
VERSION: Final = 1
FILE: Final = "journal.jsonl"

HOPELESS: Final = 5
"""After so many failures one after the other a model is not called any more."""


class HopelessError(ConfigurationError):
    """A model fails at everything; the run can be gone on with when that is mended."""


class Asked(NamedTuple):
    """What a reply is known by.

    Attributes:
        model: Who was asked.
        prompt: A digest of what.
        nth: How often the same was asked before in the same arm under the same seed: another
            sample is another reply.
    """

    model: str
    prompt: str
    nth: int


@dataclass(frozen=True, slots=True)
class Told:
    """What came of one call.

    Attributes:
        ms: How long it took.
        reply: What the model said; `None` if it failed.
        fault: The error's type if it failed; else empty.
    """

    ms: float
    reply: Mapping[str, Any] | None = None
    fault: str = ""

    @property
    def message(self) -> AIMessage:
        """The reply, read anew, so that nobody can change what is kept."""
        (message,) = messages_from_dict([cast("dict[str, Any]", self.reply)])
        return cast("AIMessage", message)


class Journal:
    """All that models have said in a run; on disk if it has a folder. Threads may share it.

    What is asked in the same words gets the same reply in every arm and under every seed:
    it is paid for once, and arms do not differ by chance where they do the same.
    """

    def __init__(
        self,
        folder: Path | None = None,
        settings: Mapping[str, object] | None = None,
        *,
        purse: Purse,
    ) -> None:
        """Begin, or go on with what lies in `folder`.

        Args:
            folder: Where the journal lies; `None` to keep nothing.
            settings: Everything that a reply depends on; JSON-like.
            purse: Pays for the calls, those of before included.

        Raises:
            ConfigurationError: It was begun with other settings, or cannot be used.
        """
        self._told: dict[Asked, Told] = {}
        self._doors: dict[Asked, threading.Lock] = {}
        self._unwritten: dict[str, list[Asked]] = defaultdict(list)
        self._lock = threading.Lock()
        self._book: Logbook | None = None
        self.purse = purse
        self.kept = 0
        if folder is not None:
            self._book = _book(folder, settings or {})
            for number, line in self._book.entries():
                self._take(number, line)

    def memory(self, *, once: bool = False) -> Memory:
        """Return what one arm under one seed remembers by.

        Args:
            once: Whether it gets the same reply however often it asks the same.
        """
        return Memory(self, once=once)

    def told(self, asked: Asked, call: Callable[[], Told]) -> Told:
        """Return what is known, else what `call` returns; whoever else asks meanwhile waits.

        Raises:
            HopelessError: The model has failed again and again.
        """
        with self._lock:
            known, door = self._told.get(asked), self._doors.setdefault(asked, threading.Lock())
        if known is not None:
            return known
        with door:
            if (known := self._told.get(asked)) is None:
                known = call()
                self._keep(asked, known)
        return known

    def _keep(self, asked: Asked, told: Told) -> None:
        """Remember, and write it down.

        A failure is written down when that model has answered something again: so one that
        is out of order is asked again when the run is gone on with.
        """
        if told.fault:
            with self._lock:
                self._told[asked] = told
                self._unwritten[asked.model].append(asked)
                if len(self._unwritten[asked.model]) < HOPELESS:
                    return
            msg = f"The last {HOPELESS} calls of the {asked.model} model failed ({told.fault})"
            raise HopelessError(msg)
        self.purse.paid(told.message, asked.model)
        with self._lock:
            self._told[asked] = told
            before = self._unwritten.pop(asked.model, [])
        for each in (*before, asked):
            self._write(each, self._told[each])

    def _write(self, asked: Asked, told: Told) -> None:
        if self._book is not None:
            said = {"fault": told.fault} if told.fault else {"reply": told.reply}
            self._book.add({**asked._asdict(), "ms": told.ms, **said})

    def _take(self, number: int, line: Mapping[str, Any]) -> None:
        try:
            asked = Asked(line["model"], line["prompt"], line["nth"])
            told = Told(line["ms"], line.get("reply"), line.get("fault", ""))
            if not told.fault:
                self.purse.paid(told.message, asked.model)
        except (KeyError, TypeError, ValueError) as error:
            msg = (
                f"{FILE}, line {number} is damaged: it is no reply ({error}). Delete the line, and "
                "that call is made again; or name another --run."
            )
            raise ConfigurationError(msg) from error
        self._told[asked] = told
        self.kept += 1


class Memory:
    """One arm under one seed: counts how often it has asked the same."""

    def __init__(self, journal: Journal, *, once: bool = False) -> None:
        """See `Journal.memory`."""
        self._journal, self._once = journal, once
        self._asked: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def told(self, model: str, prompt: str, call: Callable[[], Told]) -> Told:
        """Return what `model` says to `prompt`; `call` asks it, if that is not known yet.

        Raises:
            StoppedError: It is not known, and no more calls are to be made.
            HopelessError: The model has failed again and again.
        """
        with self._lock:
            nth = 0 if self._once else self._asked[model, prompt]
            self._asked[model, prompt] += 1

        def allowed() -> Told:
            self._journal.purse.allow()
            return call()

        return self._journal.told(Asked(model, prompt, nth), allowed)


def as_told(message: AIMessage, ms: float) -> Told:
    """Return a reply as it is kept."""
    return Told(ms, json.loads(json.dumps(message_to_dict(message), default=str)))


def digest_of_prompt(messages: Sequence[BaseMessage], options: Mapping[str, Any]) -> str:
    """Return what tells what a model is asked from anything else; ids do not matter."""
    said = [[each.type, each.content, getattr(each, "tool_calls", None)] for each in messages]
    text = json.dumps([said, dict(options)], sort_keys=True, default=str)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def _book(folder: Path, settings: Mapping[str, object]) -> Logbook:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = (
            f"--run {folder} cannot be made a folder ({error.strerror or error}). Name a "
            "folder that is there, or one that can be made."
        )
        raise ConfigurationError(msg) from error
    name = "the journal of a run|--run"
    return Logbook(folder / FILE, settings, kind=KIND, version=VERSION, name=name)
