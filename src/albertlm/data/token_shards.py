"""Token shards on disk: ids and the bounds of sentences, paragraphs and documents.

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
from albertlm.settings import check, check_count
from albertlm.tokenization.tokenizer import AlbertTokenizer

FORMAT = "albertlm tokens 1"
"""The format of the folder in its manifest, with the version of the layout."""

MEND = "run `albertlm tokens` again, which replaces it"
"""What to do about a damaged or missing file."""

Part = Literal["training", "held-out"]
PARTS: tuple[Part, Part] = ("training", "held-out")

UNITS = ("documents", "paragraphs", "sentences", "tokens")
"""What is counted in shards."""

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
        tokens: the concatenated ids of all sentences, uint16 (uint32 for large vocabularies).
        sentences: (S + 1,) the start of each sentence in `tokens`, and the end.
        paragraphs: (P + 1,) the start of each paragraph in `sentences`, and the end.
        documents: (C + 1,) the start of each document in `sentences`, and the end.
    """

    tokens: NDArray[Any]
    sentences: NDArray[np.int64]
    paragraphs: NDArray[np.int64]
    documents: NDArray[np.int64]

    @classmethod
    def open(cls, folder: Path) -> TokenShard:
        """Memory-map the arrays in a folder that `write` made."""
        arrays = (np.load(folder / f"{each.name}.npy", mmap_mode="r") for each in fields(cls))
        return cls(*arrays)

    def write(self, folder: Path) -> dict[str, Any]:
        """Write the arrays into a new folder.

        Returns:
            The shard's entry in the manifest: its counts and the files' checksums.
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


def _check_entries(manifest: Mapping[str, Any]) -> None:
    """Raise an error of any type unless a manifest has what is used of it."""
    check_count(vocabulary_size=manifest["vocabulary_size"])
    check(isinstance(manifest["tokenizer"], str), "text", tokenizer=manifest["tokenizer"])
    _check_checksums(manifest["sha256"])
    for part in PARTS:
        entries = {part: manifest[part], **manifest[part]["shards"]}
        for entry in entries.values():
            check_count(**{unit: entry[unit] for unit in UNITS})
        for name, entry in manifest[part]["shards"].items():
            check(Path(name).name == name, "the name of a folder", shard=name)
            _check_checksums(entry["sha256"])


def _check_checksums(checksums: Mapping[str, Any]) -> None:
    for name, checksum in checksums.items():
        check(Path(name).name == name, "the name of a file", file=name)
        check(isinstance(checksum, str), "text", sha256=checksum)


def save_array(path: Path, array: NDArray[Any]) -> None:
    """Like `numpy.save`, but errors say when the disk is full."""
    with path.open("wb") as file:
        header = np.lib.format.header_data_from_array_1_0(array)
        np.lib.format.write_array_header_1_0(file, header)
        file.write(array.data)


class TokenPart:
    """The shards of the training or held-out documents, and their tokenizer.

    Args:
        folder: contains a folder for each shard.
        shards: the counts and checksums of each shard, by name; empty shards are left out.
        tokenizer: the tokenizer that made the tokens.
        word_starts: (V,) whether each piece begins a word, for whole-word masking.
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
        """A shard, whose files are verified at the first access.

        Raises:
            ValueError: a file is damaged or missing.
        """
        name = self._names[number]
        if name not in self._verified:
            storage.verify(self.folder / name, self._shards[name]["sha256"], mend=MEND)
            self._verified.add(name)
        return TokenShard.open(self.folder / name)

    def __iter__(self) -> Iterator[TokenShard]:
        return map(self.__getitem__, range(len(self)))

    def counts(self, unit: Literal["documents", "sentences", "tokens"]) -> NDArray[np.int64]:
        """The number of units in each shard, without reading any files."""
        return np.array([shard[unit] for shard in self._shards.values()], np.int64)

    @property
    def checksum(self) -> str:
        """The SHA-256 of the checksums of the tokenizer and all files."""
        state = {"tokenizer": self.tokenizer.checksum, "shards": self._shards}
        return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()

    def check_tokenizer(self, tokenizer: AlbertTokenizer) -> None:
        """Raise a ValueError if the tokens were made with another vocabulary or other options."""
        if tokenizer.checksum != self.tokenizer.checksum:
            raise ValueError(
                f"{self.folder.parent} was not made with {tokenizer.vocab_file} and its options; "
                f"run `albertlm tokens` with --vocabulary {tokenizer.vocab_file.parent}"
            )


@dataclass(frozen=True)
class Tokens:
    """A finished folder of `albertlm tokens`.

    Fields:
        folder: the path of the folder.
        manifest: the tokenizer's checksum, and the counts and shards of each part.
    """

    folder: Path
    manifest: dict[str, Any]

    @classmethod
    def open(cls, folder: str | Path) -> Tokens:
        """Open a folder; its shards are verified when they are read.

        Raises:
            ValueError: the folder contains no tokens, or they are unfinished.
        """
        folder = Path(folder)
        manifest = storage.read_manifest(folder, FORMAT, begun=INPUTS, command="albertlm tokens")
        with storage.parsing(folder / MANIFEST):
            _check_entries(manifest)
        return cls(folder, manifest)

    @property
    def vocab_size(self) -> int:
        """The number of pieces of the tokenizer."""
        size: int = self.manifest["vocabulary_size"]
        return size

    @property
    def held_out(self) -> TokenPart | None:
        """The held-out documents, or None if there are none."""
        return self.part("held-out") if self.manifest["held-out"]["tokens"] else None

    @cached_property
    def tokenizer(self) -> AlbertTokenizer:
        """The tokenizer that made the tokens.

        Raises:
            ValueError: its files were changed.
        """
        folder = self.folder / TOKENIZER
        storage.verify(folder, self.manifest["sha256"], mend=MEND)
        return AlbertTokenizer.from_pretrained(folder)

    def part(self, name: Part) -> TokenPart:
        """The training or the held-out documents.

        Raises:
            ValueError: there are none, or the tokenizer's files were changed.
        """
        shards = self.manifest[name]["shards"]
        if not self.manifest[name]["tokens"]:
            raise ValueError(
                f"{self.folder} holds no {name} documents; about 1 % of all are held out, "
                "so make tokens from more documents"
            )
        tokenizer = self.tokenizer
        word_starts = np.load(self.folder / TOKENIZER / WORD_STARTS)
        return TokenPart(self.folder / name, shards, tokenizer, word_starts)
