"""What a cascade may be told besides its two models, its defaults, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypedDict

from langchain_intercascade.costs import Budget, Prices
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.learning.admission import AdmissionPolicy, Verifier
from langchain_intercascade.models import Model
from langchain_intercascade.nodes.retrieve_strategies import QueryFrom
from langchain_intercascade.nodes.strong_generate import OnStrongError
from langchain_intercascade.state import MAX_K, Learning
from langchain_intercascade.telemetry.observer import Observer
from langchain_intercascade.threshold.base import Threshold, ThresholdValue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_intercascade.costs import Price
    from langchain_intercascade.repository.base import StrategyRepository
    from langchain_intercascade.threshold.watch import OnAbstain

DEFAULT_THRESHOLD = 0.9
"""Used when none is given, and named as uncalibrated in every record."""

DEFAULT_ADMISSION: AdmissionPolicy = "always"
"""Used when none is given: the paper's way."""


class Options(TypedDict, total=False):
    """What a cascade may be told besides its two models; see `InterCascade` for each."""

    repository: StrategyRepository | None
    confidence: Any
    threshold: Threshold | ThresholdValue | None
    target_risk: float | None
    delta: float
    on_abstain: OnAbstain
    tenant: str
    shared: str | None
    k: int
    min_similarity: float | None
    lexical: bool
    admission: AdmissionPolicy
    verifier: Verifier | None
    agreement: Any
    faithful: bool
    keep_examples: bool
    lifetime: timedelta | None
    max_strategies: int | None
    holdout: float
    audit_rate: float | None
    learning: Learning
    distiller: Model | None
    on_strong_error: OnStrongError
    query_from: QueryFrom | None
    prices: Mapping[str, Price | tuple[float, float]] | Prices | None
    budget: Budget | None
    timeouts: Any
    max_concurrency: Any
    tool_calls: Any
    strategies_with_tools: bool
    advise: bool
    telemetry: Observer | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a cascade was told, with what holds where it was told nothing: `Options`, filled in."""

    repository: StrategyRepository | None = None
    confidence: Any = "logprobs"
    threshold: Threshold | ThresholdValue | None = None
    target_risk: float | None = None
    delta: float = 0.1
    on_abstain: OnAbstain = "wrong"
    tenant: str = "default"
    shared: str | None = None
    k: int = 2
    min_similarity: float | None = None
    lexical: bool = False
    admission: AdmissionPolicy = DEFAULT_ADMISSION
    verifier: Verifier | None = None
    agreement: Any = None
    faithful: bool = False
    keep_examples: bool = False
    lifetime: timedelta | None = None
    max_strategies: int | None = None
    holdout: float = 0.0
    audit_rate: float | None = None
    learning: Learning = "inline"
    distiller: Model | None = None
    on_strong_error: OnStrongError = "raise"
    query_from: QueryFrom | None = None
    prices: Mapping[str, Price | tuple[float, float]] | Prices | None = None
    budget: Budget | None = None
    timeouts: Any = None
    max_concurrency: Any = None
    tool_calls: Any = "defer"
    strategies_with_tools: bool = False
    advise: bool = False
    telemetry: Observer | None = None


def checked_floor(min_similarity: float | None) -> float | None:
    """Return `min_similarity` if it is a cosine, or `None`, which has it measured.

    Raises:
        ConfigurationError: It is not.
    """
    if min_similarity is None:
        return None
    if isinstance(min_similarity, int | float) and -1 <= min_similarity <= 1:  # false for NaN
        return min_similarity
    msg = (
        f"min_similarity={min_similarity!r} must be a cosine similarity, from -1 to 1, or None for "
        "the floor that is measured from the repository."
    )
    raise ConfigurationError(msg)


def checked_share(name: str, value: float) -> float:
    """Return `value` if it is a share of the queries; `name` is what it was given as.

    Raises:
        ConfigurationError: It is not.
    """
    if isinstance(value, int | float) and 0 <= value <= 1:  # false for NaN
        return value
    msg = f"{name}={value!r} must be a share of the queries, from 0 to 1."
    raise ConfigurationError(msg)


def checked_cap(max_strategies: int | None) -> int | None:
    """Return `max_strategies` if so many could be kept, or `None`, which is no cap.

    Raises:
        ConfigurationError: It is not.
    """
    if max_strategies is None or (isinstance(max_strategies, int) and max_strategies > 0):
        return max_strategies
    msg = f"max_strategies={max_strategies!r} must be a whole number above 0, or None for no cap."
    raise ConfigurationError(msg)


def checked_k(k: int) -> int:
    """Return `k` if so many strategies could be shown.

    Raises:
        ConfigurationError: It is not.
    """
    if isinstance(k, int) and 0 <= k <= MAX_K:
        return k
    msg = f"k={k!r} must be a whole number from 0 (show nothing) to {MAX_K}."
    raise ConfigurationError(msg)
