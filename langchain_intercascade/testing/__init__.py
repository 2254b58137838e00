"""Public fakes and contract suites: what this package tests itself with, for your tests too."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_intercascade.testing.confidence_contract import check_confidence
    from langchain_intercascade.testing.recorded import (
        RecordedChatModel,
        Recording,
        UnrecordedPromptError,
    )
    from langchain_intercascade.testing.repository_contract import check_repository
    from langchain_intercascade.testing.scripted import Reply, ScriptedChatModel
    from langchain_intercascade.testing.simulated.pair import PRICES, SimulatedStrong, SimulatedWeak
    from langchain_intercascade.testing.simulated.problems import Problem, grade, problems
    from langchain_intercascade.testing.stub.book import Fault, Trouble
    from langchain_intercascade.testing.stub.reply import StubReply
    from langchain_intercascade.testing.stub.server import StubServer

_WHERE = {
    "Fault": "stub.book",
    "PRICES": "simulated.pair",
    "Problem": "simulated.problems",
    "RecordedChatModel": "recorded",
    "Recording": "recorded",
    "Reply": "scripted",
    "ScriptedChatModel": "scripted",
    "SimulatedStrong": "simulated.pair",
    "SimulatedWeak": "simulated.pair",
    "StubReply": "stub.reply",
    "StubServer": "stub.server",
    "Trouble": "stub.book",
    "UnrecordedPromptError": "recorded",
    "check_confidence": "confidence_contract",
    "check_repository": "repository_contract",
    "grade": "simulated.problems",
    "problems": "simulated.problems",
}

__all__ = [
    "PRICES",
    "Fault",
    "Problem",
    "RecordedChatModel",
    "Recording",
    "Reply",
    "ScriptedChatModel",
    "SimulatedStrong",
    "SimulatedWeak",
    "StubReply",
    "StubServer",
    "Trouble",
    "UnrecordedPromptError",
    "check_confidence",
    "check_repository",
    "grade",
    "problems",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__]
