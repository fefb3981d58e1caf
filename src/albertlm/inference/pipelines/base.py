"""The base of all pipelines: options, tokenization, and batches sorted by length."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypedDict, TypeVar

from albertlm.inference.engines.base import Engine, TokenizedText
from albertlm.inference.heads import require_trained
from albertlm.settings import check, did_you_mean
from albertlm.tokenization import checks
from albertlm.tokenization.encoding import Truncation
from albertlm.tokenization.tokenizer import AlbertTokenizer

_Result = TypeVar("_Result")


class TextOptions(TypedDict, total=False):
    """Options of a call that many pipelines have.

    Fields:
        truncation: truncate texts that are too long, which are an error otherwise.
        max_length: truncate texts to so many tokens; by default, `truncation` truncates them to as
            many as the model reads.
        tokenizer_kwargs: the two above in a mapping, as in transformers.
        batch_size: the number of texts in a batch, 16 by default.
    """

    truncation: bool
    max_length: int | None
    tokenizer_kwargs: Mapping[str, Any]
    batch_size: int


TEXT_OPTIONS = TextOptions(truncation=False, max_length=None, batch_size=16)


class Pipeline:
    """An engine with its tokenizer.

    Class attributes:
        parts: the parts of the model that must be trained, as in `checkpoints.names`.
        architecture: one of `heads.CLASSIFIERS`, whose head has the task of the pipeline.
        options: the options of a call, with their defaults.

    Args:
        engine: the model.
        tokenizer: the tokenizer of the model.
        **options: new defaults for the options of a call.

    Raises:
        ValueError: the tokenizer has more pieces than the model, a part was never trained, or an
            option is unknown.
    """

    parts: ClassVar[tuple[str, ...]] = ()
    architecture: ClassVar[str | None] = None
    options: ClassVar[Mapping[str, Any]] = TEXT_OPTIONS

    def __init__(self, engine: Engine, tokenizer: AlbertTokenizer, **options: Any) -> None:
        if tokenizer.vocab_size > engine.config.vocab_size:
            raise ValueError(
                f"the tokenizer has {tokenizer.vocab_size} pieces and the model "
                f"{engine.config.vocab_size}; give the tokenizer that belongs to the model"
            )
        require_trained(engine, *self.parts, architecture=self.architecture)
        self.engine = engine
        self.tokenizer = tokenizer
        self.max_length = engine.config.max_position_embeddings
        self._defaults = dict(self.options)
        self._defaults = self._chosen(options)

    def _chosen(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """All options of a call: the given ones, and the defaults of the others."""
        options = flattened(options)
        for name in options:
            if name not in self.options:
                hint = did_you_mean(name, self.options) or ";"
                raise ValueError(
                    f"{type(self).__name__} has no option {name!r}{hint} its options are "
                    f"{', '.join(self.options)}"
                )
        chosen = {**self._defaults, **options}
        checks.require_count("batch_size", chosen["batch_size"], least=1)
        return chosen

    def problems(self, texts: Sequence[str], *, truncation: bool = False) -> list[str | None]:
        """What keeps a call from processing each text: `empty`, `too long`, or None.

        Args:
            texts: the texts.
            truncation: as in `TextOptions`.
        """
        rows = iter(self._encode([text for text in texts if text.strip()], None))
        return [
            self._problem(next(rows), truncation) if text.strip() else "empty" for text in texts
        ]

    def _problem(self, row: TokenizedText, truncation: bool) -> str | None:
        return "too long" if len(row.input_ids) > self.max_length and not truncation else None

    def _tokenize(
        self,
        texts: Sequence[str],
        second_texts: Sequence[str] | None = None,
        *,
        truncation: bool = False,
        max_length: int | None = None,
        cuts: Truncation = "longest_first",
        warns: bool = False,
    ) -> list[TokenizedText]:
        """Tokenize texts or pairs of texts, and add the special tokens.

        Args:
            texts: the texts, or the first texts of pairs.
            second_texts: the second texts of pairs.
            truncation: as in `TextOptions`.
            max_length: as in `TextOptions`.
            cuts: which text of a pair is truncated.
            warns: whether texts that are truncated are counted in a warning.

        Raises:
            ValueError: a text is empty, not a string, or too long for the model.
        """
        require_words(*texts, *(second_texts or ()))
        if max_length is not None:
            checks.require_count("max_length", max_length, least=1)
            check(
                max_length <= self.max_length,
                f"at most {self.max_length}, which is all that the model reads",
                max_length=max_length,
            )
        elif truncation:
            max_length = self.max_length
        rows = self._encode(texts, second_texts, cuts, max_length)
        if warns and max_length is not None:
            self._warn_of_truncated(texts, second_texts, rows, max_length)
        for text, row in zip(texts, rows, strict=True):
            if len(row.input_ids) > self.max_length:
                raise ValueError(
                    f"{quote(text)} has {len(row.input_ids)} tokens, but the model reads at most "
                    f"{self.max_length}; shorten or split it"
                )
        return rows

    def _warn_of_truncated(
        self,
        texts: Sequence[str],
        second_texts: Sequence[str] | None,
        rows: Sequence[TokenizedText],
        max_length: int,
    ) -> None:
        full = [at for at, row in enumerate(rows) if len(row.input_ids) == max_length]
        whole = self._encode(
            [texts[at] for at in full], second_texts and [second_texts[at] for at in full]
        )
        pairs = zip(full, whole, strict=True)
        cut = [texts[at] for at, row in pairs if len(row.input_ids) > max_length]
        warn_of_cuts("texts", cut, texts, max_length)

    def _encode(
        self,
        texts: Sequence[str],
        second_texts: Sequence[str] | None,
        cuts: Truncation = "do_not_truncate",
        max_length: int | None = None,
    ) -> list[TokenizedText]:
        """The rows of texts or pairs, truncated if there is a `max_length`."""
        if not texts:
            return []
        encoded = self.tokenizer(
            list(texts),
            None if second_texts is None else list(second_texts),
            truncation="do_not_truncate" if max_length is None else cuts,
            max_length=max_length,
        )
        pairs = zip(encoded["input_ids"], encoded["token_type_ids"], strict=True)
        return [TokenizedText(ids, segments) for ids, segments in pairs]

    def _in_batches(
        self,
        rows: Sequence[TokenizedText],
        batch_size: int,
        compute: Callable[[list[int]], Iterable[_Result]],
    ) -> list[_Result]:
        """Call `compute` with the numbers of each batch's texts; return results in text order.

        Batches are sorted from the longest text to the shortest: they need little padding, and a
        lack of memory shows in the first batch.
        """
        order = sorted(range(len(rows)), key=lambda number: -len(rows[number].input_ids))
        results: dict[int, _Result] = {}
        for start in range(0, len(order), batch_size):
            numbers = order[start : start + batch_size]
            results.update(zip(numbers, compute(numbers), strict=True))
        return [results[number] for number in range(len(rows))]


def flattened(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a call, with those in `tokenizer_kwargs` beside the others."""
    nested = options.get("tokenizer_kwargs") or {}
    check(isinstance(nested, Mapping), "a mapping of options", tokenizer_kwargs=nested)
    others = {name: value for name, value in options.items() if name != "tokenizer_kwargs"}
    return {**nested, **others}


def as_batch(texts: str | Iterable[str], name: str = "texts") -> list[str]:
    """A single text as a batch of one, or the texts of any iterable, such as a generator.

    Raises:
        ValueError: `texts` is neither a string nor an iterable with an order.
    """
    return [texts] if isinstance(texts, str) else checks.as_list(name, texts)


def warn_of_cuts(what: str, cut: Sequence[str], texts: Sequence[str], most_tokens: int) -> None:
    """Warn if the end of some texts is not read; equal texts count once.

    Args:
        what: what the texts are called in the message.
        cut: the texts whose end is not read.
        texts: all texts.
        most_tokens: the number of tokens that are read.
    """
    if cut:
        warnings.warn(
            f"{len(set(cut)):,} of {len(set(texts)):,} {what} are longer than {most_tokens} "
            "tokens; their end was not read",
            stacklevel=4,
        )


def quote(text: object, width: int = 40) -> str:
    """Quote the beginning of a text, for a message of one line."""
    return repr(text) if len(str(text)) <= width else repr(str(text)[:width] + "…")


def require_words(*texts: object) -> None:
    """Raise a ValueError for the first text that is empty or not a string."""
    for text in texts:
        if not isinstance(text, str):
            raise ValueError(f"{quote(text)} has type {type(text).__name__}; give a string")
        if not text.strip():
            raise ValueError("a text is empty; give one with words in it")
