"""What was typed, turned into what the package works with; every mistake has its own sentence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.parts import as_model
from langchain_intercascade.testing import SimulatedStrong, SimulatedWeak
from langchain_intercascade.threshold.base import ALWAYS_DEFER, checked_threshold

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.embeddings import Embeddings
    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable

    from langchain_intercascade.repository.base import StrategyRepository
    from langchain_intercascade.threshold.base import ThresholdValue

SIMULATED: Final = "simulated"
"""The word for a simulated model, where the name of a real one could stand."""

HASHING: Final = "hashing"
"""The word for the built-in encoder, where the name of another could stand."""

_SIMULATED: Final[dict[str, Callable[[], Runnable[Any, AIMessage]]]] = {
    "weak": SimulatedWeak,
    "strong": SimulatedStrong,
}


def model(name: str, role: str) -> Runnable[Any, AIMessage]:
    """Return the model called `name`.

    Args:
        name: A string for `init_chat_model`, or `"simulated"`.
        role: `"weak"` or `"strong"`.

    Raises:
        ConfigurationError: There is no such model, or its package or key is missing.
    """
    return _SIMULATED[role]() if name == SIMULATED else as_model(name, role)


def threshold(text: str | None) -> ThresholdValue | None:
    """Return the threshold that was typed; `None` if none was.

    Raises:
        ConfigurationError: It is neither a number from 0 to 1 nor `always_defer`.
    """
    if text is None or text == ALWAYS_DEFER:
        return text  # type: ignore[return-value]  # the literal, or None
    try:
        return checked_threshold(float(text))
    except ValueError:  # not a number, or out of range
        msg = f"--threshold {text}: expected a number from 0 to 1, or {ALWAYS_DEFER}."
        raise ConfigurationError(msg) from None


def embeddings(name: str) -> Embeddings | None:
    """Return the encoder called `name`; `None` for the built-in one.

    Args:
        name: A string for `init_embeddings`, or `"hashing"`.

    Raises:
        ConfigurationError: There is no such encoder, or its package or key is missing.
    """
    if name == HASHING:
        return None
    try:
        from langchain.embeddings import init_embeddings  # noqa: PLC0415 - an optional package

        return init_embeddings(name)
    except (ImportError, ValueError) as error:
        msg = (
            f"--embeddings {name}: there is no such encoder here. Name it as provider:model, such "
            "as openai:text-embedding-3-small, and install the provider's package and "
            f"`langchain-intercascade[agents]`; or say {HASHING} for the built-in one."
        )
        raise ConfigurationError(msg) from error


def repository(
    path: Path | None,
    url: str | None,
    *,
    collection: str,
    api_key: str | None,
    encoder: Embeddings | None = None,
    words: tuple[str, str] = ("--path", "--url"),
) -> StrategyRepository:
    """Return the repository at one of two places; it is made at the first use.

    Raises:
        ConfigurationError: No place was named, or both.
    """
    if (path is None) == (url is None):
        one, other = words
        msg = f"Name one repository: {one} DIR for a folder, or {other} URL for a Qdrant server."
        raise ConfigurationError(msg)
    if url is not None:
        from langchain_intercascade.repository.qdrant import QdrantRepository  # noqa: PLC0415 - slow to import

        return QdrantRepository(url, collection=collection, api_key=api_key, embeddings=encoder)
    from langchain_intercascade.repository.edge import EdgeRepository  # noqa: PLC0415 - slow to import

    return EdgeRepository(path, embeddings=encoder)


def existing_repository(
    path: Path | None,
    url: str | None,
    *,
    collection: str,
    api_key: str | None,
    encoder: Embeddings | None = None,
) -> StrategyRepository:
    """Return the repository at one of two places; nothing is created there.

    Raises:
        ConfigurationError: No place was named, or both, or there is no repository.
        RepositoryError: The server does not answer.
    """
    found = repository(path, url, collection=collection, api_key=api_key, encoder=encoder)
    if found.stored_dimension() is None:
        found.close()
        cure = (
            "`ask` and `demo` make one where --path says."
            if url is None
            else "Check --url and --collection; a cascade makes one at its first answer."
        )
        msg = f"There is no repository in {found.location}. {cure}"
        raise ConfigurationError(msg)
    return found
