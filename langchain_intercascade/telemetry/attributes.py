"""What spans say of a run, a node and a model call: numbers, ids and fixed words, never content.

All of it is read off the decision record, or off what a reply says about itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from langchain_intercascade.costs.details import details_of
from langchain_intercascade.costs.prices import model_name
from langchain_intercascade.reply import finish_reason
from langchain_intercascade.telemetry import names
from langchain_intercascade.telemetry.names import OURS

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage

    from langchain_intercascade.record import DecisionRecord

Tenants: TypeAlias = Literal["hashed", "named", "none"]
Attributes: TypeAlias = dict[str, Any]

_WORD: Final = 64
"""Characters of what a service calls a model, a reply or a reason: names, and never a text."""


def tenant_attribute(tenant: str, how: Tenants, key: str) -> Attributes:
    """Return the attribute that tells tenants apart.

    Args:
        tenant: Whose run it is.
        how: Whether its name is shown, a hash of it, or nothing.
        key: Makes the hash one that cannot be had by hashing likely names.

    Examples:
        >>> tenant_attribute("acme", "named", "")
        {'inter_cascade.tenant': 'acme'}
        >>> tenant_attribute("acme", "hashed", "") == tenant_attribute("acme", "hashed", "secret")
        False
    """
    if how == "none":
        return {}
    if how == "hashed":
        # The key may be of any length: the hash itself takes 64 bytes at most.
        secret = blake2b(key.encode("utf-8", "replace")).digest()
        tenant = blake2b(tenant.encode("utf-8", "replace"), key=secret, digest_size=8).hexdigest()
    return {f"{OURS}tenant": tenant}


def of_run(record: DecisionRecord) -> Attributes:
    """Return what the span of a whole run says at its end."""
    usage = record["usage"].values()
    found = {
        f"{OURS}run_id": record["run_id"],
        f"{OURS}degraded": record["degraded"],
        f"{OURS}threshold.origin": record["threshold_origin"],
        f"{OURS}lesson.state": record["lesson"]["state"],
        f"{OURS}lesson.id": record["lesson"]["id"],
        f"{OURS}cost": record["cost"],
        f"{OURS}always_strong.cost": record["always_strong_cost"],
        f"{OURS}faults": [f"{each['where']}: {each['error']}" for each in record["faults"]],
        names.INPUT_TOKENS: _sum(use["input_tokens"] for use in usage),
        names.OUTPUT_TOKENS: _sum(use["output_tokens"] for use in usage),
    }
    return known(found | _of_retrieval(record) | _of_gate(record))


def of_node(name: str, record: DecisionRecord) -> Attributes:
    """Return what the span of the node `name` says of what it has decided."""
    if name == "retrieve_strategies":
        note = record["retrieval"]
        more = {
            f"{OURS}retrieval.considered": note["considered"],
            f"{OURS}retrieval.best": note["best"],
            f"{OURS}retrieval.floor": note["floor"],
        }
        return known(_of_retrieval(record) | more)
    if name in ("confidence_gate", "strong_generate"):
        return known(_of_gate(record))
    if name in ("distill_strategy", "store"):
        lesson = record["lesson"]
        return known({f"{OURS}lesson.state": lesson["state"], f"{OURS}lesson.id": lesson["id"]})
    return {}


def of_reply(message: AIMessage) -> Attributes:
    """Return what a reply says about itself, by the names of the conventions."""
    finish = _word(finish_reason(message))
    usage = message.usage_metadata
    details = details_of(usage) if usage else None
    told = {
        names.RESPONSE_MODEL: _word(model_name(message)),
        names.RESPONSE_ID: _word(message.response_metadata.get("id")),
        names.FINISH_REASONS: [finish] if finish else None,
        names.INPUT_TOKENS: usage.get("input_tokens") if usage else None,
        names.OUTPUT_TOKENS: usage.get("output_tokens") if usage else None,
        names.CACHE_READ: (details and details.cache_read) or None,
        names.CACHE_CREATION: (details and details.cache_write) or None,
        names.REASONING: (details and details.reasoning) or None,
    }
    return known(told)


def known(told: Mapping[str, Any]) -> Attributes:
    """Return what is known of `told`: an attribute has no way to be `None`.

    Examples:
        >>> known({"a": None, "b": 0, "c": []})
        {'b': 0}
    """
    return {name: value for name, value in told.items() if value is not None and value != []}


def _of_retrieval(record: DecisionRecord) -> Attributes:
    shown, held_out = record["strategies"], record["held_out"]
    return {
        f"{OURS}regime": record["regime"],
        f"{OURS}strategies.ids": [each["id"] for each in shown],
        f"{OURS}strategies.similarities": [each["similarity"] for each in shown],
        f"{OURS}strategies.held_out": [each["id"] for each in held_out],
    }


def _of_gate(record: DecisionRecord) -> Attributes:
    threshold = record["threshold"]
    return {
        f"{OURS}route": record["route"],
        f"{OURS}reason": record["reason"],
        f"{OURS}confidence": record["confidence"],
        f"{OURS}confidence.method": record["confidence_method"],
        # No number is high enough for "always_defer", and an attribute has one type.
        f"{OURS}threshold": None if isinstance(threshold, str) else threshold,
        f"{OURS}always_defer": True if threshold == "always_defer" else None,
    }


def _word(told: object) -> str | None:
    """Return what a service told, if it can be a name."""
    return told if isinstance(told, str) and 0 < len(told) <= _WORD else None


def _sum(parts: Iterator[int | None]) -> int | None:
    """Add up what is known; `None` if nothing is."""
    found: Sequence[int] = [part for part in parts if part is not None]
    return sum(found) if found else None
