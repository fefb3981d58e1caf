"""The tokenizer against `tokenizers` on 5 MB of Wikipedia: speed on one thread, and all ids."""

from __future__ import annotations

import json
import os
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import pyarrow.parquet
import sentencepiece
import tokenizers

import common
from albertlm import AlbertTokenizer

VOCABULARY = common.DATA / "albert-vocab" / "spiece.model"
BYTES = 5_000_000
ROUNDS = 5


def main() -> None:
    common.require_data(VOCABULARY, common.DATA / "corpus", common.DATA / "reference")
    lines = list(corpus_lines())
    google = AlbertTokenizer(VOCABULARY)
    hub = AlbertTokenizer(VOCABULARY, hub_mode=True)
    with tempfile.TemporaryDirectory() as folder:
        hub.save_pretrained(folder)
        peer = tokenizers.Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
        measured = speeds(lines, google, hub, peer)
        # imported late: its objects slow down Python's garbage collection
        import transformers

        transformers_peer = transformers.AlbertTokenizer.from_pretrained(folder)

    measurements = {
        "bytes": sum(len(line.encode()) for line in lines),
        "lines": len(lines),
        "different_lines": different_lines(lines, google, hub, transformers_peer),
        **measured,
    }
    print(json.dumps(measurements, indent=2))
    packages = ["numpy", "sentencepiece", "tokenizers", "transformers"]
    common.record("tokenizer", measurements, packages)


def speeds(
    lines: list[str],
    google: AlbertTokenizer,
    hub: AlbertTokenizer,
    peer: tokenizers.Tokenizer,
) -> dict[str, object]:
    """The tokens per second of each on one thread, and the ratio to `tokenizers`."""
    seconds = common.alternating_medians(
        ROUNDS,
        tokenizers_encode_batch=lambda: peer.encode_batch(lines),
        call=lambda: google(lines),
        encode_corpus=lambda: google.encode_corpus(lines),
        call_with_offsets=lambda: google(lines, return_offsets_mapping=True),
        hub_mode_call=lambda: hub(lines),
    )
    tokens = sum(len(encoding.ids) for encoding in peer.encode_batch(lines))
    base = seconds["tokenizers_encode_batch"]
    return {
        "tokens": tokens,
        "tokens_per_second": {name: round(tokens / each) for name, each in seconds.items()},
        "ratio_to_tokenizers": {name: round(base / each, 2) for name, each in seconds.items()},
    }


def different_lines(
    lines: list[str],
    google: AlbertTokenizer,
    hub: AlbertTokenizer,
    transformers_peer: Any,
) -> dict[str, int]:
    """The number of lines whose ids differ from the peer's, for each way of tokenizing."""
    processor = sentencepiece.SentencePieceProcessor(model_file=str(VOCABULARY))
    expected = [reference_ids(processor, line) for line in lines]
    corpus = [ids.tolist() for ids in google.encode_corpus(lines)]
    called = google(lines, add_special_tokens=False)["input_ids"]
    hub_called = hub(lines)["input_ids"]
    recorded = recorded_texts()
    return {
        "encode_corpus_and_sentencepiece": unequal(corpus, expected),
        "call_and_sentencepiece": unequal(called, expected),
        "hub_mode_and_transformers": unequal(hub_called, transformers_peer(lines)["input_ids"]),
        "recorded": unequal(google(list(recorded))["input_ids"], recorded.values()),
    }


def reference_ids(processor: sentencepiece.SentencePieceProcessor, text: str) -> list[int]:
    """The ids by Google's preprocessing and digit-comma rule, one character and piece at a time."""
    decomposed = unicodedata.normalize("NFKD", " ".join(text.strip().split()))
    kept = [character for character in decomposed if unicodedata.combining(character) == 0]
    pieces: list[str] = []
    for piece in processor.encode("".join(kept).lower(), out_type=str):
        if len(piece) > 1 and piece.endswith(",") and piece[-2].isdigit():
            number = processor.encode(piece[:-1].replace("▁", ""), out_type=str)
            if not piece.startswith("▁"):
                number[0] = number[0].removeprefix("▁")
            pieces += [part for part in number if part] + [","]
        else:
            pieces.append(piece)
    return [processor.piece_to_id(piece) for piece in pieces]


def recorded_texts() -> dict[str, list[int]]:
    """Texts and their ids, as recorded from a released ALBERT tokenizer."""
    recorded = json.loads((common.DATA / "reference" / "albert_reference_outputs.json").read_text())
    texts: dict[str, list[int]] = recorded["tokenisation"]["with_special_albert-base-v2"]
    return texts


def corpus_lines() -> Iterator[str]:
    file = next(iter(sorted((common.DATA / "corpus").glob("wikipedia-*.parquet"))))
    size = 0
    for text in pyarrow.parquet.read_table(file, columns=["text"])["text"].to_pylist():
        for line in filter(None, text.split("\n")):
            if size >= BYTES:
                return
            size += len(line.encode())
            yield line


def unequal(ours: Iterable[list[int]], theirs: Iterable[list[int]]) -> int:
    return sum(mine != other for mine, other in zip(ours, theirs, strict=True))


if __name__ == "__main__":
    main()
