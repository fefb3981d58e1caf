"""What the tests of training share."""

from collections.abc import Iterator

import pytest
from processes import Processes


@pytest.fixture(scope="session")
def processes() -> Iterator[Processes]:
    """Three processes, which take part as a test asks."""
    three = Processes(3)
    yield three
    three.pool.shutdown()
