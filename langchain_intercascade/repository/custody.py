"""Custody of what was taught: forgetting, exchange, promotion, sweeping, re-embedding.

Each of the steps gets its two colours here, as the methods of a repository do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from langchain_intercascade._steps import Steps, arun, run
from langchain_intercascade.repository.background import calibrating_floor
from langchain_intercascade.repository.exporting import exporting
from langchain_intercascade.repository.forgetting import forgetting
from langchain_intercascade.repository.importing import importing
from langchain_intercascade.repository.promotion import approving, promoting
from langchain_intercascade.repository.reembedding import reembedding
from langchain_intercascade.repository.sweeping import sweeping
from langchain_intercascade.repository.tuning import exporting_examples

P = ParamSpec("P")
T = TypeVar("T")


def _in_both_colours(
    steps: Callable[P, Steps[T]],
) -> tuple[Callable[P, T], Callable[P, Awaitable[T]]]:
    """Return `steps` as a function, and as an asynchronous one."""

    @wraps(steps)
    def blocking(*args: P.args, **kwargs: P.kwargs) -> T:
        return run(steps(*args, **kwargs))

    @wraps(steps)
    async def awaited(*args: P.args, **kwargs: P.kwargs) -> T:
        return await arun(steps(*args, **kwargs))

    return blocking, awaited


forget, aforget = _in_both_colours(forgetting)
export_strategies, aexport_strategies = _in_both_colours(exporting)
export_examples, aexport_examples = _in_both_colours(exporting_examples)
import_strategies, aimport_strategies = _in_both_colours(importing)
promote, apromote = _in_both_colours(promoting)
approve, aapprove = _in_both_colours(approving)
sweep, asweep = _in_both_colours(sweeping)
calibrate_floor, acalibrate_floor = _in_both_colours(calibrating_floor)
reembed, areembed = _in_both_colours(reembedding)
