"""One algorithm, two colours: this is where sync and async meet.

A *body* is a generator.  Whenever it needs the outside world (a model, an
encoder, a repository) it yields a `Call`, which holds that request in both
colours, and is sent the reply.  Everything between two calls is plain Python
and is written once.  The drivers are the only code that knows whether
anybody awaits: `run` and `arun` return the body's value, `stream` and `astream`
also hand out, as they arrive, the pieces of replies that come in pieces.

`yield from` nests bodies and keeps the type of what comes back.
"""

from __future__ import annotations

from langchain_intercascade._steps.calls import (
    Call,
    Fault,
    Steps,
    StreamedCall,
    ask,
    ask_streaming,
    attempt,
    attempted,
    either,
    failure,
    nothing,
    overheard,
    pausing,
    relayed,
)
from langchain_intercascade._steps.drivers import (
    arun,
    astream,
    run,
    stream,
)
from langchain_intercascade._steps.quiet import (
    QUIET,
    out_of_sight,
)
from langchain_intercascade._steps.several import (
    together,
)

__all__ = [
    "QUIET",
    "Call",
    "Fault",
    "Steps",
    "StreamedCall",
    "arun",
    "ask",
    "ask_streaming",
    "astream",
    "attempt",
    "attempted",
    "either",
    "failure",
    "nothing",
    "out_of_sight",
    "overheard",
    "pausing",
    "relayed",
    "run",
    "stream",
    "together",
]
