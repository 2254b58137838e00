"""The provider of the soak, in a process of its own: two models, of which some requests fail.

It sees every prompt, so it is here that one tenant's name in another's prompt is found.
"""

from __future__ import annotations

import json
import multiprocessing
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, Final, NamedTuple

from benchmarks.reliability_questions import NAME, asked_in
from langchain_intercascade.prompts import STRATEGIES_MARK
from langchain_intercascade.testing import Fault, StubReply, StubServer, Trouble
from langchain_intercascade.testing.stub.book import EMPTY_BODY, MALFORMED_JSON, Recorded

KINDS: Final[dict[str, Fault]] = {
    "status 500": Fault(status=500),
    "status 503": Fault(status=503),
    "status 429": Fault(status=429, retry_after=0.01),
    "hang up in the middle": Fault(cut_after=3),
    "malformed JSON": MALFORMED_JSON,
    "empty answer": EMPTY_BODY,
    "slow": Fault(hang=0.2, chunk_delay=0.01),
}

DISTILS: Final = "reusable strategies"
SURE, DOUBTFUL = -0.01, -2.0


class Served(NamedTuple):
    """What the provider has seen.

    Attributes:
        requests: How many there were, by model.
        faults: How many of them went wrong, by kind.
        leaks: Prompts with the names of two tenants.
        unknown: Requests that hold no question of the soak.
        with_strategies: Prompts that show strategies.
        distilled_again: Answers to distil prompts about a question that had had one.
    """

    requests: dict[str, int]
    faults: dict[str, int]
    leaks: int
    unknown: int
    with_strategies: int
    distilled_again: int


class Provider:
    """The other side of the pipe."""

    def __init__(self, pipe: Connection, base_url: str) -> None:
        """Talk through `pipe`."""
        self.base_url = base_url
        self._pipe = pipe

    def served(self) -> Served:
        """Return what the provider has seen so far."""
        self._pipe.send("served")
        found: Served = self._pipe.recv()
        return found


@contextmanager
def provider(kinds: Mapping[str, Fault], *, share: float, seed: int) -> Iterator[Provider]:
    """Run a provider.

    Args:
        kinds: What goes wrong, all equally often.
        share: Of the requests, which go wrong.
        seed: Says which requests go wrong, and how.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serving, args=(there, kinds, share, seed), daemon=True)
    process.start()
    there.close()
    try:
        yield Provider(here, here.recv())
    finally:
        here.close()
        process.join(10)
        process.kill()
        process.join()
        process.close()


def _serving(pipe: Connection, kinds: Mapping[str, Fault], share: float, seed: int) -> None:
    with StubServer() as server:
        for number, model in enumerate(("weak", "strong")):
            trouble = Trouble(share, tuple(kinds.values()), seed=2 * seed + number)
            server.model(model, _reply, trouble=trouble)
        pipe.send(server.base_url)
        while _is_open(pipe):
            pipe.send(seen(server.requests, kinds))


def _is_open(pipe: Connection) -> bool:
    """Wait for a request, or for the end."""
    try:
        return bool(pipe.recv())
    except EOFError:
        return False


def _reply(request: dict[str, Any]) -> StubReply:
    prompt = json.dumps(request["messages"])
    if (question := asked_in(prompt)) is None:
        return StubReply("What is this about?")
    if DISTILS in prompt:
        return StubReply(question.advice)
    return StubReply(question.answer, logprob=SURE if question.sure else DOUBTFUL)


def seen(requests: Sequence[Recorded], kinds: Mapping[str, Fault]) -> Served:
    """Return what there is to say of `requests`, of which some met with faults of these kinds."""
    prompts = [json.dumps(each.body.get("messages", [])) for each in requests]
    name_of = {fault: name for name, fault in kinds.items()}
    distilled = Counter(
        asked_in(prompt)
        for prompt, each in zip(prompts, requests, strict=True)
        if DISTILS in prompt and each.fault is None and not each.aborted
    )
    return Served(
        requests=dict(Counter(each.model for each in requests)),
        faults=dict(Counter(name_of[each.fault] for each in requests if each.fault is not None)),
        leaks=sum(len(set(NAME.findall(prompt))) > 1 for prompt in prompts),
        unknown=sum(asked_in(prompt) is None for prompt in prompts),
        with_strategies=sum(STRATEGIES_MARK in prompt for prompt in prompts),
        distilled_again=distilled.total() - len(distilled),
    )
