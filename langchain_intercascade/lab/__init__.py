"""Our own tiny trained pair: a neural weak model that can learn from its prompt, and a teacher.

`LabWeak` is a transformer of half a million parameters, trained from scratch by
`training/train_lab.py` and run with NumPy alone.  It knows a few families of
problems by heart; for any other it can do what a strategy in its prompt says.
`LabStrong` solves every family, errs now and then, and writes the strategies.
What they show is the mechanism, with real token probabilities; how much a
cascade saves with any other model they do not show.

Nothing here is imported unless it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_intercascade.lab.stream import LabProblem, grade, problems
    from langchain_intercascade.lab.strong import LabStrong
    from langchain_intercascade.lab.weak import LabWeak

__all__ = ["LabProblem", "LabStrong", "LabWeak", "grade", "problems"]

_HOMES = {
    "LabProblem": "stream",
    "LabStrong": "strong",
    "LabWeak": "weak",
    "grade": "stream",
    "problems": "stream",
}


def __getattr__(name: str) -> Any:
    """Fetch a public name when it is first used."""
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
