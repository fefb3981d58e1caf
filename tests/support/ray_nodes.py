"""A Ray cluster on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def two_nodes(cores: int) -> Iterator[str]:
    """The address of a cluster of two nodes, which report `cores` cores each.

    Its workers can import the modules of this folder.
    """
    from ray.cluster_utils import Cluster

    path = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONPATH", os.pathsep.join(filter(None, path)))
        nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": cores})
        nodes.add_node(num_cpus=cores)
    yield nodes.address
    nodes.shutdown()  # type: ignore[no-untyped-call]
