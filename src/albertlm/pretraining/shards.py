"""Token shards: a corpus as arrays of token ids with its sentence, paragraph and document bounds.

S sentences, P paragraphs, C documents, V vocabulary.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from albertlm import storage
from albertlm.tokenization.tokenizer import AlbertTokenizer

FORMAT = "albertlm tokens 1"
"""In the manifest: what the folder is, with the version of its layout."""

Part = Literal["training", "held-out"]
PARTS: tuple[Part, Part] = ("training", "held-out")

MANIFEST, INPUTS, TOKENIZER, WORD_STARTS = (
    "manifest.json",
    "inputs.json",
    "tokenizer",
    "word_starts.npy",
)


@dataclass(frozen=True)
class TokenShard:
    """The tokens of some documents, memory-mapped.

    Fields:
        tokens: ids of all sentences one after the other, uint16 (uint32 for large vocabularies).
        sentences: (S + 1,) where each sentence starts in `tokens`, and the end.
        paragraphs: (P + 1,) where each paragraph starts in `sentences`, and the end.
        documents: (C + 1,) where each document starts in `sentences`, and the end.
    """

    tokens: NDArray[Any]
    sentences: NDArray[np.int64]
    paragraphs: NDArray[np.int64]
    documents: NDArray[np.int64]

    @classmethod
    def open(cls, folder: Path) -> TokenShard:
        """Map the arrays in a folder that `write` made."""
        arrays = (np.load(folder / f"{each.name}.npy", mmap_mode="r") for each in fields(cls))
        return cls(*arrays)

    def write(self, folder: Path) -> dict[str, Any]:
        """Write the arrays into a new folder.

        Returns:
            What the manifest says of the shard: its counts, and the files' checksums.
        """
        folder.mkdir()
        for name, array in vars(self).items():
            save_array(folder / f"{name}.npy", array)
        return {
            "documents": len(self.documents) - 1,
            "paragraphs": len(self.paragraphs) - 1,
            "sentences": len(self.sentences) - 1,
            "tokens": len(self.tokens),
            "sha256": {f"{n}.npy": storage.sha256(folder / f"{n}.npy") for n in vars(self)},
        }


def save_array(path: Path, array: NDArray[Any]) -> None:
    """As `numpy.save`, whose errors do not say that the disk is full."""
    with path.open("wb") as file:
        header = np.lib.format.header_data_from_array_1_0(array)
        np.lib.format.write_array_header_1_0(file, header)
        file.write(array.data)


def verify(folder: Path, checksums: Mapping[str, str]) -> None:
    """Make sure that the files of a folder have these SHA-256 checksums.

    Raises:
        ValueError: one is damaged or missing.
    """
    for name, checksum in checksums.items():
        path = folder / name
        state = "missing" if not path.is_file() else "damaged: its SHA-256 is not the manifest's"
        if not path.is_file() or storage.sha256(path) != checksum:
            raise ValueError(f"{path} is {state}; run `albertlm tokens` again, which replaces it")


class TokenPart:
    """The shards of the training or of the held-out documents, and the tokenizer they share.

    Args:
        folder: holds a folder for each shard.
        shards: for each shard's name its counts and checksums; shards without text are left out.
        tokenizer: what the tokens were made with.
        word_starts: (V,) whether a piece begins a word, for masks of whole words.
    """

    def __init__(
        self,
        folder: Path,
        shards: Mapping[str, Any],
        tokenizer: AlbertTokenizer,
        word_starts: NDArray[np.bool_],
    ) -> None:
        self.folder = folder
        self.tokenizer = tokenizer
        self.word_starts = word_starts
        self._shards = {name: shard for name, shard in shards.items() if shard["tokens"]}
        self._names = list(self._shards)
        self._verified: set[str] = set()

    def __len__(self) -> int:
        """The number of shards."""
        return len(self._names)

    def __getitem__(self, number: int) -> TokenShard:
        """A shard, its files verified when it is first asked for.

        Raises:
            ValueError: a file is damaged or missing.
        """
        name = self._names[number]
        if name not in self._verified:
            verify(self.folder / name, self._shards[name]["sha256"])
            self._verified.add(name)
        return TokenShard.open(self.folder / name)

    def __iter__(self) -> Iterator[TokenShard]:
        return map(self.__getitem__, range(len(self)))

    def counts(self, unit: Literal["documents", "sentences", "tokens"]) -> NDArray[np.int64]:
        """How many there are in each shard; no file is read for it."""
        return np.array([shard[unit] for shard in self._shards.values()], np.int64)

    @property
    def checksum(self) -> str:
        """The SHA-256 of the tokenizer's checksum and those of all files."""
        state = {"tokenizer": self.tokenizer.checksum, "shards": self._shards}
        return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()

    def check_tokenizer(self, tokenizer: AlbertTokenizer) -> None:
        """Raise a ValueError where the tokens were made with another vocabulary or option."""
        if tokenizer.checksum != self.tokenizer.checksum:
            raise ValueError(
                f"{self.folder.parent} was not made with {tokenizer.vocab_file} and its options; "
                f"run `albertlm tokens` with --vocabulary {tokenizer.vocab_file.parent}"
            )


@dataclass(frozen=True)
class Tokens:
    """A folder that `albertlm tokens` has finished.

    Fields:
        folder: where it lies.
        manifest: the tokenizer's checksum, and for each part its counts and its shards.
    """

    folder: Path
    manifest: dict[str, Any]

    @classmethod
    def open(cls, folder: str | Path) -> Tokens:
        """Open a folder; its shards are verified when they are read.

        Raises:
            ValueError: it holds no tokens, or unfinished ones.
        """
        folder = Path(folder)
        manifest = storage.read_manifest(folder, FORMAT, begun=INPUTS, command="albertlm tokens")
        return cls(folder, manifest)

    @cached_property
    def tokenizer(self) -> AlbertTokenizer:
        """What the tokens were made with.

        Raises:
            ValueError: its files were changed.
        """
        folder = self.folder / TOKENIZER
        verify(folder, self.manifest["sha256"])
        return AlbertTokenizer.from_pretrained(folder)

    def part(self, name: Part) -> TokenPart:
        """The documents to train on, or those held out.

        Raises:
            ValueError: there are none, or the tokenizer's files were changed.
        """
        shards = self.manifest[name]["shards"]
        if not self.manifest[name]["tokens"]:
            raise ValueError(
                f"{self.folder} holds no {name} documents; about 1 % of all are held out, "
                "so make tokens of more documents"
            )
        tokenizer = self.tokenizer
        word_starts = np.load(self.folder / TOKENIZER / WORD_STARTS)
        return TokenPart(self.folder / name, shards, tokenizer, word_starts)
