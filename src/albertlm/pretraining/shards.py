"""Token shards: a corpus as one array of token ids with its sentence and document boundaries.

S sentences, C documents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from albertlm import storage
from albertlm.corpus.documents import read_documents
from albertlm.corpus.sentences import sentences
from albertlm.tokenization.tokenizer import AlbertTokenizer

_BATCH = 512


@dataclass(frozen=True)
class TokenShard:
    """A tokenised corpus, memory-mapped.

    Fields:
        tokens: ids of all sentences one after the other, uint16 (uint32 for large vocabularies).
        sentences: (S + 1,) where each sentence starts in `tokens`, and the end.
        documents: (C + 1,) where each document starts in `sentences`, and the end.
        manifest: the vocabulary's checksum and size, and the counts.
    """

    tokens: NDArray[Any]
    sentences: NDArray[np.int64]
    documents: NDArray[np.int64]
    manifest: dict[str, Any]

    @classmethod
    def open(cls, folder: str | Path) -> TokenShard:
        """Open a folder written by `write_shard`.

        Raises:
            ValueError: the folder holds no shard, or its parts contradict each other.
        """
        folder = Path(folder)
        if not (folder / "manifest.json").is_file():
            raise ValueError(f"{folder} holds no token shard; remove it, so that one is made")
        manifest = storage.read_json(folder / "manifest.json")
        arrays = [
            np.load(folder / f"{name}.npy", mmap_mode="r")
            for name in ("tokens", "sentences", "documents")
        ]
        tokens, sentences, documents = arrays
        if sentences[-1] != len(tokens) or documents[-1] != len(sentences) - 1:
            raise ValueError(f"{folder}: the boundaries do not end where the tokens end; remake it")
        return cls(tokens, sentences, documents, manifest)

    def check_vocabulary(self, tokenizer: AlbertTokenizer) -> None:
        """Raise a ValueError where the shard was not made with this tokenizer's vocabulary."""
        if self.manifest.get("vocabulary") != storage.sha256(tokenizer.vocab_file):
            raise ValueError(
                f"the shard was made with another vocabulary than {tokenizer.vocab_file}; remake it"
            )


def shard_of_files(
    files: Sequence[Path],
    tokenizer: AlbertTokenizer,
    folder: str | Path,
    *,
    held_out: bool,
    language: str = "en",
    on_document: Callable[[], None] = lambda: None,
) -> TokenShard:
    """The tokens of files of documents, made where `folder` does not hold them yet.

    Args:
        files: as in `read_documents`.
        tokenizer: its vocabulary and options.
        folder: is made, or opened if it was made from the same files in the same way.
        held_out: take the held-out documents only, or all others.
        language: of the sentences.
        on_document: called for each document read, for a progress bar.

    Raises:
        ValueError: the folder was made from other files or in another way.
    """
    made_from = {
        "files": {path.name: storage.sha256(path) for path in files},
        "held_out": held_out,
        "language": language,
        "do_lower_case": tokenizer.do_lower_case,
        "keep_accents": tokenizer.keep_accents,
        "vocabulary": storage.sha256(tokenizer.vocab_file),
    }
    if Path(folder).exists():
        shard = TokenShard.open(folder)
        for name, value in made_from.items():
            if shard.manifest.get("made_from", {}).get(name) != value:
                raise ValueError(f"{folder} was made with other {name}; name another output")
        return shard

    def documents() -> Iterator[list[str]]:
        for document in read_documents(files):
            on_document()
            if document.held_out == held_out:
                yield sentences(document, language)

    return write_shard(documents(), tokenizer, folder, made_from)


def write_shard(
    documents: Iterable[list[str]],
    tokenizer: AlbertTokenizer,
    folder: str | Path,
    made_from: dict[str, Any] | None = None,
) -> TokenShard:
    """Tokenise documents, each a list of sentences, into a new folder.

    `made_from` goes into the manifest. Special tokens in the text are text here. Sentences without
    a token are left out, and so are documents without a sentence.

    Raises:
        ValueError: there is no document at all.
    """
    dtype = np.uint16 if tokenizer.vocab_size <= 1 << 16 else np.uint32
    tokens: list[NDArray[Any]] = []
    sentence_lengths: list[NDArray[np.int64]] = []
    document_lengths: list[int] = []
    for batch in _batches(documents):
        encoded = tokenizer.encode_corpus([sentence for document in batch for sentence in document])
        lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
        tokens += [np.asarray(ids, dtype) for ids in encoded]
        sentence_lengths.append(lengths[lengths > 0])
        start = 0
        for document in batch:
            kept = int(np.count_nonzero(lengths[start : start + len(document)]))
            start += len(document)
            if kept:
                document_lengths.append(kept)
    if not document_lengths:
        raise ValueError("there is no text to tokenise; name files that hold documents")
    with storage.atomic_path(folder) as temporary:
        temporary.mkdir()
        joined = np.concatenate(tokens)
        np.save(temporary / "tokens.npy", joined)
        np.save(temporary / "sentences.npy", _boundaries(np.concatenate(sentence_lengths)))
        np.save(temporary / "documents.npy", _boundaries(np.asarray(document_lengths)))
        manifest = {
            "vocabulary": storage.sha256(tokenizer.vocab_file),
            "vocabulary_size": tokenizer.vocab_size,
            "documents": len(document_lengths),
            "sentences": sum(map(len, sentence_lengths)),
            "tokens": len(joined),
            "made_from": made_from or {},
        }
        storage.write_json(temporary / "manifest.json", manifest)
    return TokenShard.open(folder)


def _batches(documents: Iterable[list[str]]) -> Iterable[list[list[str]]]:
    batch: list[list[str]] = []
    for document in documents:
        batch.append(document)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    yield batch


def _boundaries(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
