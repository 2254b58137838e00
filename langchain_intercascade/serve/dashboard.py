"""The live page: what a tenant's requests came to, and the strategies, to be decided about.

The page itself holds no data, and fetches nothing from elsewhere; what it shows it asks for with
the tenant's key, and puts in as text, never as markup.
"""

from __future__ import annotations

import base64
import re
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from langchain_intercascade.serve.reviewing import shown, urgency
from langchain_intercascade.strategy import State

if TYPE_CHECKING:
    from langchain_intercascade.chat_model import InterCascade
    from langchain_intercascade.serve.figures import Figures

LISTED: Final = 100
"""Strategies that are shown at most of those that wait, and likewise of those in use."""


async def told_to(tenant: str, cascade: InterCascade, figures: Figures) -> dict[str, Any]:
    """Return what the page shows to `tenant`: its own figures and strategies, nobody else's.

    What is promised is promised to all tenants together.
    """
    repository, spent = cascade.repository, cascade.spending(tenant)
    waiting = await repository.ascan(
        tenant=tenant, states=(State.CANDIDATE, State.SUSPENDED), limit=LISTED
    )
    in_use = await repository.ascan(tenant=tenant, states=(State.ACTIVE,), limit=LISTED)
    counts = {
        state.value: await repository.acount(tenant=tenant, states=(state,)) for state in State
    }
    return {
        "tenant": tenant,
        **figures.of(tenant),
        "spending": {
            "cost": spent.cost,
            "always_strong_cost": spent.always_strong_cost,
            "net_saving": spent.net_saving,
            "roles": {role: use["cost"] for role, use in spent.by_role.items()},
        },
        "promise": await cascade.athreshold_report(),
        "counts": counts,
        "strategies": [shown(each) for each in sorted([*waiting, *in_use], key=urgency)],
    }


def _policy(page: str) -> str:
    """Return what the browser may run and load: this page's own script and style, by digest."""
    sources = [f"{kind}-src {_digest(page, tag)}" for tag, kind in _PARTS]
    closed = ("default-src 'none'", "base-uri 'none'", "form-action 'none'", "img-src data:")
    return "; ".join((*closed, "frame-ancestors 'none'", "connect-src 'self'", *sources))


def _digest(page: str, tag: str) -> str:
    found = re.search(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
    text = found[1] if found else ""
    return f"'sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}'"


_PARTS: Final = (("script", "script"), ("style", "style"))

PAGE: Final = files(__package__).joinpath("dashboard.html").read_text("utf-8")
"""The page."""

PAGE_HEADERS: Final = {
    "content-security-policy": _policy(PAGE),
    "cache-control": "no-cache",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
"""What it is sent with."""
