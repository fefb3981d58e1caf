"""`albertlm vocab`: train a vocabulary on a corpus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from albertlm import storage
from albertlm.cli import common

if TYPE_CHECKING:
    from albertlm.corpus.shards import Corpus
    from albertlm.tokenization.vocabulary import Fertility

INPUTS = "inputs.json"
"""The file in the folder that says from which corpus and with which options it was made."""

MEASURED_CHARACTERS = 20_000_000
"""The maximum number of held-out characters that the vocabulary is measured on."""


def vocab(
    corpus: common.CorpusArgument,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the tokenizer.")],
    size: Annotated[int, typer.Option(help="Number of pieces.")] = 30000,
    sample: Annotated[int, typer.Option(help="Number of random sentences to train on.")] = 500_000,
    seed: Annotated[int, typer.Option(help="Seed of the random sample.")] = 0,
    cased: Annotated[bool, typer.Option("--cased", help="Keep upper case.")] = False,
    keep_accents: Annotated[bool, typer.Option("--keep-accents", help="Keep accents.")] = False,
    character_coverage: Annotated[
        float,
        typer.Option(help="Share of all characters covered by pieces; 0.9995 for Chinese."),
    ] = 0.99995,
    compare: Annotated[
        str | None,
        typer.Option(help="Another vocabulary to measure: a folder, a spiece.model, or a hub id."),
    ] = None,
    as_json: common.JsonOption = False,
) -> None:
    """Train a SentencePiece vocabulary with ALBERT's special pieces on a corpus.

    The folder contains the whole tokenizer, including `--cased` and `--keep-accents`. Held-out
    documents (about 1 %, by a hash of their ids) are used only to measure the vocabulary.
    """
    from albertlm.corpus.shards import Corpus
    from albertlm.tokenization.tokenizer import AlbertTokenizer
    from albertlm.tokenization.vocabulary import fertility, train_vocabulary

    options: dict[str, Any] = {
        "vocab_size": size,
        "sample_size": sample,
        "seed": seed,
        "character_coverage": character_coverage,
        "do_lower_case": not cased,
        "keep_accents": keep_accents,
    }
    peer = AlbertTokenizer.from_pretrained(compare) if compare else None
    opened = Corpus.open(corpus)
    held_out: list[str] = []
    with _claimed(output, opened, options), common.counting("documents") as count:

        def texts() -> Iterator[str]:
            characters = 0
            for shard in opened.shards:
                for document in opened.documents(shard):
                    count()
                    if not document.held_out:
                        yield document.text
                    elif characters < MEASURED_CHARACTERS:
                        held_out.append(document.text)
                        characters += len(document.text)

        model = train_vocabulary(texts(), output, **options)
        tokenizer = AlbertTokenizer(model, do_lower_case=not cased, keep_accents=keep_accents)
        tokenizer.save_pretrained(output)
    tokenizers = {str(output): tokenizer}
    if compare and peer:
        tokenizers[compare] = peer
    measured = {
        name: (each, fertility(each, held_out)) for name, each in tokenizers.items() if held_out
    }
    if as_json:
        fits = [_fit(name, len(each), counts) for name, (each, counts) in measured.items()]
        common.print_json(
            {"vocabulary": str(output), "held_out_documents": len(held_out), "measured": fits}
        )
        return
    if not measured:
        print(f"{output}: {len(tokenizer):,} pieces, not measured: no document is held out")
        return
    columns = ("vocabulary", "#pieces", "#tokens/word", "#characters/token", "#unknown tokens")
    rows = [
        (
            name,
            f"{len(each):,}",
            f"{counts.tokens_per_word:.3f}",
            f"{counts.characters_per_token:.3f}",
            f"{counts.unknown_share:.3%}",
        )
        for name, (each, counts) in measured.items()
    ]
    common.print_table(columns, rows, title=f"on {len(held_out):,} held-out documents")


@contextmanager
def _claimed(folder: Path, corpus: Corpus, options: Mapping[str, Any]) -> Iterator[None]:
    """Lock and claim the folder of a vocabulary."""
    shards = {name: each["sha256"] for name, each in corpus.manifest["shards"].items()}
    with storage.exclusive(folder):
        if not (folder / "spiece.model").exists():
            # nothing of an interrupted or refused training is used
            (folder / INPUTS).unlink(missing_ok=True)
        identity = {"corpus": shards, **options}
        storage.claim(folder, INPUTS, identity, what="a vocabulary")
        yield


def _fit(name: str, size: int, counts: Fertility) -> dict[str, Any]:
    return {
        "vocabulary": name,
        "size": size,
        "tokens_per_word": counts.tokens_per_word,
        "characters_per_token": counts.characters_per_token,
        "unknown_share": counts.unknown_share,
    }
