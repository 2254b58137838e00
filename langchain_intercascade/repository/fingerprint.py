"""What tells one state of a repository from another: which strategies are in use, and their words.

A threshold that was calibrated with strategies speaks about these; learning or
forgetting one changes the fingerprint, counting how it did does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

from langchain_intercascade.repository.pages import turning
from langchain_intercascade.strategy import State

if TYPE_CHECKING:
    from langchain_intercascade._steps import Steps
    from langchain_intercascade.repository.base import StrategyRepository


def fingerprinting(repository: StrategyRepository, *, tenants: Sequence[str], k: int) -> Steps[str]:
    """Return the fingerprint of what may be shown of `repository`, `k` at a time.

    Args:
        repository: It; one that cannot list what it holds has no fingerprint of its own.
        tenants: Whose strategies may be shown.
        k: How many at most.
    """
    if not repository.lists:
        return "strategies that cannot be listed"
    found: list[str] = []
    for tenant in tenants:
        after = None
        while page := (
            yield from turning(repository, tenant=tenant, states=(State.ACTIVE,), after=after)
        ):
            after = page.last
            for each in page.strategies:
                words = each.advice.text() if each.advice else ""
                found.append(f"{len(tenant)}:{tenant}{each.id}{' '.join(each.keys)}\n{words}")
    said = "\0".join(sorted(found)).encode("utf-8", "surrogatepass")
    return f"{len(found)} strategies, {blake2b(said, digest_size=6).hexdigest()}, k={k}"
