"""Listening, and stopping gracefully: no answer is cut off, no lesson that was paid for lost."""

from __future__ import annotations

import logging
import socket
from typing import TYPE_CHECKING

import uvicorn

from langchain_intercascade.errors import ConfigurationError, RepositoryError, RepositoryLockedError
from langchain_intercascade.serve.door import Keys, check_address
from langchain_intercascade.serve.gateway import Gateway

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from langchain_intercascade.chat_model import InterCascade
    from langchain_intercascade.config.config import Config

logger = logging.getLogger(__name__)


class GatewayServer(uvicorn.Server):
    """Serves a gateway in one process, until it is told to stop.

    At the first signal nobody new is let in (503), and those inside finish; at a second one,
    or when their time is over, they are cut off.
    """

    def __init__(self, gateway: Gateway) -> None:
        """Serve `gateway`."""
        self.gateway = gateway
        # Not its access log: what is counted is in the metrics. A second is for goodbyes; those
        # inside have had their time by then.
        super().__init__(
            uvicorn.Config(
                gateway.app(),
                access_log=False,
                log_level="warning",
                lifespan="off",
                ws="none",
                server_header=False,
                timeout_graceful_shutdown=1,
            )
        )

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's
        """Begin to close; at the second time, close at once."""
        if self.gateway.room.closing:
            self.should_exit = self.force_exit = True
        else:
            self.gateway.close()

    async def on_tick(self, counter: int) -> bool:
        """Say whether to stop: once closing, when all are out or their time is over."""
        room = self.gateway.room
        if room.closing and (room.inside == 0 or self.gateway.seconds_left == 0):
            self.should_exit = True
        return await super().on_tick(counter)


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        ConfigurationError: Nobody can listen there, or somebody does already.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        msg = (
            f"Nobody can listen on serve.host={host!r}, serve.port={port}: "
            f"{error.strerror or type(error).__name__}. Choose another with --host and --port."
        )
        raise ConfigurationError(msg) from error


def serve(config: Config, *, ready: Callable[[str], object]) -> int:
    """Serve the cascade of `config` until the process is told to stop.

    Args:
        config: What to serve, where, and to whom.
        ready: Told the address once it listens.

    Returns:
        How many lessons are left for the next time.

    Raises:
        ConfigurationError: It can never work as configured.
        RepositoryLockedError: Another process owns the folder of the repository.
    """
    keys = Keys(config.gateway_keys(), otherwise=config.tenant)
    host, limits = config.serve.host, config.serve.limits
    check_address(host, keys)
    cascade = config.cascade()
    gateway = Gateway(cascade, keys=keys, limits=limits)
    try:
        recover(cascade, keys)
        with listening(host, config.serve.port) as place:
            name = f"[{host}]" if ":" in host else host
            ready(f"http://{name}:{place.getsockname()[1]}")
            GatewayServer(gateway).run(sockets=[place])
    finally:
        left = cascade.close(timeout=gateway.seconds_left)
    return left


def recover(cascade: InterCascade, keys: Keys) -> None:
    """Open the repository, and queue the lessons that an earlier process left pending."""
    for tenant in keys.tenants:
        try:
            cascade.recover(tenant)
        except RepositoryLockedError:
            raise
        except RepositoryError as error:
            # It may come back; until then all is answered without strategies.
            name = type(error).__name__
            logger.warning(
                "The repository cannot be reached yet (%s).",
                name,
                extra={"event": "repository_out_of_reach", "error": name},
            )
