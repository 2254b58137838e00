"""Tokens and money, by role: what a cascade spends, and what it would have spent without itself."""

from langchain_intercascade.costs.accounts import Accounts, Spending
from langchain_intercascade.costs.budget import Allowance, Budget, BudgetState
from langchain_intercascade.costs.embedding import metered
from langchain_intercascade.costs.estimate import AlwaysStrong, StrongEstimate
from langchain_intercascade.costs.opening import accounts_of, check_priced, provider_of
from langchain_intercascade.costs.prices import Price, Prices, model_name
from langchain_intercascade.costs.table import BUNDLED
from langchain_intercascade.costs.usage import charged, total, use_of

__all__ = [
    "BUNDLED",
    "Accounts",
    "Allowance",
    "AlwaysStrong",
    "Budget",
    "BudgetState",
    "Price",
    "Prices",
    "Spending",
    "StrongEstimate",
    "accounts_of",
    "charged",
    "check_priced",
    "metered",
    "model_name",
    "provider_of",
    "total",
    "use_of",
]
