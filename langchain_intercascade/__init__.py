"""Inter-Cascade for LangChain: a weak model that learns from a strong one while serving.

    query -> retrieve_strategies -> weak_generate -> confidence_gate --accept--> answer
                                                          |
                                                        defer
                                                          v
                       strong_generate -> distill_strategy -> store -> answer

The weak model answers first, with strategies that the strong model taught it on
earlier, similar queries.  The gate accepts the weak answer or defers to the
strong model; each resolved deferral is distilled into a strategy (arXiv
2509.22984).  Names are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_intercascade.chat_model import InterCascade
    from langchain_intercascade.confidence.base import ConfidenceFunction, Evidence, Score
    from langchain_intercascade.confidence.logprobs import LogprobConfidence
    from langchain_intercascade.costs import Price, Prices
    from langchain_intercascade.errors import (
        BrokenStreamError,
        ConfigurationError,
        EncoderMismatchError,
        InterCascadeError,
        LessonRejectedError,
        RepositoryCorruptError,
        RepositoryError,
        RepositoryLockedError,
        StrongModelError,
        TenantError,
    )
    from langchain_intercascade.graph import create_inter_cascade
    from langchain_intercascade.middleware import InterCascadeMiddleware
    from langchain_intercascade.record import DecisionRecord
    from langchain_intercascade.repository.base import StrategyRepository
    from langchain_intercascade.repository.edge import EdgeRepository
    from langchain_intercascade.repository.embeddings import HashingEmbeddings
    from langchain_intercascade.repository.qdrant import QdrantRepository
    from langchain_intercascade.repository.vector_store import VectorStoreRepository
    from langchain_intercascade.state import Settings
    from langchain_intercascade.strategy import Advice, State, Strategy
    from langchain_intercascade.threshold.base import ALWAYS_DEFER, FixedThreshold, Threshold

_WHERE = {
    "ALWAYS_DEFER": "threshold.base",
    "Advice": "strategy",
    "BrokenStreamError": "errors",
    "ConfidenceFunction": "confidence.base",
    "ConfigurationError": "errors",
    "DecisionRecord": "record",
    "EdgeRepository": "repository.edge",
    "EncoderMismatchError": "errors",
    "Evidence": "confidence.base",
    "FixedThreshold": "threshold.base",
    "HashingEmbeddings": "repository.embeddings",
    "InterCascade": "chat_model",
    "InterCascadeError": "errors",
    "InterCascadeMiddleware": "middleware",
    "LessonRejectedError": "errors",
    "LogprobConfidence": "confidence.logprobs",
    "Price": "costs",
    "Prices": "costs",
    "QdrantRepository": "repository.qdrant",
    "RepositoryCorruptError": "errors",
    "RepositoryError": "errors",
    "RepositoryLockedError": "errors",
    "Score": "confidence.base",
    "Settings": "state",
    "State": "strategy",
    "Strategy": "strategy",
    "StrategyRepository": "repository.base",
    "StrongModelError": "errors",
    "TenantError": "errors",
    "Threshold": "threshold.base",
    "VectorStoreRepository": "repository.vector_store",
    "create_inter_cascade": "graph",
}

__all__ = [
    "ALWAYS_DEFER",
    "Advice",
    "BrokenStreamError",
    "ConfidenceFunction",
    "ConfigurationError",
    "DecisionRecord",
    "EdgeRepository",
    "EncoderMismatchError",
    "Evidence",
    "FixedThreshold",
    "HashingEmbeddings",
    "InterCascade",
    "InterCascadeError",
    "InterCascadeMiddleware",
    "LessonRejectedError",
    "LogprobConfidence",
    "Price",
    "Prices",
    "QdrantRepository",
    "RepositoryCorruptError",
    "RepositoryError",
    "RepositoryLockedError",
    "Score",
    "Settings",
    "State",
    "Strategy",
    "StrategyRepository",
    "StrongModelError",
    "TenantError",
    "Threshold",
    "VectorStoreRepository",
    "create_inter_cascade",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return version("langchain-intercascade")
    if name not in _WHERE:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    found = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return [*__all__]
