"""Log-probabilities of pieces at masked and at visible positions, in full batches.

P positions that are read, W wanted pieces, V vocabulary, D hidden.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from albertlm.evaluation.bias.attention import attention_received
from albertlm.inference import heads
from albertlm.inference.arithmetic import Floats
from albertlm.inference.engines.base import Engine, TokenizedText
from albertlm.inference.pipelines.base import Pipeline, quote, require_words
from albertlm.tokenization.tokenizer import AlbertTokenizer

MOST_TOKENS, MOST_POSITIONS = 2048, 256
"""Of a batch."""

Indices: TypeAlias = NDArray[np.intp]

_Number = TypeVar("_Number", np.float64, np.intp)


class Cloze(NamedTuple):
    """A text, and the pieces whose probabilities are wanted.

    Fields:
        text: with `[MASK]` where it is masked.
        positions: a position for each wanted piece; a position may occur several times.
        pieces: the wanted pieces.
    """

    text: TokenizedText
    positions: tuple[int, ...]
    pieces: tuple[int, ...]


class MaskedLikelihood(Pipeline):
    """Computes the log-probabilities of pieces: `MaskedLikelihood(engine, tokenizer)`.

    Args:
        engine: the model.
        tokenizer: the tokenizer of the model.
        on_batch: called after each batch, for a progress bar.

    Raises:
        ValueError: the masked-language-modelling head was never trained.
    """

    parts = ("mlm",)

    def __init__(
        self,
        engine: Engine,
        tokenizer: AlbertTokenizer,
        *,
        on_batch: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(engine, tokenizer)
        self._on_batch = on_batch

    def tokenized(
        self, texts: Sequence[str], second_texts: Sequence[str] | None = None
    ) -> list[TokenizedText]:
        """The tokens of texts or pairs of texts.

        Raises:
            ValueError: a text is empty or too long for the model.
        """
        return self._tokenize(texts, second_texts)

    def masked(self, text: TokenizedText, positions: Sequence[int]) -> TokenizedText:
        """A text with some positions masked."""
        ids = list(text.input_ids)
        for position in positions:
            ids[position] = self.tokenizer.mask_token_id
        return TokenizedText(ids, text.token_type_ids)

    def log_probs(self, clozes: Sequence[Cloze]) -> list[NDArray[np.float64]]:
        """The natural logarithms of the probabilities of the wanted pieces of each text.

        The probabilities are those among the pieces of the vocabulary, without the rows of the
        embedding that have no piece.
        """

        def read(x_PD: Floats, rows_W: Indices, pieces_W: Indices) -> NDArray[np.float64]:
            vocab_size = self.tokenizer.vocab_size
            return heads.mask_log_probs(self.engine, x_PD, rows_W, pieces_W, vocab_size)

        return self._read(clozes, read)

    def ranks(self, clozes: Sequence[Cloze]) -> list[Indices]:
        """The number of pieces that are more probable than each wanted piece."""

        def read(x_PD: Floats, rows_W: Indices, pieces_W: Indices) -> Indices:
            logits_PV = heads.mask_logits(self.engine, x_PD)[:, : self.tokenizer.vocab_size]
            wanted_W = zip(rows_W, logits_PV[rows_W, pieces_W], strict=True)
            return np.array([np.count_nonzero(logits_PV[row] > logit) for row, logit in wanted_W])

        return self._read(clozes, read)

    def of_masked(
        self, texts: Sequence[TokenizedText], positions: Sequence[Sequence[int]]
    ) -> list[NDArray[np.float64]]:
        """The log-probability of the piece at each position where it alone is masked.

        Their sum is the pseudo-log-likelihood of a text (Salazar et al. 2020).

        Args:
            texts: the texts.
            positions: those of each text that are masked in turn.
        """
        clozes = [
            cloze
            for text, at in zip(texts, positions, strict=True)
            for cloze in self.each_masked(text, at)
        ]
        values = iter(self.log_probs(clozes))
        return [np.array([float(next(values)[0]) for _ in at]) for at in positions]

    def of_visible(
        self, texts: Sequence[TokenizedText], positions: Sequence[Sequence[int]]
    ) -> list[NDArray[np.float64]]:
        """The log-probability of the piece at each position where nothing is masked.

        Their mean is AUL, all unmasked likelihood (Kaneko and Bollegala 2022).
        """
        return self.log_probs(
            [
                Cloze(text, tuple(at), tuple(text.input_ids[position] for position in at))
                for text, at in zip(texts, positions, strict=True)
            ]
        )

    def attention(self, texts: Sequence[TokenizedText]) -> list[NDArray[np.float64]]:
        """The attention that each token of a text receives, as `attention_received` has it."""
        found: dict[int, NDArray[np.float64]] = {}
        for numbers in self._batches([Cloze(text, (), ()) for text in texts], [*range(len(texts))]):
            received = attention_received(self.engine, [texts[number] for number in numbers])
            found.update(zip(numbers, received, strict=True))
            self._on_batch()
        return [found[number] for number in range(len(texts))]

    def each_masked(self, text: TokenizedText, positions: Sequence[int]) -> list[Cloze]:
        """A copy of a text for each of some positions, where it alone is masked and wanted."""
        return [
            Cloze(self.masked(text, [position]), (position,), (text.input_ids[position],))
            for position in positions
        ]

    def pieces(self, word: str) -> list[int]:
        """The ids of the pieces of a word.

        Raises:
            ValueError: the word is empty, or not in the vocabulary.
        """
        require_words(word)
        ids = self.tokenizer.encode(word, add_special_tokens=False)
        if self.tokenizer.unk_token_id in ids:
            raise ValueError(f"{quote(word)} has letters that the vocabulary lacks; leave it out")
        return ids

    def single_piece(self, word: str) -> int:
        """The id of a word.

        Raises:
            ValueError: the word has several pieces, or is not in the vocabulary.
        """
        ids = self.pieces(word)
        if len(ids) > 1:
            shown = " ".join(self.tokenizer.convert_ids_to_tokens(ids))
            raise ValueError(
                f"{quote(word)} has {len(ids)} pieces ({shown}), and one is needed to compare its "
                "probability; choose another word"
            )
        return ids[0]

    def expanded(self, text: TokenizedText, fills: Sequence[Sequence[int]]) -> TokenizedText:
        """A text with some pieces in the place of each of its masks.

        Raises:
            ValueError: the text becomes too long for the model.
        """
        ids: list[int] = []
        segments: list[int] = []
        fill = iter(fills)
        for id_, segment in zip(*text, strict=True):
            new = next(fill) if id_ == self.tokenizer.mask_token_id else [id_]
            ids += new
            segments += [segment] * len(new)
        if len(ids) > self.max_length:
            raise ValueError(
                f"a text with {len(ids)} tokens results from filling a mask, but the model reads "
                f"at most {self.max_length}; shorten it"
            )
        return TokenizedText(ids, segments)

    def masks(self, text: TokenizedText) -> list[int]:
        """The positions of the masks of a text."""
        mask = self.tokenizer.mask_token_id
        return [position for position, id_ in enumerate(text.input_ids) if id_ == mask]

    def inner(self, text: TokenizedText) -> list[int]:
        """The positions of a text, or of the second text of a pair, without special tokens."""
        first = text.token_type_ids.index(1) if any(text.token_type_ids) else 1
        return list(range(first, len(text.input_ids) - 1))

    def words(self, text: TokenizedText) -> list[int]:
        """The positions of `inner` whose pieces have letters or digits."""
        pieces = self.tokenizer.convert_ids_to_tokens(text.input_ids)
        return [at for at in self.inner(text) if any(map(str.isalnum, pieces[at]))]

    def _read(
        self,
        clozes: Sequence[Cloze],
        read: Callable[[Floats, Indices, Indices], NDArray[_Number]],
    ) -> list[NDArray[_Number]]:
        """What `read` says of the wanted pieces of each text; equal texts are computed once.

        `read` is given the states of positions of a batch (P, D), and for each wanted piece its row
        among them and its id.
        """
        asked: dict[tuple[object, ...], list[int]] = {}
        for number, (text, positions, pieces) in enumerate(clozes):
            key = tuple(text.input_ids), tuple(text.token_type_ids), positions, pieces
            asked.setdefault(key, []).append(number)
        results: dict[int, NDArray[_Number]] = {}
        for numbers in self._batches(clozes, [same[0] for same in asked.values()]):
            batch = [clozes[number] for number in numbers]
            places: list[list[int]] = [sorted(set(cloze.positions)) for cloze in batch]
            states = self.engine.states([cloze.text for cloze in batch], places)
            starts = np.cumsum([0, *map(len, places)]).tolist()
            rows_W = [
                start + at.index(position)
                for start, at, cloze in zip(starts, places, batch, strict=False)
                for position in cloze.positions
            ]
            pieces_W = [piece for cloze in batch for piece in cloze.pieces]
            found_W = read(np.concatenate(states), np.array(rows_W), np.array(pieces_W))
            ends = np.cumsum([len(cloze.pieces) for cloze in batch])[:-1]
            results.update(zip(numbers, np.split(found_W, ends), strict=True))
            self._on_batch()
        first = {number: same[0] for same in asked.values() for number in same}
        return [results[first[number]] for number in range(len(clozes))]

    def _batches(self, clozes: Sequence[Cloze], numbers: list[int]) -> Iterator[list[int]]:
        """The numbers of texts in full batches, from the longest text to the shortest."""
        order = sorted(numbers, key=lambda number: -len(clozes[number].text.input_ids))
        batch: list[int] = []
        positions = 0
        for number in order:
            wanted = len(set(clozes[number].positions))
            longest = len(clozes[batch[0]].text.input_ids) if batch else 0
            full = (len(batch) + 1) * longest > MOST_TOKENS or positions + wanted > MOST_POSITIONS
            if batch and full:
                yield batch
                batch, positions = [], 0
            batch.append(number)
            positions += wanted
        if batch:
            yield batch
