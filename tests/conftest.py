"""What all tests share."""

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("ALBERTLM_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of third-party data; a test that needs it is skipped where it is missing."""
    if not DATA.is_dir():
        pytest.skip(f"no data at {DATA}; set ALBERTLM_DATA to the folder that holds it")
    return DATA


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "shared_data" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.shared)
