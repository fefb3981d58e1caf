"""The same application on Ray Serve, in as many replicas as the load needs."""

from __future__ import annotations

import dataclasses
import signal
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from albertlm.executors import connected
from albertlm.serving.app import create_app
from albertlm.serving.model_service import ModelService
from albertlm.serving.serving_config import ServingConfig

NAME = "albertlm"
"""The name of the application on the cluster."""


def serve_on_ray(
    config: ServingConfig, address: str | None, told: Callable[[str], None] = print
) -> None:
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
            serve.shutdown()


def application(config: ServingConfig) -> Any:
    """The application of Ray Serve; each replica makes the app anew."""
    from ray import serve

    # Ray's proxy listens, so the replicas do not
    config = dataclasses.replace(config, port=0)
    replica = serve.deployment(
        serve.ingress(partial(_app, config))(),
        name=NAME,
        num_replicas="auto",
        max_ongoing_requests=config.max_queue,
    )
    return replica.bind()


def _app(config: ServingConfig) -> Any:
    return create_app(ModelService(config), config)


def _wait_for_signal() -> None:
    stopped = threading.Event()
    handlers = {
        each: signal.signal(each, lambda *_: stopped.set())
        for each in (signal.SIGINT, signal.SIGTERM)
    }
    stopped.wait()
    for each, handler in handlers.items():
        signal.signal(each, handler)
