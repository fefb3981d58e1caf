"""Fixtures for the tests of training."""

from collections.abc import Iterator

import pytest
from processes import Processes


@pytest.fixture(scope="session")
def processes() -> Iterator[Processes]:
    """Three processes, of which a test uses some or all."""
    three = Processes(3)
    yield three
    three.pool.shutdown()
