"""Training of a vocabulary: SentencePiece's unigram model with ALBERT's pieces and flags."""

from __future__ import annotations

import io
import random
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import sentencepiece

from albertlm import storage
from albertlm.tokenization.normalization import GoogleNormalizer

CONTROL_PIECES = ("[CLS]", "[SEP]", "[MASK]")
"""Pieces 2, 3 and 4; `<pad>` is 0 and `<unk>` is 1."""

SYMBOL_PIECES = ("(", ")", '"', "-", ".", "–", "£", "€")
"""Pieces 5 to 12: symbols that never share a piece with anything else."""

_LONGEST_SENTENCE = 4192
"""Bytes; SentencePiece leaves longer sentences out."""


def train_vocabulary(
    texts: Iterable[str],
    path: str | Path,
    *,
    vocab_size: int = 30000,
    sample_size: int = 10_000_000,
    seed: int = 0,
    character_coverage: float = 0.99995,
    do_lower_case: bool = True,
    keep_accents: bool = False,
) -> Path:
    """Train `spiece.model` on texts, normalised as the tokenizer will normalise them.

    Args:
        texts: sentences, paragraphs or whole documents; their lines are the training sentences.
        path: the folder for `spiece.model` and `spiece.vocab`, or a file name ending in `.model`.
        vocab_size: number of pieces, the 13 special ones included.
        sample_size: sentences that are kept in memory and trained on, drawn at random from all.
        seed: of that draw.
        character_coverage: share of the characters' occurrences that get a piece of their own.
        do_lower_case: lower-case the texts.
        keep_accents: keep the combining marks.

    Returns:
        The path of the written `.model` file.

    Raises:
        ValueError: an argument is out of its range, or the texts are too few for `vocab_size`.

    Source: the training flags in the README of the released code.
    """
    _check(vocab_size, sample_size, character_coverage)
    model = Path(path) if str(path).endswith(".model") else Path(path) / "spiece.model"
    normalize = GoogleNormalizer(do_lower_case, keep_accents)
    # SentencePiece would draw the sample itself, but with a seed that cannot be set.
    drawn = _draw(_lines(texts), sample_size, seed)
    sentences = [part for line in drawn for part in _parts(normalize(line))]
    if not sentences:
        raise ValueError("there is no text to train a vocabulary on; give texts that are not empty")
    trained = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences),
            model_writer=trained,
            model_type="unigram",
            vocab_size=vocab_size,
            pad_id=0,
            unk_id=1,
            bos_id=-1,
            eos_id=-1,
            control_symbols=list(CONTROL_PIECES),
            user_defined_symbols=list(SYMBOL_PIECES),
            character_coverage=character_coverage,
            max_sentence_length=_LONGEST_SENTENCE,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise ValueError(_explain(str(error), vocab_size, len(sentences))) from None
    with storage.atomic_path(model) as temporary:
        temporary.write_bytes(trained.getvalue())
    with storage.atomic_path(model.with_suffix(".vocab")) as temporary:
        temporary.write_text(_listing(trained.getvalue()), encoding="utf-8")
    return model


def _lines(texts: Iterable[str]) -> Iterator[str]:
    """The lines of the texts that are not blank."""
    for text in texts:
        if not isinstance(text, str):
            raise ValueError(f"a text is of type {type(text).__name__}; give strings")
        for line in text.splitlines():
            if line and not line.isspace():
                yield line


def _draw(lines: Iterator[str], size: int, seed: int) -> list[str]:
    """A sample in which each line has the same chance, however many there are."""
    draw = random.Random(seed)  # noqa: S311 - a sample, not a secret
    drawn: list[str] = []
    for count, line in enumerate(lines):
        if count < size:
            drawn.append(line)
        elif (place := int(draw.random() * (count + 1))) < size:
            drawn[place] = line
    return drawn


def _parts(line: str) -> Iterator[str]:
    """The line, cut at spaces into parts that SentencePiece does not leave out."""
    if len(line.encode()) <= _LONGEST_SENTENCE:
        if line:
            yield line
        return
    words: list[str] = []
    size = 0
    for word in line.split(" "):
        length = len(word.encode()) + 1
        if words and size + length > _LONGEST_SENTENCE:
            yield " ".join(words)
            words, size = [], 0
        words.append(word)
        size += length
    yield " ".join(words)


def _listing(model: bytes) -> str:
    """The pieces and their scores, one a line, as SentencePiece lists them."""
    trained = sentencepiece.SentencePieceProcessor(model_proto=model)
    return "".join(
        f"{trained.id_to_piece(piece)}\t{trained.get_score(piece):g}\n"
        for piece in range(len(trained))
    )


def _check(vocab_size: int, sample_size: int, character_coverage: float) -> None:
    reserved = 2 + len(CONTROL_PIECES) + len(SYMBOL_PIECES)
    if vocab_size <= reserved:
        raise ValueError(f"vocab_size={vocab_size} is not allowed; it must be more than {reserved}")
    if sample_size <= 100:
        raise ValueError(f"sample_size={sample_size} is not allowed; it must be more than 100")
    if not 0.9 <= character_coverage <= 1:
        raise ValueError(
            f"character_coverage={character_coverage} is not allowed; it must be from 0.9 to 1"
        )


def _explain(message: str, vocab_size: int, sentences: int) -> str:
    """What to do about an error of SentencePiece, in one line."""
    if largest := re.search(r"value <= (\d+)", message):
        return (
            f"{sentences} sentences are too few for vocab_size={vocab_size}; "
            f"give more text, or a vocab_size of {largest[1]} or less"
        )
    if needed := re.search(r"required_chars\. \d+ vs (\d+)", message):
        return (
            f"vocab_size={vocab_size} is less than the {needed[1]} pieces that the characters of "
            "the texts need; raise it, or lower character_coverage"
        )
    return f"SentencePiece cannot train on these texts: {' '.join(message.split())}"
