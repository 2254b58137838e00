"""A client that costs next to nothing: it sends the same bytes and reads what comes back."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked of each server in a round.

    Attributes:
        name: What it is called in the report.
        in_flight: Connections that each wait for their answer before they ask again.
        calls: Questions in all.
        delay: Seconds that the model takes.
    """

    name: str
    in_flight: int
    calls: int
    delay: float = 0.0


def request(port: int) -> bytes:
    """Return a question as it goes over the wire."""
    question = "Ann has 12 pens and finds 5 more, then gives 3 away. How many does she have?"
    body = {"model": "intercascade", "messages": [{"role": "user", "content": question}]}
    content = json.dumps(body).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{port}\r\n"
        "Content-Type: application/json\r\n"
        "Authorization: Bearer benchmark-key\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


async def latencies(port: int, load: Load) -> list[float]:
    """Ask all questions of `load`; return how many seconds each took.

    Raises:
        RuntimeError: An answer is not a success.
    """
    left = iter(range(load.calls))
    taken: list[float] = []
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(load.in_flight):
                group.create_task(_asking(port, left, taken))
    except* RuntimeError as several:
        raise several.exceptions[0] from None
    return taken


async def _asking(port: int, left: Iterator[int], taken: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    question = request(port)
    try:
        for _ in left:  # shared by all, so that each asks as often as it can
            began = time.perf_counter()
            writer.write(question)
            await _answered(reader)
            taken.append(time.perf_counter() - began)
    finally:
        writer.close()
        await writer.wait_closed()


async def _answered(reader: asyncio.StreamReader) -> None:
    head = (await reader.readuntil(_END)).lower()
    start = head.index(_LENGTH) + len(_LENGTH)
    content = await reader.readexactly(int(head[start : head.index(b"\r", start)]))
    if not head.startswith(b"http/1.1 200"):
        msg = f"The server said {content[:200]!r}."
        raise RuntimeError(msg)
