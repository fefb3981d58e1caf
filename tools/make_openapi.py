"""Write the OpenAPI document of the server: `python tools/make_openapi.py docs/openapi.json`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

from albertlm.serving.app import create_app
from albertlm.serving.serving_config import ServingConfig

if TYPE_CHECKING:
    from albertlm.serving.service import Service


def document() -> str:
    """The document as it is committed; it depends neither on models nor on options."""
    app = create_app(cast("Service", None), ServingConfig())
    return json.dumps(app.openapi(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(document(), encoding="utf-8")
