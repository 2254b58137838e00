"""What every part of a cascade stands on: who is asked, where strategies live, what is counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langchain_intercascade.costs import (
    Accounts,
    Allowance,
    Budget,
    Prices,
    accounts_of,
    check_priced,
    metered,
    provider_of,
)
from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.models import name_of, terminal
from langchain_intercascade.prompts import VERSION as PROMPTS_VERSION
from langchain_intercascade.repository.embeddings import HashingEmbeddings
from langchain_intercascade.threshold.binding import Binding

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable

    from langchain_intercascade.confidence.base import ConfidenceFunction
    from langchain_intercascade.repository.base import StrategyRepository
    from langchain_intercascade.resilience.limits import Pool
    from langchain_intercascade.resilience.safeguards import Purpose, Safeguards


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What every part stands on: who is asked, where strategies live, what tokens cost.

    Attributes:
        weak: The weak model, told to say what its confidence is measured by.
        strong: The strong model.
        teacher: Who distils, advises and judges.
        pool: Whose limit the teacher's calls keep to.
        repository: Where the strategies live.
        prices: What tokens cost.
        guards: Breakers, limits and counters.
    """

    weak: Runnable[Any, AIMessage]
    strong: Runnable[Any, AIMessage]
    teacher: Runnable[Any, AIMessage]
    pool: Pool
    repository: StrategyRepository
    prices: Prices
    guards: Safeguards

    @property
    def weak_model(self) -> str:
        """Name of the weak model."""
        return name_of(self.weak)

    @property
    def strong_model(self) -> str:
        """Name of the strong model; of a cascade, that of its last one."""
        return name_of(terminal(self.strong))

    @property
    def provider(self) -> str:
        """Whose prices are those of the strong model."""
        return provider_of(terminal(self.strong))

    def weak_for(self, purpose: Purpose) -> Runnable[Any, AIMessage]:
        """Return the weak model as it is called for `purpose`."""
        return self.guards.model(self.weak, purpose, "weak")

    def strong_for(self, purpose: Purpose) -> Runnable[Any, AIMessage]:
        """Return the strong model as it is called for `purpose`."""
        return self.guards.model(self.strong, purpose, "strong")

    def teacher_for(self, purpose: Purpose) -> Runnable[Any, AIMessage]:
        """Return the teacher as it is called for `purpose`."""
        return self.guards.model(self.teacher, purpose, self.pool)

    def binding(self, scorer: ConfidenceFunction) -> Binding:
        """Return what a threshold serves beside here."""
        return Binding(
            weak_model=self.weak_model,
            confidence=scorer.method,
            prompts=str(PROMPTS_VERSION),
            encoder=self.repository.encoder.label,
        )


def accounts_on(ground: Ground, budget: Budget | None) -> Accounts:
    """Return accounts in which nothing is spent yet.

    Raises:
        ConfigurationError: `budget` is no budget, or the price of one of the models is unknown.
    """
    if budget is not None:
        if not isinstance(budget, Budget):
            msg = f"budget={budget!r} must be a Budget, such as Budget(per_day=20)."
            raise ConfigurationError(msg)
        models = {"weak": ground.weak, "strong": ground.strong, "distiller": ground.teacher}
        named = {role: (model, name_of(model)) for role, model in models.items()}
        check_priced(ground.prices, named)
    encoder = ground.repository.encoder
    free = isinstance(encoder.embeddings, HashingEmbeddings)
    meter, uncounted = metered(encoder.embeddings, ground.prices, label=encoder.label, free=free)
    inside = (accounts_of(ground.weak), accounts_of(ground.strong))
    return Accounts(
        ground.prices,
        allowance=None if budget is None else Allowance(budget),
        beneath=[each for each in inside if each is not None],
        embedding=meter,
        uncounted=uncounted,
    )


def temporary_repository() -> StrategyRepository:
    """Return a repository that is gone when it is closed."""
    from langchain_intercascade.repository.edge import EdgeRepository  # noqa: PLC0415 - 14 MB nobody needs who brings a repository

    return EdgeRepository()
