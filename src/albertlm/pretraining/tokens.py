"""A corpus to token shards: one shard of each part for each shard of the corpus."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from albertlm import storage
from albertlm.corpus.sentences import paragraphs
from albertlm.corpus.shards import Corpus, read_documents
from albertlm.corpus.shards import verify as verify_documents
from albertlm.executors import Executor
from albertlm.pretraining.masking import begins_word
from albertlm.pretraining.shards import (
    FORMAT,
    INPUTS,
    MANIFEST,
    PARTS,
    TOKENIZER,
    WORD_STARTS,
    Part,
    Tokens,
    TokenShard,
    save_array,
    verify,
)
from albertlm.tokenization.tokenizer import AlbertTokenizer

_SENTENCES_AT_ONCE = 8192
_COUNTS = ("documents", "paragraphs", "sentences", "tokens")


@dataclass(frozen=True)
class TokenizeTask:
    """What one worker tokenises.

    Fields:
        documents: a shard of the corpus.
        sha256: of that file.
        folder: of all tokens; holds the tokenizer.
        tokenizer: its checksum.
        name: of the shard in `training` and in `held-out`.
    """

    documents: Path
    sha256: str
    folder: Path
    tokenizer: str
    name: str


def build_tokens(
    corpus: Corpus,
    tokenizer: AlbertTokenizer,
    folder: str | Path,
    executor: Executor,
    on_shard: Callable[[], None] = lambda: None,
) -> Tokens:
    """Tokenise a corpus: `training/00000 …`, `held-out/00000 …`, `tokenizer/`, `manifest.json`.

    Shards that are there and whole stay, so that an interrupted call, made again, goes on and ends
    in the same bytes.

    Args:
        corpus: the documents; about 1 % are held out (`Document.held_out`).
        tokenizer: is saved with the tokens. Special tokens in the text are text here.
        folder: is made, or completed if it was begun with the same corpus and tokenizer.
        executor: does the work, a shard of the corpus a task.
        on_shard: called after each, for a progress bar.

    Raises:
        ValueError: the folder was begun with another corpus or tokenizer, a shard of the corpus is
            damaged, or there is no text.
        OSError: the disk is full.
    """
    folder = Path(folder).absolute()
    _claim(folder, corpus, tokenizer)
    tokenizer_sha256 = _write_tokenizer(tokenizer, folder / TOKENIZER)
    tasks = [
        TokenizeTask(
            documents=shard.absolute(),
            sha256=corpus.manifest["shards"][shard.name]["sha256"],
            folder=folder,
            tokenizer=tokenizer.checksum,
            name=f"{number:05}",
        )
        for number, shard in enumerate(corpus.shards)
    ]
    shards: dict[Part, dict[str, Any]] = {
        part: dict.fromkeys(t.name for t in tasks) for part in PARTS
    }
    # the largest first, so that no worker is left alone with one at the end
    tasks.sort(key=lambda task: task.documents.stat().st_size, reverse=True)
    for number, made in executor.map(tokenize, tasks):
        for part in PARTS:
            shards[part][tasks[number].name] = made[part]
        on_shard()
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "tokenizer": tokenizer.checksum,
        "vocabulary_size": tokenizer.vocab_size,
        "sha256": tokenizer_sha256,
    }
    for part in PARTS:
        totals = {unit: sum(each[unit] for each in shards[part].values()) for unit in _COUNTS}
        manifest[part] = {**totals, "shards": shards[part]}
    if not manifest["training"]["tokens"]:
        raise ValueError(f"{corpus.folder} holds no text to train on; build it of more documents")
    for name in (".", TOKENIZER, *PARTS):
        storage.remove_unfinished(folder / name)
    storage.write_json(folder / MANIFEST, manifest)
    return Tokens.open(folder)


def tokenize(task: TokenizeTask) -> dict[Part, Any]:
    """Make the two token shards of a shard of the corpus, but for those that are there and whole.

    Returns:
        For each part the counts of its shard, and the checksums of its files.
    """
    folders = {part: task.folder / part / task.name for part in PARTS}
    if not all(map(_is_whole, folders.values())):
        verify_documents(task.documents, task.sha256)
        tokenizer = _tokenizer(task.folder / TOKENIZER, task.tokenizer)
        arrays = {part: _Arrays(tokenizer) for part in PARTS}
        for document in read_documents(task.documents):
            arrays["held-out" if document.held_out else "training"].add(document.text)
        for part, folder in folders.items():
            with storage.replaced_folder(folder) as temporary:
                entry = arrays[part].joined().write(temporary)
                storage.write_json(temporary / MANIFEST, entry)
    return {part: storage.read_json(folder / MANIFEST) for part, folder in folders.items()}


class _Arrays:
    """Collects documents as the arrays of a shard.

    Sentences without a token are left out, and paragraphs and documents without a sentence.
    """

    def __init__(self, tokenizer: AlbertTokenizer) -> None:
        self._tokenizer = tokenizer
        self._dtype = np.uint16 if tokenizer.vocab_size <= 1 << 16 else np.uint32
        self._waiting: list[str] = []
        self._paragraph_sizes: list[int] = []
        self._document_sizes: list[int] = []
        self._tokens: list[NDArray[Any]] = []
        self._lengths: list[NDArray[np.int64]] = []

    def add(self, text: str) -> None:
        parts = paragraphs(text)
        for sentences in parts:
            self._waiting += sentences
        sizes = list(map(len, parts))
        self._paragraph_sizes += sizes
        self._document_sizes.append(sum(sizes))
        if len(self._waiting) >= _SENTENCES_AT_ONCE:
            self._encode()

    def joined(self) -> TokenShard:
        self._encode()
        tokens = np.concatenate(self._tokens)
        lengths = np.concatenate(self._lengths)
        kept = lengths > 0
        return TokenShard(
            tokens=tokens,
            sentences=_bounds(lengths[kept]),
            paragraphs=_bounds(_kept_in(kept, self._paragraph_sizes)),
            documents=_bounds(_kept_in(kept, self._document_sizes)),
        )

    def _encode(self) -> None:
        ids, lengths = self._tokenizer.encode_joined(self._waiting)
        self._tokens.append(ids.astype(self._dtype))
        self._lengths.append(lengths)
        self._waiting = []


def _kept_in(kept: NDArray[np.bool_], sizes: list[int]) -> NDArray[np.int64]:
    """How many of each group's sentences are kept, without groups that keep none."""
    before = np.append(0, np.cumsum(kept))
    counts = np.diff(before[_bounds(np.array(sizes, np.int64))])
    return counts[counts > 0]


def _bounds(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.append(0, np.cumsum(lengths)).astype(np.int64)


def _is_whole(shard: Path) -> bool:
    try:
        verify(shard, storage.read_json(shard / MANIFEST)["sha256"])
    except (FileNotFoundError, KeyError, ValueError):
        return False
    return True


@lru_cache(maxsize=1)
def _tokenizer(folder: Path, checksum: str) -> AlbertTokenizer:
    """The tokenizer of a worker, read for its first task only."""
    del checksum  # another tokenizer may come to lie in the same folder
    return AlbertTokenizer.from_pretrained(folder)


def _write_tokenizer(tokenizer: AlbertTokenizer, folder: Path) -> dict[str, str]:
    """Save the tokenizer and which pieces begin a word; returns the files' checksums."""
    tokenizer.save_pretrained(folder)
    with storage.atomic_path(folder / WORD_STARTS) as temporary:
        save_array(temporary, begins_word(tokenizer.get_vocab()))
    return {path.name: storage.sha256(path) for path in sorted(folder.glob("[!.]*"))}


def _claim(folder: Path, corpus: Corpus, tokenizer: AlbertTokenizer) -> None:
    """Write what the tokens are made of, or make sure that they were begun with the same."""
    inputs = {
        "corpus": {name: each["sha256"] for name, each in corpus.manifest["shards"].items()},
        "tokenizer": tokenizer.checksum,
    }
    path = folder / INPUTS
    if not path.is_file():
        if any(folder.glob("[!.]*")):
            raise ValueError(f"{folder} holds something else than tokens; name another output")
        storage.write_json(path, inputs)
    begun = storage.read_json(path)
    for name, value in inputs.items():
        if begun.get(name) != value:
            raise ValueError(f"{folder} was begun with another {name}; name another output")
