"""Requests that schemathesis generates from the OpenAPI document, sent to `albertlm serve`.

Half of them have the form that the document asks for, the others are wrong in some way. An answer
that is an error of the server, or has a status, a content type or a body that the document does not
know, ends the run. Two models are served: the one that ships, and a small classifier with random
weights.

`make campaign` runs this.

    PYTHONPATH=tests/support python benchmarks/serving_requests.py [--requests N]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import transformers
from generated_requests import send_generated

import common
from albertlm import AlbertTokenizer, hub
from servers import OURS, serving

NAMES = ("model", "classifier", "nowhere")
"""The models, and one that is not served."""


def write_classifier(folder: Path) -> Path:
    """A classifier of three labels, with the vocabulary of the model that ships."""
    tokenizer = AlbertTokenizer.from_pretrained(hub.SHIPPED)
    tokenizer.save_pretrained(folder)
    config = transformers.AlbertConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=256,
        num_attention_heads=2,
        id2label=dict(enumerate(("bad", "fair", "good"))),
    )
    transformers.AlbertForSequenceClassification(config).save_pretrained(folder)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    count = parser.parse_args().requests
    with tempfile.TemporaryDirectory() as temporary:
        classifier = write_classifier(Path(temporary))
        with serving(OURS[0], hub.SHIPPED, f"classifier={classifier}") as (address, _, _):
            begin = time.perf_counter()
            statuses = send_generated(address, NAMES, count, number=0)
            seconds = time.perf_counter() - begin
    row = {
        "requests": sum(statuses.values()),
        "seconds": round(seconds),
        **{f"status {status}": count for status, count in sorted(statuses.items())},
    }
    common.record("serving_requests", {"generated": row}, ["fastapi", "schemathesis", "uvicorn"])


if __name__ == "__main__":
    main()
