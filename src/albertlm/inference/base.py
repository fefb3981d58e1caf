"""What all pipelines share: texts of all lengths, tokenized, checked and sorted into batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from albertlm.inference.engine import Engine, TokenizedText
from albertlm.tokenization.tokenizer import AlbertTokenizer

Result = TypeVar("Result")


class Pipeline:
    """An engine and the tokenizer that belongs to it.

    Raises:
        ValueError: the tokenizer has more pieces than the model.
    """

    def __init__(self, engine: Engine, tokenizer: AlbertTokenizer) -> None:
        if tokenizer.vocab_size > engine.config.vocab_size:
            raise ValueError(
                f"the tokenizer has {tokenizer.vocab_size} pieces and the model "
                f"{engine.config.vocab_size}; give the tokenizer that belongs to the model"
            )
        self.engine = engine
        self.tokenizer = tokenizer
        self.max_length = engine.config.max_position_embeddings

    def _tokenize(
        self,
        texts: Sequence[str],
        second_texts: Sequence[str] | None = None,
        *,
        truncation: bool = False,
    ) -> list[TokenizedText]:
        """Texts, or pairs of them, with the special tokens.

        Raises:
            ValueError: a text is empty, no text, or longer than the model's positions.
        """
        for text in (*texts, *(second_texts or ())):
            if not isinstance(text, str):
                raise ValueError(f"{quote(text)} is a {type(text).__name__}; give a text")
            if not text.strip():
                raise ValueError("a text is empty; give one with words in it")
        if not texts:
            return []
        encoded = self.tokenizer(
            list(texts),
            None if second_texts is None else list(second_texts),
            truncation=truncation,
            max_length=self.max_length if truncation else None,
        )
        pairs = zip(encoded["input_ids"], encoded["token_type_ids"], strict=True)
        rows = [TokenizedText(ids, segments) for ids, segments in pairs]
        for text, row in zip(texts, rows, strict=True):
            if len(row.input_ids) > self.max_length:
                raise ValueError(
                    f"{quote(text)} has {len(row.input_ids)} tokens, the model reads at most "
                    f"{self.max_length}; shorten or split it"
                )
        return rows

    def _in_batches(
        self,
        rows: Sequence[TokenizedText],
        batch_size: int,
        compute: Callable[[list[int]], Iterable[Result]],
    ) -> list[Result]:
        """What `compute` gives for the numbers of a batch's texts, in the order of the texts.

        Batches go from the longest text to the shortest: they need little padding, and too little
        memory shows at once.
        """
        if batch_size < 1:
            raise ValueError(f"batch_size={batch_size} is not allowed; it must be 1 or more")
        order = sorted(range(len(rows)), key=lambda number: -len(rows[number].input_ids))
        results: dict[int, Result] = {}
        for start in range(0, len(order), batch_size):
            numbers = order[start : start + batch_size]
            results.update(zip(numbers, compute(numbers), strict=True))
        return [results[number] for number in range(len(rows))]


def quote(text: object, width: int = 40) -> str:
    """The beginning of a text, for a message of one line."""
    return repr(text) if len(str(text)) <= width else repr(str(text)[:width] + "…")
