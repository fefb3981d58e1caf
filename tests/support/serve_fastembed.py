"""Print the features of texts by fastembed as JSON: python serve_fastembed.py FOLDER TEXT ...

It runs in an environment of its own, without albertlm.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def features(folder: str, texts: list[str]) -> list[Any]:
    """The mean over the tokens of each text, by an exported model."""
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType

    with open(f"{folder}/config.json", encoding="utf-8") as file:  # noqa: PTH123
        size = json.load(file)["hidden_size"]
    TextEmbedding.add_custom_model(
        model="own/model",
        pooling=PoolingType.MEAN,
        normalization=False,
        sources=ModelSource(hf="own/model"),
        dim=size,
        model_file="model.onnx",
    )
    model = TextEmbedding("own/model", specific_model_path=folder)
    return [vector.tolist() for vector in model.embed(texts)]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(features(sys.argv[1], sys.argv[2:])))
