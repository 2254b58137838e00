"""How strategies read on a screen: one a line, or one in full."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from langchain_intercascade.cli.screen import dollars
from langchain_intercascade.errors import how_many
from langchain_intercascade.repository.belief import effect
from langchain_intercascade.repository.ledger import (
    has_paid_off,
    net_benefit,
    standing,
)
from langchain_intercascade.strategy import Strategy


def columns(*names: str, right: Sequence[str] = ()) -> Table:
    """Return an empty table with these columns; those in `right` hold figures."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for name in names:
        table.add_column(
            name,
            justify="right" if name in right else "left",
            no_wrap=name == "id",
            overflow="fold",
        )
    return table


def table_of(found: Sequence[Strategy]) -> Table:
    """Return one line for each strategy."""
    title = "title, or why there is none"
    figures = ("learned from", "saved", "cost")
    table = columns("id", "state", title, *figures, right=figures)
    for each in found:
        name = each.advice.title if each.advice else each.reason or "not distilled yet"
        saved = sum(tally.saved for tally in each.ledger.values())
        taught = how_many(each.support, "deferral")
        cells = (taught, dollars(saved) if each.ledger else "-", dollars(each.cost))
        table.add_row(each.id[:8], each.state.value, name, *cells)
    return table


def pairs(described: Iterator[tuple[str, str]]) -> Table:
    """Return labels and texts, without those that are empty."""
    lines = Table.grid(padding=(0, 2))
    lines.add_column(style="dim", no_wrap=True)
    for label, text in described:
        if text:
            lines.add_row(label, text)
    return lines


def in_full(strategy: Strategy) -> Table:
    """Return all that is known of a strategy."""
    return pairs(_described(strategy))


def _described(strategy: Strategy) -> Iterator[tuple[str, str]]:
    yield "id", strategy.id
    yield "state", strategy.state.value
    yield "reason", strategy.reason
    yield from _advised(strategy)
    yield from _learned(strategy)
    yield from _proved(strategy)
    yield "made", f"{strategy.created_at}, last changed {strategy.updated_at}"
    yield "in use", _span(strategy)
    yield "expires", strategy.expires_at
    yield "history", "\n".join(f"{each.at[:19]}  {each.what}" for each in strategy.history)


def _advised(strategy: Strategy) -> Iterator[tuple[str, str]]:
    if (advice := strategy.advice) is None:
        return
    yield "title", advice.title
    yield "kind", advice.kind.value
    yield "use when", advice.when_to_use
    yield "not when", advice.when_not_to_use
    yield "steps", "\n".join(f"{at}. {step}" for at, step in enumerate(advice.steps, start=1))
    yield "pitfalls", "\n".join(advice.pitfalls)
    yield "checks", "\n".join(advice.checks)


def _learned(strategy: Strategy) -> Iterator[tuple[str, str]]:
    yield "found by", "\n".join(strategy.keys)
    yield "taught by", f"{strategy.origin.strong_model}, run {strategy.origin.run_id}"
    sources = sorted({strategy.origin.source, *(each.source for each in strategy.merged)} - {""})
    yield "on behalf of", ", ".join(sources)
    yield "made from", "\n".join(strategy.origin.parents)
    yield "support", how_many(strategy.support, "deferral")
    yield "verified by", strategy.verified_by
    yield "example", "kept, see --json" if strategy.example else ""
    yield "perhaps the same as", ", ".join(each[:8] for each in strategy.similar_to)
    misled = len(strategy.misled)
    queries = how_many(misled, "query, and its like,", "queries, and their like,")
    yield "kept from", f"{queries} that it misled on" if misled else ""


def _proved(strategy: Strategy) -> Iterator[tuple[str, str]]:
    paid = {True: "has paid off", False: "has not paid off yet"}
    if (done := has_paid_off(strategy)) is None:
        yield "cost", "unknown, and so is whether it has paid off"
    else:
        net = dollars_signed(net_benefit(strategy))
        yield "cost", f"{dollars(strategy.cost)}, net {net}: {paid[done]}"
    replays = strategy.replays
    if replays.source is not None or replays.passed or replays.failed:
        own = {True: "solved", False: "not solved", None: "not tried"}[replays.source]
        tried = replays.passed + replays.failed
        yield (
            "tried out",
            f"its own query {own}; {replays.passed} of {how_many(tried, 'other')} solved",
        )
    for model, tally in sorted(strategy.ledger.items()):
        believed = effect(tally)
        told = (
            f"{standing(tally)}: {100 * believed.mean:+.0f} points of right answers "
            f"(+- {100 * believed.deviation:.0f}), {how_many(tally.labels, 'label')}, shown "
            f"{how_many(tally.uses, 'time')}, saved {dollars(tally.saved)}"
        )
        yield f"with {model}", told


def dollars_signed(amount: float) -> str:
    """Return `amount` in dollars, with its sign where it is a loss.

    Examples:
        >>> dollars_signed(-0.5), dollars_signed(2)
        ('-$0.5000', '$2.00')
    """
    return f"-{dollars(-amount)}" if amount < 0 else dollars(amount)


def _span(strategy: Strategy) -> str:
    if not strategy.activated_at:
        return ""
    until = f" until {strategy.retired_at}" if strategy.retired_at else ""
    return f"since {strategy.activated_at}{until}"
