"""What was typed, turned into what the package works with; every mistake has its own sentence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from langchain_intercascade.costs import BUNDLED, Prices
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.evaluation.streams import drawn_stream, question_of
from langchain_intercascade.models import as_model
from langchain_intercascade.testing import PRICES as SIMULATED_PRICES
from langchain_intercascade.testing import SimulatedStrong, SimulatedWeak, problems
from langchain_intercascade.testing.simulated.families import FAMILIES, KNOWN
from langchain_intercascade.threshold.base import ALWAYS_DEFER, checked_threshold

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from langchain_core.embeddings import Embeddings
    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable

    from langchain_intercascade.evaluation.arms import Question
    from langchain_intercascade.evaluation.report import Kind
    from langchain_intercascade.evaluation.streams import Stream
    from langchain_intercascade.repository.base import StrategyRepository
    from langchain_intercascade.threshold.base import ThresholdValue

SIMULATED: Final = "simulated"
"""The word for a simulated model, where the name of a real one could stand."""

HASHING: Final = "hashing"
"""The word for the built-in encoder, where the name of another could stand."""

LAB: Final = "lab"
"""The word for one of the tiny trained models of this package, likewise."""

_MIDDLE: Final = frozenset(sorted(FAMILIES)[::2]) | KNOWN
"""What a simulated model between the two can do: half of everything, and what the weak one can."""

_SIMULATED: Final[dict[str, Callable[[], Runnable[Any, AIMessage]]]] = {
    "weak": SimulatedWeak,
    "middle": lambda: SimulatedWeak(known=_MIDDLE, seed=1, model_name="simulated-middle"),
    "strong": SimulatedStrong,
}


def model(name: str, role: str) -> Runnable[Any, AIMessage]:
    """Return the model called `name`.

    Args:
        name: A string for `init_chat_model`, or `"simulated"`, or `"lab"`.
        role: `"weak"`, `"middle"` or `"strong"`.

    Raises:
        ConfigurationError: There is no such model, or its package or key is missing.
    """
    if name == LAB:
        return _lab(role)
    return _SIMULATED[role]() if name == SIMULATED else as_model(name, role)


def _lab(role: str) -> Runnable[Any, AIMessage]:
    from langchain_intercascade.lab import LabStrong, LabWeak  # noqa: PLC0415 - reads its weights

    if role == "middle":
        msg = f"--middle {LAB}: the lab has a weak and a strong model, and none between."
        raise ConfigurationError(msg)
    return LabWeak() if role == "weak" else LabStrong()


def model_names(
    weak: str | None, middle: Sequence[str] | None, strong: str | None, every: Sequence[str] | None
) -> list[str]:
    """Return what the models were called, cheapest first.

    Raises:
        ConfigurationError: They were named in two ways, or a weak or a strong one is missing.
    """
    if every and (weak or middle or strong):
        msg = "Name the models by --weak, --middle and --strong, or each by --model; not both."
        raise ConfigurationError(msg)
    names = list(every) if every else [weak, *(middle or ()), strong]
    found = [name for name in names if name]
    if len(found) < len(names) or len(found) < 2:  # noqa: PLR2004 - a weak and a strong one
        msg = "Two models are needed: --weak MODEL and --strong MODEL, each as provider:name."
        raise ConfigurationError(msg)
    return found


def models(names: Sequence[str]) -> list[Runnable[Any, AIMessage]]:
    """Return the models called `names`, cheapest first.

    Raises:
        ConfigurationError: There is no such model, or its package or key is missing.
    """
    first, *between, last = names
    inner = [model(name, "middle") for name in between]
    return [model(first, "weak"), *inner, model(last, "strong")]


def kind_of(names: Collection[str]) -> Kind:
    """Return what sort of models these are; one that is not real makes the run unreal."""
    if SIMULATED in names:
        return "simulated"
    return "trained" if LAB in names else "live"


def prices(told: Sequence[str] | None, names: Collection[str] = ()) -> Prices:
    """Return what models cost: as told, else as declared or as in the bundled table.

    Args:
        told: Each as `NAME=INPUT,OUTPUT`, dollars per million tokens.
        names: What the models were called where they were named.

    Raises:
        ConfigurationError: One of `told` is no such thing.
    """
    declared: dict[str, tuple[float, float]] = {**SIMULATED_PRICES, "simulated-middle": (0.6, 2.4)}
    if LAB in names:
        from langchain_intercascade.lab.strong import PRICES as LAB_PRICES  # noqa: PLC0415 - as above

        declared |= LAB_PRICES
    return Prices({**declared, **dict(map(_price, told or ()))}, table=BUNDLED)


def _price(text: str) -> tuple[str, tuple[float, float]]:
    name, _, amounts = text.rpartition("=")
    try:
        read, written = map(float, amounts.split(","))
    except ValueError:
        msg = f"--price {text}: expected NAME=INPUT,OUTPUT, such as gpt-4o-mini=0.15,0.60."
        raise ConfigurationError(msg) from None
    return name, (read, written)


def stream(name: str, questions: int) -> Stream:
    """Return the stream that goes with the models called `name`, `"simulated"` or `"lab"`."""
    draw = _lab_questions if name == LAB else _simulated_questions
    return drawn_stream(f"{name} problems", draw, questions)


def _simulated_questions(seed: int, n: int) -> list[Question]:
    return [question_of(each.text, each.answer, family=each.family) for each in problems(seed, n)]


def _lab_questions(seed: int, n: int) -> list[Question]:
    from langchain_intercascade import lab  # noqa: PLC0415 - reads its weights

    drawn = lab.problems(seed, n)
    return [question_of(each.text, each.answer, family=each.family.title) for each in drawn]


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
