"""The tokens of some made-up documents."""

from collections.abc import Callable

import pytest

from albertlm.pretraining.shards import TokenPart


@pytest.fixture(scope="session", params=[1, 4], ids=["one shard", "four shards"])
def part(
    request: pytest.FixtureRequest,
    make_tokens: Callable[..., TokenPart],
    many_documents: list[list[str]],
) -> TokenPart:
    """60 documents of 1 to 20 sentences."""
    return make_tokens(many_documents, shards=request.param)
