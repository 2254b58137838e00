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
    from langchain_intercascade.agreement import Agreement, AnswerAgreement, JudgeAgreement
    from langchain_intercascade.chat_model import InterCascade
    from langchain_intercascade.confidence.auto import AutoConfidence
    from langchain_intercascade.confidence.base import ConfidenceFunction, Evidence, Score
    from langchain_intercascade.confidence.composition import all_of, any_of, cheap_first, weighted
    from langchain_intercascade.confidence.judge import JudgeConfidence
    from langchain_intercascade.confidence.logprobs import LogprobConfidence
    from langchain_intercascade.confidence.recalibration import (
        Recalibration,
        fit_isotonic,
        fit_platt,
        recalibrated,
    )
    from langchain_intercascade.confidence.self_consistency import SelfConsistency
    from langchain_intercascade.confidence.validity import ValidityConfidence
    from langchain_intercascade.confidence.verbalized import VerbalizedConfidence
    from langchain_intercascade.config.config import Config
    from langchain_intercascade.costs import Budget, BudgetState, Price, Prices, Spending
    from langchain_intercascade.errors import (
        BrokenStreamError,
        BudgetExceededError,
        CallTimeoutError,
        ConfigurationError,
        EncoderMismatchError,
        InterCascadeError,
        LessonRejectedError,
        NoSlotError,
        PanicError,
        RepositoryCorruptError,
        RepositoryError,
        RepositoryLockedError,
        StrongModelError,
        TenantError,
    )
    from langchain_intercascade.graph import create_inter_cascade
    from langchain_intercascade.label import Label
    from langchain_intercascade.learning.stats import LearnerStats
    from langchain_intercascade.middleware import InterCascadeMiddleware
    from langchain_intercascade.record import DecisionRecord
    from langchain_intercascade.repository.base import StrategyRepository
    from langchain_intercascade.repository.edge import EdgeRepository
    from langchain_intercascade.repository.embeddings import HashingEmbeddings
    from langchain_intercascade.repository.floor import Floor
    from langchain_intercascade.repository.qdrant import QdrantRepository
    from langchain_intercascade.repository.receipt import Receipt
    from langchain_intercascade.repository.vector_store import VectorStoreRepository
    from langchain_intercascade.resilience.limits import Timeouts
    from langchain_intercascade.resilience.tally import CascadeStats
    from langchain_intercascade.state import Settings
    from langchain_intercascade.strategy import Advice, Kind, State, Strategy
    from langchain_intercascade.telemetry.otel import OpenTelemetry
    from langchain_intercascade.threshold.base import ALWAYS_DEFER, FixedThreshold, Threshold
    from langchain_intercascade.threshold.calibrate import calibrate_regimes, calibrate_threshold
    from langchain_intercascade.threshold.calibrated import CalibratedThreshold
    from langchain_intercascade.threshold.file import load_thresholds, save_thresholds
    from langchain_intercascade.threshold.levels import load_levels, save_levels
    from langchain_intercascade.threshold.monitor import RiskMonitor
    from langchain_intercascade.threshold.report import ThresholdReport
    from langchain_intercascade.threshold.self_calibrating import SelfCalibrating

_WHERE = {
    "ALWAYS_DEFER": "threshold.base",
    "Advice": "strategy",
    "Agreement": "agreement",
    "AnswerAgreement": "agreement",
    "AutoConfidence": "confidence.auto",
    "BrokenStreamError": "errors",
    "Budget": "costs",
    "BudgetExceededError": "errors",
    "BudgetState": "costs",
    "CallTimeoutError": "errors",
    "CalibratedThreshold": "threshold.calibrated",
    "CascadeStats": "resilience.tally",
    "ConfidenceFunction": "confidence.base",
    "Config": "config.config",
    "ConfigurationError": "errors",
    "DecisionRecord": "record",
    "EdgeRepository": "repository.edge",
    "EncoderMismatchError": "errors",
    "Evidence": "confidence.base",
    "FixedThreshold": "threshold.base",
    "Floor": "repository.floor",
    "HashingEmbeddings": "repository.embeddings",
    "InterCascade": "chat_model",
    "InterCascadeError": "errors",
    "InterCascadeMiddleware": "middleware",
    "JudgeAgreement": "agreement",
    "JudgeConfidence": "confidence.judge",
    "Kind": "strategy",
    "Label": "label",
    "LearnerStats": "learning.stats",
    "LessonRejectedError": "errors",
    "LogprobConfidence": "confidence.logprobs",
    "NoSlotError": "errors",
    "OpenTelemetry": "telemetry.otel",
    "PanicError": "errors",
    "Price": "costs",
    "Prices": "costs",
    "QdrantRepository": "repository.qdrant",
    "Recalibration": "confidence.recalibration",
    "Receipt": "repository.receipt",
    "RepositoryCorruptError": "errors",
    "RepositoryError": "errors",
    "RepositoryLockedError": "errors",
    "RiskMonitor": "threshold.monitor",
    "Score": "confidence.base",
    "SelfCalibrating": "threshold.self_calibrating",
    "SelfConsistency": "confidence.self_consistency",
    "Settings": "state",
    "Spending": "costs",
    "State": "strategy",
    "Strategy": "strategy",
    "StrategyRepository": "repository.base",
    "StrongModelError": "errors",
    "TenantError": "errors",
    "Threshold": "threshold.base",
    "ThresholdReport": "threshold.report",
    "Timeouts": "resilience.limits",
    "ValidityConfidence": "confidence.validity",
    "VectorStoreRepository": "repository.vector_store",
    "VerbalizedConfidence": "confidence.verbalized",
    "all_of": "confidence.composition",
    "any_of": "confidence.composition",
    "calibrate_regimes": "threshold.calibrate",
    "calibrate_threshold": "threshold.calibrate",
    "cheap_first": "confidence.composition",
    "create_inter_cascade": "graph",
    "fit_isotonic": "confidence.recalibration",
    "fit_platt": "confidence.recalibration",
    "load_levels": "threshold.levels",
    "load_thresholds": "threshold.file",
    "recalibrated": "confidence.recalibration",
    "save_levels": "threshold.levels",
    "save_thresholds": "threshold.file",
    "weighted": "confidence.composition",
}

_EXTRA = {"langchain": "agents", "opentelemetry": "otel"}
"""The extras that bring what some names need."""

__all__ = [
    "ALWAYS_DEFER",
    "Advice",
    "Agreement",
    "AnswerAgreement",
    "AutoConfidence",
    "BrokenStreamError",
    "Budget",
    "BudgetExceededError",
    "BudgetState",
    "CalibratedThreshold",
    "CallTimeoutError",
    "CascadeStats",
    "ConfidenceFunction",
    "Config",
    "ConfigurationError",
    "DecisionRecord",
    "EdgeRepository",
    "EncoderMismatchError",
    "Evidence",
    "FixedThreshold",
    "Floor",
    "HashingEmbeddings",
    "InterCascade",
    "InterCascadeError",
    "InterCascadeMiddleware",
    "JudgeAgreement",
    "JudgeConfidence",
    "Kind",
    "Label",
    "LearnerStats",
    "LessonRejectedError",
    "LogprobConfidence",
    "NoSlotError",
    "OpenTelemetry",
    "PanicError",
    "Price",
    "Prices",
    "QdrantRepository",
    "Recalibration",
    "Receipt",
    "RepositoryCorruptError",
    "RepositoryError",
    "RepositoryLockedError",
    "RiskMonitor",
    "Score",
    "SelfCalibrating",
    "SelfConsistency",
    "Settings",
    "Spending",
    "State",
    "Strategy",
    "StrategyRepository",
    "StrongModelError",
    "TenantError",
    "Threshold",
    "ThresholdReport",
    "Timeouts",
    "ValidityConfidence",
    "VectorStoreRepository",
    "VerbalizedConfidence",
    "all_of",
    "any_of",
    "calibrate_regimes",
    "calibrate_threshold",
    "cheap_first",
    "create_inter_cascade",
    "fit_isotonic",
    "fit_platt",
    "load_levels",
    "load_thresholds",
    "recalibrated",
    "save_levels",
    "save_thresholds",
    "weighted",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return version("langchain-intercascade")
    if name not in _WHERE:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    try:
        found = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    except ModuleNotFoundError as absent:
        package = f"{absent.name}".split(".", maxsplit=1)[0]
        if package not in _EXTRA:
            raise
        cure = f"pip install 'langchain-intercascade[{_EXTRA[package]}]'"
        msg = f"{name} needs {package}, which is not installed: {cure}."
        raise ModuleNotFoundError(msg, name=absent.name) from absent
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return [*__all__]
