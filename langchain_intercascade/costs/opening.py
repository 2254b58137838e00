"""Before the first query: who serves a model, and whether a budget could be kept to with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables.base import RunnableBindingBase

from langchain_intercascade.costs.accounts import CURE, Accounts
from langchain_intercascade.errors import ConfigurationError

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable

    from langchain_intercascade.costs.prices import Prices


def provider_of(model: Runnable[Any, Any]) -> str:
    """Return who serves `model`, as LangChain names them; empty if it does not say.

    Examples:
        >>> from langchain_core.language_models import FakeListChatModel
        >>> provider_of(FakeListChatModel(responses=["4"]))
        'fakelistchatmodel'
    """
    if isinstance(model, RunnableBindingBase):
        return provider_of(model.bound)
    told = getattr(model, "_get_ls_params", None)
    found = told().get("ls_provider") if callable(told) else None
    return found if isinstance(found, str) else ""


def accounts_of(model: Runnable[Any, Any]) -> Accounts | None:
    """Return the accounts that `model` keeps, if it is a cascade."""
    if isinstance(model, RunnableBindingBase):
        return accounts_of(model.bound)
    found = getattr(model, "accounts", None)
    return found if isinstance(found, Accounts) else None


def check_priced(prices: Prices, models: Mapping[str, tuple[Runnable[Any, Any], str]]) -> None:
    """Refuse, under a budget, models whose price is known not to be known.

    A runnable that is no chat model, and a model without a name, is found out at its first
    answer; a cascade adds up its own.

    Args:
        prices: What models cost.
        models: By role, each with its name.

    Raises:
        ConfigurationError: There is no price for one of them.
    """
    for role, (model, name) in models.items():
        plain = model.bound if isinstance(model, RunnableBindingBase) else model
        nameless = name == type(plain).__name__
        if accounts_of(plain) is not None or not isinstance(plain, BaseChatModel) or nameless:
            continue
        if prices.of(name, provider_of(plain)) is None:
            msg = (
                f"There is a budget, and the price of the {role} model {name!r} is unknown, so the "
                f"budget cannot be kept to: {CURE.format(model=name)}."
            )
            raise ConfigurationError(msg)
