"""Pack a folder of tokens into parts that are small enough to be sent, and unpack them.

    python tools/pack_tokens.py pack TOKENS PARTS
    python tools/pack_tokens.py check PARTS [BESIDE ...]
    python tools/pack_tokens.py unpack PARTS TOKENS
    python tools/pack_tokens.py sample TOKENS SAMPLE

The parts are one xz stream, cut to at most 38 MiB, of a tar archive with the manifest, the
tokenizer and an array of 16 bits a token for each shard. In these arrays, the ends of sentences,
paragraphs and documents are further ids behind those of the vocabulary. `parts.json` holds the
checksums of the parts; it must be sent with each of them.

`check` compares the checksums and adds up what is sent at a time: the files of this project that
git does not ignore, a part, and files or folders beside it. The folder of the parts must be one
that git ignores. `sample` makes a small folder of tokens to try a training with, from a shard of
held-out documents.
"""

from __future__ import annotations

import argparse
import io
import lzma
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from albertlm import storage
from albertlm.data.token_shards import MANIFEST, PARTS, TOKENIZER, UNITS, Tokens, TokenShard
from albertlm.settings import check

ROOT = Path(__file__).parents[1]
INDEX = "parts.json"
PART_BYTES, SENT_BYTES = 38 << 20, 64 << 20
"""The size of a part, and what can be sent at a time, at most."""

MEND = "pack the tokens again"
FILTERS = [
    {"id": lzma.FILTER_LZMA2, "preset": 9, "dict_size": 128 << 20, "lc": 0, "lp": 1, "pb": 1}
]
"""Those that compress ids of two bytes best."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, places in (
        ("pack", "TOKENS PARTS"),
        ("check", "PARTS"),
        ("unpack", "PARTS TOKENS"),
        ("sample", "TOKENS SAMPLE"),
    ):
        command = commands.add_parser(name)
        for place in places.split():
            command.add_argument(place.lower(), metavar=place, type=Path)
        if name == "check":
            command.add_argument("beside", metavar="BESIDE", type=Path, nargs="*")
    options = parser.parse_args(arguments)
    try:
        match options.command:
            case "pack":
                pack(Tokens.open(options.tokens), options.parts)
            case "check":
                check_sizes(options.parts, options.beside)
            case "unpack":
                unpack(options.parts, options.tokens)
            case "sample":
                sample(Tokens.open(options.tokens), options.sample)
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")


def pack(tokens: Tokens, folder: Path, largest: int = PART_BYTES) -> None:
    """Write `part-01`, `part-02` … and `parts.json` into a folder, which is replaced.

    Args:
        tokens: the tokens.
        folder: the folder.
        largest: the maximum number of bytes of a part.

    Raises:
        ValueError: the vocabulary is too large for ids of 16 bits, or a shard is damaged.
    """
    pieces = tokens.vocab_size
    check(pieces + 3 <= 1 << 16, f"at most {(1 << 16) - 3:,}", vocabulary_size=pieces)
    with storage.replaced_folder(folder) as temporary:
        temporary.mkdir()
        with (
            _Parts(temporary, largest) as parts,
            lzma.LZMAFile(cast(Any, parts), "w", filters=FILTERS) as compressed,
            tarfile.open(fileobj=compressed, mode="w|", format=tarfile.USTAR_FORMAT) as archive,
        ):
            names = [MANIFEST, *(f"{TOKENIZER}/{name}" for name in tokens.manifest["sha256"])]
            for name in names:
                _add(archive, name, (tokens.folder / name).read_bytes())
            for part in PARTS:
                if tokens.manifest[part]["tokens"]:
                    names = [n for n, e in tokens.manifest[part]["shards"].items() if e["tokens"]]
                    for name, shard in zip(names, tokens.part(part), strict=True):
                        _add(archive, f"{part}/{name}", join_ends(shard, pieces).tobytes())
        checksums = {path.name: storage.sha256(path) for path in sorted(temporary.iterdir())}
        storage.write_json(temporary / INDEX, {"sha256": checksums})


def unpack(parts: Path, folder: Path) -> Tokens:
    """Make the folder of tokens that was packed; a finished one is kept.

    Raises:
        OSError: a part is missing.
        ValueError: a part is damaged, or the tokens are not those that were packed.
    """
    if (folder / MANIFEST).is_file():
        return Tokens.open(folder)
    checksums = _verified(parts)
    stream = io.BytesIO(b"".join((parts / name).read_bytes() for name in sorted(checksums)))
    with (
        storage.replaced_folder(folder) as temporary,
        lzma.open(stream) as opened,
        tarfile.open(fileobj=opened, mode="r|") as archive,
    ):
        manifest: dict[str, Any] = {}
        for member in archive:
            content = archive.extractfile(member)
            assert content is not None  # noqa: S101 (for mypy: all members are files)
            place = temporary / member.name
            place.parent.mkdir(parents=True, exist_ok=True)
            part, _, name = member.name.partition("/")
            if part in PARTS:
                joined = np.frombuffer(content.read(), np.uint16)
                made = split_ends(joined, manifest["vocabulary_size"]).write(place)
                if made["sha256"] != manifest[part]["shards"][name]["sha256"]:
                    raise ValueError(f"{member.name} of {parts} is another shard; {MEND}")
            else:
                place.write_bytes(content.read())
            if member.name == MANIFEST:
                manifest = storage.read_json(place)
    return Tokens.open(folder)


def sample(tokens: Tokens, folder: Path) -> Tokens:
    """Write the first shard of held-out documents as both parts into a folder, which is replaced.

    Raises:
        ValueError: no documents are held out.
    """
    tokens.part("held-out")
    shards = tokens.manifest["held-out"]["shards"]
    name, entry = next((name, entry) for name, entry in shards.items() if entry["tokens"])
    with storage.replaced_folder(folder) as temporary:
        shutil.copytree(tokens.folder / TOKENIZER, temporary / TOKENIZER)
        for part in PARTS:
            shutil.copytree(tokens.folder / "held-out" / name, temporary / part / name)
        counts = {unit: entry[unit] for unit in UNITS}
        made = {part: {**counts, "shards": {name: entry}} for part in PARTS}
        storage.write_json(temporary / MANIFEST, tokens.manifest | made)
    return Tokens.open(folder)


def join_ends(shard: TokenShard, pieces: int) -> NDArray[np.uint16]:
    """The tokens of a shard with an id after each sentence that says what ends there.

    Args:
        shard: the shard.
        pieces: the size of the vocabulary, which is the id of the end of a sentence; the next two
            are those of the ends of a paragraph and of a document.
    """
    ends_S = np.full(len(shard.sentences) - 1, pieces, np.uint16)
    ends_S[shard.paragraphs[1:] - 1] = pieces + 1
    ends_S[shard.documents[1:] - 1] = pieces + 2
    joined: NDArray[np.uint16] = np.insert(shard.tokens, shard.sentences[1:], ends_S)
    return joined


def split_ends(joined: NDArray[np.uint16], pieces: int) -> TokenShard:
    """The shard that `join_ends` made one array of."""
    places_S = np.flatnonzero(joined >= pieces)
    ends_S = joined[places_S]
    sentences = places_S - np.arange(len(places_S))
    bounds = [sentences, *(np.flatnonzero(ends_S >= pieces + kind) + 1 for kind in (1, 2))]
    return TokenShard(joined[joined < pieces], *(np.append(0, each) for each in bounds))


def check_sizes(parts: Path, beside: Sequence[Path] = (), root: Path = ROOT) -> None:
    """Check the parts, and that each of them can be sent together with the project's files.

    Args:
        parts: the folder of the parts.
        beside: other files and folders that are sent with each of them.
        root: the folder of the project.

    Raises:
        OSError: a part is missing.
        ValueError: a part is damaged or too large, or the folder is not ignored by git.
    """
    checksums = _verified(parts)
    ignored = ["git", "check-ignore", "--quiet", str(parts.resolve())]
    if subprocess.run(ignored, cwd=root, check=False).returncode:  # noqa: S603
        raise ValueError(f"git does not ignore {parts}; pack into a folder below runs/")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    paths = {root / name for name in listed.split("\0") if name} | {parts / INDEX}
    paths.update(each for path in beside for each in (path, *path.rglob("*")))
    others = sum(path.stat().st_size for path in paths if path.is_file())
    for name in sorted(checksums):
        size = (parts / name).stat().st_size
        print(f"{name}: {size:,} bytes, and {others:,} of the project and beside it")
        if others + size > SENT_BYTES:
            raise ValueError(
                f"{parts / name} and what is sent with it have {others + size:,} bytes; "
                f"{SENT_BYTES:,} can be sent at a time"
            )


def _verified(parts: Path) -> dict[str, str]:
    """The checksums of the parts, which are verified."""
    checksums: dict[str, str] = storage.read_json(parts / INDEX)["sha256"]
    storage.verify(parts, checksums, mend=MEND)
    return checksums


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


class _Parts(io.RawIOBase):
    """A file that is cut into others, `part-01`, `part-02` …"""

    def __init__(self, folder: Path, largest: int) -> None:
        self.folder, self.largest = folder, largest
        self.number, self.left = 0, 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data)
        while view:
            if not self.left:
                self.number, self.left = self.number + 1, self.largest
            with (self.folder / f"part-{self.number:02}").open("ab") as file:
                written = file.write(view[: self.left])
            self.left -= written
            view = view[written:]
        return len(data)


if __name__ == "__main__":
    main()
