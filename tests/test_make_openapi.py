"""The committed OpenAPI document is that of the code."""

from pathlib import Path

import make_openapi

COMMITTED = Path(__file__).parent.parent / "docs" / "openapi.json"


def test_the_committed_document_is_that_of_the_code() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == make_openapi.document(), "run make openapi"
