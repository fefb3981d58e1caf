"""The same application on Ray Serve, in as many replicas as the load needs."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

from albertlm.executors import connected
from albertlm.serving.app import create_app
from albertlm.serving.model_service import ModelService
from albertlm.serving.serving_config import ServingConfig

NAME = "albertlm"
"""The name of the application on the cluster."""


def serve_on_ray(config: ServingConfig, address: str | None, told: Callable[[str], None]) -> None:
    """Serve models on a Ray cluster until SIGINT or SIGTERM.

    Each replica is a server of its own, with its own workers, queue and metrics; all nodes must
    see the folders of the models.

    Args:
        config: what is served; each replica has its limits.
        address: the head of the cluster, as in `executors.open_executor`; a cluster on this
            machine by default.
        told: called with the address of the page, once a replica is there.

    Raises:
        ConnectionError: no cluster answers at the address.
    """
    with connected(address):
        from ray import serve

        serve.start(http_options={"host": config.host, "port": config.port})
        try:
            serve.run(application(config), name=NAME)
            told(f"http://{config.host}:{config.port}")
            _wait_for_signal()
        finally:
            serve.shutdown()  # type: ignore[no-untyped-call]


def application(config: ServingConfig) -> Any:
    """The application of Ray Serve; each replica makes the app anew."""
    from ray import serve

    def app() -> FastAPI:  # which Ray tells from an app by its being a plain function
        return create_app(ModelService(config), config)

    replica: Any = serve.deployment(
        serve.ingress(app)(),
        name=NAME,
        num_replicas="auto",
        max_ongoing_requests=config.max_queue,
    )
    return replica.bind()


def _wait_for_signal() -> None:
    stopped = threading.Event()
    handlers = {
        each: signal.signal(each, lambda *_: stopped.set())
        for each in (signal.SIGINT, signal.SIGTERM)
    }
    stopped.wait()
    for each, handler in handlers.items():
        signal.signal(each, handler)
