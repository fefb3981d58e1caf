"""The server process: it listens, and drains when it is told to stop."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator

import uvicorn

from albertlm.serving.app import create_app
from albertlm.serving.logs import log_config
from albertlm.serving.model_service import ModelService
from albertlm.serving.serving_config import ServingConfig

GRACE, KEEP_ALIVE = 30, 75
"""Seconds that requests have to end in after a signal, and that idle connections stay open."""


def serve(config: ServingConfig, told: Callable[[str], None]) -> None:
    """Serve models until SIGINT or SIGTERM; requests that are there by then are answered.

    Args:
        config: what is served.
        told: called with the address of the page, once the server listens.

    Raises:
        OSError: the address cannot be listened at.
        ValueError: a model is named twice or cannot be found.
    """
    app = create_app(ModelService(config), config)
    with listen(config.host, config.port) as listening:
        host, port = listening.getsockname()[:2]
        told(f"http://{f'[{host}]' if ':' in host else host}:{port}")
        options = uvicorn.Config(
            app,
            log_config=log_config(),
            access_log=False,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=GRACE,
            server_header=False,
        )
        Server(options).run(sockets=[listening])


HANDLED = (signal.SIGINT, signal.SIGTERM)


class Server(uvicorn.Server):
    """A server whose process exits with 0 after a signal, rather than by the signal."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {each: signal.signal(each, self.handle_exit) for each in HANDLED}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at an address.

    Raises:
        OSError: nothing can listen there; the message says what to change.
    """
    try:
        (family, *_, address), *_ = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        return socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(
            f"cannot listen at {host}:{port}: {reason}; choose another --host or --port"
        ) from None
