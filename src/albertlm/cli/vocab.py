"""`albertlm vocab`: documents to a vocabulary."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from albertlm.cli import common


def vocab(
    corpus: common.Corpus,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the tokenizer.")],
    size: Annotated[int, typer.Option(help="Number of pieces.")] = 30000,
    sample: Annotated[int, typer.Option(help="Sentences to train on, drawn from all.")] = 500_000,
    seed: Annotated[int, typer.Option(help="Of that draw.")] = 0,
    cased: Annotated[bool, typer.Option("--cased", help="Keep upper case.")] = False,
    keep_accents: Annotated[bool, typer.Option("--keep-accents", help="Keep accents.")] = False,
    language: common.Language = "en",
    as_json: common.Json = False,
) -> None:
    """Train a SentencePiece vocabulary with ALBERT's special pieces on documents.

    The folder holds the tokenizer whole, `--cased` and `--keep-accents` included.
    Held-out documents (about 1 %, by a hash of their ids) are not used.
    """
    from albertlm.corpus.documents import read_documents
    from albertlm.corpus.sentences import sentences
    from albertlm.tokenization.tokenizer import AlbertTokenizer
    from albertlm.tokenization.vocabulary import train_vocabulary

    with common.counting("documents") as count:

        def texts() -> Iterator[str]:
            for document in read_documents(corpus):
                count()
                if not document.held_out:
                    yield "\n".join(sentences(document, language))

        model = train_vocabulary(
            texts(),
            output,
            vocab_size=size,
            sample_size=sample,
            seed=seed,
            do_lower_case=not cased,
            keep_accents=keep_accents,
        )
    tokenizer = AlbertTokenizer(model, do_lower_case=not cased, keep_accents=keep_accents)
    tokenizer.save_pretrained(output)
    if as_json:
        common.print_json({"vocabulary": str(output), "size": size})
    else:
        print(f"{size} pieces: {output}")
