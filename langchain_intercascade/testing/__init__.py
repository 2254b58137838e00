"""Public fakes and contract suites: what this package tests itself with, for your tests too."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_intercascade.testing.recorded import (
        RecordedChatModel,
        Recording,
        UnrecordedPromptError,
    )
    from langchain_intercascade.testing.scripted import Reply, ScriptedChatModel
    from langchain_intercascade.testing.simulated import PRICES, SimulatedStrong, SimulatedWeak
    from langchain_intercascade.testing.simulated_problems import Problem, grade, problems

_WHERE = {
    "PRICES": "simulated",
    "Problem": "simulated_problems",
    "RecordedChatModel": "recorded",
    "Recording": "recorded",
    "Reply": "scripted",
    "ScriptedChatModel": "scripted",
    "SimulatedStrong": "simulated",
    "SimulatedWeak": "simulated",
    "UnrecordedPromptError": "recorded",
    "grade": "simulated_problems",
    "problems": "simulated_problems",
}

__all__ = [
    "PRICES",
    "Problem",
    "RecordedChatModel",
    "Recording",
    "Reply",
    "ScriptedChatModel",
    "SimulatedStrong",
    "SimulatedWeak",
    "UnrecordedPromptError",
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
