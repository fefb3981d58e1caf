"""Tokenise a corpus: for each of its shards, one token shard of each part."""

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
from albertlm.data.masking import begins_word
from albertlm.data.token_shards import (
    FORMAT,
    INPUTS,
    MANIFEST,
    MEND,
    PARTS,
    TOKENIZER,
    UNITS,
    WORD_STARTS,
    Part,
    Tokens,
    TokenShard,
    save_array,
)
from albertlm.executors import Executor
from albertlm.tokenization.tokenizer import AlbertTokenizer

_SENTENCES_AT_ONCE = 8192


@dataclass(frozen=True)
class TokenizeTask:
    """A task of `tokenize`: one shard of the corpus.

    Fields:
        documents: the shard.
        sha256: the checksum of the shard.
        folder: the folder of all tokens, which contains the tokenizer.
        tokenizer: the checksum of the tokenizer.
        name: the name of the token shards in `training` and in `held-out`.
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

    Complete shards are kept, so an interrupted call that is repeated resumes and produces the same
    bytes.

    Args:
        corpus: the documents; about 1 % are held out (`Document.held_out`).
        tokenizer: the tokenizer, which is saved with the tokens. Special tokens in documents are
            treated as text.
        folder: created, or completed if it was begun with the same corpus and tokenizer.
        executor: runs the tasks, one for each shard of the corpus.
        on_shard: called after each shard, for a progress bar.

    Raises:
        ValueError: the folder was begun with another corpus or tokenizer, a shard of the corpus is
            damaged, or there is no text.
        OSError: the disk is full.
    """
    folder = Path(folder).absolute()
    identity = {
        "corpus": {name: each["sha256"] for name, each in corpus.manifest["shards"].items()},
        "tokenizer": tokenizer.checksum,
    }
    with storage.exclusive(folder):
        storage.claim(folder, INPUTS, identity, what="tokens")
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
        # the largest first, so that none is left to a single worker at the end
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
            totals = {unit: sum(each[unit] for each in shards[part].values()) for unit in UNITS}
            manifest[part] = {**totals, "shards": shards[part]}
        if not manifest["training"]["tokens"]:
            raise ValueError(
                f"{corpus.folder} holds no text to train on; build it from more documents"
            )
        for name in (".", TOKENIZER, *PARTS):
            storage.remove_unfinished(folder / name)
        storage.write_json(folder / MANIFEST, manifest)
        return Tokens.open(folder)


def tokenize(task: TokenizeTask) -> dict[Part, Any]:
    """Make the two token shards of a shard of the corpus, unless both are complete.

    Returns:
        For each part, the counts of its shard and the checksums of its files.
    """
    folders = {part: task.folder / part / task.name for part in PARTS}
    if not all(map(_is_whole, folders.values())):
        checksum = {task.documents.name: task.sha256}
        storage.verify(task.documents.parent, checksum, mend="build the corpus again")
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

    Sentences without tokens and paragraphs and documents without sentences are left out.
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
    """The number of sentences kept in each group, without groups that keep none."""
    before = np.append(0, np.cumsum(kept))
    counts = np.diff(before[_bounds(np.array(sizes, np.int64))])
    return counts[counts > 0]


def _bounds(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.append(0, np.cumsum(lengths)).astype(np.int64)


def _is_whole(shard: Path) -> bool:
    try:
        storage.verify(shard, storage.read_json(shard / MANIFEST)["sha256"], mend=MEND)
    except (FileNotFoundError, KeyError, ValueError):
        return False
    return True


@lru_cache(maxsize=1)
def _tokenizer(folder: Path, checksum: str) -> AlbertTokenizer:
    """The tokenizer of a worker, loaded for its first task only."""
    del checksum  # only a key of the cache: the tokenizer in a folder may change
    return AlbertTokenizer.from_pretrained(folder)


def _write_tokenizer(tokenizer: AlbertTokenizer, folder: Path) -> dict[str, str]:
    """Save the tokenizer and which pieces begin a word, and return the files' checksums."""
    tokenizer.save_pretrained(folder)
    with storage.atomic_path(folder / WORD_STARTS) as temporary:
        save_array(temporary, begins_word(tokenizer.pieces))
    return {path.name: storage.sha256(path) for path in sorted(folder.glob("[!.]*"))}
