"""A server that `serving` compares with: FastAPI over fastembed, in its own environment.

    python serving_fastembed.py FOLDER PORT

FOLDER is an export for ONNX. The features are means over the tokens of a text, of length 1.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import fastapi
import uvicorn
from fastembed import TextEmbedding
from fastembed.common.model_description import ModelSource, PoolingType


def load(folder: str) -> TextEmbedding:
    """The exported model under a name of its own, as fastembed wants it."""
    TextEmbedding.add_custom_model(
        model="own/model",
        pooling=PoolingType.MEAN,
        normalization=True,
        sources=ModelSource(hf="own/model"),
        dim=json.loads((Path(folder) / "config.json").read_text())["hidden_size"],
        model_file="model.onnx",
    )
    return TextEmbedding("own/model", specific_model_path=folder)


def application(model: TextEmbedding) -> fastapi.FastAPI:
    """Requests compute in threads; ONNX Runtime lets them."""
    app = fastapi.FastAPI()

    @app.get("/health")
    def ready() -> dict[str, bool]:
        return {"ready": True}

    @app.post("/models/model/pipeline/feature-extraction")
    def answer(request: dict[str, Any]) -> Any:
        return [vector.tolist() for vector in model.embed([request["inputs"]])]

    return app


if __name__ == "__main__":
    uvicorn.run(application(load(sys.argv[1])), port=int(sys.argv[2]), log_level="error")
