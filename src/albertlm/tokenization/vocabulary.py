"""Training of a vocabulary with ALBERT's special pieces, and a measure of how well one fits."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import sentencepiece

from albertlm import storage
from albertlm.tokenization import training_process
from albertlm.tokenization.normalization import GoogleNormalizer
from albertlm.tokenization.tokenizer import AlbertTokenizer

CONTROL_PIECES = ("[CLS]", "[SEP]", "[MASK]")
"""Pieces 2, 3 and 4; `<pad>` is 0 and `<unk>` is 1."""

SYMBOL_PIECES = ("(", ")", '"', "-", ".", "–", "£", "€")
"""Pieces 5 to 12: symbols that never share a piece with other characters."""

_LONGEST_SENTENCE = 4192
"""In bytes; SentencePiece ignores longer sentences."""

_CHARACTERS_AT_ONCE = 1 << 22
"""In texts that are encoded together; encoding takes about ten times as many bytes."""


@dataclass(frozen=True, slots=True)
class Fertility:
    """Counts over texts, which can be added, and the ratios between them.

    Fields:
        words: the number of words, as separated by white space.
        characters: the number of characters in those words.
        tokens: the number of tokens of the texts.
        unknown: the number of those tokens that are `<unk>`.
    """

    words: int = 0
    characters: int = 0
    tokens: int = 0
    unknown: int = 0

    def __add__(self, other: Fertility) -> Fertility:
        return Fertility(*map(sum, zip(astuple(self), astuple(other), strict=True)))

    @property
    def tokens_per_word(self) -> float:
        """Tokens per word; means little for scripts that do not separate words by spaces."""
        return self.tokens / max(self.words, 1)

    @property
    def characters_per_token(self) -> float:
        return self.characters / max(self.tokens, 1)

    @property
    def unknown_share(self) -> float:
        """The share of `<unk>` among the tokens."""
        return self.unknown / max(self.tokens, 1)


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
        vocab_size: the number of pieces, including the 13 special ones.
        sample_size: the number of sentences to keep in memory and to train on, drawn at random.
        seed: the seed of that draw.
        character_coverage: the share of all characters in the texts that the pieces cover.
        do_lower_case: lower-case the texts.
        keep_accents: keep the combining marks.

    Returns:
        The path of the written `.model` file.

    Raises:
        ValueError: an argument is out of range, or there is too little text for `vocab_size`.

    Source: the training flags in the README of the released code.
    """
    _check(vocab_size, sample_size, character_coverage)
    model = Path(path) if str(path).endswith(".model") else Path(path) / "spiece.model"
    normalize = GoogleNormalizer(do_lower_case, keep_accents)
    # SentencePiece can draw the sample itself, but its seed cannot be set.
    drawn = _draw(_lines(texts), sample_size, seed)
    sentences = [part for line in drawn for part in _parts(normalize(line))]
    if not sentences:
        raise ValueError("there is no text to train a vocabulary on; give texts that are not empty")
    try:
        trained = training_process.train(
            sentences,
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
        temporary.write_bytes(trained)
    with storage.atomic_path(model.with_suffix(".vocab")) as temporary:
        temporary.write_text(_listing(trained), encoding="utf-8")
    return model


def fertility(tokenizer: AlbertTokenizer, texts: Iterable[str]) -> Fertility:
    """The counts over texts; each line is encoded separately, as in a corpus."""
    if isinstance(texts, str):
        raise ValueError("texts is one string; give a list of strings")
    total = Fertility()
    batch: list[str] = []
    characters = 0
    for text in texts:
        batch.append(text)
        characters += len(text)
        if characters >= _CHARACTERS_AT_ONCE:
            total += _count(tokenizer, batch)
            batch, characters = [], 0
    return total + _count(tokenizer, batch)


def _lines(texts: Iterable[str]) -> Iterator[str]:
    """The lines of the texts that are not blank."""
    for text in texts:
        if not isinstance(text, str):
            raise ValueError(f"a text is of type {type(text).__name__}; give strings")
        for line in text.splitlines():
            if line and not line.isspace():
                yield line


def _draw(lines: Iterator[str], size: int, seed: int) -> list[str]:
    """A sample of the lines in which each line is equally likely, by reservoir sampling."""
    draw = random.Random(seed)  # noqa: S311 - a sample, not a secret
    drawn: list[str] = []
    for count, line in enumerate(lines):
        if count < size:
            drawn.append(line)
        elif (place := int(draw.random() * (count + 1))) < size:
            drawn[place] = line
    return drawn


def _parts(line: str) -> Iterator[str]:
    """The line, split at spaces into parts that are short enough for SentencePiece."""
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
    """The pieces and their scores, one per line, as in SentencePiece's own `.vocab` files."""
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
    """One line that says what to do about an error of SentencePiece."""
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


def _count(tokenizer: AlbertTokenizer, texts: list[str]) -> Fertility:
    words = [word for text in texts for word in text.split()]
    lines = [line for text in texts for line in text.split("\n") if line]
    ids, _ = tokenizer.encode_joined(lines)
    return Fertility(
        words=len(words),
        characters=sum(map(len, words)),
        tokens=len(ids),
        unknown=int(np.count_nonzero(ids == tokenizer.unk_token_id)),
    )
