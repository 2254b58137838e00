"""Is the repository there, is it ours, does the encoder fit, and what does it hold?"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from langchain_intercascade._steps import Fault, attempt, run
from langchain_intercascade.cli.doctor_findings import Finding, ok, problem, warning
from langchain_intercascade.config.building import server_key
from langchain_intercascade.config.tables import LOOPBACK
from langchain_intercascade.errors import (
    ConfigurationError,
    EncoderMismatchError,
    InterCascadeError,
    RepositoryCorruptError,
    RepositoryLockedError,
    how_many,
)
from langchain_intercascade.repository.embeddings import HashingEmbeddings
from langchain_intercascade.repository.operations import Read
from langchain_intercascade.repository.points import META_ID
from langchain_intercascade.strategy import State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_intercascade.config.config import Config
    from langchain_intercascade.repository.base import StrategyRepository

OLDEST_SERVER: Final = (1, 17)
"""The first that can write on condition; older ones would let two processes undo each other."""

NEAREST: Final = 1
"""Minor versions by which qdrant-client and server may differ, as its maintainers say."""

PATIENCE: Final = 5.0
"""Seconds to wait for the server's version."""

MOST: Final = 20_000
"""Points that are counted; more would take a while."""

PAGE: Final = 500
REASONS: Final = 3


def look_at_repository(
    config: Config, repository: StrategyRepository, *, calls: bool
) -> Iterator[Finding]:
    """Look at the repository; nothing is created in it.

    Args:
        config: What names it.
        repository: It, not yet opened.
        calls: Whether an encoder that is not built in may be asked, which is paid for.
    """
    if config.repository.url is not None:
        yield from _look_at_server(config, config.repository.url)
    try:
        yield from _look_inside(config, repository, calls=calls)
    except InterCascadeError as error:
        yield problem("repository", str(error), _cure(error))


def _cure(error: InterCascadeError) -> str:
    if isinstance(error, RepositoryLockedError):
        return "Stop the other process to look at it; it is no fault while that one serves."
    if isinstance(error, RepositoryCorruptError):
        return "Restore it from a backup, or name another path or collection."
    if isinstance(error, EncoderMismatchError):
        return "Name the encoder it was filled with, or copy it: `intercascade strategies reembed`."
    return "Check [repository], the network and the server's own log."


def _look_inside(
    config: Config, repository: StrategyRepository, *, calls: bool
) -> Iterator[Finding]:
    if config.repository.path is None and config.repository.url is None:
        seen = "none is named, so what is learned is forgotten at the end"
        yield warning("repository", seen, "Say path = DIR or url = URL under [repository].")
        yield from _encoder(repository, calls=calls)
        return
    size = repository.stored_dimension()
    if size is None:
        yield ok("repository", f"nothing in {repository.location} yet; the first answer makes it")
        yield from _encoder(repository, calls=calls)
        return
    repository.create(size)
    yield ok("repository", f"{repository.engine} in {repository.location}, open, nobody in the way")
    yield _fit(repository, size, calls=calls)
    yield from _contents(config, repository)


def may_ask(repository: StrategyRepository, *, calls: bool) -> bool:
    """Say whether the encoder may be asked: it costs nothing, or calls are allowed."""
    return calls or isinstance(repository.encoder.embeddings, HashingEmbeddings)


def _encoder(repository: StrategyRepository, *, calls: bool) -> Iterator[Finding]:
    """Say whether the encoder works, where there is nothing yet that it would have to fit."""
    label = repository.encoder.label
    if not may_ask(repository, calls=calls):
        yield ok("embeddings", f"{label} is set up; it was not asked")
        return
    probe = run(attempt(repository.encoder.probing()))
    if isinstance(probe, Fault):
        seen = f"{label} does not answer: {type(probe.error).__name__}: {str(probe.error)[:200]}"
        yield problem("embeddings", seen, "Check its name, its key and the network.")
    else:
        yield ok("embeddings", f"{label} makes vectors of length {len(probe)}")


def _fit(repository: StrategyRepository, size: int, *, calls: bool) -> Finding:
    """Say whether the encoder is that with which the repository was filled."""
    label = repository.encoder.label
    meta = repository.execute(Read((META_ID,)))
    if not meta:  # made, and then never used; to ask further would write into it
        return ok("embeddings", f"{label}; nothing was stored yet that it has to fit")
    if may_ask(repository, calls=calls):
        fitting = run(attempt(repository.preparing()))
        if isinstance(fitting, Fault):
            seen = f"{type(fitting.error).__name__}: {fitting.error}"
            return problem("embeddings", seen, "Check its name, its key and the network.")
        return ok("embeddings", f"{label}, length {size}, fits what is stored")
    stored = str(meta[0].payload.get("encoder", ""))
    if stored != label:
        cure = "Name the encoder it was filled with, or say `intercascade strategies reembed`."
        return warning("embeddings", f"filled with {stored!r}, and now it is {label!r}", cure)
    return ok("embeddings", f"{label}, length {size}, by its name; it was not asked")


@dataclass(slots=True)
class _Holdings:
    """What a repository holds."""

    states: dict[str, Counter[str]] = field(default_factory=dict)
    parked: Counter[str] = field(default_factory=Counter)
    waiting: int = 0
    damaged: int = 0
    points: int = 0

    def add(self, payload: Mapping[str, Any]) -> None:
        self.points += 1
        if payload.get("kind") in ("note", "meta"):
            return
        tenant, state = payload.get("tenant"), payload.get("state")
        if not isinstance(tenant, str) or state not in set(State):
            self.damaged += 1
            return
        self.states.setdefault(tenant, Counter())[str(state)] += 1
        lesson = payload.get("lesson") or {}
        if state == State.PENDING and lesson.get("parked"):
            self.parked[str(payload.get("reason") or "no reason was kept")] += 1
        elif state == State.PENDING:
            self.waiting += 1


def _contents(config: Config, repository: StrategyRepository) -> Iterator[Finding]:
    held = _counted(repository)
    whole = "" if held.points < MOST else f" (of the first {MOST} points)"
    for tenant, states in sorted(held.states.items()):
        told = ", ".join(f"{states[each]} {each.value}" for each in State if states[each])
        yield ok("strategies", f"tenant {tenant}: {told}{whole}")
    if config.tenant not in held.states:
        yield ok("strategies", f"tenant {config.tenant}: none yet{whole}")
    yield from _lessons(held)
    if held.damaged:
        seen = f"{how_many(held.damaged, 'point')} cannot be read as strategies"
        yield warning("strategies", seen, "They are passed over; restore them from a backup.")


def _counted(repository: StrategyRepository) -> _Holdings:
    held, after = _Holdings(), None
    while held.points < MOST and (page := run(repository.dumping(limit=PAGE, after=after))):
        for point in page:
            held.add(point.payload)
        if len(page) < PAGE or page[-1].id == after:
            break
        after = page[-1].id
    return held


def _lessons(held: _Holdings) -> Iterator[Finding]:
    if held.waiting:
        seen = f"waiting: {held.waiting}; a cascade of their tenant learns them as it runs"
        yield ok("lessons", seen)
    if held.parked:
        reasons = "; ".join(f"{n} x {why[:120]}" for why, n in held.parked.most_common(REASONS))
        yield warning(
            "lessons",
            f"{held.parked.total()} given up on: {reasons}",
            "`intercascade strategies list --state pending` shows them; mend the cause, and the "
            "next such query makes a new lesson.",
        )


def _look_at_server(config: Config, url: str) -> Iterator[Finding]:
    place = urlsplit(url)
    if place.hostname is None or not place.scheme.startswith("http"):  # memory
        return
    try:
        key = server_key(config)
    except ConfigurationError as error:
        yield problem("server", str(error), "Mend the setting; the other checks go on.")
        return
    yield from _exposure(place.scheme, place.hostname, key)
    yield _version(url, key)


def _exposure(scheme: str, host: str, key: str | None) -> Iterator[Finding]:
    if host in LOOPBACK:
        return
    if scheme == "http":
        seen = f"{host} is spoken to without encryption" + (", key included" if key else "")
        yield warning("server", seen, "Say https:// in url, with TLS at the server.")
    if key is None:
        seen = f"{host} is used without a key, so whoever reaches it may read and write"
        cure = 'Set a key at the server, and say api_key_env = "NAME" under [repository].'
        yield warning("server", seen, cure)


def _version(url: str, key: str | None) -> Finding:
    found = _told_version(url, key)
    if found is None:
        cure = f"At least {_dotted(OLDEST_SERVER)} is needed; see the server's own log."
        return warning("server", f"{url} does not tell its version", cure)
    if _parts(found) < OLDEST_SERVER:
        seen = f"Qdrant {found} is too old"
        cure = f"Upgrade it to {_dotted(OLDEST_SERVER)} or later, one minor version at a time."
        return problem("server", seen, cure)
    client = version("qdrant-client")
    if abs(_parts(found)[1] - _parts(client)[1]) > NEAREST or _parts(found)[0] != _parts(client)[0]:
        seen = f"Qdrant {found} and qdrant-client {client} are more than one minor version apart"
        return warning("server", seen, "Upgrade the older one.")
    return ok("server", f"Qdrant {found}")


def _told_version(url: str, key: str | None) -> str | None:
    headers = {"api-key": key} if key else {}
    request = urllib.request.Request(f"{url.rstrip('/')}/", headers=headers)  # noqa: S310 - http or https, see above
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as reply:  # noqa: S310 - as above
            found = json.load(reply).get("version")
    except (OSError, ValueError, AttributeError):  # no answer, or none of Qdrant's
        return None
    return found if isinstance(found, str) and len(_parts(found)) > 1 else None


def _parts(told: str) -> tuple[int, ...]:
    """Return major and minor version.

    Examples:
        >>> _parts("1.17.2-dev"), _parts("unknown")
        ((1, 17), ())
    """
    try:
        return tuple(int(each) for each in told.split(".")[:2])
    except ValueError:
        return ()


def _dotted(parts: tuple[int, ...]) -> str:
    return ".".join(map(str, parts))
