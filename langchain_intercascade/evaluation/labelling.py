"""This is where a cascade finds its threshold without learning anything else.

A threshold that calibrates itself is told whether weak answers were right.  A cascade with
`learning="off"` looks at none, so the arms without strategies would defer for ever: here they
judge answers, by deferrals and audits, and forget their lessons unread, at no cost.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from langchain_intercascade.learning.learner import Learner
from langchain_intercascade.learning.lesson import Learned

if TYPE_CHECKING:
    from langchain_intercascade._steps import Steps
    from langchain_intercascade.repository.base import StrategyRepository
    from langchain_intercascade.strategy import Strategy


def labels_only(repository: StrategyRepository) -> dict[str, Any]:
    """Return options of a cascade that judges weak answers and makes no strategies.

    Args:
        repository: The cascade's.
    """
    learner = Learner(partial(_forgetting, repository), repository)
    return {"learning": "background", "learner": learner}


def _forgetting(repository: StrategyRepository, pending: Strategy) -> Steps[Learned]:
    yield from repository.removing(pending.id, tenant=pending.tenant)
    return Learned("rejected", pending)
